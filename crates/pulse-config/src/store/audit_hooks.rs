//! Where events of the audit log are sent, in the sealed `audit_webhooks.enc`: such addresses often hold a secret.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use pulse_core::{Clock, SystemClock};
use zeroize::Zeroizing;

use crate::{ConfigError, SealKey, atomic_file};

/// The file in the data directory.
pub const FILE: &str = "audit_webhooks.enc";

/// Keeps the addresses. Changes block for the disk; reading never does.
#[derive(Debug)]
pub struct AuditHookStore {
    path: PathBuf,
    key: SealKey,
    urls: ArcSwap<Vec<String>>,
    writing: Mutex<()>,
}

impl AuditHookStore {
    /// Reads the file of a data directory; a damaged one is set aside, and there are none. Blocks for the disk.
    pub fn open(data_dir: &Path, key: SealKey) -> Result<Self, ConfigError> {
        let path = data_dir.join(FILE);
        let urls: Option<Vec<String>> = atomic_file::read_or_set_aside(&path, SystemClock.now(), |sealed| {
            let plain = key.unseal(sealed).map_err(|error| error.to_string())?;
            atomic_file::decode_json(&plain)
        })?;
        let urls = ArcSwap::from_pointee(urls.unwrap_or_default());
        Ok(Self { path, key, urls, writing: Mutex::default() })
    }

    /// The addresses.
    pub fn urls(&self) -> Arc<Vec<String>> {
        self.urls.load_full()
    }

    /// Puts others in their place.
    pub fn set(&self, urls: Vec<String>) -> Result<(), ConfigError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let what = "the webhooks of the audit log";
        let plain = serde_json::to_vec(&urls)
            .map(Zeroizing::new)
            .map_err(|source| ConfigError::Encode { what, source })?;
        atomic_file::write(&self.path, &self.key.seal(&plain)?)?;
        self.urls.store(Arc::new(urls));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_sealed() {
        let dir = tempfile::tempdir().unwrap();
        let open = || AuditHookStore::open(dir.path(), SealKey::open(dir.path()).unwrap()).unwrap();
        assert!(open().urls().is_empty());
        open().set(vec!["https://siem.example.org/hush".into()]).unwrap();
        assert_eq!(*open().urls(), ["https://siem.example.org/hush"]);
        let bytes = std::fs::read(dir.path().join(FILE)).unwrap();
        assert!(!bytes.windows(4).any(|part| part == b"hush"));
    }
}
