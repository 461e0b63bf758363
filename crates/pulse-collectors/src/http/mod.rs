//! One HTTPS client for one address: certificate rules, limits, and errors that a person can act on.
//!
//! What it never does: follow a redirection, use a proxy of the environment, ask for compression, read a body
//! without a limit, keep a connection longer than Proxmox does, put a header or a body into an error.

mod fault;
mod fingerprint;
mod tls;

use std::{sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, StatusCode};
use pulse_core::model::InstanceKind;
use reqwest::{Response, Url, redirect};
use serde::Deserialize;
use tokio::{sync::Semaphore, time::Instant};

pub use fingerprint::Fingerprint;
pub use tls::{Authority, Trust, TrustError};
pub(crate) use tls::{CertificateRules, client_config};

use crate::{
    dns::{self, Resolver},
    error::PollError,
};

/// No real answer comes near this; a listing of 10,000 guests is about 5 MB.
const BODY_LIMIT_MEBIBYTES: usize = 64;
/// Memory taken on the word of a `Content-Length` before the bytes are there. Of answers that are larger one at a time
/// is taken in: several calls at once to a host gone mad must not take several times the limit.
const TRUSTED_LENGTH: usize = 4 << 20;
/// Proxmox drops an idle connection after 5 s; going first avoids a race in which a request is lost.
const IDLE_LIMIT: Duration = Duration::from_secs(4);
/// An error in plain text is no longer than this.
const PLAIN_TEXT_LIMIT: usize = 4096;
/// An error's text is cut here.
const TEXT_LIMIT: usize = 300;
/// Longest wait for the head of an answer. A refused login is held back for 3 s, and a call that needs more than
/// this is not one to repeat every few seconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Limits of single requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, TLS included.
    pub connect: Duration,
    /// For a whole request; the head of the answer has at most 10 s of it.
    pub request: Duration,
}

impl Timeouts {
    /// The whole request in this time, 10 s of it at most to connect.
    pub fn with_request(request: Duration) -> Self {
        Self { connect: request.min(Duration::from_secs(10)), request }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::with_request(Duration::from_mins(1))
    }
}

/// The base URL of an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    url: Url,
    /// `host:port`, for messages.
    name: String,
}

impl Address {
    /// Reads `scheme://host:port`. Without a scheme it is HTTPS, and without that and a port it is `default_port`.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, PollError> {
        let wrong = |detail: &str| PollError::Address { host: text.to_owned(), detail: detail.to_owned() };
        let text = text.trim();
        let has_scheme = text.contains("://");
        let url = if has_scheme { text.to_owned() } else { format!("https://{text}") };
        let mut url = Url::parse(&url).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(wrong("only https and http are spoken"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PollError::Address {
                host: url.host_str().unwrap_or_default().to_owned(),
                detail: "credentials do not belong into the address".into(),
            });
        }
        // `Url` forgets a port that is the scheme's own; without a scheme it was still meant.
        let authority = text.split('/').next().unwrap_or_default();
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
        if !has_scheme && !has_port {
            url.set_port(Some(default_port)).map_err(|()| wrong("it has no host"))?;
        }
        let Some(host) = url.host_str() else { return Err(wrong("it has no host")) };
        let name = format!("{host}:{}", url.port_or_known_default().unwrap_or(default_port));
        url.set_path("");
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self { url, name })
    }

    /// The host without port.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// Whether TLS is spoken.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// `scheme://host:port`, without a slash at the end.
    pub fn origin(&self) -> String {
        let port = self.url.port_or_known_default().unwrap_or_default();
        format!("{}://{}:{port}", self.url.scheme(), self.host())
    }
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Payload<'a> {
    /// A `GET`.
    None,
    /// A `POST` of an encoded form.
    Form(&'a str),
    /// A `PUT` of an encoded form.
    Put(&'a str),
}

/// A client for one address.
#[derive(Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    address: Address,
    trust: Trust,
    timeouts: Timeouts,
    product: InstanceKind,
    /// Passed by whatever becomes larger than [`TRUSTED_LENGTH`].
    large: Semaphore,
}

impl HttpClient {
    /// A client; no connection is made yet.
    pub fn new(address: Address, trust: Trust, timeouts: Timeouts) -> Result<Self, PollError> {
        let tls = tls::client_config(&trust)
            .map_err(|source| PollError::Trust { host: address.name.clone(), source })?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("Pulse/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .connect_timeout(timeouts.connect)
            .dns_resolver(Arc::new(Resolver(dns::resolver())))
            .pool_idle_timeout(IDLE_LIMIT)
            .build()
            .map_err(|error| PollError::Trust {
                host: address.name.clone(),
                source: TrustError::Refused(error.without_url().to_string()),
            })?;
        Ok(Self { client, address, trust, timeouts, product: InstanceKind::Pve, large: Semaphore::new(1) })
    }

    /// The same for another product than Proxmox VE: errors are worded, and advice given, for that one.
    #[must_use]
    pub fn of(self, product: InstanceKind) -> Self {
        Self { product, ..self }
    }

    /// Where it connects to.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// `host:port`, for messages.
    pub fn name(&self) -> &str {
        &self.address.name
    }

    /// Which certificate it believes.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Sends one request and returns the body of a 2xx answer as text.
    pub(crate) async fn send(
        &self,
        path: &str,
        payload: Payload<'_>,
        headers: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<String, PollError> {
        let mut url = self.address.url.clone();
        let (path_part, query) =
            path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("/api2/json{path_part}"));
        url.set_query(query);
        let with_form = |request: reqwest::RequestBuilder, form: &str| {
            request
                .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.to_owned())
        };
        let request = match payload {
            Payload::None => self.client.get(url),
            Payload::Form(form) => with_form(self.client.post(url), form),
            Payload::Put(form) => with_form(self.client.put(url), form),
        };
        let request = request.headers(headers.into_iter().collect());
        let fail = |error: reqwest::Error| fault::explain(self, path, &error);
        let limit = self.timeouts.request.min(ANSWER_LIMIT.max(self.timeouts.connect));
        let began = Instant::now();
        let response = tokio::time::timeout(limit, request.timeout(self.timeouts.request).send())
            .await
            .map_err(|_| self.timed_out(path, limit))?
            .map_err(fail)?;
        let status = response.status();
        let reason = reason_phrase(&response);
        if status.is_redirection() {
            return Err(self.not_the_api(path, "a redirection"));
        }
        let body = self.read(response, path, began).await?;
        if status.is_success() {
            if body.trim_start().starts_with('<') {
                return Err(self.not_the_api(path, "a web page"));
            }
            return Ok(body);
        }
        Err(self.refusal(path, status, &reason, &body))
    }

    /// Reads the body piece by piece, at most [`BODY_LIMIT_MEBIBYTES`] of it.
    async fn read(&self, mut response: Response, path: &str, began: Instant) -> Result<String, PollError> {
        let too_large = || PollError::TooLarge {
            host: self.name().to_owned(),
            call: path.to_owned(),
            limit_mebibytes: BODY_LIMIT_MEBIBYTES,
        };
        let limit = BODY_LIMIT_MEBIBYTES << 20;
        let announced = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(too_large());
        }
        let mut body = Vec::with_capacity(announced.min(TRUSTED_LENGTH));
        let too_slow = |received_bytes| PollError::TooSlow {
            host: self.name().to_owned(),
            call: path.to_owned(),
            limit: self.timeouts.request,
            received_bytes,
        };
        let mut turn = None;
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) if error.is_timeout() => return Err(too_slow(body.len())),
                Err(error) => return Err(fault::explain(self, path, &error)),
            };
            let length = body.len() + chunk.len();
            if length > limit {
                return Err(too_large());
            }
            if length > TRUSTED_LENGTH && turn.is_none() {
                let wait = tokio::time::timeout_at(began + self.timeouts.request, self.large.acquire());
                turn = Some(wait.await.map_err(|_| too_slow(body.len()))?);
            }
            body.extend_from_slice(&chunk);
        }
        drop(turn);
        // A note in an old character set must not cost the whole listing.
        Ok(String::from_utf8(body)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// An answer that is not 2xx.
    fn refusal(&self, path: &str, status: StatusCode, reason: &str, body: &str) -> PollError {
        let host = self.name().to_owned();
        let call = path.to_owned();
        let is_page = body.trim_start().starts_with('<');
        // A proxy's page for a dead backend says 502 and is no sign of a wrong port.
        if is_page && !status.is_server_error() {
            return self.not_the_api(path, "a web page");
        }
        let text = if is_page { tidy(reason) } else { said(body, reason) };
        match status.as_u16() {
            401 => PollError::Authentication { host, credentials: "the credentials".into(), detail: text },
            403 => PollError::Permission { host, call, detail: permission_advice(&text, self.product) },
            code @ 595..=599 => match node_of(path) {
                Some(node) => PollError::NodeUnreachable { host, node: node.to_owned(), status: code, text },
                None => PollError::Status { host, call, status: code, text },
            },
            code => PollError::Status { host, call, status: code, text },
        }
    }

    fn not_the_api(&self, path: &str, what: &str) -> PollError {
        PollError::NotTheApi { host: self.name().to_owned(), call: path.to_owned(), what: what.to_owned() }
    }

    fn timed_out(&self, path: &str, limit: Duration) -> PollError {
        PollError::Timeout { host: self.name().to_owned(), call: path.to_owned(), limit }
    }
}

/// The node in `/nodes/{node}/…`.
pub(crate) fn node_of(path: &str) -> Option<&str> {
    path.strip_prefix("/nodes/")?.split('/').next().filter(|node| !node.is_empty())
}

/// The reason phrase. For 401 and 595 to 599 it is the only text Proxmox sends.
fn reason_phrase(response: &Response) -> String {
    match response.extensions().get::<hyper::ext::ReasonPhrase>() {
        Some(phrase) => String::from_utf8_lossy(phrase.as_bytes()).into_owned(),
        None => response.status().canonical_reason().unwrap_or_default().to_owned(),
    }
}

/// What the server says: the message of a JSON body with its parameter errors, else the reason phrase.
fn said(body: &str, reason: &str) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(default)]
        message: Option<String>,
        #[serde(default)]
        errors: Option<std::collections::BTreeMap<String, serde_json::Value>>,
    }
    let Ok(refusal) = serde_json::from_str::<Refusal>(body) else {
        // A backup server words its errors in plain text.
        let is_text = !body.trim().is_empty() && body.len() <= PLAIN_TEXT_LIMIT && !body.contains('{');
        return tidy(if is_text { body } else { reason });
    };
    let mut text = refusal.message.unwrap_or_else(|| reason.to_owned());
    for (field, why) in refusal.errors.iter().flatten().take(5) {
        let why = why.as_str().map_or_else(|| why.to_string(), str::to_owned);
        text = format!("{} {field}: {}", text.trim_end(), why.trim_end());
    }
    tidy(&text)
}

/// One line without control characters, not too long.
fn tidy(text: &str) -> String {
    let mut line: String =
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_LIMIT).collect();
    line.truncate(line.trim_end().len());
    line
}

/// `Permission check failed (/nodes/a, Sys.Audit)` with what to do about it.
fn permission_advice(text: &str, product: InstanceKind) -> String {
    let remedy = match product {
        InstanceKind::Pve => "give the user and its token the role PVEAuditor on /",
        InstanceKind::Pbs => "give both the user and its token the role Audit on /",
        InstanceKind::Pmg => "give the user the role Auditor",
    };
    let inner = text.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(inner, _)| inner);
    let Some((path, privilege)) = inner.and_then(|inner| inner.split_once(',')) else {
        return format!("{text}; {remedy}");
    };
    let (path, privilege) = (path.trim(), privilege.trim());
    if product == InstanceKind::Pve {
        // The rights that the auditor's role has; for others there is no role that would not give more than is
        // needed.
        const OF_AUDITOR: [&str; 6] =
            ["Datastore.Audit", "Mapping.Audit", "Pool.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit"];
        let role =
            if OF_AUDITOR.contains(&privilege) { "the role PVEAuditor on /" } else { "a role that has it" };
        return format!(
            "the credentials lack {privilege} on {path}; give the user, and the token if its privileges are \
             separated, {role}"
        );
    }
    format!("the credentials lack {privilege} on {path}; {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, origin) in [
            ("https://192.0.2.1:8006", "https://192.0.2.1:8006"),
            ("https://pve.example:8006/", "https://pve.example:8006"),
            ("pve.example", "https://pve.example:8006"),
            ("pve.example:443", "https://pve.example:443"),
            ("https://pve.example", "https://pve.example:443"),
            ("http://127.0.0.1:80", "http://127.0.0.1:80"),
            (" https://[2001:db8::1]:8006 ", "https://[2001:db8::1]:8006"),
            ("https://pve.example:8006/ui?x=1#v", "https://pve.example:8006"),
        ] {
            assert_eq!(Address::parse(text, 8006).unwrap().origin(), origin, "{text}");
        }
        for text in ["", "https://", "ftp://x", "https://a b", "https://host:99999"] {
            let error = Address::parse(text, 8006).unwrap_err();
            assert!(matches!(error, PollError::Address { .. }), "{text}: {error}");
        }
        let error = Address::parse("https://root:hunter2@pve:8006", 8006).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_missing_right_is_named_with_its_path() {
        let text = permission_advice("Permission check failed (/nodes/pve1, Sys.Audit)", InstanceKind::Pve);
        assert!(text.contains("lack Sys.Audit on /nodes/pve1"), "{text}");
        assert!(permission_advice("nope", InstanceKind::Pve).starts_with("nope;"));
        assert!(permission_advice("permission check failed", InstanceKind::Pbs).contains("role Audit on /"));
    }

    #[test]
    fn a_refusal_says_what_the_body_says_else_the_reason() {
        assert_eq!(said("", "No ticket"), "No ticket");
        assert_eq!(said("{\"half", "Bad\r\n thing"), "Bad   thing");
        assert_eq!(said("no such datastore 'x'\n", "Bad Request"), "no such datastore 'x'");
        assert_eq!(
            said(r#"{"data":null,"message":"hostname lookup failed\n"}"#, "x"),
            "hostname lookup failed"
        );
        assert_eq!(
            said(r#"{"message":"Parameter verification failed.\n","errors":{"ds":"not allowed\n"}}"#, "x"),
            "Parameter verification failed. ds: not allowed"
        );
        assert_eq!(said(&format!(r#"{{"message":"{}"}}"#, "y".repeat(5000)), "x").len(), TEXT_LIMIT);
    }
}
