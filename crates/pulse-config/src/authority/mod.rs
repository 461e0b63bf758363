//! Certificate authorities of an operator's own, as PEM: what a node's settings hold instead of what this machine
//! trusts. Checked when they are set, so that a wrong paste is said then and not by a failing poll.

mod der;

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;

/// The longest text: a chain of an authority is a few kilobytes.
const MOST_BYTES: usize = 24 * 1024;
/// So many certificates in one text.
const MOST_CERTIFICATES: usize = 8;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Why a text is not what a node's authority can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// No certificate in it.
    #[error("The CA certificate is not PEM: it must begin with -----BEGIN CERTIFICATE-----")]
    NotPem,
    /// It goes on and on.
    #[error("The CA certificate is too long: at most {} KiB, {MOST_CERTIFICATES} certificates", MOST_BYTES / 1024)]
    TooLong,
    /// What must stay secret is in it.
    #[error(
        "The CA certificate holds a private key: paste only the certificate, and keep the key where it is"
    )]
    PrivateKey,
    /// One of them is damaged.
    #[error("CA certificate {0} cannot be read: it is damaged or was cut off")]
    Damaged(usize),
    /// One of them belongs to a server.
    #[error(
        "CA certificate {0} is not an authority's but a server's: paste the one that signed it (on Proxmox VE \
         /etc/pve/pve-root-ca.pem), or set the server's fingerprint instead"
    )]
    NotAnAuthority(usize),
}

/// What can be said of a certificate. Says nothing about whether it is to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is, such as `CN=Example Root, O=Example`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// From when it holds.
    pub not_before: Timestamp,
    /// Until when it holds.
    pub not_after: Timestamp,
    der: Vec<u8>,
}

impl Certificate {
    /// Reads one in DER form; `None` where it is none.
    pub fn read(der: &[u8]) -> Option<Self> {
        der::read(der).map(|facts| Self::of(facts, der.to_vec()))
    }

    fn of(facts: der::Facts, der: Vec<u8>) -> Self {
        let der::Facts { subject, issuer, not_before, not_after, .. } = facts;
        Self { subject, issuer, not_before, not_after, der }
    }

    /// The certificate itself, in DER form.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// The certificates in a text in PEM form: at least one, each an authority's (or one that signed itself).
pub fn read_authorities(pem: &str) -> Result<Vec<Certificate>, AuthorityError> {
    if pem.len() > MOST_BYTES {
        return Err(AuthorityError::TooLong);
    }
    if pem.contains("PRIVATE KEY-----") {
        return Err(AuthorityError::PrivateKey);
    }
    let mut found = Vec::new();
    let mut rest = pem;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (label, after) = after.split_once(DASHES).ok_or(AuthorityError::NotPem)?;
        let place = found.len() + 1;
        let (content, after) = after.split_once(END).ok_or(AuthorityError::Damaged(place))?;
        rest = after;
        // What other programs write around it, such as parameters of a key, says nothing here.
        if !matches!(label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE") {
            continue;
        }
        if found.len() == MOST_CERTIFICATES {
            return Err(AuthorityError::TooLong);
        }
        let digits: String = content.chars().filter(|c| !c.is_whitespace()).collect();
        let der = STANDARD.decode(digits).map_err(|_| AuthorityError::Damaged(place))?;
        let facts = der::read(&der).ok_or(AuthorityError::Damaged(place))?;
        if !facts.is_authority && !facts.is_self_issued {
            return Err(AuthorityError::NotAnAuthority(place));
        }
        found.push(Certificate::of(facts, der));
    }
    if found.is_empty() { Err(AuthorityError::NotPem) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with OpenSSL for these tests; its key was thrown away.
    const ROOT: &str = include_str!("testdata/root.pem");
    const LEAF: &str = include_str!("testdata/leaf.pem");

    #[test]
    fn an_authority_says_who_it_is_and_until_when() {
        let found = read_authorities(ROOT).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject, "CN=Example Root CA, O=Example Org");
        assert_eq!(found[0].issuer, found[0].subject);
        assert!(found[0].not_after > found[0].not_before);
        let twice = format!("Subject: x\n{ROOT}\r\n\r\n{ROOT}trailing words");
        assert_eq!(read_authorities(&twice).unwrap().len(), 2);
        assert_eq!(Certificate::read(found[0].der()).as_ref(), found.first());
    }

    #[test]
    fn what_is_no_authority_is_refused_with_the_reason() {
        let cut = &ROOT[..ROOT.len() - 60];
        let damaged = ROOT.replace("MII", "MI!");
        let key = format!("{ROOT}-----BEGIN EC PRIVATE KEY-----\nMHc=\n-----END EC PRIVATE KEY-----\n");
        for (text, expect) in [
            ("", AuthorityError::NotPem),
            ("AA:BB:CC", AuthorityError::NotPem),
            (cut, AuthorityError::Damaged(1)),
            (damaged.as_str(), AuthorityError::Damaged(1)),
            (key.as_str(), AuthorityError::PrivateKey),
            (LEAF, AuthorityError::NotAnAuthority(1)),
            (&format!("{ROOT}{LEAF}"), AuthorityError::NotAnAuthority(2)),
            (&"x".repeat(MOST_BYTES + 1), AuthorityError::TooLong),
            (&ROOT.repeat(9), AuthorityError::TooLong),
        ] {
            assert_eq!(read_authorities(text), Err(expect), "{text:.40}");
        }
    }
}
