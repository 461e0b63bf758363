//! The way to the server: posts reports, keeps those that did not get through, and sends them later.
//!
//! It must never lose the newest report for the sake of an older one, never follow a redirect (a POST would turn
//! into a GET, and the token would travel), and never put the token into a log or an error.

mod backlog;
mod client;
mod error;
mod gzip;
mod kind;
mod tls;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Client, Url};
use serde::Serialize;

pub use client::client;
pub(crate) use client::{body_within, headers, outside_client, retry_after, server_url};
pub use error::{LinkError, SendError};
pub(crate) use error::{error_text, reason};
pub use kind::ReportKind;
pub(crate) use tls::{accept_any, config as tls_config, verify_as};

use crate::settings::{AgentSettings, Target, Token, first_word};
use backlog::Backlog;
use error::unreachable;

/// Answers are small; what is longer is not read.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Where a server says "too many" and not for how long.
const BUSY_WAIT: Duration = Duration::from_secs(60);
/// A server that asks for more is asked again after this time: what waits meanwhile has a place, also at a report a second.
const LONGEST_BUSY_WAIT: Duration = Duration::from_mins(5);
/// Kept reports sent behind one new report, and what that may take: the next measurement must not wait for a slow
/// server, nor a server that has just come back for each of its agents at once.
const MAX_FLUSHED: usize = 60;
const FLUSH_LIMIT: Duration = Duration::from_secs(10);
/// Smaller bodies do not get smaller.
const MIN_GZIP_BYTES: usize = 1024;

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
    user_agent: String,
    token_file: Option<std::path::PathBuf>,
    kind: ReportKind,
    backlog: Backlog,
    failures: u32,
    /// Whether the server said that it takes compressed bodies (RFC 9110 §12.5.3: Accept-Encoding in a response).
    takes_gzip: bool,
    busy_until: Option<Instant>,
    reply: Option<Vec<u8>>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("url", &self.url.as_str())
            .field("kept", &self.backlog.len())
            .finish_non_exhaustive()
    }
}

impl Link {
    /// A link that nothing went over yet, to the settings' first server.
    pub fn new(client: Client, settings: &AgentSettings, kind: ReportKind) -> Result<Self, LinkError> {
        let first = Target {
            url: settings.url.clone(),
            token: settings.token.clone(),
            is_insecure: settings.is_insecure,
        };
        let mut link = Self::to(client, &first, &settings.identity.version, kind)?;
        link.token_file.clone_from(&settings.token_file);
        Ok(link)
    }

    /// A link to one of several servers.
    pub fn to(client: Client, target: &Target, version: &str, kind: ReportKind) -> Result<Self, LinkError> {
        let url = server_url(&target.url)?
            .join(kind.path())
            .map_err(|error| LinkError::Url { url: target.url.clone(), reason: error.to_string() })?;
        let user_agent = format!("{}/{version}", kind.user_agent());
        Ok(Self {
            client,
            url,
            headers: headers(&target.token, &user_agent)?,
            user_agent,
            token_file: None,
            kind,
            backlog: Backlog::default(),
            failures: 0,
            takes_gzip: false,
            busy_until: None,
            reply: None,
        })
    }

    /// Keeps waiting reports below `folder` too, and takes over those that wait there.
    pub async fn keep_on_disk(&mut self, folder: &Path) {
        let server = self.url.host_str().unwrap_or("server");
        let name = format!("{}-{server}-{}", self.kind.word(), self.url.port_or_known_default().unwrap_or(0));
        self.backlog.open(folder.join(name.replace(['/', ':', '[', ']'], "_"))).await;
    }

    /// Number of reports kept for later.
    pub fn kept(&self) -> usize {
        self.backlog.len()
    }

    /// The body of the last answer to a report that was taken.
    pub fn take_reply(&mut self) -> Option<Vec<u8>> {
        self.reply.take()
    }

    /// Sends a report. The newest goes first, so that the server knows at once that we live; then what was kept,
    /// oldest first, until one does not get through.
    pub async fn deliver<T: Serialize>(&mut self, report: &T) -> Delivery {
        match serde_json::to_vec(report) {
            Ok(body) => self.deliver_body(Bytes::from(body)).await,
            Err(error) => {
                tracing::error!(%error, "a report cannot be written as JSON");
                Delivery::Dropped
            }
        }
    }

    /// Sends a report that is JSON already.
    pub async fn deliver_body(&mut self, body: Bytes) -> Delivery {
        if self.busy_until.is_some_and(|until| Instant::now() < until) {
            self.backlog.keep(&body).await;
            return Delivery::Kept;
        }
        self.busy_until = None;
        match self.post(&body).await {
            Ok(reply) => {
                self.recovered();
                self.reply = Some(reply);
                Delivery::Sent { flushed: self.flush().await }
            }
            Err(error) if error.is_final() => {
                self.failed(&error);
                Delivery::Dropped
            }
            Err(error) => {
                self.failed(&error);
                if matches!(error, SendError::Unauthorized) {
                    self.read_token_again().await;
                }
                self.backlog.keep(&body).await;
                Delivery::Kept
            }
        }
    }

    async fn flush(&mut self) -> usize {
        let mut sent = 0;
        let begin = Instant::now();
        while sent < MAX_FLUSHED && begin.elapsed() < FLUSH_LIMIT {
            let Some(body) = self.backlog.oldest().await else { break };
            match self.post(&body).await {
                Ok(_) => {
                    self.backlog.drop_oldest().await;
                    sent += 1;
                }
                Err(error) => {
                    if error.is_final() {
                        self.backlog.drop_oldest().await;
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

    async fn post(&mut self, body: &Bytes) -> Result<Vec<u8>, SendError> {
        let packed = (self.takes_gzip && body.len() >= MIN_GZIP_BYTES).then(|| gzip::pack(body)).flatten();
        let is_packed = packed.is_some();
        let answer = self.post_once(packed.unwrap_or_else(|| body.clone()), is_packed).await;
        match answer {
            // Something between us and the server does not know what the server knows.
            Err(SendError::Refused {
                status: StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ..
            }) if is_packed => {
                self.takes_gzip = false;
                self.post_once(body.clone(), false).await
            }
            answer => answer,
        }
    }

    async fn post_once(&mut self, body: Bytes, is_packed: bool) -> Result<Vec<u8>, SendError> {
        let mut request = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body);
        if is_packed {
            request = request.header(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        if status.is_redirection() {
            let location = response.headers().get(header::LOCATION);
            let location = location.and_then(|value| value.to_str().ok()).unwrap_or("another address");
            return Err(SendError::Redirect { location: location.to_owned() });
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            let after = retry_after(response.headers(), BUSY_WAIT, LONGEST_BUSY_WAIT);
            self.busy_until = Some(Instant::now() + after);
            return Err(SendError::Busy { after });
        }
        if status.is_success() && !is_packed {
            let takes = response.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
            self.takes_gzip = takes.is_some_and(|takes| takes.split(',').any(|one| one.trim() == "gzip"));
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
            status if status.is_success() => Ok(answer),
            StatusCode::UNAUTHORIZED => Err(SendError::Unauthorized),
            StatusCode::FORBIDDEN => {
                Err(SendError::Forbidden { scope: self.kind.scope(), message: error_text(&answer) })
            }
            status => Err(SendError::Refused { status, message: error_text(&answer) }),
        }
    }

    /// A token that was changed in its file is taken without a restart.
    async fn read_token_again(&mut self) {
        let Some(path) = &self.token_file else { return };
        let Ok(text) = tokio::fs::read_to_string(path).await else { return };
        let Some(token) = first_word(&text) else { return };
        self.set_token(&token);
    }

    fn set_token(&mut self, token: &Token) {
        if let Ok(headers) = headers(token, &self.user_agent) {
            self.headers = headers;
        }
    }

    /// Says so once when it begins, then ever more rarely: an agent may wait for its server for weeks.
    fn failed(&mut self, error: &SendError) {
        self.failures = self.failures.saturating_add(1);
        if self.failures.is_power_of_two() {
            tracing::warn!(server = %self.server(), failures = self.failures, "report not delivered: {error}");
        } else {
            tracing::debug!(server = %self.server(), failures = self.failures, "report not delivered: {error}");
        }
    }

    fn recovered(&mut self) {
        if self.failures > 0 {
            tracing::info!(server = %self.server(), failures = self.failures, "the server takes reports again");
            self.failures = 0;
        }
    }

    /// The address without a name and a password that may stand in it.
    fn server(&self) -> String {
        let mut url = self.url.clone();
        url.set_username("").ok();
        url.set_password(None).ok();
        url.to_string()
    }
}
