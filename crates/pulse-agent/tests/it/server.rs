//! A real HTTP server that takes reports, and can be told to refuse them.

use std::{
    collections::HashMap,
    io::Read,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};

/// A report as it arrived.
#[derive(Debug)]
pub struct Arrived {
    pub path: String,
    pub headers: HeaderMap,
    pub json: serde_json::Value,
}

#[derive(Clone)]
struct Shared {
    status: Arc<AtomicU16>,
    refuse: Arc<Mutex<Option<String>>>,
    arrived: mpsc::UnboundedSender<Arrived>,
    pages: Arc<Mutex<HashMap<String, (HeaderMap, Bytes)>>>,
    answer_headers: Arc<Mutex<HeaderMap>>,
    reply: Arc<Mutex<Option<String>>>,
}

/// The server; it ends when dropped.
pub struct Server {
    pub address: SocketAddr,
    pub arrived: mpsc::UnboundedReceiver<Arrived>,
    status: Arc<AtomicU16>,
    refuse: Arc<Mutex<Option<String>>>,
    pages: Arc<Mutex<HashMap<String, (HeaderMap, Bytes)>>>,
    answer_headers: Arc<Mutex<HeaderMap>>,
    reply: Arc<Mutex<Option<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method == Method::GET {
        return match shared.pages.lock().unwrap().get(uri.path()) {
            Some(page) => page.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    let body = match headers.get(header::CONTENT_ENCODING) {
        Some(_) => {
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut text).unwrap();
            Bytes::from(text)
        }
        None => body,
    };
    let json: serde_json::Value = serde_json::from_slice(&body).expect("reports are JSON");
    let refused = shared.refuse.lock().unwrap().clone();
    let status = match refused {
        Some(mark) if json.to_string().contains(&mark) => 400,
        _ => shared.status.load(Ordering::Acquire),
    };
    shared.arrived.send(Arrived { path: uri.path().to_owned(), headers, json }).ok();
    let status = StatusCode::from_u16(status).unwrap();
    if status.is_redirection() {
        return (status, [(header::LOCATION, "/elsewhere")]).into_response();
    }
    let more = shared.answer_headers.lock().unwrap().clone();
    let reply = shared.reply.lock().unwrap().clone();
    let reply =
        reply.unwrap_or_else(|| r#"{"error":"as the test wants","code":"invalid_report"}"#.to_owned());
    (status, more, reply).into_response()
}

impl Server {
    /// A server at a free port of loopback.
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    /// A server at a given address.
    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, arrived) = mpsc::unbounded_channel();
        let status = Arc::new(AtomicU16::new(200));
        let refuse = Arc::new(Mutex::new(None));
        let shared = Shared {
            status: Arc::clone(&status),
            refuse: Arc::clone(&refuse),
            arrived: sender,
            pages: Arc::default(),
            answer_headers: Arc::default(),
            reply: Arc::default(),
        };
        let (pages, answer_headers) = (Arc::clone(&shared.pages), Arc::clone(&shared.answer_headers));
        let reply = Arc::clone(&shared.reply);
        let router = Router::new().fallback(take).with_state(shared);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, arrived, status, refuse, pages, answer_headers, reply, task }
    }

    /// The address for the agent's settings.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers everything with this status from now on.
    pub fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::Release);
    }

    /// Refuses reports that hold this text.
    pub fn refuse(&self, mark: &str) {
        *self.refuse.lock().unwrap() = Some(mark.to_owned());
    }

    /// Answers GETs of this path from now on.
    pub fn page(&self, path: &str, text: &str) {
        self.file(path, text.as_bytes(), &[]);
    }

    /// Answers GETs of this path with a file and these headers from now on.
    pub fn file(&self, path: &str, bytes: &[u8], headers: &[(&'static str, String)]) {
        let headers = headers.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), header::HeaderValue::from_str(value).unwrap())
        });
        let page = (headers.collect(), Bytes::copy_from_slice(bytes));
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    /// Adds a header to the answers to reports.
    pub fn answer_header(&self, name: &'static str, value: &'static str) {
        self.answer_headers.lock().unwrap().insert(name, value.parse().unwrap());
    }

    /// Answers reports with this body from now on.
    pub fn reply(&self, text: &str) {
        *self.reply.lock().unwrap() = Some(text.to_owned());
    }

    /// The next report.
    pub async fn next(&mut self) -> Arrived {
        let limit = std::time::Duration::from_secs(20);
        tokio::time::timeout(limit, self.arrived.recv()).await.expect("a report in time").unwrap()
    }

    /// What arrived since the last look.
    pub fn drain(&mut self) -> Vec<Arrived> {
        std::iter::from_fn(|| self.arrived.try_recv().ok()).collect()
    }
}
