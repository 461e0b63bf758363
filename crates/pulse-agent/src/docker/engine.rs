//! A small client for the engine's HTTP API: JSON over a socket.
//!
//! Our own because a report must survive an engine's oddities: bodies are bounded, a state or mount type that we
//! do not know is text and not an error (Podman has several), and one connection serves many requests.

use std::{fmt, path::PathBuf, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{
    Method, Request, StatusCode,
    header::{CONTENT_TYPE, HOST},
};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
#[cfg(unix)]
use tokio::net::UnixStream;
#[cfg(windows)]
use tokio::net::windows::named_pipe::ClientOptions;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

/// Largest answer read: a list of thousands of containers with long labels stays below.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket on this machine; on Windows, a named pipe.
    Local(PathBuf),
    /// A plain HTTP port, `host:port`.
    Tcp(String),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) if cfg!(windows) => {
                write!(f, "npipe://{}", path.display().to_string().replace('\\', "/"))
            }
            Self::Local(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

impl Endpoint {
    /// Reads the value of `DOCKER_HOST`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with('/') {
            return Ok(Self::Local(text.into()));
        }
        match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Local(path.into())),
            Some(("tcp" | "http", address)) if !address.is_empty() => {
                let address = address.trim_end_matches('/');
                let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                Ok(Self::Tcp(if has_port { address.to_owned() } else { format!("{address}:2375") }))
            }
            Some(("npipe", path)) if cfg!(windows) => Ok(Self::Local(path.replace('/', "\\").into())),
            Some((scheme @ ("ssh" | "https" | "npipe" | "fd"), _)) => {
                Err(format!("{scheme}:// is not supported here; use unix:// or tcp://"))
            }
            _ => Err("not of the form unix:///path or tcp://host:port".to_owned()),
        }
    }
}

/// Why an engine could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No connection.
    #[error("cannot connect to {endpoint}: {source}{}", hint(.source))]
    Connect {
        /// Where.
        endpoint: String,
        /// Why.
        source: std::io::Error,
    },
    /// The connection broke, or what came was not HTTP.
    #[error("{path}: the engine broke the connection: {source}")]
    Http {
        /// What was asked for.
        path: String,
        /// Why.
        source: hyper::Error,
    },
    /// Too late.
    #[error("{path}: no answer within {} s", limit.as_secs())]
    Timeout {
        /// What was asked for.
        path: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// Another status than success.
    #[error("{path}: the engine answered {status}: {message}")]
    Status {
        /// What was asked for.
        path: String,
        /// The status.
        status: StatusCode,
        /// The engine's words.
        message: String,
    },
    /// More than we are willing to hold.
    #[error("{path}: the answer is larger than {} MiB", MAX_BODY_BYTES / 1024 / 1024)]
    TooLarge {
        /// What was asked for.
        path: String,
    },
    /// Not the JSON we know.
    #[error("{path}: the answer is not understood: {source}")]
    Decode {
        /// What was asked for.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
}

fn hint(error: &std::io::Error) -> &'static str {
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        "; run the agent as root or add its user to the group of the socket"
    } else {
        ""
    }
}

impl EngineError {
    /// Whether the thing asked for is simply not there (any more).
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status, .. } if *status == StatusCode::NOT_FOUND)
    }
}

/// The end of a long stream that is kept.
const KEPT_END_BYTES: usize = 64 * 1024;

/// How much of an answer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    All,
    End,
}

/// What is asked of an engine.
struct Order<'a> {
    method: Method,
    path: &'a str,
    body: Option<Bytes>,
    extra: Option<(&'static str, String)>,
}

impl Order<'_> {
    fn request(self) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder().method(self.method).uri(self.path).header(HOST, "engine");
        if self.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some((name, value)) = self.extra {
            request = request.header(name, value);
        }
        request.body(Full::new(self.body.unwrap_or_default()))
    }
}

/// One connection to an engine, opened when first needed and again after it broke.
#[derive(Debug)]
pub(super) struct Engine {
    endpoint: Endpoint,
    limit: Duration,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Engine {
    /// A client whose requests take at most `limit` each.
    pub(super) fn new(endpoint: Endpoint, limit: Duration) -> Self {
        Self { endpoint, limit, sender: None }
    }

    /// The decoded answer to a GET.
    pub(super) async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, EngineError> {
        let body = self.get_bytes(path).await?;
        serde_json::from_slice(&body).map_err(|source| EngineError::Decode { path: path.to_owned(), source })
    }

    /// The bytes that answer a GET.
    pub(super) async fn get_bytes(&mut self, path: &str) -> Result<Bytes, EngineError> {
        self.ask(Order { method: Method::GET, path, body: None, extra: None }, self.limit, Keep::All).await
    }

    /// Sends a POST, with a JSON body where there is one.
    pub(super) async fn post(
        &mut self,
        path: &str,
        body: Option<&serde_json::Value>,
        limit: Duration,
    ) -> Result<Bytes, EngineError> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        self.ask(Order { method: Method::POST, path, body, extra: None }, limit, Keep::All).await
    }

    /// Sends a DELETE.
    pub(super) async fn delete(&mut self, path: &str) -> Result<(), EngineError> {
        let order = Order { method: Method::DELETE, path, body: None, extra: None };
        self.ask(order, self.limit, Keep::All).await.map(drop)
    }

    /// Fetches an image. The engine answers 200 at once and tells a failure at the end of its stream of progress.
    pub(super) async fn pull(
        &mut self,
        path: &str,
        credentials: Option<String>,
        limit: Duration,
    ) -> Result<(), EngineError> {
        let extra = credentials.map(|value| ("x-registry-auth", value));
        let order = Order { method: Method::POST, path, body: None, extra };
        let end = self.ask(order, limit, Keep::End).await?;
        let failure = String::from_utf8_lossy(&end).lines().rev().find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            line["error"].as_str().map(str::to_owned)
        });
        match failure {
            None => Ok(()),
            Some(message) => Err(EngineError::Status {
                path: path.to_owned(),
                status: StatusCode::BAD_GATEWAY,
                message: message.chars().take(200).collect(),
            }),
        }
    }

    async fn ask(&mut self, order: Order<'_>, limit: Duration, keep: Keep) -> Result<Bytes, EngineError> {
        let path = order.path;
        let answer = match timeout(limit, self.exchange(order, keep)).await {
            Ok(answer) => answer,
            Err(_) => Err(EngineError::Timeout { path: path.to_owned(), limit }),
        };
        if matches!(&answer, Err(error) if !matches!(error, EngineError::Status { .. })) {
            // What is left of the answer would be read as the next one's head.
            self.sender = None;
        }
        answer
    }

    async fn exchange(&mut self, order: Order<'_>, keep: Keep) -> Result<Bytes, EngineError> {
        let path = order.path;
        let broken = |source| EngineError::Http { path: path.to_owned(), source };
        let mut kept = self.sender.take();
        if let Some(sender) = &mut kept
            && sender.ready().await.is_err()
        {
            kept = None;
        }
        let mut sender = match kept {
            Some(sender) => sender,
            None => self.connect(path).await?,
        };
        // The path is made of our own text and of ids; what is no path is no request.
        let Ok(request) = order.request() else {
            return Err(EngineError::Status {
                path: path.to_owned(),
                status: StatusCode::NOT_FOUND,
                message: "no such path".to_owned(),
            });
        };
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let mut incoming = response.into_body();
        let mut body = BytesMut::new();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(broken)?;
            if let Some(data) = frame.data_ref() {
                if body.len() + data.len() > MAX_BODY_BYTES {
                    return Err(EngineError::TooLarge { path: path.to_owned() });
                }
                body.extend_from_slice(data);
                if keep == Keep::End && body.len() > 2 * KEPT_END_BYTES {
                    body = body.split_off(body.len() - KEPT_END_BYTES);
                }
            }
        }
        self.sender = Some(sender);
        // Not modified: what was to be started runs, what was to be stopped does not.
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(body.freeze());
        }
        Err(EngineError::Status { path: path.to_owned(), status, message: error_text(&body) })
    }

    async fn connect(&self, path: &str) -> Result<SendRequest<Full<Bytes>>, EngineError> {
        let refused = |source| EngineError::Connect { endpoint: self.endpoint.to_string(), source };
        let broken = |source| EngineError::Http { path: path.to_owned(), source };
        let sender = match &self.endpoint {
            #[cfg(unix)]
            Endpoint::Local(socket) => talk_over(UnixStream::connect(socket).await.map_err(refused)?).await,
            #[cfg(windows)]
            Endpoint::Local(pipe) => talk_over(ClientOptions::new().open(pipe).map_err(refused)?).await,
            Endpoint::Tcp(address) => talk_over(TcpStream::connect(address).await.map_err(refused)?).await,
        };
        sender.map_err(broken)
    }
}

/// HTTP over a stream. The connection ends by itself when the sender is dropped or the engine hangs up.
async fn talk_over<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// The engine's own words for an error, short.
fn error_text(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Message {
        message: String,
    }
    let text = serde_json::from_slice::<Message>(body)
        .map_or_else(|_| String::from_utf8_lossy(body).into_owned(), |error| error.message);
    text.trim().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_as_docker_writes_them() {
        assert_eq!(Endpoint::parse("unix:///run/x.sock").unwrap(), Endpoint::Local("/run/x.sock".into()));
        assert_eq!(Endpoint::parse("/run/x.sock").unwrap(), Endpoint::Local("/run/x.sock".into()));
        assert_eq!(Endpoint::parse("tcp://10.0.0.1:2375").unwrap(), Endpoint::Tcp("10.0.0.1:2375".into()));
        assert_eq!(Endpoint::parse("tcp://10.0.0.1").unwrap(), Endpoint::Tcp("10.0.0.1:2375".into()));
        assert!(Endpoint::parse("ssh://me@there").unwrap_err().contains("not supported"));
        assert!(Endpoint::parse("nonsense").is_err());
    }

    #[tokio::test]
    async fn a_missing_socket_says_which() {
        let mut engine = Engine::new(Endpoint::Local("/no/such.sock".into()), Duration::from_secs(1));
        let error = engine.get_bytes("/version").await.unwrap_err();
        assert!(matches!(error, EngineError::Connect { .. }));
        assert!(error.to_string().contains("unix:///no/such.sock"), "{error}");
    }
}
