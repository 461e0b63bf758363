//! The licence key in `license.enc`, sealed with a key of its own in `.license-key` (contract A-04 §5).

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use pulse_core::{Clock, SystemClock};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest::{SHA256, digest},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{ConfigError, Secret, atomic_file};

/// The file of the licence key; who holds the licence reads it once and writes it on change.
#[derive(Debug)]
pub struct LicenseFile {
    path: PathBuf,
    key_path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    license_key: Secret,
}

impl LicenseFile {
    /// The file of a data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join("license.enc"), key_path: data_dir.join(".license-key") }
    }

    /// The licence key, where one is kept. One that does not open is set aside. Blocks for the disk.
    pub fn load(&self) -> Result<Option<Secret>, ConfigError> {
        let Some(seed) = self.seed()? else { return Ok(None) };
        atomic_file::read_or_set_aside(&self.path, SystemClock.now(), |text| {
            let sealed = STANDARD.decode(text.trim_ascii()).map_err(|_| "it is no base64".to_owned())?;
            let plain = open(&seed, &sealed).ok_or("it does not open with the key in .license-key")?;
            let kept: Kept = atomic_file::decode_json(&plain)?;
            Ok::<_, String>(kept.license_key)
        })
    }

    /// Keeps a licence key. Blocks for the disk.
    pub fn save(&self, license_key: &Secret) -> Result<(), ConfigError> {
        let seed = match atomic_file::read(&self.key_path)? {
            Some(seed) if !seed.trim_ascii().is_empty() => trimmed(&seed),
            _ => self.make_seed()?,
        };
        let kept = Kept { license_key: license_key.clone() };
        let plain = Zeroizing::new(
            serde_json::to_vec(&kept)
                .map_err(|source| ConfigError::Encode { what: "the licence", source })?,
        );
        let sealed = seal(&seed, &plain).ok_or(ConfigError::NoRandom)?;
        atomic_file::write(&self.path, STANDARD.encode(sealed).as_bytes())
    }

    /// Forgets the licence key. Blocks for the disk.
    pub fn clear(&self) -> Result<(), ConfigError> {
        atomic_file::remove(&self.path)
    }

    /// What the sealing key is made of: `.license-key`, or for files older than that the id of the machine.
    fn seed(&self) -> Result<Option<Zeroizing<Vec<u8>>>, ConfigError> {
        if let Some(seed) = atomic_file::read(&self.key_path)? {
            return Ok(Some(trimmed(&seed)));
        }
        let machine = atomic_file::read(Path::new("/etc/machine-id")).ok().flatten();
        Ok(machine.map(|id| trimmed(&id)))
    }

    fn make_seed(&self) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        use std::fmt::Write;

        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|_| ConfigError::NoRandom)?;
        let mut text = Zeroizing::new(String::with_capacity(64));
        for byte in bytes.iter() {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        atomic_file::write(&self.key_path, text.as_bytes())?;
        Ok(Zeroizing::new(text.as_bytes().to_vec()))
    }
}

fn trimmed(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(bytes.trim_ascii().to_vec())
}

fn key_of(seed: &[u8]) -> Option<LessSafeKey> {
    let mut text = Zeroizing::new(b"pulse-license-".to_vec());
    text.extend_from_slice(seed);
    UnboundKey::new(&AES_256_GCM, digest(&SHA256, &text).as_ref()).ok().map(LessSafeKey::new)
}

fn seal(seed: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).ok()?;
    let mut sealed = plain.to_vec();
    let sealing = Nonce::assume_unique_for_key(nonce);
    key_of(seed)?.seal_in_place_append_tag(sealing, Aad::empty(), &mut sealed).ok()?;
    sealed.splice(0..0, nonce);
    Some(sealed)
}

fn open(seed: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut plain = Zeroizing::new(body.to_vec());
    let len = key_of(seed)?.open_in_place(nonce, Aad::empty(), &mut plain).ok()?.len();
    plain.truncate(len);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_sealed_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let file = LicenseFile::new(dir.path());
        assert!(file.load().unwrap().is_none());
        file.save(&Secret::new("a.b.c")).unwrap();
        assert_eq!(file.load().unwrap().unwrap().expose(), "a.b.c");
        assert!(!std::fs::read_to_string(dir.path().join("license.enc")).unwrap().contains("a.b.c"));
        assert_eq!(std::fs::read(dir.path().join(".license-key")).unwrap().len(), 64);
        file.clear().unwrap();
        assert!(file.load().unwrap().is_none());
    }

    #[test]
    fn one_that_does_not_open_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let file = LicenseFile::new(dir.path());
        file.save(&Secret::new("a.b.c")).unwrap();
        std::fs::write(dir.path().join(".license-key"), "ff".repeat(32)).unwrap();
        assert!(file.load().unwrap().is_none());
        assert!(!dir.path().join("license.enc").exists());
    }
}
