//! A VictoriaMetrics of the test's own, on loopback.

use std::{
    net::{SocketAddr, TcpListener},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

/// Debian's name of the program.
const PROGRAM: &str = "victoria-metrics";

pub struct Engine {
    pub url: String,
    address: SocketAddr,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Engine {
    /// Starts one; nothing where it is not installed. In CI that is a failure.
    pub async fn start() -> Option<Self> {
        // The system picks the port, and nobody else is likely to get it before the engine does.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut engine = Self {
            url: format!("http://{address}"),
            address,
            folder: tempfile::tempdir().unwrap(),
            process: None,
        };
        match engine.spawn() {
            Ok(process) => engine.process = Some(process),
            Err(error) => {
                println!("skipped: {PROGRAM} is not installed: {error}");
                let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
                assert!(!is_ci, "{PROGRAM} must be there in CI");
                return None;
            }
        }
        engine.answers().await;
        Some(engine)
    }

    fn spawn(&self) -> std::io::Result<Child> {
        Command::new(PROGRAM)
            .arg(format!("-httpListenAddr={}", self.address))
            .arg(format!("-storageDataPath={}", self.folder.path().display()))
            .args(["-retentionPeriod=10y", "-loggerLevel=ERROR", "-memory.allowedBytes=128MiB"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
    }

    /// Ends it and keeps its data.
    pub async fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        process.kill().await.unwrap();
    }

    /// Starts it again over its data.
    pub async fn again(&mut self) {
        self.process = Some(self.spawn().unwrap());
        self.answers().await;
    }

    /// Waits until it answers.
    async fn answers(&self) {
        timeout(Duration::from_secs(30), async {
            while !self.get("/health").await.is_some_and(|answer| answer.contains("200 OK")) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
        .unwrap();
    }

    /// Waits until what it took is visible to questions, which takes it about a second.
    pub async fn settle(&self, is_visible: impl AsyncFn() -> bool) {
        timeout(Duration::from_secs(30), async {
            loop {
                let answer = self.get("/internal/force_flush").await.unwrap();
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                if is_visible().await {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
        .unwrap();
    }

    async fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    }
}
