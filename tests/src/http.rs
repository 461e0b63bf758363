//! A small blocking HTTP/1.1 client over a kept connection.
//!
//! Written out so that a load test measures the server and not a client library, and so that a test can send
//! what no polite client would. Loopback and plain HTTP only.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const LARGEST_BODY: usize = 256 << 20;

/// One answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header lines in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it came, compressed if the server compressed it.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this name (given in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("status {}, not JSON: {:.300}", self.status, self.text()))
    }

    /// The answer itself if its status is `status`, else an error that shows it.
    pub fn expect_status(self, status: u16) -> Result<Self> {
        ensure!(
            self.status == status,
            "status {} where {status} was expected: {:.500}",
            self.status,
            self.text()
        );
        Ok(self)
    }

    /// The value of a cookie that this answer sets.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .filter(|(key, _)| key == "set-cookie")
            .filter_map(|(_, value)| value.split(';').next()?.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

/// A connection to one server, with headers that go along with every request.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A client without credentials; connects with the first request.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, headers: Vec::new(), connection: None }
    }

    /// The same server with one more header on each request.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.push((name.to_owned(), value.to_owned()));
        Self { address: self.address, headers, connection: None }
    }

    /// The same headers, cookies among them, for a server at another address.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, headers: self.headers.clone(), connection: None }
    }

    /// Sends a GET.
    pub fn get(&mut self, path: &str) -> Result<Response> {
        self.send("GET", path, &[], &[])
    }

    /// Sends a POST with a JSON body.
    pub fn post(&mut self, path: &str, body: &Value) -> Result<Response> {
        self.send_json("POST", path, body)
    }

    /// Sends a JSON body with any method.
    pub fn send_json(&mut self, method: &str, path: &str, body: &Value) -> Result<Response> {
        self.send(method, path, &[("Content-Type", "application/json")], &serde_json::to_vec(body)?)
    }

    /// Sends one request; opens a new connection where the server has closed the kept one meanwhile.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        extra: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response> {
        let was_kept = self.connection.is_some();
        match self.exchange(method, path, extra, body) {
            Err(_) if was_kept => {
                self.connection = None;
                self.exchange(method, path, extra, body)
            }
            answer => answer,
        }
        .with_context(|| format!("{method} {path}"))
    }

    fn exchange(
        &mut self,
        method: &str,
        path: &str,
        extra: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        let kept = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in kept.chain(extra.iter().copied()) {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            head.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
        }
        head.push_str("\r\n");
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let mut message = head.into_bytes();
        message.extend_from_slice(body);
        // A server that refuses a body answers before it has read all of it: the answer counts, not the write.
        let written = connection.get_mut().write_all(&message);
        let (response, is_kept) = match (read_response(&mut connection, method), written) {
            (Ok(answer), _) => answer,
            (Err(_), Err(error)) => return Err(error.into()),
            (Err(error), Ok(())) => return Err(error),
        };
        if is_kept {
            self.connection = Some(connection);
        }
        Ok(response)
    }

    fn connect(&self) -> Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(5))
            .with_context(|| format!("connect to {}", self.address))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(BufReader::with_capacity(64 << 10, stream))
    }
}

/// Reads one answer; the second value tells whether the connection stays open.
fn read_response(connection: &mut impl BufRead, method: &str) -> Result<(Response, bool)> {
    let line = read_line(connection)?;
    let status: u16 = line
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .with_context(|| format!("status line {line:?}"))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(connection)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').with_context(|| format!("header line {line:?}"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut response = Response { status, headers, body: Vec::new() };
    let mut is_kept = response.header("connection") != Some("close");
    if method == "HEAD" || status == 204 || status == 304 || status < 200 {
        return Ok((response, is_kept));
    }
    if response.header("transfer-encoding") == Some("chunked") {
        read_chunks(connection, &mut response.body)?;
    } else if let Some(length) = response.header("content-length") {
        let length: usize = length.parse().context("Content-Length")?;
        ensure!(length <= LARGEST_BODY, "an answer of {length} bytes");
        response.body.resize(length, 0);
        connection.read_exact(&mut response.body).context("the body ended early")?;
    } else {
        connection.take(LARGEST_BODY as u64).read_to_end(&mut response.body)?;
        is_kept = false;
    }
    Ok((response, is_kept))
}

fn read_chunks(connection: &mut impl BufRead, body: &mut Vec<u8>) -> Result<()> {
    loop {
        let line = read_line(connection)?;
        let size = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).with_context(|| format!("chunk size {line:?}"))?;
        if size == 0 {
            while !read_line(connection)?.is_empty() {}
            return Ok(());
        }
        let start = body.len();
        ensure!(start + size <= LARGEST_BODY, "an answer above {LARGEST_BODY} bytes");
        body.resize(start + size, 0);
        connection.read_exact(&mut body[start..]).context("a chunk ended early")?;
        read_line(connection)?;
    }
}

fn read_line(connection: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    if connection.take(64 << 10).read_line(&mut line)? == 0 {
        bail!("the connection was closed");
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Response, bool)> {
        read_response(&mut text.as_bytes(), "GET")
    }

    #[test]
    fn a_body_of_known_length_is_read_to_its_end() {
        let (response, is_kept) =
            read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b; Path=/\r\n\r\n{}tail").unwrap();
        assert_eq!((response.status, response.text().as_str(), is_kept), (200, "{}", true));
        assert_eq!(response.cookie("a"), Some("b"));
    }

    #[test]
    fn chunks_are_put_together() {
        let (response, _) =
            read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
                .unwrap();
        assert_eq!(response.text(), "abcde");
    }

    #[test]
    fn a_body_that_ends_early_is_an_error() {
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab").is_err());
        assert!(read("").is_err());
        assert!(read("nonsense\r\n\r\n").is_err());
    }
}
