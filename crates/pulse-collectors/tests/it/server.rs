//! A hand-made HTTPS server that answers as told, over a real socket.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use pulse_collectors::http::Fingerprint;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// What came in.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// What goes out.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A whole answer.
    Full { status: u16, reason: &'static str, content_type: &'static str, body: String },
    /// These bytes, then the connection ends.
    Raw(Vec<u8>),
    /// Nothing, for ever.
    Hang,
    /// A document that never ends, as fast as it is taken.
    Endless,
}

impl Reply {
    pub fn json(body: impl Into<String>) -> Self {
        Self::status(200, "OK", body)
    }

    pub fn status(status: u16, reason: &'static str, body: impl Into<String>) -> Self {
        Self::Full { status, reason, content_type: "application/json;charset=UTF-8", body: body.into() }
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// A running server; it ends with the test's runtime.
pub struct Server {
    pub address: SocketAddr,
    pub fingerprint: Fingerprint,
    pub requests: Arc<Mutex<Vec<Request>>>,
    /// The most requests that were being answered at once.
    pub most_at_once: Arc<AtomicUsize>,
    /// The most bytes of endless documents that were taken on open connections together.
    pub most_taken: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Starts a server with a certificate of its own.
    pub async fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1", handler).await
    }

    pub async fn start_at(host: &str, handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        Self::serve(listener, Some(Certificate::new()), Arc::new(handler))
    }

    /// Starts a server with a certificate that an authority signed.
    pub async fn start_signed(
        signer: &TestAuthority,
        names: &[&str],
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Self::serve(listener, Some(signer.sign(names)), Arc::new(handler))
    }

    /// Starts a server without TLS.
    pub async fn start_plain(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Self::serve(listener, None, Arc::new(handler))
    }

    fn serve(listener: TcpListener, certificate: Option<Certificate>, handler: Arc<Handler>) -> Self {
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let most_at_once = Arc::new(AtomicUsize::new(0));
        let most_taken = Arc::new(AtomicUsize::new(0));
        let at_once = Arc::new(AtomicUsize::new(0));
        let taken = Arc::new(AtomicUsize::new(0));
        let fingerprint =
            certificate.as_ref().map_or(Fingerprint::of(b""), |certificate| certificate.fingerprint);
        let acceptor = certificate.map(|certificate| certificate.acceptor);
        let (log, most, peak) = (requests.clone(), most_at_once.clone(), most_taken.clone());
        let task = tokio::spawn(async move {
            // The connections end with the server: a stopped server must not answer on an old connection.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (acceptor, handler, log) = (acceptor.clone(), handler.clone(), log.clone());
                let gauge = Gauge {
                    at_once: at_once.clone(),
                    most: most.clone(),
                    taken: taken.clone(),
                    most_taken: peak.clone(),
                };
                connections.spawn(async move {
                    match acceptor {
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                talk(stream, &*handler, &log, &gauge).await;
                            }
                        }
                        None => talk::<TcpStream>(stream, &*handler, &log, &gauge).await,
                    }
                });
            }
        });
        Self { address, fingerprint, requests, most_at_once, most_taken, task }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Stops it and closes its connections; its port then refuses.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    /// Paths asked for so far, sorted.
    pub fn paths(&self) -> Vec<String> {
        let mut paths: Vec<_> =
            self.requests.lock().unwrap().iter().map(|request| request.path.clone()).collect();
        paths.sort();
        paths
    }

    pub fn count(&self, path: &str) -> usize {
        self.paths().iter().filter(|asked| *asked == path).count()
    }
}

/// An authority of a test's own.
pub struct TestAuthority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl TestAuthority {
    /// One of that name that holds from 2020 until the end of that year.
    pub fn new(name: &str, last_year: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(last_year, 12, 31);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn sign(&self, names: &[&str]) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        Certificate::of(&certificate, &key)
    }
}

struct Certificate {
    fingerprint: Fingerprint,
    acceptor: TlsAcceptor,
}

impl Certificate {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["pve.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        Self::of(&certificate, &key)
    }

    fn of(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        let fingerprint = Fingerprint::of(certificate.der());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self { fingerprint, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

struct Gauge {
    at_once: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    taken: Arc<AtomicUsize>,
    most_taken: Arc<AtomicUsize>,
}

/// Writes a list until nobody takes it any more.
async fn write_endlessly<S: AsyncWrite + Unpin>(stream: &mut S, gauge: &Gauge) {
    const PIECE: usize = 1 << 18;
    let _ =
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"data\":[\r\n").await;
    let piece = format!("{PIECE:x}\r\n{}\r\n", "1,".repeat(PIECE / 2));
    let mut sent = 0;
    while stream.write_all(piece.as_bytes()).await.is_ok() {
        sent += PIECE;
        let now = gauge.taken.fetch_add(PIECE, Ordering::SeqCst) + PIECE;
        gauge.most_taken.fetch_max(now, Ordering::SeqCst);
    }
    gauge.taken.fetch_sub(sent, Ordering::SeqCst);
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    handler: &Handler,
    log: &Mutex<Vec<Request>>,
    gauge: &Gauge,
) {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = read_request(&mut stream, &mut buffer).await else { return };
        log.lock().unwrap().push(request.clone());
        let now = gauge.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        gauge.most.fetch_max(now, Ordering::SeqCst);
        let reply = handler(&request);
        // Others get a turn, so that requests sent together are seen together.
        tokio::task::yield_now().await;
        gauge.at_once.fetch_sub(1, Ordering::SeqCst);
        match reply {
            Reply::Hang => std::future::pending().await,
            Reply::Endless => return write_endlessly(&mut stream, gauge).await,
            Reply::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Reply::Full { status, reason, content_type, body } => {
                let head = format!(
                    "HTTP/1.1 {status} {reason}\r\nServer: pve-api-daemon/3.0\r\nContent-Type: {content_type}\r\n\
                     Content-Length: {}\r\n\r\n",
                    body.len()
                );
                if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Option<Request> {
    let head_end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..head_end].to_vec()).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let path = first.nth(1)?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while buffer.len() < head_end + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8(buffer[head_end..head_end + length].to_vec()).ok()?;
    buffer.drain(..head_end + length);
    let path = path.strip_prefix("/api2/json").unwrap_or(&path).to_owned();
    Some(Request { path, headers, body })
}
