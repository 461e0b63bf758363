//! Sealing of files that hold credentials: AES-256-GCM, stored as `nonce(12) ‖ ciphertext ‖ tag(16)`, with the
//! key in `.encryption.key`.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use pulse_core::{Clock, SystemClock};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::{Zeroize, Zeroizing};

use crate::{ConfigError, atomic_file};

const KEY_FILE: &str = ".encryption.key";
const KEY_LEN: usize = 32;

/// The key of a data directory.
pub struct SealKey {
    key: LessSafeKey,
    path: PathBuf,
    /// Whether the key is known to be on the disk: it must be before anything sealed with it is.
    is_synced: AtomicBool,
}

/// Why a sealed file does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it does not open with the key in .encryption.key: damaged, or sealed with another key")]
pub struct NotOpened;

impl SealKey {
    /// Reads the key of `data_dir`, or makes one where there is none and nothing needs an old one. A file that holds
    /// no key is set aside where nothing needs it, else it is an error.
    pub fn open(data_dir: &Path) -> Result<Self, ConfigError> {
        let path = data_dir.join(KEY_FILE);
        let found = atomic_file::read(&path)?.map(Zeroizing::new);
        let bytes = if let Some(bytes) = found.as_ref().and_then(|text| decode(text)) {
            bytes
        } else {
            make_anew(data_dir, &path, found.is_some())?
        };
        let key = UnboundKey::new(&AES_256_GCM, bytes.as_ref())
            .map_err(|_| ConfigError::BadKey { path: path.clone() })?;
        Ok(Self { key: LessSafeKey::new(key), path, is_synced: AtomicBool::new(false) })
    }

    /// The key of `data_dir`, where there is one that is a key; nothing is made or moved.
    pub fn read(data_dir: &Path) -> Result<Option<Self>, ConfigError> {
        let path = data_dir.join(KEY_FILE);
        let found = atomic_file::read(&path)?.map(Zeroizing::new);
        let Some(bytes) = found.as_ref().and_then(|text| decode(text)) else { return Ok(None) };
        let key = UnboundKey::new(&AES_256_GCM, bytes.as_ref())
            .map_err(|_| ConfigError::BadKey { path: path.clone() })?;
        Ok(Some(Self { key: LessSafeKey::new(key), path, is_synced: AtomicBool::new(false) }))
    }

    /// Seals `plain`. Refuses when the key file is gone: what it sealed could not be opened after a restart.
    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, ConfigError> {
        if !self.path.exists() {
            return Err(ConfigError::KeyVanished { path: self.path.clone() });
        }
        if !self.is_synced.load(Ordering::Relaxed) {
            atomic_file::sync(&self.path)?;
            self.is_synced.store(true, Ordering::Relaxed);
        }
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| ConfigError::NoRandom)?;
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(plain);
        if self
            .key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .is_err()
        {
            // Only a text beyond the cipher's 64 GiB comes here; it must not stay in memory in the clear.
            sealed.zeroize();
            return Err(ConfigError::NoRandom);
        }
        sealed.splice(0..0, nonce);
        Ok(sealed)
    }

    /// Opens what [`SealKey::seal`] made.
    pub fn unseal(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(NotOpened)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOpened)?;
        let mut plain = Zeroizing::new(body.to_vec());
        let len = self.key.open_in_place(nonce, Aad::empty(), &mut plain).map_err(|_| NotOpened)?.len();
        plain.truncate(len);
        Ok(plain)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealKey").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Makes a key where there is none that could be used, unless something is sealed with an old one.
fn make_anew(
    data_dir: &Path,
    path: &Path,
    is_damaged: bool,
) -> Result<Zeroizing<[u8; KEY_LEN]>, ConfigError> {
    let sealed = sealed_files(data_dir)?;
    if !sealed.is_empty() {
        let key = path.to_owned();
        return Err(if is_damaged {
            ConfigError::BadKey { path: key }
        } else {
            ConfigError::KeyLost { key, sealed }
        });
    }
    if is_damaged {
        atomic_file::set_aside(path, "it does not hold a key, and nothing is sealed", SystemClock.now())?;
    }
    create(path)
}

/// Makes a key. It reaches the disk before the first thing that is sealed with it; until then it can be made anew.
fn create(path: &Path) -> Result<Zeroizing<[u8; KEY_LEN]>, ConfigError> {
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    getrandom::fill(bytes.as_mut()).map_err(|_| ConfigError::NoRandom)?;
    let text = Zeroizing::new(STANDARD.encode(bytes.as_ref()));
    atomic_file::write_unsynced(path, text.as_bytes())?;
    Ok(bytes)
}

fn decode(text: &[u8]) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim_ascii()).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

/// Non-empty files of the directory that only the key opens.
fn sealed_files(data_dir: &Path) -> Result<Vec<String>, ConfigError> {
    let error = |source| ConfigError::Read { path: data_dir.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(data_dir).map_err(error)? {
        let entry = entry.map_err(error)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Files that were set aside count too: the key may still open them.
        let is_sealed = format!("{name}.").contains(".enc.");
        // The licence has a key of its own.
        if is_sealed
            && !name.starts_with("license.enc")
            && entry.metadata().is_ok_and(|m| m.is_file() && m.len() > 0)
        {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_private_and_opens_what_it_sealed() {
        let dir = tempfile::tempdir().unwrap();
        let sealed = SealKey::open(dir.path()).unwrap().seal(b"secret").unwrap();
        let file = dir.path().join(KEY_FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(STANDARD.decode(fs::read(&file).unwrap()).unwrap().len(), 32);
        assert_eq!(sealed.len(), 12 + 6 + 16);
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        let again = SealKey::open(dir.path()).unwrap();
        assert_eq!(again.unseal(&sealed).unwrap().as_slice(), b"secret");
        assert_ne!(again.seal(b"secret").unwrap(), sealed, "a nonce is never used twice");
    }

    #[test]
    fn a_file_sealed_elsewhere_opens_with_its_key() {
        // Made with Python's cryptography package: AESGCM(bytes(range(32))).encrypt(bytes(range(12)), b"{}", None).
        let dir = tempfile::tempdir().unwrap();
        let key: Vec<u8> = (0..32).collect();
        fs::write(dir.path().join(KEY_FILE), format!("{}\n", STANDARD.encode(key))).unwrap();
        let mut sealed: Vec<u8> = (0..12).collect();
        sealed.extend(CIPHERTEXT);
        assert_eq!(SealKey::open(dir.path()).unwrap().unseal(&sealed).unwrap().as_slice(), b"{}");
    }

    const CIPHERTEXT: [u8; 18] = [
        0x3c, 0x7f, 0x95, 0xdf, 0x86, 0x92, 0x0d, 0x3d, 0x60, 0x01, 0xcf, 0xa9, 0x79, 0xb4, 0xb0, 0xb5, 0xd9,
        0xda,
    ];

    #[test]
    fn any_change_and_any_length_is_refused_without_a_panic() {
        let dir = tempfile::tempdir().unwrap();
        let key = SealKey::open(dir.path()).unwrap();
        let sealed = key.seal(b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut broken = sealed.clone();
            broken[at] ^= 1;
            assert_eq!(key.unseal(&broken).unwrap_err(), NotOpened, "byte {at}");
            assert!(key.unseal(&sealed[..at]).is_err(), "length {at}");
        }
    }

    #[test]
    fn a_lost_key_is_an_error_that_names_the_files_and_makes_no_new_key() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("nodes.enc", "x"), ("email.enc", "y"), ("empty.enc", ""), ("license.enc", "z")]
        {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let error = SealKey::open(dir.path()).unwrap_err();
        let ConfigError::KeyLost { sealed, .. } = &error else { panic!("{error}") };
        assert_eq!(sealed, &["email.enc", "nodes.enc"]);
        assert!(!dir.path().join(KEY_FILE).exists());
        assert!(
            error.to_string().contains("nodes.enc") && error.to_string().contains("put the key back"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_kept_where_something_is_sealed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("nodes.enc"), "x").unwrap();
        for text in ["", "not base64!", "c2hvcnQ="] {
            fs::write(dir.path().join(KEY_FILE), text).unwrap();
            assert!(matches!(SealKey::open(dir.path()), Err(ConfigError::BadKey { .. })), "{text}");
            assert_eq!(fs::read_to_string(dir.path().join(KEY_FILE)).unwrap(), text);
        }
    }

    #[test]
    fn a_file_that_is_no_key_is_set_aside_where_nothing_is_sealed() {
        // What a power cut leaves of a key that was never used.
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(KEY_FILE), "").unwrap();
        let sealed = SealKey::open(dir.path()).unwrap().seal(b"x").unwrap();
        assert_eq!(SealKey::open(dir.path()).unwrap().unseal(&sealed).unwrap().as_slice(), b"x");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "the empty file is kept");
    }

    #[test]
    fn nothing_is_sealed_with_a_key_that_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let key = SealKey::open(dir.path()).unwrap();
        fs::remove_file(dir.path().join(KEY_FILE)).unwrap();
        assert!(matches!(key.seal(b"x"), Err(ConfigError::KeyVanished { .. })));
    }
}
