//! HTTPS with a certificate of the operator's own: real sockets, real handshakes.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use pulse_api::serve::{Tls, TlsError, serve};
use pulse_config::TlsFiles;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use crate::harness::{PASSWORD, TestServer, USER};

/// A certificate for `localhost` in `dir`, as the operator would put it there.
fn write_pair(dir: &Path) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: dir.join("tls.crt"), key: dir.join("tls.key") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

struct Https {
    address: SocketAddr,
    tls: Arc<Tls>,
    files: TlsFiles,
    stop: CancellationToken,
    _dir: TempDir,
    _server: TestServer,
}

impl Drop for Https {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn https() -> Https {
    let dir = tempfile::tempdir().unwrap();
    let files = write_pair(dir.path());
    let tls = Arc::new(Tls::open(files.clone()).unwrap());
    let server = TestServer::set_up();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, Some(tls.clone()), server.router(), stop.clone(), Duration::from_secs(1)));
    Https { address, tls, files, stop, _dir: dir, _server: server }
}

impl Https {
    /// The whole answer to a request, with the certificate that is in the file as the only one that is trusted.
    async fn ask(
        &self,
        request: &str,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> std::io::Result<String> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.files.certificate).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut socket = TlsConnector::from(Arc::new(config)).connect(name, socket).await?;
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

const HEALTH: &str = "GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn both_versions_of_tls_are_spoken_and_browsers_are_told_to_stay() {
    let https = https().await;
    for version in [&TLS12, &TLS13] {
        let answer = https.ask(HEALTH, &[version]).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("\r\nstrict-transport-security: max-age="), "{answer}");
    }
}

#[tokio::test]
async fn cookies_over_https_are_secure() {
    let https = https().await;
    let body = format!(r#"{{"username":"{USER}","password":"{PASSWORD}"}}"#);
    let request = format!(
        "POST /api/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = https.ask(&request, &[&TLS13]).await.unwrap();
    let cookies: Vec<_> = answer.lines().filter(|line| line.starts_with("set-cookie: pulse_")).collect();
    assert_eq!(cookies.len(), 2, "{answer}");
    assert!(cookies.iter().all(|cookie| cookie.contains("; Secure")), "{cookies:?}");
}

#[tokio::test]
async fn plain_http_on_the_encrypted_port_is_told_what_to_do() {
    let https = https().await;
    let mut socket = TcpStream::connect(https.address).await.unwrap();
    socket.write_all(HEALTH.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 400") && head.contains(&format!("Content-Length: {}", body.len())),
        "{answer}"
    );
    assert!(body.contains("https://"), "{answer}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_never() {
    let https = https().await;
    https.ask(HEALTH, &[&TLS13]).await.unwrap();
    let old = std::fs::read(&https.files.certificate).unwrap();
    // Half of the renewal: the new certificate with the old key.
    let half = tempfile::tempdir().unwrap();
    let new = write_pair(half.path());
    std::fs::copy(&new.certificate, &https.files.certificate).unwrap();
    assert!(matches!(https.tls.reload(), Err(TlsError::Pair { .. })));
    assert!(https.ask(HEALTH, &[&TLS13]).await.is_err(), "the old certificate is still shown");
    std::fs::copy(&new.key, &https.files.key).unwrap();
    https.tls.reload().unwrap();
    https.ask(HEALTH, &[&TLS13]).await.unwrap();
    assert_ne!(old, std::fs::read(&https.files.certificate).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_files_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let files = write_pair(dir.path());
    let tls = Arc::new(Tls::open(files).unwrap());
    let stop = CancellationToken::new();
    let following = tokio::spawn(tls.clone().follow(stop.clone()));
    let before = format!("{:p}", Arc::as_ptr(tls.acceptor().config()));
    tokio::time::sleep(Duration::from_secs(11)).await;
    // Another length or time in any case: the stamp of a file system may be as coarse as a second.
    let files = write_pair(dir.path());
    let mut text = std::fs::read_to_string(&files.certificate).unwrap();
    text.push('\n');
    std::fs::write(&files.certificate, text).unwrap();
    let seen = tokio::time::timeout(Duration::from_secs(600), async {
        while format!("{:p}", Arc::as_ptr(tls.acceptor().config())) == before {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    seen.await.unwrap();
    stop.cancel();
    following.await.unwrap();
}

#[test]
fn what_cannot_be_used_is_said_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let good = write_pair(dir.path());
    let other_dir = tempfile::tempdir().unwrap();
    let other = write_pair(other_dir.path());
    let check = |certificate: &Path, key: &Path, expect: &str| {
        let files = TlsFiles { certificate: certificate.to_owned(), key: key.to_owned() };
        let error = Tls::open(files).map(drop).unwrap_err().to_string();
        let error = error.replace(&dir.path().display().to_string(), "D");
        let error = error.replace(&other_dir.path().display().to_string(), "O");
        assert!(error.starts_with(expect), "{error}");
    };
    let nowhere = dir.path().join("nowhere");
    check(&nowhere, &good.key, "cannot read D/nowhere, which TLS_CERT_FILE names: No such file");
    check(&good.certificate, &nowhere, "cannot read D/nowhere, which TLS_KEY_FILE names: No such file");
    check(&good.key, &good.key, "there is no certificate in D/tls.key, which TLS_CERT_FILE names");
    check(
        &good.certificate,
        &good.certificate,
        "there is no private key in D/tls.crt, which TLS_KEY_FILE names",
    );
    check(
        &good.certificate,
        &other.key,
        "the certificate in D/tls.crt and the key in O/tls.key cannot be used together: the key belongs to another",
    );
}
