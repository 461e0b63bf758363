//! The engine over HTTP: two addresses, one client, answers with a bound.

use std::{fmt::Write, sync::Arc, time::Duration};

use pulse_store::StoreError;
use reqwest::{StatusCode, header, redirect};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;

/// The whole of a request takes at most this long.
const LONGEST: Duration = Duration::from_secs(30);
/// An answer larger than this is refused: questions are put so that it is far less.
const MOST_ANSWER_BYTES: usize = 128 << 20;
/// An error's text is cut here.
const MOST_TEXT: usize = 300;

/// VictoriaMetrics would move a range to fit its cache, and hold back what is newer than 30 s. Others ignore these.
const EXACT: &str = "nocache=1&latency_offset=1ms";

/// Where the engine is, and how much may wait for it.
#[derive(Clone)]
pub struct RemoteOptions {
    /// Where samples are sent, such as `http://127.0.0.1:8428/api/v1/write`.
    pub write_url: String,
    /// What `/api/v1/query` is appended to, such as `http://127.0.0.1:8428`.
    pub read_url: String,
    /// Sent as a bearer token.
    pub token: Option<String>,
    /// How often samples are sent.
    pub send_every: Duration,
    /// How many samples may wait. More are dropped.
    pub most_queued: usize,
}

impl RemoteOptions {
    /// An engine that has both at one address, such as VictoriaMetrics without a cluster.
    pub fn single(url: &str) -> Self {
        let url = url.trim_end_matches('/');
        Self {
            write_url: format!("{url}/api/v1/write"),
            read_url: url.to_owned(),
            token: None,
            send_every: Duration::from_secs(5),
            most_queued: 1_000_000,
        }
    }
}

/// Why samples were not taken.
#[derive(Debug)]
pub(crate) enum SendError {
    /// Sending them again may help.
    Later(String),
    /// The engine will never take them.
    Never(String),
}

pub(crate) struct Client {
    http: reqwest::Client,
    write_url: String,
    read_url: String,
    token: Option<String>,
}

impl std::fmt::Debug for Client {
    /// Nothing of it: a token is in it, and an address may have one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(options: &RemoteOptions) -> Result<Self, StoreError> {
        let failed = |problem: String| StoreError::Remote { doing: "prepare the connection", problem };
        let is_https = [&options.write_url, &options.read_url].iter().any(|url| url.starts_with("https:"));
        let mut roots = RootCertStore::empty();
        if is_https {
            for certificate in rustls_native_certs::load_native_certs().certs {
                // One that cannot be read is none that is trusted.
                drop(roots.add(certificate));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("Pulse/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(LONGEST)
            .connect_timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| failed(text_of(error)))?;
        Ok(Self {
            http,
            write_url: options.write_url.clone(),
            read_url: options.read_url.trim_end_matches('/').to_owned(),
            token: options.token.clone(),
        })
    }

    /// Sends the body of a remote write.
    pub(crate) async fn write(&self, body: &[u8]) -> Result<(), SendError> {
        let packed = snap::raw::Encoder::new()
            .compress_vec(body)
            .map_err(|error| SendError::Never(format!("the batch cannot be packed: {error}")))?;
        let request = self
            .authorized(self.http.post(&self.write_url))
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .header(header::CONTENT_ENCODING, "snappy")
            .header("x-prometheus-remote-write-version", "0.1.0")
            .body(packed);
        let response = request.send().await.map_err(|error| SendError::Later(text_of(error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let text = format!("{status}: {}", short_body(response).await);
        // What a person can put right may be right next time; a batch that is refused as such never is.
        let is_for_later = status.is_server_error()
            || [
                StatusCode::TOO_MANY_REQUESTS,
                StatusCode::UNAUTHORIZED,
                StatusCode::FORBIDDEN,
                StatusCode::NOT_FOUND,
                StatusCode::REQUEST_TIMEOUT,
            ]
            .contains(&status);
        Err(if is_for_later { SendError::Later(text) } else { SendError::Never(text) })
    }

    /// Asks a question: `path` is appended to the address for reading.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &[(&str, String)],
    ) -> Result<T, StoreError> {
        let failed = |problem: String| StoreError::Remote { doing: "read history", problem };
        let mut body = EXACT.to_owned();
        for (name, value) in form {
            body.push('&');
            body.push_str(name);
            body.push('=');
            encode(value, &mut body);
        }
        let request = self
            .authorized(self.http.post(format!("{}{path}", self.read_url)))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        let mut response = request.send().await.map_err(|error| failed(text_of(error)))?;
        let status = response.status();
        if !status.is_success() {
            return Err(failed(format!("{status}: {}", short_body(response).await)));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(text_of(error)))? {
            if bytes.len() + chunk.len() > MOST_ANSWER_BYTES {
                return Err(failed("the answer is too large".to_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&bytes).map_err(|error| failed(format!("the answer cannot be read: {error}")))
    }

    fn authorized(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

/// What went wrong with all its causes, without the address: it may hold a tenant's secret path.
fn text_of(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The beginning of a body, for a message.
async fn short_body(mut response: reqwest::Response) -> String {
    let first = response.chunk().await.ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(first.get(..MOST_TEXT).unwrap_or(&first)).trim().to_owned();
    if text.is_empty() { "without words".to_owned() } else { text }
}

/// Writes a value of a form.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte as char);
        } else {
            // Writing into a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}
