//! The key that signs events of the audit log: 32 random bytes in the data directory.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;
use zeroize::Zeroizing;

use crate::{ConfigError, atomic_file};

/// The file in the data directory: 32 bytes in base64, mode 0600.
pub const FILE: &str = "audit-signing.key";

const KEY_LEN: usize = 32;

/// Signs and verifies. The key itself cannot be read out of it.
pub struct AuditKey(hmac::Key);

impl std::fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuditKey")
    }
}

impl AuditKey {
    /// The key of a data directory, made where there is none. One that does not open is an error: a new one in its place
    /// would make every event so far look forged. Blocks for the disk.
    pub fn open(data_dir: &Path) -> Result<Self, ConfigError> {
        let path = data_dir.join(FILE);
        if let Some(text) = atomic_file::read(&path)?.map(Zeroizing::new) {
            let bytes = STANDARD.decode(text.trim_ascii()).map(Zeroizing::new).ok();
            return match bytes.filter(|bytes| bytes.len() == KEY_LEN) {
                Some(bytes) => Ok(Self::new(&bytes)),
                None => Err(ConfigError::Damaged { path, problem: "it does not hold a key".to_owned() }),
            };
        }
        let mut bytes = Zeroizing::new([0_u8; KEY_LEN]);
        getrandom::fill(bytes.as_mut()).map_err(|_| ConfigError::NoRandom)?;
        let text = Zeroizing::new(STANDARD.encode(bytes.as_ref()));
        atomic_file::write(&path, text.as_bytes())?;
        Ok(Self::new(bytes.as_ref()))
    }

    fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The signature of a list of fields; lower-case hexadecimal digits. Each field goes in with its length, so that
    /// nothing can move from one field into the next.
    pub fn sign(&self, fields: &[&str]) -> String {
        use std::fmt::Write as _;
        let tag = hmac::sign(&self.0, &framed(fields));
        tag.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing into a text cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Whether a signature is that of these fields.
    pub fn verify(&self, fields: &[&str], signature: &str) -> bool {
        let Some(tag) = bytes_of(signature) else { return false };
        hmac::verify(&self.0, &framed(fields), &tag).is_ok()
    }
}

// Pulse v5: joins the fields with `|`, so that two events can have one signature.
fn framed(fields: &[&str]) -> Vec<u8> {
    let mut all = Vec::new();
    for field in fields {
        all.extend_from_slice(&(field.len() as u64).to_be_bytes());
        all.extend_from_slice(field.as_bytes());
    }
    all
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return None;
    }
    bytes.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_after_a_restart_and_for_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let open = || AuditKey::open(dir.path()).unwrap();
        let signature = open().sign(&["login", "kim"]);
        assert_eq!(signature.len(), 64);
        assert!(open().verify(&["login", "kim"], &signature));
        assert!(!open().verify(&["loginkim", ""], &signature));
        assert!(!open().verify(&["login", "pat"], &signature));
        for bad in ["", "zz", &signature[..62], &"é".repeat(32), &signature.replace('a', "g")] {
            assert!(*bad == signature || !open().verify(&["login", "kim"], bad), "{bad}");
        }
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        AuditKey::open(dir.path()).unwrap();
        std::fs::write(dir.path().join(FILE), "damaged").unwrap();
        assert!(matches!(AuditKey::open(dir.path()), Err(ConfigError::Damaged { .. })));
    }
}
