//! Ed25519 signatures of what the server hands to the agent: its configuration, and new versions of the agent.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, UnparsedPublicKey};

/// What stands before the 32 bytes of a key in its DER form (RFC 8410).
const DER_PREFIX: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Keys that are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedKeys(Vec<[u8; 32]>);

/// A text that holds no usable key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("key number {0} is no Ed25519 public key; give PEM, or the 32 bytes in base64")]
pub struct BadKey(usize);

impl TrustedKeys {
    /// Reads PEM, or keys in base64 with commas between them.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let mut keys = Vec::new();
        let parts: Vec<String> = if text.contains("-----BEGIN") {
            text.split("-----BEGIN PUBLIC KEY-----")
                .skip(1)
                .map(|part| part.split("-----END").next().unwrap_or_default().to_owned())
                .collect()
        } else {
            text.split(',').map(str::to_owned).collect()
        };
        for (at, part) in parts.iter().enumerate() {
            let part: String = part.chars().filter(|c| !c.is_whitespace()).collect();
            if part.is_empty() {
                continue;
            }
            let bytes = STANDARD.decode(&part).map_err(|_| BadKey(at + 1))?;
            let key = bytes.strip_prefix(DER_PREFIX).unwrap_or(&bytes);
            keys.push(key.try_into().map_err(|_| BadKey(at + 1))?);
        }
        Ok(Self(keys))
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the keys signed the message. The signature is in base64.
    pub fn verify(&self, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature.trim()) else { return false };
        self.0.iter().any(|key| UnparsedPublicKey::new(&ED25519, key).verify(message, &signature).is_ok())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    pub(crate) fn pair(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
    }

    pub(crate) fn public(pair: &Ed25519KeyPair) -> String {
        STANDARD.encode(pair.public_key())
    }

    #[test]
    fn keys_come_in_base64_and_in_pem() {
        let (one, two) = (pair(1), pair(2));
        let list = TrustedKeys::parse(&format!("{}, {}", public(&one), public(&two))).unwrap();
        let der: Vec<u8> = DER_PREFIX.iter().chain(one.public_key().as_ref()).copied().collect();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
        let from_pem = TrustedKeys::parse(&pem).unwrap();
        for (keys, signer, is_good) in
            [(&list, &two, true), (&from_pem, &one, true), (&from_pem, &two, false)]
        {
            let signature = STANDARD.encode(signer.sign(b"message"));
            assert_eq!(keys.verify(b"message", &signature), is_good);
            assert!(!keys.verify(b"another message", &signature));
        }
        assert!(!list.verify(b"message", "no base64!") && !list.verify(b"message", ""));
        assert_eq!(TrustedKeys::parse("AAAA"), Err(BadKey(1)));
        assert!(TrustedKeys::parse(" ").unwrap().is_empty());
    }
}
