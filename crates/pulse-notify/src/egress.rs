//! The way out for HTTP: every address is judged before it is connected to, those of redirects too.
//!
//! Names are resolved by a resolver of our own that lets only permitted addresses through, so that the connection goes to
//! what was judged; hosts that are addresses already never reach a resolver and are judged first.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use pulse_config::{Cidr, Secret, store::system::SystemSettingsStore};
use pulse_core::net_guard::{self, Policy};
use reqwest::{
    Method, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
    redirect,
};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::error::{SendError, Sent};

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 3;
/// Bytes of an answer that are read; of these, so many characters are kept.
const MOST_ANSWER_BYTES: usize = 1 << 20;
const MOST_KEPT: usize = 300;
/// Shorter ones are numbers and words that stand in every answer.
const SHORTEST_SECRET: usize = 6;
/// A receiver that asks for more patience than this gets this.
const MOST_PATIENCE: Duration = Duration::from_secs(3600);

/// A request.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// `POST` mostly.
    pub method: String,
    /// Where to.
    pub url: String,
    /// Type of the body.
    pub content_type: &'static str,
    /// Headers beside it.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: String,
    /// How long it may take, redirects included.
    pub timeout: Duration,
    /// Whether any certificate will do.
    pub accepts_any_certificate: bool,
    /// Behind the product in the `User-Agent`.
    pub agent_suffix: &'static str,
    /// What must not be kept of an answer: some receivers quote what they refuse.
    pub secrets: Vec<Secret>,
}

/// The way out.
#[derive(Debug, Clone)]
pub struct Egress {
    strict: reqwest::Client,
    lax: reqwest::Client,
    guard: Guard,
}

/// Private networks that the operator allows.
#[derive(Debug, Clone)]
struct Guard {
    settings: Arc<SystemSettingsStore>,
}

impl Guard {
    fn policy(&self) -> Policy<impl Fn(IpAddr) -> bool> {
        let text = self.settings.current().webhook_allowed_private_cidrs.clone();
        let allowed: Vec<Cidr> = text.split(',').filter_map(|part| part.trim().parse().ok()).collect();
        Policy { allows: move |address| allowed.iter().any(|network| network.contains(address)) }
    }

    fn permitted(&self, found: impl IntoIterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, String> {
        self.policy().permitted(found).map_err(|blocked| {
            format!(
                "{blocked}; to send into your own network, add it to the networks that webhooks may reach \
                 (webhookAllowedPrivateCIDRs), such as 192.168.0.0/16"
            )
        })
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let permitted = guard.permitted(found)?;
            let addresses: Addrs = Box::new(permitted.into_iter());
            Ok(addresses)
        })
    }
}

impl Egress {
    /// A way out with the networks that `settings` allow, now and later.
    pub fn new(
        settings: Arc<SystemSettingsStore>,
        extra_roots: &[CertificateDer<'static>],
    ) -> Result<Self, String> {
        let guard = Guard { settings };
        let client = |is_lax: bool| {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls_config(is_lax, extra_roots)?)
                .dns_resolver(Arc::new(guard.clone()))
                .redirect(redirect::Policy::none())
                .no_proxy()
                .referer(false)
                .http1_only()
                .connect_timeout(Duration::from_secs(10))
                // A network that is no longer allowed must not be reached over an old connection for long.
                .pool_idle_timeout(Duration::from_secs(15))
                .build()
                .map_err(|error| error.without_url().to_string())
        };
        Ok(Self { strict: client(false)?, lax: client(true)?, guard })
    }

    /// Whether a URL may be kept as a target: its scheme, and its addresses as they are now.
    pub async fn check(&self, url: &str) -> Result<(), String> {
        let url = self.parse(url)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        if net_guard::literal(&host).is_some() {
            return Ok(());
        }
        let port = url.port_or_known_default().unwrap_or(80);
        let found =
            tokio::time::timeout(Duration::from_secs(5), tokio::net::lookup_host((host.as_str(), port)));
        match found.await {
            Ok(Ok(found)) => self.guard.permitted(found).map(drop),
            Ok(Err(error)) => Err(format!("{host} is not found: {error}")),
            Err(_) => Err(format!("{host} is not found: no answer in time")),
        }
    }

    /// Judges what can be judged without a resolver.
    fn parse(&self, url: &str) -> Result<Url, String> {
        let url = Url::parse(url.trim()).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("only http and https are possible".into());
        }
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return Err("the host is missing".into());
        };
        let metadata = ["metadata.google.internal", "metadata.goog"];
        if metadata.contains(&host.trim_end_matches('.').to_ascii_lowercase().as_str()) {
            return Err("cloud metadata services are no targets".into());
        }
        if let Some(address) = net_guard::literal(host) {
            self.guard.permitted([SocketAddr::new(address, 0)])?;
        }
        Ok(url)
    }

    /// Sends a request and follows its redirects.
    pub async fn send(&self, request: &Outgoing) -> Result<Sent, SendError> {
        match tokio::time::timeout(request.timeout, self.follow(request)).await {
            Ok(result) => result,
            Err(_) => {
                Err(SendError::transient(format!("no answer within {} seconds", request.timeout.as_secs())))
            }
        }
    }

    async fn follow(&self, request: &Outgoing) -> Result<Sent, SendError> {
        let mut url =
            self.parse(&request.url).map_err(|why| SendError::permanent(format!("URL refused: {why}")))?;
        let origin = url.origin();
        let mut method = Method::from_bytes(request.method.to_ascii_uppercase().as_bytes())
            .map_err(|_| SendError::permanent("the method is no HTTP method"))?;
        let mut body = Some(request.body.clone());
        for _ in 0..=MOST_REDIRECTS {
            let response = self.once(request, &method, &url, body.clone(), url.origin() == origin).await?;
            if !response.status().is_redirection() {
                return answer(response, request).await;
            }
            let status = response.status().as_u16();
            let target = response.headers().get(LOCATION).and_then(|target| target.to_str().ok());
            let Some(target) = target.and_then(|target| url.join(target).ok()) else {
                return answer(response, request).await;
            };
            url = self
                .parse(target.as_str())
                .map_err(|why| SendError::permanent(format!("redirect refused: {why}")))?;
            if !matches!(status, 307 | 308) {
                (method, body) = (Method::GET, None);
            }
        }
        Err(SendError::permanent(format!("more than {MOST_REDIRECTS} redirects")))
    }

    async fn once(
        &self,
        request: &Outgoing,
        method: &Method,
        url: &Url,
        body: Option<String>,
        is_own_origin: bool,
    ) -> Result<Response, SendError> {
        let client = if request.accepts_any_certificate { &self.lax } else { &self.strict };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.content_type));
        let agent = format!("Pulse-Monitoring/2.0{}", request.agent_suffix);
        if let Ok(agent) = HeaderValue::from_str(&agent) {
            headers.insert(reqwest::header::USER_AGENT, agent);
        }
        // Headers may carry credentials: another host does not get them.
        for (name, value) in request.headers.iter().filter(|_| is_own_origin) {
            let name = HeaderName::from_bytes(name.trim().as_bytes())
                .map_err(|_| SendError::permanent(format!("{name:?} is no name of a header")))?;
            let mut value = HeaderValue::from_str(value).map_err(|_| {
                SendError::permanent(format!("the value of the header {name} cannot be sent"))
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut call = client.request(method.clone(), url.clone()).headers(headers);
        if let Some(body) = body {
            call = call.body(body);
        }
        call.send().await.map_err(|error| unreachable(&error))
    }
}

/// What a failed connection is about; the error's own text may hold the URL.
fn unreachable(error: &reqwest::Error) -> SendError {
    let mut reason = String::new();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    let is_refused = reason.contains("is not allowed as a target");
    let message = format!("cannot connect: {}", if reason.is_empty() { "unknown" } else { &reason });
    if is_refused { SendError::permanent(message) } else { SendError::transient(message) }
}

async fn answer(mut response: Response, request: &Outgoing) -> Result<Sent, SendError> {
    let payload_bytes = request.body.len();
    let status = response.status();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse::<f64>().ok())
        .filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
        .map(|seconds| Duration::from_secs_f64(seconds.min(MOST_PATIENCE.as_secs_f64())));
    let mut bytes = vec![];
    while let Ok(Some(part)) = response.chunk().await {
        bytes.extend_from_slice(&part);
        if bytes.len() > MOST_ANSWER_BYTES {
            break;
        }
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    for secret in request.secrets.iter().filter(|secret| secret.expose().len() >= SHORTEST_SECRET) {
        text = text.replace(secret.expose(), "REDACTED");
    }
    let text: String = text.trim().chars().take(MOST_KEPT).collect();
    if status.is_success() {
        return Ok(Sent { status: Some(status.as_u16()), response: text, payload_bytes });
    }
    let is_transient = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    Err(SendError {
        message: format!("webhook returned HTTP {}: {text}", status.as_u16()),
        status: Some(status.as_u16()),
        response: text,
        is_transient,
        retry_after,
    })
}

fn tls_config(is_lax: bool, extra_roots: &[CertificateDer<'static>]) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    if is_lax {
        let verifier = Arc::new(AnyCertificate(provider));
        return Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(extra_roots.iter().cloned());
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Takes every certificate: for an Apprise server whose operator says so.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
