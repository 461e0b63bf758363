//! The bundle of an export: everything the operator configured, sealed with a passphrase (contract A-09), in the form
//! that Pulse v5 reads and writes.
//!
//! `base64( salt[32] ‖ nonce[12] ‖ AES-256-GCM( JSON ) )`, the key from PBKDF2-HMAC-SHA256 with 100,000 rounds.

use std::num::NonZeroU32;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    pbkdf2::{PBKDF2_HMAC_SHA256, derive},
};
use zeroize::Zeroizing;

use crate::{ConfigError, Secret};

const SALT_LEN: usize = 32;
const TAG_LEN: usize = 16;
/// As Pulse v5 has it; another number would make bundles that the other side cannot open.
const ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();
/// The shortest passphrase an export takes, in bytes.
pub const MIN_PASSPHRASE: usize = 12;
/// The longest one.
const MAX_PASSPHRASE: usize = 1_024;
/// No bundle is larger, as text. Pulse v5 takes a mebibyte: the tokens of a large estate do not fit in that.
pub const MAX_BUNDLE_BYTES: usize = 8 * 1024 * 1024;

/// Why a bundle does not open. The texts are those of Pulse v5; none says more about the passphrase than "wrong".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It is no base64.
    #[error("failed to decode import data: it is no base64")]
    NoBase64,
    /// Too short to hold anything.
    #[error("failed to decrypt import data: ciphertext too short")]
    TooShort,
    /// Larger than any bundle.
    #[error("failed to decode import data: it is larger than {MAX_BUNDLE_BYTES} bytes")]
    TooLarge,
    /// Another passphrase, or not what was exported.
    #[error("failed to decrypt import data: cipher: message authentication failed")]
    NotOpened,
}

/// Why a passphrase is refused for an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// There is none.
    #[error("Passphrase is required")]
    Missing,
    /// Too short to keep anybody out.
    #[error("Passphrase must be at least {MIN_PASSPHRASE} characters long")]
    TooShort,
    /// Too long to be one.
    #[error("Passphrase must be at most {MAX_PASSPHRASE} characters long")]
    TooLong,
}

/// Whether a passphrase is good enough for an export.
pub fn check_passphrase(passphrase: &Secret) -> Result<(), PassphraseError> {
    match passphrase.expose().len() {
        0 => Err(PassphraseError::Missing),
        1..MIN_PASSPHRASE => Err(PassphraseError::TooShort),
        MIN_PASSPHRASE..=MAX_PASSPHRASE => Ok(()),
        _ => Err(PassphraseError::TooLong),
    }
}

fn key_of(passphrase: &Secret, salt: &[u8]) -> Option<LessSafeKey> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    derive(PBKDF2_HMAC_SHA256, ROUNDS, salt, passphrase.expose().as_bytes(), bytes.as_mut());
    UnboundKey::new(&AES_256_GCM, bytes.as_ref()).ok().map(LessSafeKey::new)
}

/// Seals a document. Slow on purpose: never on an async thread.
pub fn seal(plain: &[u8], passphrase: &Secret) -> Result<String, ConfigError> {
    let mut head = [0_u8; SALT_LEN + NONCE_LEN];
    getrandom::fill(&mut head).map_err(|_| ConfigError::NoRandom)?;
    seal_behind(&head, plain, passphrase)
}

/// The same with salt and nonce given; both must be new for each bundle.
fn seal_behind(
    head: &[u8; SALT_LEN + NONCE_LEN],
    plain: &[u8],
    passphrase: &Secret,
) -> Result<String, ConfigError> {
    let (salt, nonce) = head.split_at(SALT_LEN);
    let key = key_of(passphrase, salt).ok_or(ConfigError::NoRandom)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| ConfigError::NoRandom)?;
    let mut body = Zeroizing::new(plain.to_vec());
    // The tag apart: growing the buffer would leave a copy of the clear text behind.
    let tag =
        key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut body).map_err(|_| ConfigError::NoRandom)?;
    let mut whole = Vec::with_capacity(head.len() + body.len() + TAG_LEN);
    whole.extend_from_slice(head);
    whole.extend_from_slice(&body);
    whole.extend_from_slice(tag.as_ref());
    Ok(STANDARD.encode(whole))
}

/// Opens a bundle. Slow on purpose: never on an async thread.
pub fn open(text: &str, passphrase: &Secret) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    if text.len() > MAX_BUNDLE_BYTES {
        return Err(BundleError::TooLarge);
    }
    // People copy bundles out of terminals, which break lines.
    let compact: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    let whole = STANDARD.decode(compact).map_err(|_| BundleError::NoBase64)?;
    open_bytes(&whole, passphrase)
}

/// Opens a bundle in whatever form an operator has it: base64, base64 of that once more, or the bytes.
pub fn open_any(bytes: &[u8], passphrase: &Secret) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    if bytes.len() > MAX_BUNDLE_BYTES {
        return Err(BundleError::TooLarge);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return open_bytes(bytes, passphrase) };
    let compact: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    let Ok(once) = STANDARD.decode(&compact) else { return open_bytes(bytes, passphrase) };
    let twice = std::str::from_utf8(&once).ok().and_then(|inner| STANDARD.decode(inner.trim()).ok());
    open_bytes(twice.as_deref().unwrap_or(&once), passphrase)
}

fn open_bytes(whole: &[u8], passphrase: &Secret) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    if whole.len() < SALT_LEN + NONCE_LEN + TAG_LEN {
        return Err(BundleError::TooShort);
    }
    let (salt, rest) = whole.split_at(SALT_LEN);
    let (nonce, body) = rest.split_at(NONCE_LEN);
    if passphrase.expose().len() > MAX_PASSPHRASE {
        return Err(BundleError::NotOpened);
    }
    let key = key_of(passphrase, salt).ok_or(BundleError::NotOpened)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| BundleError::NotOpened)?;
    let mut plain = Zeroizing::new(body.to_vec());
    let len = key.open_in_place(nonce, Aad::empty(), &mut plain).map_err(|_| BundleError::NotOpened)?.len();
    plain.truncate(len);
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sealed by other means than this code: Python's hashlib and the cryptography package, from the contract's text.
    const FOREIGN: &str = include_str!("../../tests/fixtures/foreign-bundle.txt");

    /// Sealed by a Go program with the standard library's `crypto/pbkdf2`, `crypto/aes` and `crypto/cipher`, which are those
    /// of Pulse v5; the same program opened a bundle of ours.
    const OF_GO: &str = include_str!("../../tests/fixtures/bundle-of-go.txt");

    #[test]
    fn what_go_sealed_opens() {
        let plain = open(OF_GO, &Secret::new("a long passphrase")).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&plain).unwrap();
        assert_eq!(document["version"], "4.1");
        assert_eq!(document["nodes"]["pveInstances"][0]["Name"], "from-go");
    }

    /// The other way round: with the same salt and nonce ours is Go's byte for byte, so Go opens it.
    #[test]
    fn what_go_would_open_is_what_we_seal() {
        let passphrase = Secret::new("a long passphrase");
        let of_go = STANDARD.decode(OF_GO.trim()).unwrap();
        let head = of_go[..SALT_LEN + NONCE_LEN].try_into().unwrap();
        let plain = open(OF_GO, &passphrase).unwrap();
        assert_eq!(seal_behind(head, &plain, &passphrase).unwrap(), OF_GO.trim());
    }

    #[test]
    fn what_somebody_else_sealed_opens() {
        let plain = open(FOREIGN, &Secret::new("correct horse battery")).unwrap();
        assert!(plain.starts_with(br#"{"version":"4.1""#), "{}", String::from_utf8_lossy(&plain));
    }

    #[test]
    fn a_wrong_passphrase_and_every_truncation_open_nothing() {
        let passphrase = Secret::new("correct horse battery");
        let text = seal(b"{}", &passphrase).unwrap();
        assert_eq!(&**open(&text, &passphrase).unwrap(), b"{}");
        assert_eq!(open(&text, &Secret::new("Correct horse battery")).unwrap_err(), BundleError::NotOpened);
        let whole = STANDARD.decode(&text).unwrap();
        for len in [0, 1, 31, 32, 44, 59, 60, whole.len() - 1] {
            assert!(open(&STANDARD.encode(&whole[..len]), &passphrase).is_err(), "{len} bytes");
        }
        for place in [0, 32, 44, whole.len() - 1] {
            let mut bent = whole.clone();
            bent[place] ^= 1;
            assert_eq!(open_bytes(&bent, &passphrase).unwrap_err(), BundleError::NotOpened, "byte {place}");
        }
        assert_eq!(open("!", &passphrase).unwrap_err(), BundleError::NoBase64);
        assert_eq!(open(&"A".repeat(MAX_BUNDLE_BYTES + 1), &passphrase).unwrap_err(), BundleError::TooLarge);
    }

    #[test]
    fn every_form_an_operator_has_it_in_opens() {
        let passphrase = Secret::new("correct horse battery");
        let text = seal(b"{}", &passphrase).unwrap();
        let bytes = STANDARD.decode(&text).unwrap();
        let twice = STANDARD.encode(&text);
        let broken = text.as_bytes().chunks(20).collect::<Vec<_>>().join(&b'\n');
        for form in [text.as_bytes(), &bytes, twice.as_bytes(), &broken] {
            assert_eq!(&**open_any(form, &passphrase).unwrap(), b"{}");
        }
    }

    #[test]
    fn passphrases_have_a_length() {
        let check = |text: &str| check_passphrase(&Secret::new(text)).map_err(|error| error.to_string());
        assert_eq!(check("").unwrap_err(), "Passphrase is required");
        assert_eq!(check("eleven char").unwrap_err(), "Passphrase must be at least 12 characters long");
        assert!(check("twelve chars").is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(open_any(&bytes, &Secret::new("p")).is_err());
        }
    }
}
