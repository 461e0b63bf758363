//! The configured Proxmox instances in the sealed `nodes.enc`.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use pulse_core::{Clock, SystemClock};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::{ConfigError, UpdateError, atomic_file, schema::instances::NodeConfig, seal::SealKey};

/// The instances: one writer at a time, readers take an `Arc`.
#[derive(Debug)]
pub struct NodeStore {
    path: PathBuf,
    key: SealKey,
    current: ArcSwap<NodeConfig>,
    changes: watch::Sender<Arc<NodeConfig>>,
    writing: Mutex<()>,
}

impl NodeStore {
    /// Reads `nodes.enc`. One that does not open is set aside and the previous version takes its place, where
    /// there is one that opens; else there are no instances.
    pub fn open(data_dir: &Path, key: SealKey) -> Result<Self, ConfigError> {
        let path = data_dir.join("nodes.enc");
        let mut config = load(&path, &key)?;
        config.keep_namesakes_apart();
        let config = Arc::new(config);
        let (changes, _) = watch::channel(Arc::clone(&config));
        Ok(Self { path, key, current: ArcSwap::new(config), changes, writing: Mutex::new(()) })
    }

    /// The instances as they are now. Never waits.
    pub fn current(&self) -> Arc<NodeConfig> {
        self.current.load_full()
    }

    /// Tells of every change; the value is always the newest.
    pub fn subscribe(&self) -> watch::Receiver<Arc<NodeConfig>> {
        self.changes.subscribe()
    }

    /// Changes the instances: `change` works on a copy that is written before anybody sees it. When it refuses, or
    /// the file cannot be written, nothing changes. Blocks for the disk: call it where blocking is allowed.
    pub fn update<T, E>(
        &self,
        change: impl FnOnce(&mut NodeConfig) -> Result<T, E>,
    ) -> Result<T, UpdateError<E>> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current.load_full();
        let mut config = NodeConfig::clone(&before);
        let answer = change(&mut config).map_err(UpdateError::Refused)?;
        config.keep_namesakes_apart();
        if config == *before {
            return Ok(answer);
        }
        self.write(&config)?;
        let config = Arc::new(config);
        self.current.store(Arc::clone(&config));
        self.changes.send_replace(config);
        Ok(answer)
    }

    fn write(&self, config: &NodeConfig) -> Result<(), ConfigError> {
        let plain = serde_json::to_vec(config)
            .map(Zeroizing::new)
            .map_err(|source| ConfigError::Encode { what: "the node configuration", source })?;
        let sealed = self.key.seal(&plain)?;
        if let Some(previous) = atomic_file::read(&self.path)? {
            atomic_file::write(&backup_of(&self.path), &previous)?;
        }
        atomic_file::write(&self.path, &sealed)
    }
}

fn backup_of(path: &Path) -> PathBuf {
    atomic_file::beside(path, ".backup")
}

fn load(path: &Path, key: &SealKey) -> Result<NodeConfig, ConfigError> {
    let existed = path.exists();
    if let Some(config) = read(path, key)? {
        return Ok(config);
    }
    let backup = backup_of(path);
    // Used where nodes.enc is missing as well: a crash after it was set aside must not lose the nodes.
    if let Some(config) = read(&backup, key)? {
        if let Some(sealed) = atomic_file::read(&backup)? {
            atomic_file::write(path, &sealed)?;
        }
        tracing::warn!(
            file.path = %path.display(),
            instances = config.pve.len() + config.pbs.len() + config.pmg.len(),
            "the previous version of the node configuration was restored"
        );
        return Ok(config);
    }
    if existed {
        tracing::warn!(file.path = %path.display(), "starting without configured nodes: add them again");
    }
    Ok(NodeConfig::default())
}

fn read(path: &Path, key: &SealKey) -> Result<Option<NodeConfig>, ConfigError> {
    atomic_file::read_or_set_aside(path, SystemClock.now(), |sealed| {
        let plain = key.unseal(sealed).map_err(|error| error.to_string())?;
        atomic_file::decode_json(&plain)
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::{PveInstance, Secret};

    fn pve(name: &str) -> PveInstance {
        serde_json::from_value(serde_json::json!({
            "Name": name, "Host": format!("https://{name}:8006"), "TokenName": "m@pve!t", "TokenValue": "very-secret"
        }))
        .unwrap()
    }

    fn open(dir: &Path) -> NodeStore {
        NodeStore::open(dir, SealKey::open(dir).unwrap()).unwrap()
    }

    fn add(store: &NodeStore, name: &str) {
        try_to_add(store, name).unwrap();
    }

    fn try_to_add(store: &NodeStore, name: &str) -> Result<(), UpdateError<()>> {
        store.update(|config| {
            config.pve.push(pve(name));
            Ok(())
        })
    }

    fn names(store: &NodeStore) -> Vec<String> {
        store.current().pve.iter().map(|pve| pve.name.to_string()).collect()
    }

    #[test]
    fn a_change_is_sealed_private_and_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let watch = store.subscribe();
        add(&store, "a");
        assert!(watch.has_changed().unwrap());
        assert_eq!(watch.borrow().pve.len(), 1);
        let file = dir.path().join("nodes.enc");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"very-secret"));
        let again = open(dir.path());
        assert_eq!(names(&again), ["a"]);
        assert_eq!(again.current().pve[0].token_value.as_ref().map(Secret::expose), Some("very-secret"));
        assert!(!format!("{again:?}").contains("very-secret"));
    }

    #[test]
    fn a_refused_change_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let refused = store.update(|config| {
            config.pve.push(pve("a"));
            Err::<(), _>("no")
        });
        assert!(matches!(refused, Err(UpdateError::Refused("no"))));
        assert!(store.current().is_empty() && !dir.path().join("nodes.enc").exists());
    }

    #[test]
    fn a_change_that_cannot_be_kept_is_not_seen() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        add(&store, "a");
        fs::create_dir(dir.path().join("nodes.enc.tmp")).unwrap();
        assert!(matches!(try_to_add(&store, "b"), Err(UpdateError::Config(_))));
        assert_eq!(names(&store), ["a"]);
        assert_eq!(names(&open(dir.path())), ["a"]);
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_the_previous_version_restored() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        add(&store, "a");
        add(&store, "b");
        fs::write(dir.path().join("nodes.enc"), b"rubbish").unwrap();
        assert_eq!(names(&open(dir.path())), ["a"]);
        let aside: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("nodes.enc.corrupt-"))
            .collect();
        assert_eq!(aside.len(), 1);
        assert_eq!(fs::read(dir.path().join(&aside[0])).unwrap(), b"rubbish");
        // The restored file is used from now on, also without the backup.
        fs::remove_file(dir.path().join("nodes.enc.backup")).unwrap();
        assert_eq!(names(&open(dir.path())), ["a"]);
    }

    #[test]
    fn with_both_versions_damaged_the_server_starts_empty_and_keeps_both() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        add(&store, "a");
        add(&store, "b");
        for name in ["nodes.enc", "nodes.enc.backup"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        assert!(open(dir.path()).current().is_empty());
        let kept = fs::read_dir(dir.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains(".corrupt-"))
            .count();
        assert_eq!(kept, 2);
    }

    #[test]
    fn a_second_cluster_of_the_same_name_is_marked_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let add = |name: &str, cluster: Option<&str>| {
            let added = store.update(|config| {
                config.pve.push(PveInstance { cluster_name: cluster.map(str::to_owned), ..pve(name) });
                Ok::<_, ()>(())
            });
            added.unwrap();
        };
        add("a", Some("prod"));
        add("alone", None);
        add("other", None);
        add("b", Some("prod"));
        let marked = |store: &NodeStore| -> Vec<String> {
            let current = store.current();
            current.pve.iter().filter(|pve| pve.is_namesake).map(|pve| pve.name.to_string()).collect()
        };
        assert_eq!(marked(&store), ["b"]);
        let removed = store.update(|config| {
            config.pve.remove(0);
            Ok::<_, ()>(())
        });
        removed.unwrap();
        assert_eq!(marked(&open(dir.path())), ["b"]);
    }

    #[test]
    fn concurrent_changes_are_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let store = &store;
                scope.spawn(move || (0..5).for_each(|n| add(store, &format!("n{thread}-{n}"))));
            }
        });
        assert_eq!(store.current().pve.len(), 20);
        assert_eq!(open(dir.path()).current().pve.len(), 20);
    }
}
