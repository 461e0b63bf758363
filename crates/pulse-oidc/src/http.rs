//! Asking a provider: HTTPS with the machine's authorities or a bundle of one's own, no redirects, bounded answers, and
//! every address is judged before it is connected to.
//!
//! A provider in the own network is the usual case here, and one on this machine not rare: both are open. Closed is what no
//! provider is ever at: link-local addresses and the metadata services of clouds among them.

use std::{
    io::Read,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt;
use pulse_core::net_guard::{self, AddressClass, Policy};
use reqwest::{
    RequestBuilder, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// A provider gets this long to answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// And this long to take the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// No bundle of authorities is larger.
const MAX_BUNDLE_BYTES: u64 = 4 * 1024 * 1024;
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

/// The addresses a provider may be at.
fn permitted(found: impl IntoIterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, net_guard::Blocked> {
    let allows = |address: IpAddr| net_guard::classify(address) != AddressClass::LinkLocal;
    Policy { allows }.permitted(found)
}

/// Resolves names for the client, so that it connects to what was judged.
#[derive(Debug)]
struct Guard;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Addrs = Box::new(permitted(found)?.into_iter());
            Ok(addresses)
        })
    }
}

/// An address may be asked: its scheme is one of ours, and a host that is an address already (no resolver sees it) is
/// permitted.
fn judged(url: &str) -> Result<Url, AskError> {
    let refused = |why: String| AskError::Unreachable(format!("the address is refused: {why}"));
    let url = Url::parse(url).map_err(|error| refused(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("only http and https are possible".to_owned()));
    }
    if let Some(address) = url.host_str().and_then(net_guard::literal) {
        permitted([SocketAddr::new(address, 0)]).map_err(|blocked| refused(blocked.to_string()))?;
    }
    Ok(url)
}

/// A bundle's text; what is no regular file, or too large for one, is not read.
fn read_bundle(path: &Path) -> Result<Vec<u8>, String> {
    // Asked before it is opened: opening a pipe waits for its other end.
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    file.take(MAX_BUNDLE_BYTES + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_BUNDLE_BYTES {
        return Err(format!("it is larger than {} MiB", MAX_BUNDLE_BYTES / 1024 / 1024));
    }
    Ok(text)
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
                let text = read_bundle(path).map_err(failed)?;
                for certificate in CertificateDer::pem_slice_iter(&text) {
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
            .dns_resolver(Arc::new(Guard))
            // A proxy would resolve the name anew, unjudged.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| ClientError::Tls(error.without_url().to_string()))?;
        Ok(Self(client))
    }

    pub(crate) async fn get_json(&self, url: &str) -> Result<serde_json::Value, AskError> {
        json(send(self.0.get(judged(url)?)).await?).await
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
            .post(judged(url)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_that_is_a_metadata_service_is_refused_in_every_spelling() {
        for url in [
            "http://169.254.169.254/latest/meta-data",
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://[::ffff:169.254.169.254]/",
            "http://[fd00:ec2::254]/",
            "http://[fe80::1]/",
            "http://169.254.7.7/",
            "http://100.100.100.200/",
            "http://0.0.0.0:9000/",
            "http://[::]/",
            "file:///etc/passwd",
            "gopher://10.0.0.1/",
            "no address",
        ] {
            let error = judged(url).unwrap_err().to_string();
            assert!(error.starts_with("the address is refused"), "{url}: {error}");
        }
    }

    #[test]
    fn an_issuer_in_the_own_network_is_allowed() {
        for url in [
            "https://192.168.1.9:8443/realms/lab",
            "https://10.0.0.1",
            "http://127.0.0.1:3000",
            "http://[fd12::1]",
            "https://id.example.org",
        ] {
            assert!(judged(url).is_ok(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_also_leads_inside_is_refused_as_a_whole() {
        let addresses = |list: &[&str]| {
            list.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect::<Vec<_>>()
        };
        assert!(permitted(addresses(&["10.0.0.1", "8.8.8.8"])).is_ok());
        assert!(permitted(addresses(&["8.8.8.8", "169.254.169.254"])).is_err());
        assert!(permitted(addresses(&[])).is_err());
    }

    #[test]
    fn a_bundle_is_a_file_of_bounded_size() {
        let refused = |path: &str| match HttpClient::new(Some(Path::new(path))) {
            Ok(_) => panic!("{path} was taken"),
            Err(error) => error.to_string(),
        };
        assert!(refused("/dev/zero").contains("no file"));
        assert!(refused("/").contains("no file"));
        assert!(refused("/nowhere/ca.pem").contains("No such file"));
    }
}
