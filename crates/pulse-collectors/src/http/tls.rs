//! Which certificate is believed.
//!
//! One rule is in force, the first that is set: a pinned SHA-256 fingerprint (then neither name nor authority matter),
//! authorities of the node's own (then no other is believed), the authorities this machine trusts, or anything at all
//! where the operator switched the check off. The handshake's signature is verified in every case, so that a copied
//! certificate without its key never passes.
//!
//! The authorities of the machine are those of the operating system and not a list built in: the usual reason to check
//! a Proxmox certificate by authority is a private one (Proxmox's own cluster authority, a company's).

use std::{fmt, sync::Arc};

use pulse_config::authority::{self, Certificate};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::Fingerprint;
use crate::PollError;

/// Which certificate a server must show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Exactly this one.
    Pinned(Fingerprint),
    /// One that these authorities, and no others, signed for the name.
    Authority(Arc<Authority>),
    /// One that an authority known to this machine signed for the name.
    Authorities,
    /// Any.
    Anything,
}

/// Authorities of an operator's own; at least one.
#[derive(Debug, PartialEq, Eq)]
pub struct Authority {
    certificates: Vec<Certificate>,
}

impl Authority {
    /// Reads certificates in PEM form.
    pub fn from_pem(pem: &str) -> Result<Self, pulse_config::AuthorityError> {
        authority::read_authorities(pem).map(|certificates| Self { certificates })
    }

    /// The certificates, in their order.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.certificates.iter().map(|it| format!("{:?}", it.subject)).collect();
        names.join(" or ")
    }
}

/// What an instance's configuration says about its certificate.
pub(crate) struct CertificateRules<'a> {
    pub(crate) fingerprint: Option<&'a str>,
    pub(crate) authority: Option<&'a str>,
    pub(crate) is_verified: bool,
}

impl CertificateRules<'_> {
    /// The one that is in force.
    pub(crate) fn trust(&self, host: &str) -> Result<Trust, PollError> {
        fn filled(text: Option<&str>) -> Option<&str> {
            text.map(str::trim).filter(|text| !text.is_empty())
        }
        if let Some(text) = filled(self.fingerprint) {
            return Fingerprint::parse(text)
                .map(Trust::Pinned)
                .ok_or_else(|| PollError::BadFingerprint { host: host.to_owned() });
        }
        if let Some(pem) = filled(self.authority) {
            return Authority::from_pem(pem)
                .map(|authority| Trust::Authority(Arc::new(authority)))
                .map_err(|source| PollError::BadAuthority { host: host.to_owned(), source });
        }
        Ok(if self.is_verified { Trust::Authorities } else { Trust::Anything })
    }
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
pub(crate) fn client_config(trust: &Trust) -> Result<ClientConfig, TrustError> {
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
    Own { authority: Arc<Authority>, anchors: Vec<Anchor> },
    Authorities(Arc<WebPkiServerVerifier>),
    Anything,
}

/// One of a node's own authorities. The TLS library takes a trusted one as it is, however old: that it has not expired
/// is looked at here, for each by itself.
#[derive(Debug)]
struct Anchor {
    valid_seconds: std::ops::RangeInclusive<i64>,
    inner: Arc<WebPkiServerVerifier>,
}

impl Verifier {
    fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Self, TrustError> {
        let verifier = |roots: RootCertStore| {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| TrustError::Refused(error.to_string()))
        };
        let rule = match trust {
            Trust::Pinned(fingerprint) => Rule::Pinned(*fingerprint),
            Trust::Anything => Rule::Anything,
            Trust::Authority(authority) => {
                let anchor = |certificate: &Certificate| {
                    let mut roots = RootCertStore::empty();
                    roots.add(CertificateDer::from(certificate.der())).map_err(|error| {
                        TrustError::Refused(format!("{:?}: {error}", certificate.subject))
                    })?;
                    let valid_seconds =
                        certificate.not_before.as_second()..=certificate.not_after.as_second();
                    Ok(Anchor { valid_seconds, inner: verifier(roots)? })
                };
                let anchors = authority.certificates.iter().map(anchor).collect::<Result<_, _>>()?;
                Rule::Own { authority: authority.clone(), anchors }
            }
            Trust::Authorities => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err(TrustError::NoAuthorities);
                }
                Rule::Authorities(verifier(roots)?)
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
            Rule::Own { authority, anchors } => {
                let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
                let mut why = None;
                for anchor in anchors.iter().filter(|anchor| anchor.valid_seconds.contains(&seconds)) {
                    let check = anchor.inner.verify_server_cert(
                        end_entity,
                        intermediates,
                        server_name,
                        ocsp_response,
                        now,
                    );
                    match check {
                        Ok(verified) => return Ok(verified),
                        // That another authority did not sign it says less than what is wrong with what one signed.
                        Err(error) if why.as_ref().is_none_or(is_unknown_issuer) => why = Some(error),
                        Err(_) => {}
                    }
                }
                let detail = match why {
                    None => format!(
                        "the authority set for this node, {}, has expired or is not valid yet",
                        authority.names()
                    ),
                    Some(error) if is_unknown_issuer(&error) => format!(
                        "{}, but the authority set for this node is {}",
                        signed_by(end_entity),
                        authority.names()
                    ),
                    Some(error) => plain(&error, end_entity),
                };
                Err(fault(None, Some(detail)))
            }
            Rule::Authorities(inner) => inner
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| fault(None, Some(plain(&error, end_entity)))),
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

fn is_unknown_issuer(error: &rustls::Error) -> bool {
    // A wrong signature is what one gets under an authority of the same name with another key.
    matches!(
        error,
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)
    )
}

fn signed_by(der: &CertificateDer<'_>) -> String {
    match Certificate::read(der) {
        Some(certificate) if certificate.subject == certificate.issuer => {
            format!("it is self-signed as {:?}", certificate.subject)
        }
        Some(certificate) => format!("it was signed by {:?}", certificate.issuer),
        None => "it cannot be read".to_owned(),
    }
}

/// What the check by authority found wrong, in words.
fn plain(error: &rustls::Error, der: &CertificateDer<'_>) -> String {
    use CertificateError as C;
    let rustls::Error::InvalidCertificate(why) = error else { return error.to_string() };
    let until = || Certificate::read(der).map(|it| it.not_after.strftime(" on %Y-%m-%d").to_string());
    match why {
        C::UnknownIssuer => format!("{}, which this machine does not know", signed_by(der)),
        C::Expired | C::ExpiredContext { .. } => format!("it expired{}", until().unwrap_or_default()),
        C::NotValidYet | C::NotValidYetContext { .. } => "it is not valid yet; check the clocks".into(),
        C::NotValidForName => "it was made for another name".into(),
        C::NotValidForNameContext { expected, presented } => match names(presented) {
            Some(names) => format!(
                "it was made for {names} and not for {}; use one of those names as the address",
                expected.to_str()
            ),
            None => "it names no host".into(),
        },
        C::Revoked => "it was revoked".into(),
        other => other.to_string(),
    }
}

/// The names in a certificate, from the words of the TLS library (`DnsName("a.example")`).
fn names(presented: &[String]) -> Option<String> {
    const MOST: usize = 4;
    let bare = |name: &String| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest.trim_end_matches(')'));
        super::tidy(inner.trim_matches('"')).chars().take(100).collect::<String>()
    };
    let shown: Vec<_> = presented.iter().take(MOST).map(bare).collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}
