//! A client that trusts exactly one certificate, as a server that watches the cluster would.

use std::{sync::Arc, time::Duration};

use hyper::ext::ReasonPhrase;
use jiff::{SignedDuration, Timestamp};
use pulse_core::ManualClock;
use pulse_sim::{Appliance, Cluster, EstateOptions};
use reqwest::{Method, RequestBuilder, Response};
use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use serde_json::Value;

/// An instant in the middle of a working day.
pub const NOON: i64 = 1_790_683_200;

/// A cluster with a clock that a test moves.
pub struct Scene {
    pub cluster: Cluster,
    pub clock: Arc<ManualClock>,
    pub client: Client,
}

impl Scene {
    pub async fn new(options: EstateOptions) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(NOON).unwrap()));
        let cluster = Cluster::start_with(options, clock.clone()).await.unwrap();
        let client = Client::of(&cluster, 0);
        Self { cluster, clock, client }
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }
}

#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// An answer, read completely.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub reason: String,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub fn data(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["data"].clone()
    }
}

impl Client {
    /// A client of the cluster's `index`th endpoint, with the API token.
    pub fn of(cluster: &Cluster, index: usize) -> Self {
        let endpoint = &cluster.endpoints()[index];
        Self {
            http: pinned(&endpoint.fingerprint),
            base: format!("{}/api2/json", endpoint.url),
            token: Some(format!("PVEAPIToken={}={}", cluster.token_name(), cluster.token_value())),
        }
    }

    /// A client of a machine that stands for itself, with this `Authorization` header.
    pub fn of_machine(machine: &Appliance, authorization: Option<String>) -> Self {
        let access = machine.access();
        Self {
            http: pinned(&access.fingerprint),
            base: format!("{}/api2/json", access.url),
            token: authorization,
        }
    }

    pub fn anonymous(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.header("Authorization", token),
            None => request,
        }
    }

    pub async fn try_get(&self, path: &str) -> reqwest::Result<Answer> {
        read(self.request(Method::GET, path).send().await?).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.try_get(path).await.unwrap_or_else(|error| panic!("GET {path}: {error:?}"))
    }

    pub async fn data(&self, path: &str) -> Value {
        self.get(path).await.data()
    }
}

pub async fn read(response: Response) -> reqwest::Result<Answer> {
    let status = response.status();
    let reason = response.extensions().get::<ReasonPhrase>().map_or_else(
        || status.canonical_reason().unwrap_or_default().to_owned(),
        |reason| String::from_utf8_lossy(reason.as_bytes()).into_owned(),
    );
    let headers = response.headers().clone();
    Ok(Answer { status: status.as_u16(), reason, headers, text: response.text().await? })
}

/// Accepts one certificate and no other.
#[derive(Debug)]
struct Pin {
    fingerprint: String,
    provider: Arc<CryptoProvider>,
}

fn pinned(fingerprint: &str) -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pin = Pin { fingerprint: fingerprint.to_owned(), provider: provider.clone() };
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pin))
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap()
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let digest = ring::digest::digest(&ring::digest::SHA256, leaf);
        let pairs: Vec<_> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        if pairs.join(":") == self.fingerprint {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General("another certificate than the pinned one".into()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
