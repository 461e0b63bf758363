//! A real HTTP server that takes reports, and can be told to refuse them.

use std::{
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
    http::{HeaderMap, StatusCode, Uri, header},
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
}

/// The server; it ends when dropped.
pub struct Server {
    pub address: SocketAddr,
    pub arrived: mpsc::UnboundedReceiver<Arrived>,
    status: Arc<AtomicU16>,
    refuse: Arc<Mutex<Option<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(State(shared): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
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
    (status, r#"{"error":"as the test wants","code":"invalid_report"}"#).into_response()
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
        let shared = Shared { status: Arc::clone(&status), refuse: Arc::clone(&refuse), arrived: sender };
        let router = Router::new().fallback(take).with_state(shared);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, arrived, status, refuse, task }
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
