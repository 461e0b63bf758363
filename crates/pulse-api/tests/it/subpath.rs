//! Pulse under a path of another host, behind a real reverse proxy on a socket: one that takes the path off and says so,
//! one that leaves it on, and one that nobody trusts.

use std::{net::SocketAddr, time::Duration};

use futures_util::StreamExt;
use pulse_api::serve::serve;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::harness::{PASSWORD, TOKEN, TestServer, USER};

/// What the proxy does with the path `/pulse`.
#[derive(Clone, Copy, PartialEq)]
enum Prefix {
    /// Takes it off and says so in `X-Forwarded-Prefix`.
    TakenOff,
    /// Leaves it on and says nothing.
    LeftOn,
}

struct Hosted {
    proxy: SocketAddr,
    stop: CancellationToken,
    _server: TestServer,
}

impl Drop for Hosted {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn hosted(prefix: Prefix, is_trusted: bool) -> Hosted {
    let first = TestServer::set_up();
    let server = TestServer::over_data_of(first, |settings| {
        if is_trusted {
            settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        }
        if prefix == Prefix::LeftOn {
            "/pulse".clone_into(&mut settings.base_path);
        }
    });
    let stop = CancellationToken::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, None, server.router(), stop.clone(), Duration::from_secs(1)));
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = front.local_addr().unwrap();
    let until = stop.clone();
    tokio::spawn(async move {
        loop {
            let client = tokio::select! {
                () = until.cancelled() => return,
                accepted = front.accept() => accepted.unwrap().0,
            };
            tokio::spawn(pass_on(client, upstream, prefix));
        }
    });
    Hosted { proxy, stop, _server: server }
}

/// One request and whatever follows it.
async fn pass_on(mut client: TcpStream, upstream: SocketAddr, prefix: Prefix) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 1024];
        match client.read(&mut part).await {
            Ok(count) if count > 0 => head.extend(&part[..count]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let (line, rest) = head.split_once("\r\n").unwrap();
    let (line, headers) = match prefix {
        Prefix::TakenOff => (line.replacen(" /pulse/", " /", 1), "X-Forwarded-Prefix: /pulse\r\n"),
        Prefix::LeftOn => (line.to_owned(), ""),
    };
    let mut server = TcpStream::connect(upstream).await.unwrap();
    let head = format!(
        "{line}\r\n{headers}X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Host: example.org\r\nX-Forwarded-Proto: https\r\n{rest}"
    );
    server.write_all(head.as_bytes()).await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

impl Hosted {
    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut socket = TcpStream::connect(self.proxy).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn walk_through(&self) {
        let health = self.ask("GET", "/pulse/api/health", "", "").await;
        assert!(health.starts_with("HTTP/1.1 200"), "{health}");
        let page = self.ask("GET", "/pulse/settings/nodes", "", "").await;
        assert!(page.ends_with("the page"), "{page}");
        let guarded = self.ask("GET", "/pulse/api/state", "", "").await;
        assert!(guarded.starts_with("HTTP/1.1 401"), "{guarded}");
        let climbing = self.ask("GET", "/pulse/../api/state", "", "").await;
        assert!(!climbing.starts_with("HTTP/1.1 2"), "{climbing}");

        let login = format!(r#"{{"username":"{USER}","password":"{PASSWORD}"}}"#);
        let login = self.ask("POST", "/pulse/api/login", "Content-Type: application/json\r\n", &login).await;
        let cookies: Vec<_> = login.lines().filter_map(|line| line.strip_prefix("set-cookie: ")).collect();
        assert_eq!(cookies.len(), 2, "{login}");
        for cookie in &cookies {
            assert!(cookie.contains("; Path=/pulse;") && cookie.contains("; Secure"), "{cookie}");
        }
        let session = cookies.iter().find(|cookie| cookie.starts_with("pulse_session=")).unwrap();
        let header = format!("Cookie: {}\r\n", session.split(';').next().unwrap());
        let state = self.ask("GET", "/pulse/api/state", &header, "").await;
        assert!(state.starts_with("HTTP/1.1 200"), "{state}");
        let status = self.ask("GET", "/pulse/api/security/status", &header, "").await;
        assert!(status.contains(r#""agentUrl":"https://example.org/pulse""#), "{status}");

        let url = format!("ws://{}/pulse/ws?token={TOKEN}", self.proxy);
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let first = socket.next().await.unwrap().unwrap().into_text().unwrap();
        assert!(first.contains("Connected to Pulse WebSocket"), "{first}");
    }
}

#[tokio::test]
async fn behind_a_proxy_that_takes_the_path_off() {
    hosted(Prefix::TakenOff, true).await.walk_through().await;
}

#[tokio::test]
async fn behind_a_proxy_that_leaves_the_path_on() {
    let hosted = hosted(Prefix::LeftOn, true).await;
    hosted.walk_through().await;
    let bare = hosted.ask("GET", "/pulse", "", "").await;
    assert!(bare.starts_with("HTTP/1.1 308") && bare.contains("\r\nlocation: /pulse/\r\n"), "{bare}");
    let other = hosted.ask("GET", "/pulsed/api/health", "", "").await;
    assert!(other.ends_with("the page"), "{other}");
}

#[tokio::test]
async fn a_stranger_does_not_choose_the_path() {
    let hosted = hosted(Prefix::TakenOff, false).await;
    let login = format!(r#"{{"username":"{USER}","password":"{PASSWORD}"}}"#);
    let login = hosted.ask("POST", "/pulse/api/login", "Content-Type: application/json\r\n", &login).await;
    assert!(login.contains("; Path=/;") && !login.contains("Path=/pulse"), "{login}");
}
