//! The program itself, with a server on loopback that writes down what it is asked.
#![cfg(unix)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixDatagram,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pulse-agent");
/// For what should be there within a second.
const LIMIT: Duration = Duration::from_secs(20);

/// A request's first line and its headers.
type Request = String;

fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = String::new();
    while stream.read_line(&mut head).ok()? > 2 && !head.ends_with("\r\n\r\n") {}
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    (!head.is_empty()).then_some(head)
}

/// A server that takes everything, or, with `hangs`, never answers.
fn server(hangs: bool) -> (SocketAddr, mpsc::Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, requests) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut answers = stream.try_clone().unwrap();
                let mut stream = BufReader::new(stream);
                while let Some(request) = read_request(&mut stream) {
                    if sender.send(request).is_err() {
                        return;
                    }
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    if !hangs && answers.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, requests)
}

/// A started agent; killed when dropped.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("PATH", "/nowhere").args(args).stdin(Stdio::null());
    command
}

fn ended(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

impl Agent {
    fn start(mut command: Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Tells it to stop; gives its exit code, how long it took, and what it said meanwhile.
    fn stop(mut self) -> (Option<i32>, Duration, String) {
        let begin = Instant::now();
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
        let mut log = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        let code = self.0.wait().unwrap().code();
        (code, begin.elapsed(), log)
    }
}

#[test]
fn it_says_its_version_and_tests_itself_without_a_server() {
    let version = ended(&["--version"]);
    assert!(version.status.success());
    assert_eq!(said(&version).trim(), env!("CARGO_PKG_VERSION"));
    let test = ended(&["--self-test"]);
    assert!(test.status.success() && said(&test).contains("self-test passed"), "{}", said(&test));
}

#[test]
fn what_cannot_work_ends_it_with_one_sentence() {
    for (args, expected) in [
        (&["--token-file", "/no/such/file"][..], "/no/such/file"),
        (&["--token", "x", "--interval", "soon"], "PULSE_INTERVAL"),
        (&["--token", "x", "--url", "ftp://x"], "http://"),
        (&["--token", "x", "--enable-host=false", "--enable-docker=false"], "nothing to do"),
        (&["--token", "hush-hush", "--target", "http://a"], "URL"),
        (&["--no-such-flag"], "--no-such-flag"),
    ] {
        let output = ended(args);
        let text = said(&output);
        assert!(!output.status.success(), "{args:?}: {text}");
        let is_said =
            text.contains(expected) || (expected == "URL" && text.contains("https://server:7655|TOKEN"));
        assert!(is_said && !text.contains("hush-hush") && !text.contains("panicked"), "{args:?}: {text}");
    }
}

#[test]
fn it_reports_with_the_token_of_its_file_opens_no_command_socket_and_stops_cleanly() {
    let (address, requests) = server(false);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "hush-hush\n").unwrap();
    let url = format!("http://{address}");
    let mut command = command(&["--interval", "1s", "--enable-docker=false", "--health-addr", ""]);
    command.args(["--url", &url, "--log-level", "trace"]).arg("--token-file").arg(&file);
    let agent = Agent::start(command);
    let mut reports = 0;
    let mut all = Vec::new();
    while reports < 3 {
        let request = requests.recv_timeout(LIMIT).unwrap();
        assert!(
            request.to_ascii_lowercase().contains("\r\nauthorization: bearer hush-hush\r\n"),
            "{request}"
        );
        reports += usize::from(request.starts_with("POST /api/agents/host/report "));
        all.push(request);
    }
    let line = std::fs::read_to_string(format!("/proc/{}/cmdline", agent.0.id())).unwrap_or_default();
    assert!(!line.contains("hush-hush"));
    let (code, took, log) = agent.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(log.contains("agent stopped") && !log.contains("hush-hush"), "{log}");
    assert!(all.iter().all(|request| !request.contains("/api/agent/ws")), "{all:?}");
}

#[test]
fn a_server_that_hangs_does_not_keep_it_from_stopping() {
    let (address, requests) = server(true);
    let url = format!("http://{address}");
    let command = command(&[
        "--url",
        &url,
        "--token",
        "x",
        "--enable-docker=false",
        "--health-addr",
        "",
        "--interval",
        "1s",
    ]);
    let agent = Agent::start(command);
    requests.recv_timeout(LIMIT).unwrap();
    let (code, took, log) = agent.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

fn ask(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn the_health_port_tells_how_it_goes_and_a_taken_one_stops_nothing() {
    let (address, requests) = server(false);
    let url = format!("http://{address}");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let start = |health: &str| {
        Agent::start(command(&[
            "--url",
            &url,
            "--token",
            "x",
            "--enable-docker=false",
            "--interval",
            "1s",
            "--health-addr",
            health,
        ]))
    };
    let first = start(&free);
    let report = || {
        while !requests.recv_timeout(LIMIT).unwrap().starts_with("POST /api/agents/host/report ") {}
    };
    report();
    report();
    let begin = Instant::now();
    let metrics = loop {
        match ask(&free, "/metrics") {
            Ok(text) if text.contains("pulse_agent_reports_sent_total{module=\"host\"} ") => break text,
            answer => assert!(begin.elapsed() < LIMIT, "{answer:?}"),
        }
    };
    let count = |text: &str| -> u64 {
        let line =
            text.lines().find(|line| line.starts_with("pulse_agent_reports_sent_total{module=\"host\"}"));
        line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(count(&metrics) >= 1 && metrics.contains("pulse_agent_up 1"), "{metrics}");
    assert!(ask(&free, "/healthz").unwrap().starts_with("HTTP/1.1 200"));
    assert!(ask(&free, "/readyz").unwrap().starts_with("HTTP/1.1 200"));
    let second = start(&free);
    report();
    let (code, _, log) = second.stop();
    assert!(code == Some(0) && log.contains("health port cannot be opened"), "{log}");
    assert_eq!(first.stop().0, Some(0));
}

/// Also while the engine that it is told to watch is not there.
#[test]
fn the_service_manager_hears_that_it_runs_goes_on_and_stops() {
    let (address, _requests) = server(false);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(LIMIT)).unwrap();
    let url = format!("http://{address}");
    let mut command = command(&["--url", &url, "--token", "x", "--interval", "1s", "--health-addr", ""]);
    command.arg("--enable-docker").env("DOCKER_HOST", "unix:///no/such/engine.sock");
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let agent = Agent::start(command);
    let hear = || {
        let mut text = [0; 256];
        let count = manager.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..count]).into_owned()
    };
    let words = [hear(), hear(), hear(), hear()];
    assert!(words.contains(&"READY=1".to_owned()), "{words:?}");
    assert!(words.iter().filter(|word| *word == "WATCHDOG=1").count() >= 3, "{words:?}");
    assert_eq!(agent.stop().0, Some(0));
    while hear() != "STOPPING=1" {}
}
