//! The key that signs what agents are told (contract B-09 §3).
//!
//! It comes from `PULSE_AGENT_CONFIG_SIGNING_KEY`, or lies in the data directory. One is made only where signatures are
//! demanded: an agent of Pulse v5 refuses a configuration signed by a key that it was not told of, but takes an unsigned
//! one.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

use crate::{BadSetting, ConfigError, Vars, atomic_file};

/// The file in the data directory: 32 bytes in base64, mode 0600.
pub const FILE: &str = "agent-config-signing.key";

const KEY_VAR: &str = "PULSE_AGENT_CONFIG_SIGNING_KEY";
const KEY_FILE_VAR: &str = "PULSE_AGENT_CONFIG_SIGNING_KEY_FILE";
const REQUIRED_VAR: &str = "PULSE_AGENT_CONFIG_SIGNATURE_REQUIRED";

/// Whether agents must be told nothing that is not signed.
pub fn is_signature_required(vars: &impl Vars) -> bool {
    vars.get(REQUIRED_VAR).is_some_and(|text| is_yes(&text))
}

/// Signs. The key itself cannot be read out of it.
#[derive(Debug)]
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The key of a server, where there is one. Blocks for the disk.
    pub fn open(data_dir: &Path, vars: &impl Vars) -> Result<Option<Self>, ConfigError> {
        let path = data_dir.join(FILE);
        if let Some(text) = vars.get(KEY_VAR).filter(|text| !text.trim().is_empty()) {
            let text = Zeroizing::new(text);
            return Self::parse(&text).map(Some).ok_or_else(|| bad(KEY_VAR));
        }
        if let Some(file) = vars.get(KEY_FILE_VAR).filter(|file| !file.trim().is_empty()) {
            let bytes = atomic_file::read(Path::new(file.trim()))?.ok_or_else(|| bad(KEY_FILE_VAR))?;
            return Self::read(&Zeroizing::new(bytes)).map(Some).ok_or_else(|| bad(KEY_FILE_VAR));
        }
        if let Some(bytes) = atomic_file::read(&path)? {
            // Never a new one in its place: agents trust the old one.
            return Self::read(&Zeroizing::new(bytes)).map(Some).ok_or(ConfigError::BadKey { path });
        }
        if is_signature_required(vars) { Self::make(&path).map(Some) } else { Ok(None) }
    }

    fn make(path: &Path) -> Result<Self, ConfigError> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        getrandom::fill(seed.as_mut()).map_err(|_| ConfigError::NoRandom)?;
        let text = Zeroizing::new(STANDARD.encode(seed.as_ref()));
        atomic_file::write(path, text.as_bytes())?;
        let key = Self::from_bytes(seed.as_ref()).ok_or(ConfigError::NoRandom)?;
        tracing::info!(
            public_key = key.public_key(),
            "a key was made that signs what agents are told; set PULSE_AGENT_CONFIG_PUBLIC_KEYS to its public key where agents run"
        );
        Ok(key)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Self::parse(std::str::from_utf8(bytes).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
        Self::from_bytes(&bytes)
    }

    /// A seed, or Go's private key: the seed and the public key behind it.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let pair = match bytes.len() {
            32 => Ed25519KeyPair::from_seed_unchecked(bytes),
            64 => Ed25519KeyPair::from_seed_and_public_key(&bytes[..32], &bytes[32..]),
            _ => return None,
        };
        pair.ok().map(Self)
    }

    /// Signs a message; standard base64.
    pub fn sign(&self, message: &[u8]) -> String {
        STANDARD.encode(self.0.sign(message))
    }

    /// What agents check signatures with; standard base64.
    pub fn public_key(&self) -> String {
        STANDARD.encode(self.0.public_key())
    }
}

fn is_yes(text: &str) -> bool {
    matches!(text.trim().to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

fn bad(key: &'static str) -> ConfigError {
    let problem = "it must be an Ed25519 key: 32 or 64 bytes in base64".to_owned();
    BadSetting { key, value: "(not shown)".to_owned(), problem }.into()
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, os::unix::fs::PermissionsExt};

    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_key_is_made_only_where_signatures_are_demanded_and_stays_the_same() {
        let dir = tempfile::tempdir().unwrap();
        assert!(SigningKey::open(dir.path(), &vars(&[])).unwrap().is_none());
        let made = SigningKey::open(dir.path(), &vars(&[(REQUIRED_VAR, "true")])).unwrap().unwrap();
        let mode = std::fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = SigningKey::open(dir.path(), &vars(&[])).unwrap().unwrap();
        assert_eq!(again.public_key(), made.public_key());
        std::fs::write(dir.path().join(FILE), "damaged").unwrap();
        assert!(matches!(SigningKey::open(dir.path(), &vars(&[])), Err(ConfigError::BadKey { .. })));
    }

    #[test]
    fn both_forms_of_a_key_are_taken_and_others_refused_without_telling_them() {
        let dir = tempfile::tempdir().unwrap();
        let seed = STANDARD.encode([7_u8; 32]);
        let short = SigningKey::open(dir.path(), &vars(&[(KEY_VAR, &seed)])).unwrap().unwrap();
        let public = STANDARD.decode(short.public_key()).unwrap();
        let long = STANDARD.encode([&[7_u8; 32][..], &public].concat());
        std::fs::write(dir.path().join("own.key"), format!("{long}\n")).unwrap();
        let file = dir.path().join("own.key").display().to_string();
        let from_file = SigningKey::open(dir.path(), &vars(&[(KEY_FILE_VAR, &file)])).unwrap().unwrap();
        assert_eq!(from_file.sign(b"x"), short.sign(b"x"));
        let error = SigningKey::open(dir.path(), &vars(&[(KEY_VAR, "c2VjcmV0")])).unwrap_err().to_string();
        assert!(error.contains(KEY_VAR) && !error.contains("c2VjcmV0"), "{error}");
    }
}
