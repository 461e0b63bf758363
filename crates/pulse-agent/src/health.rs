//! The health port: `/healthz`, `/readyz` and a line of `/metrics`, answered by hand to keep the agent small.
//!
//! It tells nothing about the machine, reads a few kilobytes at most, and is closed to nobody (contract B-10 §5).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
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
    pub(crate) is_host_enabled: bool,
    /// For `/metrics`.
    pub(crate) is_docker_enabled: bool,
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
pub(crate) async fn serve(listener: TcpListener, health: Arc<Health>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let health = Arc::clone(&health);
                tokio::spawn(async move {
                    let answered = timeout(CONNECTION_LIMIT, answer(stream, &health)).await;
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
    format!(
        "# TYPE pulse_agent_info gauge\npulse_agent_info{{version=\"{}\",host_enabled=\"{}\",\
         docker_enabled=\"{}\",kubernetes_enabled=\"false\"}} 1\n# TYPE pulse_agent_up gauge\npulse_agent_up 1\n",
        health.version, health.is_host_enabled, health.is_docker_enabled
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        Health {
            is_ready: AtomicBool::new(false),
            version: "5.1.0".into(),
            is_host_enabled: true,
            is_docker_enabled: false,
        }
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
    }

    #[tokio::test]
    async fn the_port_answers_over_a_real_connection_and_survives_garbage() {
        let listener = bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, Arc::new(health())));
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
