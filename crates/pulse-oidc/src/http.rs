//! Asking a provider: HTTPS with the machine's authorities or a bundle of one's own, no redirects, bounded answers.

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::StreamExt;
use reqwest::{RequestBuilder, Response, redirect};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// A provider gets this long to answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// No answer of a provider is larger.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The bundle cannot be read.
    #[error("the CA bundle {path} cannot be read: {detail}")]
    Bundle {
        /// Where.
        path: String,
        /// Why.
        detail: String,
    },
    /// The machine has no authorities.
    #[error(
        "this machine has no certificate authorities: install the package ca-certificates, or set a CA bundle"
    )]
    NoAuthorities,
    /// The TLS library refuses.
    #[error("the TLS configuration cannot be made: {0}")]
    Tls(String),
}

/// Why a provider gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AskError {
    /// It could not be reached.
    #[error("{0}")]
    Unreachable(String),
    /// It answered with an error.
    #[error("it answers {status}{}", if text.is_empty() { String::new() } else { format!(": {text}") })]
    Status {
        /// Status.
        status: u16,
        /// The provider's own error code, where it sent one.
        text: String,
    },
    /// The answer is too large or no JSON.
    #[error("its answer is {0}")]
    Unusable(&'static str),
}

/// Reaches one provider.
#[derive(Debug, Clone)]
pub struct HttpClient(reqwest::Client);

impl HttpClient {
    /// A client that believes the machine's authorities, or those of a PEM file. Blocks for the disk.
    pub fn new(ca_bundle: Option<&Path>) -> Result<Self, ClientError> {
        let mut roots = RootCertStore::empty();
        match ca_bundle {
            Some(path) => {
                let failed =
                    |detail: String| ClientError::Bundle { path: path.display().to_string(), detail };
                let certificates =
                    CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
                for certificate in certificates {
                    let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                    roots.add(certificate).map_err(|error| failed(error.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(failed("there is no certificate in it".to_owned()));
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ClientError::Tls(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("Pulse/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| ClientError::Tls(error.without_url().to_string()))?;
        Ok(Self(client))
    }

    pub(crate) async fn get_json(&self, url: &str) -> Result<serde_json::Value, AskError> {
        json(send(self.0.get(url)).await?).await
    }

    /// Posts a form; `basic` is user and password of the request.
    pub(crate) async fn post_form(
        &self,
        url: &str,
        body: String,
        basic: Option<(&str, &str)>,
    ) -> Result<serde_json::Value, AskError> {
        let mut request = self
            .0
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(body);
        if let Some((user, password)) = basic {
            request = request.basic_auth(user, Some(password));
        }
        json(send(request).await?).await
    }
}

async fn send(request: RequestBuilder) -> Result<Response, AskError> {
    request.send().await.map_err(|error| {
        // The innermost cause says most; the outer ones repeat the address.
        let mut detail = String::new();
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(inner) = cause {
            detail = inner.to_string();
            cause = inner.source();
        }
        AskError::Unreachable(if error.is_timeout() {
            "it does not answer in time".to_owned()
        } else {
            detail
        })
    })
}

async fn json(response: Response) -> Result<serde_json::Value, AskError> {
    let status = response.status();
    let mut bytes = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|error| AskError::Unreachable(error.without_url().to_string()))?;
        if bytes.len() + part.len() > MAX_ANSWER_BYTES {
            return Err(AskError::Unusable("too large"));
        }
        bytes.extend_from_slice(&part);
    }
    let value: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    if !status.is_success() {
        let code = value.as_ref().and_then(|value| value.get("error")).and_then(|code| code.as_str());
        let text = code.unwrap_or_default().chars().filter(|c| !c.is_control()).take(64).collect();
        return Err(AskError::Status { status: status.as_u16(), text });
    }
    value.ok_or(AskError::Unusable("no JSON"))
}
