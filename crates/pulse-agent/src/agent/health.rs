//! The health port: `/healthz`, `/readyz` and a line of `/metrics`, answered by hand to keep the agent small.
//!
//! It tells nothing about the machine, reads a few kilobytes at most, and is closed to nobody (contract B-10 §5).

use std::{
    fmt::Write as _,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};

/// Longer heads are no health check.
const MAX_HEAD_BYTES: usize = 4096;
const CONNECTION_LIMIT: Duration = Duration::from_secs(5);
const MAX_CONNECTIONS: usize = 16;

/// What the port tells.
#[derive(Debug)]
pub(crate) struct Health {
    /// Whether a first report was measured.
    pub(crate) is_ready: AtomicBool,
    /// For `/metrics`.
    pub(crate) version: String,
    /// For `/metrics`.
    pub(crate) is_host_enabled: AtomicBool,
    /// For `/metrics`.
    pub(crate) is_docker_enabled: AtomicBool,
    /// For `/metrics`.
    pub(crate) is_kubernetes_enabled: AtomicBool,
    /// The host module.
    pub(crate) host: Counters,
    /// The Docker module.
    pub(crate) docker: Counters,
    /// The Kubernetes module.
    pub(crate) kubernetes: Counters,
}

/// What one module did so far.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Reports that the server took.
    pub(crate) sent: AtomicU64,
    /// Reports that were put aside for later.
    pub(crate) kept: AtomicU64,
    /// Reports that the server does not want.
    pub(crate) refused: AtomicU64,
    /// Reports that wait now.
    pub(crate) waiting: AtomicU64,
    /// When the module last came round, in seconds of [`steady_seconds`]; 0 while it is not expected to.
    last_round: AtomicI64,
}

/// Seconds since some moment before the first question, from 1. Whoever sets the machine's clock does not move it.
fn steady_seconds() -> i64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    let elapsed = BEGIN.get_or_init(Instant::now).elapsed().as_secs();
    i64::try_from(elapsed).unwrap_or(i64::MAX - 1) + 1
}

impl Counters {
    /// The module came round.
    pub(crate) fn beat(&self) {
        self.last_round.store(steady_seconds(), Ordering::Relaxed);
    }

    /// The module does not run (any more), or waits for longer than a round takes.
    pub(crate) fn rest(&self) {
        self.last_round.store(0, Ordering::Relaxed);
    }
}

impl Health {
    /// Nothing has happened yet.
    pub(crate) fn new(version: &str) -> Self {
        Self {
            is_ready: AtomicBool::new(false),
            version: version.to_owned(),
            is_host_enabled: AtomicBool::new(false),
            is_docker_enabled: AtomicBool::new(false),
            is_kubernetes_enabled: AtomicBool::new(false),
            host: Counters::default(),
            docker: Counters::default(),
            kubernetes: Counters::default(),
        }
    }

    /// Whether every module that runs came round within this many seconds.
    pub(crate) fn is_alive(&self, within_seconds: i64) -> bool {
        let now = steady_seconds();
        [&self.host, &self.docker, &self.kubernetes].iter().all(|counters| {
            let last = counters.last_round.load(Ordering::Relaxed);
            last == 0 || now - last <= within_seconds
        })
    }
}

/// Opens the port at an address as Go writes it; `:9191` is all interfaces.
pub(crate) async fn bind(addr: &str) -> std::io::Result<TcpListener> {
    match addr.strip_prefix(':') {
        // The first takes IPv4 as well, unless the machine has no IPv6.
        Some(port) => match TcpListener::bind(format!("[::]:{port}")).await {
            Ok(listener) => Ok(listener),
            Err(_) => TcpListener::bind(format!("0.0.0.0:{port}")).await,
        },
        None => TcpListener::bind(addr).await,
    }
}

/// Answers until dropped.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<super::Shared>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let answered = timeout(CONNECTION_LIMIT, answer(stream, &shared.health)).await;
                    tracing::trace!(?answered, "health check");
                    drop(slot);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: do not spin.
                tracing::debug!(%error, "health port");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, health: &Health) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(512);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() >= MAX_HEAD_BYTES {
            break;
        }
        if (&mut stream).take((MAX_HEAD_BYTES - head.len()) as u64).read_buf(&mut head).await? == 0 {
            break;
        }
    }
    let reply = reply(&String::from_utf8_lossy(&head), health);
    stream.write_all(reply.as_bytes()).await?;
    stream.shutdown().await
}

fn reply(head: &str, health: &Health) -> String {
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let (status, body) = match (method, path) {
        ("GET" | "HEAD", "/healthz") => ("200 OK", "ok".to_owned()),
        ("GET" | "HEAD", "/readyz") if health.is_ready.load(Ordering::Acquire) => ("200 OK", "ok".to_owned()),
        ("GET" | "HEAD", "/readyz") => ("503 Service Unavailable", "not ready".to_owned()),
        ("GET" | "HEAD", "/metrics") => ("200 OK", metrics(health)),
        ("GET" | "HEAD", _) => ("404 Not Found", "not found".to_owned()),
        _ => ("405 Method Not Allowed", "method not allowed".to_owned()),
    };
    let length = body.len();
    let body = if method == "HEAD" { "" } else { &body };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

fn metrics(health: &Health) -> String {
    let is_on = |switch: &AtomicBool| switch.load(Ordering::Relaxed);
    let mut text = format!(
        "# TYPE pulse_agent_info gauge\npulse_agent_info{{version=\"{}\",host_enabled=\"{}\",\
         docker_enabled=\"{}\",kubernetes_enabled=\"{}\"}} 1\n# TYPE pulse_agent_up gauge\npulse_agent_up 1\n",
        health.version,
        is_on(&health.is_host_enabled),
        is_on(&health.is_docker_enabled),
        is_on(&health.is_kubernetes_enabled)
    );
    let modules = [("host", &health.host), ("docker", &health.docker), ("kubernetes", &health.kubernetes)];
    type Field = fn(&Counters) -> &AtomicU64;
    let families: [(&str, &str, Field); 4] = [
        ("pulse_agent_reports_sent_total", "counter", |counters| &counters.sent),
        ("pulse_agent_reports_kept_total", "counter", |counters| &counters.kept),
        ("pulse_agent_reports_refused_total", "counter", |counters| &counters.refused),
        ("pulse_agent_reports_waiting", "gauge", |counters| &counters.waiting),
    ];
    for (name, kind, field) in families {
        // Writing to a string does not fail.
        writeln!(text, "# TYPE {name} {kind}").ok();
        for (module, counters) in modules {
            let value = field(counters).load(Ordering::Relaxed);
            writeln!(text, "{name}{{module=\"{module}\"}} {value}").ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        let health = Health::new("5.1.0");
        health.is_host_enabled.store(true, Ordering::Relaxed);
        health
    }

    #[test]
    fn a_module_that_does_not_come_round_is_noticed() {
        let health = health();
        assert!(health.is_alive(0), "none runs");
        health.host.beat();
        assert!(health.is_alive(60));
        health.host.last_round.fetch_sub(100, Ordering::Relaxed);
        assert!(!health.is_alive(60));
        health.host.rest();
        assert!(health.is_alive(60));
    }

    #[test]
    fn each_path_says_what_it_should() {
        let health = health();
        let status = |head: &str| reply(head, &health).lines().next().unwrap().to_owned();
        assert_eq!(status("GET /healthz HTTP/1.1\r\n\r\n"), "HTTP/1.1 200 OK");
        assert_eq!(status("GET /readyz HTTP/1.1\r\n\r\n"), "HTTP/1.1 503 Service Unavailable");
        health.is_ready.store(true, Ordering::Release);
        assert_eq!(status("GET /readyz?x HTTP/1.1\r\n\r\n"), "HTTP/1.1 200 OK");
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 Not Found");
        assert_eq!(status("POST /healthz HTTP/1.1\r\n\r\n"), "HTTP/1.1 405 Method Not Allowed");
        assert_eq!(status(""), "HTTP/1.1 405 Method Not Allowed");
        let metrics = reply("GET /metrics HTTP/1.1\r\n\r\n", &health);
        assert!(metrics.contains("pulse_agent_info{version=\"5.1.0\",host_enabled=\"true\""), "{metrics}");
        assert!(metrics.contains("pulse_agent_reports_sent_total{module=\"host\"} 0"), "{metrics}");
    }

    #[tokio::test]
    async fn the_port_answers_over_a_real_connection_and_survives_garbage() {
        let listener = bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, Arc::new(super::super::Shared::new(health()))));
        let ask = |head: Vec<u8>| async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&head).await.unwrap();
            let mut text = Vec::new();
            // A peer that sent too much may see the connection reset.
            stream.read_to_end(&mut text).await.ok();
            String::from_utf8_lossy(&text).into_owned()
        };
        ask(vec![b'x'; 10_000]).await;
        ask(b"\xff\xfe\r\n\r\n".to_vec()).await;
        let text = ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()).await;
        assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("\r\n\r\nok"), "{text}");
        server.abort();
    }
}
