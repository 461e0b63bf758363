//! Which certificate is believed.
//!
//! Three rules, and no fourth: a pinned SHA-256 fingerprint (then neither name nor authority matter), the authorities
//! this machine trusts, or anything at all where the operator switched the check off. The handshake's signature is
//! verified in every case, so that a copied certificate without its key never passes.
//!
//! The authorities are those of the operating system and not a list built in: the usual reason to check a Proxmox
//! certificate by authority is a private one (Proxmox's own cluster authority, a company's), which an administrator
//! installs there.

use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::Fingerprint;

/// Which certificate a server must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Exactly this one.
    Pinned(Fingerprint),
    /// One that an authority known to this machine signed for the name.
    Authorities,
    /// Any.
    Anything,
}

/// Why a certificate was not believed. Carried through rustls so that the message can show both fingerprints.
#[derive(Debug, Clone)]
pub(crate) struct CertificateFault {
    /// What the server showed.
    pub(crate) presented: Fingerprint,
    /// Which it had to be, when one is pinned.
    pub(crate) expected: Option<Fingerprint>,
    /// What the check by authority found wrong.
    pub(crate) detail: Option<String>,
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "certificate {} is not accepted", self.presented)
    }
}

impl std::error::Error for CertificateFault {}

/// Why no TLS configuration can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The operating system has no certificate store.
    #[error(
        "this machine has no certificate authorities to check against: install the package ca-certificates, \
         or set the certificate's fingerprint"
    )]
    NoAuthorities,
    /// The TLS library refuses the configuration.
    #[error("the TLS configuration cannot be made: {0}")]
    Refused(String),
}

/// The TLS configuration for a server that must show such a certificate.
pub(crate) fn client_config(trust: Trust) -> Result<ClientConfig, TrustError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new(trust, &provider)?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TrustError::Refused(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

#[derive(Debug)]
struct Verifier {
    rule: Rule,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
enum Rule {
    Pinned(Fingerprint),
    Authorities(Arc<WebPkiServerVerifier>),
    Anything,
}

impl Verifier {
    fn new(trust: Trust, provider: &Arc<CryptoProvider>) -> Result<Self, TrustError> {
        let rule = match trust {
            Trust::Pinned(fingerprint) => Rule::Pinned(fingerprint),
            Trust::Anything => Rule::Anything,
            Trust::Authorities => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err(TrustError::NoAuthorities);
                }
                let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                    .build()
                    .map_err(|error| TrustError::Refused(error.to_string()))?;
                Rule::Authorities(inner)
            }
        };
        Ok(Self { rule, algorithms: provider.signature_verification_algorithms })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let fault = |expected, detail| {
            let presented = Fingerprint::of(end_entity);
            rustls::Error::Other(OtherError(Arc::new(CertificateFault { presented, expected, detail })))
        };
        match &self.rule {
            Rule::Anything => Ok(ServerCertVerified::assertion()),
            Rule::Pinned(expected) if Fingerprint::of(end_entity) == *expected => {
                Ok(ServerCertVerified::assertion())
            }
            Rule::Pinned(expected) => Err(fault(Some(*expected), None)),
            Rule::Authorities(inner) => inner
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| fault(None, Some(plain(&error)))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What the check by authority found wrong, in words.
fn plain(error: &rustls::Error) -> String {
    use rustls::CertificateError as C;
    let rustls::Error::InvalidCertificate(why) = error else { return error.to_string() };
    match why {
        C::UnknownIssuer => "no authority known to this machine signed it (it may be self-signed)".into(),
        C::Expired | C::ExpiredContext { .. } => "it has expired".into(),
        C::NotValidYet | C::NotValidYetContext { .. } => "it is not valid yet; check the clocks".into(),
        C::NotValidForName | C::NotValidForNameContext { .. } => "it was made for another name".into(),
        C::Revoked => "it was revoked".into(),
        other => other.to_string(),
    }
}
