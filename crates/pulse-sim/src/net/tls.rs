//! Certificates with the subjects the real products use.
//!
//! Keys are derived from the seed, so that a fingerprint somebody pinned is still right after a restart. They protect
//! nothing: everything served with them is invented and stays on loopback.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, PKCS_ED25519,
    SanType, SerialNumber, string::Ia5String,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

use crate::{SimError, figures::derive};

/// The authority that signs the certificates of one cluster.
pub(crate) struct Authority {
    key: u64,
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// What goes into a certificate.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// Organisation.
    pub(crate) organization: &'static str,
    /// Organisational unit.
    pub(crate) unit: String,
    /// Full name of the machine.
    pub(crate) fqdn: String,
    /// Short name of the machine.
    pub(crate) name: String,
    /// Where it listens.
    pub(crate) address: IpAddr,
}

/// A certificate ready to be served.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) acceptor: TlsAcceptor,
    /// SHA-256 of the certificate, upper case with colons.
    pub(crate) fingerprint: String,
}

/// The certificates of one machine.
pub(crate) struct Identity {
    subject: Subject,
    current: Mutex<(u64, Served)>,
    /// What an impostor would show.
    pub(crate) wrong: Served,
}

impl Authority {
    pub(crate) fn new(key: u64, cluster: &str) -> Result<Self, SimError> {
        let failed = |source| SimError::Certificate { node: format!("the authority of {cluster}"), source };
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, "Proxmox Virtual Environment");
        name.push(DnType::OrganizationalUnitName, uuid(derive(key, 3)));
        name.push(DnType::OrganizationName, "PVE Cluster Manager CA");
        let mut params = base_params(derive(key, 4));
        params.distinguished_name = name;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let signer = key_pair(derive(key, 5)).map_err(failed)?;
        let pem = params.self_signed(&signer).map_err(failed)?.pem();
        Ok(Self { key, issuer: Issuer::new(params, signer), pem })
    }

    /// The authority's own certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    fn issue(&self, subject: &Subject, generation: u64) -> Result<Served, SimError> {
        let failed = |source| SimError::Certificate { node: subject.name.clone(), source };
        let key = derive(crate::figures::derive_text(self.key, &subject.fqdn), generation);
        let mut name = DistinguishedName::new();
        name.push(DnType::OrganizationalUnitName, subject.unit.as_str());
        name.push(DnType::OrganizationName, subject.organization);
        name.push(DnType::CommonName, subject.fqdn.as_str());
        let mut params = base_params(derive(key, 1));
        params.distinguished_name = name;
        params.subject_alt_names = vec![SanType::IpAddress(subject.address)];
        for dns in ["localhost", &subject.name, &subject.fqdn] {
            params.subject_alt_names.push(SanType::DnsName(Ia5String::try_from(dns).map_err(failed)?));
        }
        let signer = key_pair(derive(key, 2)).map_err(failed)?;
        let certificate = params.signed_by(&signer, &self.issuer).map_err(failed)?;
        let fingerprint = fingerprint(certificate.der());
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signer.serialize_der()));
        let config = config(certificate.der().clone(), secret)
            .map_err(|source| SimError::Tls { node: subject.name.clone(), source })?;
        Ok(Served { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint })
    }
}

impl Identity {
    pub(crate) fn new(authority: &Authority, subject: Subject) -> Result<Self, SimError> {
        let current = Mutex::new((0, authority.issue(&subject, 0)?));
        let wrong = authority.issue(&subject, u64::MAX)?;
        Ok(Self { subject, current, wrong })
    }

    /// What the machine shows now.
    pub(crate) fn current(&self) -> Served {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Replaces the certificate by a new one.
    pub(crate) fn rotate(&self, authority: &Authority) -> Result<(), SimError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let next = current.0 + 1;
        *current = (next, authority.issue(&self.subject, next)?);
        Ok(())
    }
}

fn base_params(serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2044, 1, 1);
    // The first bit would make it negative.
    params.serial_number = Some(SerialNumber::from(serial >> 1));
    params
}

/// An Ed25519 key that always comes out the same: it is its seed wrapped in a fixed PKCS#8 head.
fn key_pair(key: u64) -> Result<KeyPair, rcgen::Error> {
    const HEAD: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let mut der = HEAD.to_vec();
    for part in 0..4 {
        der.extend(derive(key, part).to_be_bytes());
    }
    KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(der), &PKCS_ED25519)
}

fn config(
    certificate: CertificateDer<'static>,
    secret: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], secret)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// SHA-256 as the products write it: `AB:CD:…`.
fn fingerprint(der: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, der);
    let pairs: Vec<_> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

/// A key written like a UUID.
pub(crate) fn uuid(key: u64) -> String {
    let (high, low) = (derive(key, 1), derive(key, 2));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFF,
        low >> 52,
        low & 0xFFFF_FFFF_FFFF
    )
}
