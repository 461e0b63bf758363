//! One JSON document of the data directory: read once, then from memory, written whole.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use pulse_core::{Clock, SystemClock};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;

use crate::{ConfigError, atomic_file};

/// A document: one writer at a time, readers take an `Arc` or wait for a change.
#[derive(Debug)]
pub struct DocumentStore<T> {
    path: PathBuf,
    what: &'static str,
    changes: watch::Sender<Arc<T>>,
    writing: Mutex<()>,
}

impl<T: Serialize + DeserializeOwned + Default + PartialEq + Send + Sync + 'static> DocumentStore<T> {
    /// Reads a file. One that does not hold what it should is set aside, and the defaults count; `prepare` makes what
    /// was read fit for use. `what` is what errors call it.
    pub fn open(
        data_dir: &Path,
        file: &str,
        what: &'static str,
        prepare: impl FnOnce(T) -> T,
    ) -> Result<Self, ConfigError> {
        let path = data_dir.join(file);
        let read: Option<T> = atomic_file::read_json_or_set_aside(&path, SystemClock.now())?;
        let (changes, _) = watch::channel(Arc::new(prepare(read.unwrap_or_default())));
        Ok(Self { path, what, changes, writing: Mutex::new(()) })
    }

    /// The document as it is now. Never waits for the disk.
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.changes.borrow())
    }

    /// Tells of every change; the value is always the newest.
    pub fn subscribe(&self) -> watch::Receiver<Arc<T>> {
        self.changes.subscribe()
    }

    /// Changes the document: what `change` makes is written before anybody sees it. Blocks for the disk.
    pub fn update(&self, change: impl FnOnce(&T) -> T) -> Result<Arc<T>, ConfigError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        let next = change(&before);
        if next == *before {
            return Ok(before);
        }
        let text = serde_json::to_vec_pretty(&next)
            .map_err(|source| ConfigError::Encode { what: self.what, source })?;
        atomic_file::write(&self.path, &text)?;
        let next = Arc::new(next);
        self.changes.send_replace(Arc::clone(&next));
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path) -> DocumentStore<Vec<u32>> {
        DocumentStore::open(dir, "list.json", "the list", |list| list).unwrap()
    }

    #[test]
    fn a_change_is_there_after_a_restart_and_told() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let mut changes = store.subscribe();
        store.update(|list| [list.as_slice(), &[7]].concat()).unwrap();
        assert!(changes.has_changed().unwrap());
        assert_eq!(**changes.borrow_and_update(), [7]);
        store.update(Vec::clone).unwrap();
        assert!(!changes.has_changed().unwrap(), "nothing changed");
        assert_eq!(*open(dir.path()).current(), [7]);
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_the_defaults_count() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("list.json"), "{").unwrap();
        assert!(open(dir.path()).current().is_empty());
        let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(names.into_iter().any(|name| name.to_string_lossy().starts_with("list.json.corrupt-")));
    }

    #[test]
    fn what_cannot_be_written_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        std::fs::create_dir(dir.path().join("list.json.tmp")).unwrap();
        assert!(store.update(|_| vec![1]).is_err());
        assert!(store.current().is_empty());
    }
}
