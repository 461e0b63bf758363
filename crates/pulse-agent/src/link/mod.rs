//! The way to the server: posts reports, keeps those that did not get through, and sends them later.
//!
//! It must never lose the newest report for the sake of an older one, never follow a redirect (a POST would turn
//! into a GET, and the token would travel), and never put the token into a log or an error.

mod backlog;
mod tls;

use std::{error::Error as _, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use reqwest::{Client, Url, redirect::Policy};
use serde::{Deserialize, Serialize};

use crate::settings::{AgentSettings, Token};
use backlog::Backlog;

/// For one report, answer included (contract B-10 §3).
const REQUEST_LIMIT: Duration = Duration::from_secs(15);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Answers are small; what is longer is not read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What kind of report goes over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// The host module's.
    Host,
    /// The Docker module's.
    Docker,
}

impl ReportKind {
    const fn path(self) -> &'static str {
        match self {
            Self::Host => "api/agents/host/report",
            Self::Docker => "api/agents/docker/report",
        }
    }

    const fn user_agent(self) -> &'static str {
        match self {
            Self::Host => "pulse-host-agent",
            Self::Docker => "pulse-docker-agent",
        }
    }

    const fn scope(self) -> &'static str {
        match self {
            Self::Host => "host-agent:report",
            Self::Docker => "docker:report",
        }
    }
}

/// Why a link cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address is no web address.
    #[error(
        "the server's address {url:?} is not usable: {reason}; set --url to something like https://pulse.example:7655"
    )]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The token cannot stand in a header.
    #[error("the API token has characters that cannot be sent; copy it again from the server's settings")]
    Token,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[source] reqwest::Error),
}

/// Why one report did not get through.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The server refused the token.
    #[error(
        "the server does not accept the API token (401); make a new token in its settings and start the agent with it"
    )]
    Unauthorized,
    /// The token may not do this.
    #[error(
        "the API token may not report here (403): {message}; give it the scope {scope} in the server's settings"
    )]
    Forbidden {
        /// The scope that is needed.
        scope: &'static str,
        /// The server's words.
        message: String,
    },
    /// The server sends elsewhere.
    #[error("the server redirects to {location}; set --url to the address that answers itself")]
    Redirect {
        /// Where to.
        location: String,
    },
    /// The server does not want this report.
    #[error("the server refuses the report ({status}): {message}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// The server's words.
        message: String,
    },
    /// The server cannot be reached or broke off.
    #[error("{0}")]
    Unreachable(String),
}

impl SendError {
    /// Whether sending the same again would meet the same answer; such a report must not block those behind it.
    fn is_final(&self) -> bool {
        match self {
            Self::Forbidden { .. } => true,
            Self::Refused { status, .. } => matches!(status.as_u16(), 400 | 413 | 415 | 422),
            Self::Unauthorized | Self::Redirect { .. } | Self::Unreachable(_) => false,
        }
    }
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The server has it, and this many kept ones besides.
    Sent {
        /// Number of older reports sent after it.
        flushed: usize,
    },
    /// Kept for later.
    Kept,
    /// The server does not want it; given up.
    Dropped,
}

/// The way of one kind of report to one server.
pub struct Link {
    client: Client,
    url: Url,
    headers: HeaderMap,
    kind: ReportKind,
    backlog: Backlog,
    failures: u32,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("url", &self.url.as_str())
            .field("kept", &self.backlog.len())
            .finish_non_exhaustive()
    }
}

/// The HTTP client that all links of an agent share.
pub fn client(settings: &AgentSettings) -> Result<Client, LinkError> {
    let url = server_url(&settings.url)?;
    Client::builder()
        .tls_backend_preconfigured(tls::config(&url, settings.is_insecure)?)
        .redirect(Policy::none())
        .timeout(REQUEST_LIMIT)
        .connect_timeout(CONNECT_LIMIT)
        .pool_max_idle_per_host(1)
        .http1_only()
        .build()
        .map_err(LinkError::Client)
}

fn server_url(text: &str) -> Result<Url, LinkError> {
    let wrong = |reason: String| LinkError::Url { url: text.to_owned(), reason };
    let mut url: Url = text.trim().parse().map_err(|error| wrong(format!("{error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it must begin with http:// or https://".to_owned()));
    }
    url.set_query(None);
    url.set_fragment(None);
    // A server may live below a path of a reverse proxy; without the slash `join` would cut its last part.
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

impl Link {
    /// A link that nothing went over yet.
    pub fn new(client: Client, settings: &AgentSettings, kind: ReportKind) -> Result<Self, LinkError> {
        let url = server_url(&settings.url)?
            .join(kind.path())
            .map_err(|error| LinkError::Url { url: settings.url.clone(), reason: error.to_string() })?;
        let headers = headers(&settings.token, kind, &settings.identity.version)?;
        Ok(Self { client, url, headers, kind, backlog: Backlog::default(), failures: 0 })
    }

    /// Number of reports kept for later.
    pub fn kept(&self) -> usize {
        self.backlog.len()
    }

    /// Sends a report. The newest goes first, so that the server knows at once that we live; then what was kept,
    /// oldest first, until one does not get through.
    pub async fn deliver<T: Serialize>(&mut self, report: &T) -> Delivery {
        let body = match serde_json::to_vec(report) {
            Ok(body) => Bytes::from(body),
            Err(error) => {
                tracing::error!(%error, "a report cannot be written as JSON");
                return Delivery::Dropped;
            }
        };
        match self.post(body.clone()).await {
            Ok(()) => {
                self.recovered();
                Delivery::Sent { flushed: self.flush().await }
            }
            Err(error) if error.is_final() => {
                self.failed(&error);
                Delivery::Dropped
            }
            Err(error) => {
                self.failed(&error);
                self.backlog.keep(body);
                Delivery::Kept
            }
        }
    }

    async fn flush(&mut self) -> usize {
        let mut sent = 0;
        while let Some(body) = self.backlog.oldest() {
            match self.post(body).await {
                Ok(()) => {
                    self.backlog.drop_oldest();
                    sent += 1;
                }
                Err(error) => {
                    if error.is_final() {
                        self.backlog.drop_oldest();
                    }
                    tracing::debug!(%error, left = self.backlog.len(), "a kept report did not get through");
                    break;
                }
            }
        }
        if sent > 0 {
            tracing::info!(
                sent,
                left = self.backlog.len(),
                "sent reports that were kept while the server was away"
            );
        }
        sent
    }

    async fn post(&self, body: Bytes) -> Result<(), SendError> {
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body);
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        if status.is_redirection() {
            let location = response.headers().get(header::LOCATION);
            let location = location.and_then(|value| value.to_str().ok()).unwrap_or("another address");
            return Err(SendError::Redirect { location: location.to_owned() });
        }
        // Read to the end, so that the connection can be used again.
        let mut answer = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if answer.len() + chunk.len() <= MAX_ANSWER_BYTES => {
                    answer.extend_from_slice(&chunk);
                }
                Ok(_) => break,
                Err(_) if status.is_success() => break,
                Err(error) => return Err(unreachable(&error)),
            }
        }
        match status {
            status if status.is_success() => Ok(()),
            StatusCode::UNAUTHORIZED => Err(SendError::Unauthorized),
            StatusCode::FORBIDDEN => {
                Err(SendError::Forbidden { scope: self.kind.scope(), message: error_text(&answer) })
            }
            status => Err(SendError::Refused { status, message: error_text(&answer) }),
        }
    }

    /// Says so once when it begins, then ever more rarely: an agent may wait for its server for weeks.
    fn failed(&mut self, error: &SendError) {
        self.failures = self.failures.saturating_add(1);
        if self.failures.is_power_of_two() {
            tracing::warn!(server = %self.url, failures = self.failures, "report not delivered: {error}");
        } else {
            tracing::debug!(server = %self.url, failures = self.failures, "report not delivered: {error}");
        }
    }

    fn recovered(&mut self) {
        if self.failures > 0 {
            tracing::info!(server = %self.url, failures = self.failures, "the server takes reports again");
            self.failures = 0;
        }
    }
}

fn headers(token: &Token, kind: ReportKind, version: &str) -> Result<HeaderMap, LinkError> {
    let secret = |text: &str| {
        let mut value = HeaderValue::from_str(text).map_err(|_| LinkError::Token)?;
        value.set_sensitive(true);
        Ok::<_, LinkError>(value)
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::AUTHORIZATION, secret(&format!("Bearer {}", token.expose()))?);
    headers.insert(HeaderName::from_static("x-api-token"), secret(token.expose())?);
    let agent = HeaderValue::from_str(&format!("{}/{version}", kind.user_agent()));
    headers.insert(header::USER_AGENT, agent.unwrap_or(HeaderValue::from_static(kind.user_agent())));
    Ok(headers)
}

/// The reason at the end of reqwest's chain, which alone says what happened, without the address (it may hold a password).
fn unreachable(error: &reqwest::Error) -> SendError {
    if error.is_timeout() {
        return SendError::Unreachable("the server did not answer in time".to_owned());
    }
    let mut reason = None;
    let mut source = error.source();
    while let Some(inner) = source {
        reason = Some(inner.to_string());
        source = inner.source();
    }
    let reason = reason.unwrap_or_else(|| "the connection failed".to_owned());
    let hint = if reason.contains("certificate") {
        "; let this machine trust the certificate's issuer, or start the agent with --insecure"
    } else {
        ""
    };
    SendError::Unreachable(format!("the server cannot be reached: {reason}{hint}"))
}

/// The server's own words for a refusal, short.
fn error_text(answer: &[u8]) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        error: String,
        message: String,
    }
    let text = match serde_json::from_slice::<Refusal>(answer) {
        Ok(refusal) if !refusal.error.is_empty() => refusal.error,
        Ok(refusal) if !refusal.message.is_empty() => refusal.message,
        _ => String::from_utf8_lossy(answer).into_owned(),
    };
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(200).collect();
    if text.is_empty() { "no reason given".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_below_a_path_keep_it() {
        let join = |text: &str| server_url(text).unwrap().join(ReportKind::Host.path()).unwrap().to_string();
        assert_eq!(join("http://localhost:7655"), "http://localhost:7655/api/agents/host/report");
        assert_eq!(join("https://x.example/pulse"), "https://x.example/pulse/api/agents/host/report");
        assert_eq!(
            join(" https://x.example/pulse/?a=1#b "),
            "https://x.example/pulse/api/agents/host/report"
        );
    }

    #[test]
    fn addresses_that_are_none_are_refused_with_the_way_out() {
        for text in ["", "pulse.example:7655", "ftp://x", "//x"] {
            let error = server_url(text).unwrap_err().to_string();
            assert!(error.contains("--url"), "{text}: {error}");
        }
    }

    #[test]
    fn the_token_is_marked_as_a_secret_and_a_broken_one_refused() {
        let headers = headers(&Token::new("abc".into()), ReportKind::Docker, "5.1.0").unwrap();
        assert!(headers[header::AUTHORIZATION].is_sensitive());
        assert_eq!(headers[header::USER_AGENT], "pulse-docker-agent/5.1.0");
        assert!(!format!("{headers:?}").contains("abc"));
        let error = super::headers(&Token::new("a\nb".into()), ReportKind::Host, "1").unwrap_err();
        assert!(matches!(error, LinkError::Token));
    }

    #[test]
    fn the_servers_reason_is_found_in_both_error_shapes() {
        assert_eq!(
            error_text(br#"{"error":"missing hostname","code":"invalid_report"}"#),
            "missing hostname"
        );
        assert_eq!(error_text(br#"{"message":"m"}"#), "m");
        assert_eq!(error_text(b"plain\ntext"), "plaintext");
        assert_eq!(error_text(b""), "no reason given");
    }
}
