//! A small client for the engine's HTTP API: GET and JSON over a socket.
//!
//! Our own because a report must survive an engine's oddities: bodies are bounded, a state or mount type that we
//! do not know is text and not an error (Podman has several), and one connection serves many requests.

use std::{fmt, path::PathBuf, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode, header::HOST};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::{
    net::{TcpStream, UnixStream},
    time::timeout,
};

/// Largest answer read: a list of thousands of containers with long labels stays below.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket on this machine.
    Unix(PathBuf),
    /// A plain HTTP port, `host:port`.
    Tcp(String),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

impl Endpoint {
    /// Reads the value of `DOCKER_HOST`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("tcp" | "http", address)) if !address.is_empty() => {
                let address = address.trim_end_matches('/');
                let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                Ok(Self::Tcp(if has_port { address.to_owned() } else { format!("{address}:2375") }))
            }
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

/// One connection to an engine, opened when first needed and again after it broke.
#[derive(Debug)]
pub(super) struct Engine {
    endpoint: Endpoint,
    limit: Duration,
    sender: Option<SendRequest<Empty<Bytes>>>,
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
        let answer = match timeout(self.limit, self.exchange(path)).await {
            Ok(answer) => answer,
            Err(_) => Err(EngineError::Timeout { path: path.to_owned(), limit: self.limit }),
        };
        if matches!(&answer, Err(error) if !matches!(error, EngineError::Status { .. })) {
            // What is left of the answer would be read as the next one's head.
            self.sender = None;
        }
        answer
    }

    async fn exchange(&mut self, path: &str) -> Result<Bytes, EngineError> {
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
        let Ok(request) = Request::get(path).header(HOST, "engine").body(Empty::<Bytes>::new()) else {
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
            }
        }
        self.sender = Some(sender);
        if status.is_success() {
            return Ok(body.freeze());
        }
        Err(EngineError::Status { path: path.to_owned(), status, message: error_text(&body) })
    }

    async fn connect(&self, path: &str) -> Result<SendRequest<Empty<Bytes>>, EngineError> {
        let refused = |source| EngineError::Connect { endpoint: self.endpoint.to_string(), source };
        let broken = |source| EngineError::Http { path: path.to_owned(), source };
        match &self.endpoint {
            #[cfg(unix)]
            Endpoint::Unix(socket) => {
                let stream = UnixStream::connect(socket).await.map_err(refused)?;
                let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
                // Ends by itself when the sender is dropped or the engine hangs up.
                tokio::spawn(async move { drop(connection.await) });
                Ok(sender)
            }
            #[cfg(not(unix))]
            Endpoint::Unix(_) => Err(refused(std::io::ErrorKind::Unsupported.into())),
            Endpoint::Tcp(address) => {
                let stream = TcpStream::connect(address).await.map_err(refused)?;
                let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
                tokio::spawn(async move { drop(connection.await) });
                Ok(sender)
            }
        }
    }
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
        assert_eq!(Endpoint::parse("unix:///run/x.sock").unwrap(), Endpoint::Unix("/run/x.sock".into()));
        assert_eq!(Endpoint::parse("/run/x.sock").unwrap(), Endpoint::Unix("/run/x.sock".into()));
        assert_eq!(Endpoint::parse("tcp://10.0.0.1:2375").unwrap(), Endpoint::Tcp("10.0.0.1:2375".into()));
        assert_eq!(Endpoint::parse("tcp://10.0.0.1").unwrap(), Endpoint::Tcp("10.0.0.1:2375".into()));
        assert!(Endpoint::parse("ssh://me@there").unwrap_err().contains("not supported"));
        assert!(Endpoint::parse("nonsense").is_err());
    }

    #[tokio::test]
    async fn a_missing_socket_says_which() {
        let mut engine = Engine::new(Endpoint::Unix("/no/such.sock".into()), Duration::from_secs(1));
        let error = engine.get_bytes("/version").await.unwrap_err();
        assert!(matches!(error, EngineError::Connect { .. }));
        assert!(error.to_string().contains("unix:///no/such.sock"), "{error}");
    }
}
