//! A small client for the Kubernetes API: GET of JSON, page by page, and watches line by line.
//!
//! Our own because the report needs a dozen fields of six kinds. Bodies and lines are bounded, redirects are not
//! followed, and of each object only the needed fields are ever in memory.

use std::{sync::Arc, time::Duration};

use http::{StatusCode, header};
use reqwest::{Client, Response};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde::de::DeserializeOwned;

use super::{KubernetesError, access::Access};
use crate::{command::RunCommand, link};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Between two pieces of an answer; a watch's server sends bookmarks about once a minute.
const READ_LIMIT: Duration = Duration::from_secs(150);
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// A page of 250 large pods stays below.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
/// No object is larger; etcd refuses them.
const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

/// Asks one cluster.
pub(super) struct KubeClient {
    client: Client,
    access: Access,
    runner: Arc<dyn RunCommand>,
}

impl KubeClient {
    pub(super) fn new(access: Access, runner: Arc<dyn RunCommand>) -> Result<Self, KubernetesError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls(&access)?)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .read_timeout(READ_LIMIT)
            .user_agent(concat!("pulse-kubernetes-agent/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .build()
            .map_err(|error| KubernetesError::Setup(link::reason(&error)))?;
        Ok(Self { client, access, runner })
    }

    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// The decoded answer to a GET.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, KubernetesError> {
        let work = async {
            let mut response = self.send(path).await?;
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| broken(path, &error))? {
                if body.len() + chunk.len() > MAX_BODY_BYTES {
                    return Err(KubernetesError::odd(path, "it is too long"));
                }
                body.extend_from_slice(&chunk);
            }
            serde_json::from_slice(&body).map_err(|error| KubernetesError::odd(path, &error.to_string()))
        };
        match tokio::time::timeout(REQUEST_LIMIT, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(KubernetesError::Unreachable {
                path: path.to_owned(),
                reason: "there was no answer in time".to_owned(),
            }),
        }
    }

    /// A watch.
    pub(super) async fn watch(&self, path: &str) -> Result<Lines, KubernetesError> {
        let opened = tokio::time::timeout(REQUEST_LIMIT, self.send(path)).await;
        let response = opened.map_err(|_| KubernetesError::Unreachable {
            path: path.to_owned(),
            reason: "there was no answer in time".to_owned(),
        })??;
        Ok(Lines { response, path: path.to_owned(), buffer: Vec::new(), is_over: false })
    }

    async fn send(&self, path: &str) -> Result<Response, KubernetesError> {
        let mut request = self
            .client
            .get(format!("{}{path}", self.access.server))
            .header(header::ACCEPT, "application/json");
        if let Some(value) = self.access.credential.header(&self.runner).await? {
            request = request.header(header::AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(|error| broken(path, &error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let path = path.split('?').next().unwrap_or_default().to_owned();
        Err(match status {
            StatusCode::UNAUTHORIZED => KubernetesError::Unauthorized,
            StatusCode::FORBIDDEN => KubernetesError::Forbidden { path },
            StatusCode::GONE => KubernetesError::Gone,
            status => KubernetesError::Status { path, status: status.as_u16() },
        })
    }
}

fn broken(path: &str, error: &reqwest::Error) -> KubernetesError {
    KubernetesError::Unreachable {
        path: path.split('?').next().unwrap_or_default().to_owned(),
        reason: link::reason(error),
    }
}

/// The lines of a watch.
pub(super) struct Lines {
    response: Response,
    path: String,
    buffer: Vec<u8>,
    is_over: bool,
}

impl Lines {
    /// The next line; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, KubernetesError> {
        loop {
            if let Some(at) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(at + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.truncate(at);
                return Ok(Some(line));
            }
            if self.is_over {
                return Ok(None);
            }
            match self.response.chunk().await.map_err(|error| broken(&self.path, &error))? {
                Some(chunk) if self.buffer.len() + chunk.len() > MAX_LINE_BYTES => {
                    return Err(KubernetesError::odd(&self.path, "an object is too long"));
                }
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => self.is_over = true,
            }
        }
    }
}

fn tls(access: &Access) -> Result<ClientConfig, KubernetesError> {
    let wrong = |what: &str| KubernetesError::Setup(what.to_owned());
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| KubernetesError::Setup(error.to_string()))?;
    let builder = if access.is_insecure {
        builder.dangerous().with_custom_certificate_verifier(link::accept_any(provider))
    } else {
        let mut roots = RootCertStore::empty();
        match &access.authority {
            Some(pem) => {
                let found: Vec<CertificateDer<'_>> =
                    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect();
                if roots.add_parsable_certificates(found).0 == 0 {
                    return Err(wrong("the cluster's certificate authority holds no certificate"));
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        match &access.server_name {
            None => builder.with_root_certificates(roots),
            Some(name) => {
                let verifier = link::verify_as(name, roots, provider).map_err(KubernetesError::Setup)?;
                builder.dangerous().with_custom_certificate_verifier(verifier)
            }
        }
    };
    let Some((certificate, key)) = &access.identity else { return Ok(builder.with_no_client_auth()) };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(certificate).filter_map(Result::ok).collect();
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| wrong("the client key is no PEM key"))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| KubernetesError::Setup(format!("the client certificate cannot be used: {error}")))
}
