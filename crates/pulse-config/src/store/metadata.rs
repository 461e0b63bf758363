//! What people note about guests, containers and hosts: a link, a description, tags, notes. One JSON file per kind,
//! an object keyed by id, as Pulse v5 has them (contract A-15, B-05).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use pulse_core::{Clock, SystemClock};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{ConfigError, UpdateError, atomic_file};

/// At most so many records of one kind: notes are written by people, but their ids come from a request.
pub const MOST_RECORDS: usize = 20_000;

/// The longest id that is kept.
const LONGEST_ID: usize = 512;

/// A kind of record and the file it is kept in.
pub trait Record: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// Name of the file in the data directory.
    const FILE: &'static str;

    /// Refuses what makes no sense.
    fn check(&self) -> Result<(), MetadataError>;
}

/// Why a record is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// The link cannot be followed.
    #[error("Invalid customUrl: {0}")]
    Url(&'static str),
    /// There are as many records as are kept.
    #[error("there are {MOST_RECORDS} records already; remove some that are no longer needed")]
    TooMany,
    /// The id is empty or longer than any id.
    #[error("the id must have 1 to {LONGEST_ID} bytes")]
    Id,
}

/// What is noted about a guest or a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GuestMetadata {
    /// A page of its own; empty for none.
    pub custom_url: String,
    /// A description; empty for none.
    pub description: String,
    /// Tags; none at all or a list.
    pub tags: Option<Vec<String>>,
    /// Notes; none at all or a list.
    pub notes: Option<Vec<String>>,
    /// Name it had when it was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_known_name: Option<String>,
    /// `qemu` or `lxc`, when it was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_known_type: Option<String>,
}

impl Record for GuestMetadata {
    const FILE: &'static str = "guest_metadata.json";

    fn check(&self) -> Result<(), MetadataError> {
        check_url(&self.custom_url)
    }
}

/// What is noted about a container or a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DockerMetadata {
    /// A page of its own; empty for none.
    pub custom_url: String,
    /// A description; empty for none.
    pub description: String,
    /// Tags; none at all or a list.
    pub tags: Option<Vec<String>>,
    /// Notes; none at all or a list.
    pub notes: Option<Vec<String>>,
}

impl Record for DockerMetadata {
    const FILE: &'static str = "docker_metadata.json";

    fn check(&self) -> Result<(), MetadataError> {
        check_url(&self.custom_url)
    }
}

/// What is noted about a Docker host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DockerHostMetadata {
    /// The name people gave it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custom_display_name: String,
    /// A page of its own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custom_url: String,
    /// Notes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Record for DockerHostMetadata {
    const FILE: &'static str = "docker_host_metadata.json";

    fn check(&self) -> Result<(), MetadataError> {
        check_url(&self.custom_url)
    }
}

/// What is noted about a host with an agent, and what is decided about its agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HostMetadata {
    /// A page of its own; empty for none.
    pub custom_url: String,
    /// A description; empty for none.
    pub description: String,
    /// Tags; none at all or a list.
    pub tags: Option<Vec<String>>,
    /// Notes; none at all or a list.
    pub notes: Option<Vec<String>>,
    /// Whether its agent is to run commands; `None` leaves that to the agent.
    pub commands_enabled: Option<bool>,
}

impl Record for HostMetadata {
    const FILE: &'static str = "host_metadata.json";

    fn check(&self) -> Result<(), MetadataError> {
        check_url(&self.custom_url)
    }
}

/// The records of every kind.
#[derive(Debug)]
pub struct Metadata {
    /// Of guests.
    pub guests: MetadataStore<GuestMetadata>,
    /// Of containers and services.
    pub docker: MetadataStore<DockerMetadata>,
    /// Of Docker hosts.
    pub docker_hosts: MetadataStore<DockerHostMetadata>,
    /// Of hosts with an agent.
    pub hosts: MetadataStore<HostMetadata>,
}

impl Metadata {
    /// Reads what the data directory has. Blocks for the disk.
    pub fn open(data_dir: &Path) -> Result<Self, ConfigError> {
        Ok(Self {
            guests: MetadataStore::open(data_dir)?,
            docker: MetadataStore::open(data_dir)?,
            docker_hosts: MetadataStore::open(data_dir)?,
            hosts: MetadataStore::open(data_dir)?,
        })
    }
}

/// A link that a browser may be sent to: `http` or `https` and a host, nothing that could run.
fn check_url(url: &str) -> Result<(), MetadataError> {
    if url.is_empty() {
        return Ok(());
    }
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(MetadataError::Url("it must not contain spaces or control characters"));
    }
    let lower = url.to_ascii_lowercase();
    let rest = lower
        .strip_prefix("http://")
        .or_else(|| lower.strip_prefix("https://"))
        .ok_or(MetadataError::Url("it must start with http:// or https://"))?;
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let host = match host_and_port.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host_and_port.split(':').next().unwrap_or_default(),
    };
    if host.is_empty() {
        return Err(MetadataError::Url("it names no host"));
    }
    if host.ends_with('.') {
        return Err(MetadataError::Url("the host must not end in a dot"));
    }
    Ok(())
}

/// The records of one kind: one writer at a time, readers take an `Arc` of all of them.
#[derive(Debug)]
pub struct MetadataStore<T> {
    path: PathBuf,
    records: Mutex<Arc<BTreeMap<String, T>>>,
}

impl<T: Record> MetadataStore<T> {
    /// Reads the file; a damaged one is set aside. Blocks for the disk.
    pub fn open(data_dir: &Path) -> Result<Self, ConfigError> {
        let path = data_dir.join(T::FILE);
        let records = atomic_file::read_json_or_set_aside(&path, SystemClock.now())?.unwrap_or_default();
        Ok(Self { path, records: Mutex::new(Arc::new(records)) })
    }

    /// All records by id. Never waits for the disk.
    pub fn all(&self) -> Arc<BTreeMap<String, T>> {
        self.lock().clone()
    }

    /// Changes the records and writes them before anybody sees the change. Blocks for the disk.
    pub fn change<R>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, T>) -> Result<R, MetadataError>,
    ) -> Result<R, UpdateError<MetadataError>> {
        let mut records = self.lock();
        let mut next = BTreeMap::clone(&records);
        let result = change(&mut next).map_err(UpdateError::Refused)?;
        if next.len() > MOST_RECORDS && next.len() > records.len() {
            return Err(UpdateError::Refused(MetadataError::TooMany));
        }
        let text = serde_json::to_vec(&next)
            .map_err(|source| ConfigError::Encode { what: "the metadata", source })?;
        atomic_file::write(&self.path, &text)?;
        *records = Arc::new(next);
        Ok(result)
    }

    /// Puts one record in the place of what was there. Blocks for the disk.
    pub fn put(&self, id: &str, record: T) -> Result<(), UpdateError<MetadataError>> {
        check_id(id).and_then(|()| record.check()).map_err(UpdateError::Refused)?;
        self.change(|records| {
            records.insert(id.to_owned(), record);
            Ok(())
        })
    }

    /// Removes a record; one that is not there is removed already. Blocks for the disk.
    pub fn remove(&self, id: &str) -> Result<(), UpdateError<MetadataError>> {
        if !self.lock().contains_key(id) {
            return Ok(());
        }
        self.change(|records| {
            records.remove(id);
            Ok(())
        })
    }

    /// Held while the file is written, on threads that may block; no reader waits longer than that.
    fn lock(&self) -> std::sync::MutexGuard<'_, Arc<BTreeMap<String, T>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether all of these could be kept: what is wrong, and with which.
pub fn check_records<T: Record>(
    records: &BTreeMap<String, T>,
) -> Result<(), (Option<String>, MetadataError)> {
    if records.len() > MOST_RECORDS {
        return Err((None, MetadataError::TooMany));
    }
    for (id, record) in records {
        check_id(id)
            .and_then(|()| record.check())
            .map_err(|error| (Some(id.chars().take(LONGEST_ID).collect()), error))?;
    }
    Ok(())
}

fn check_id(id: &str) -> Result<(), MetadataError> {
    if id.is_empty() || id.len() > LONGEST_ID { Err(MetadataError::Id) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_that_a_browser_may_follow_are_taken() {
        for good in ["", "http://nas.lan", "https://10.0.0.1:8006/x?y#z", "HTTPS://[fe80::1]:8006/"] {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        for bad in [
            "nas.lan",
            "javascript:alert(1)",
            "ftp://nas",
            "http://",
            "http:///x",
            "http://nas.",
            "http://nas.:80/",
            "http://a b",
            "https://user@/",
            "http://\n",
        ] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn records_survive_a_restart_and_a_damaged_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let store = MetadataStore::<GuestMetadata>::open(dir.path()).unwrap();
        let record = GuestMetadata { custom_url: "http://x".into(), ..GuestMetadata::default() };
        store.put("lab:n1:100", record.clone()).unwrap();
        store.put("gone", record.clone()).unwrap();
        store.remove("gone").unwrap();
        store.remove("never there").unwrap();
        let again = MetadataStore::<GuestMetadata>::open(dir.path()).unwrap();
        assert_eq!(*again.all(), BTreeMap::from([("lab:n1:100".to_owned(), record)]));
        std::fs::write(dir.path().join(GuestMetadata::FILE), "{\"a\":").unwrap();
        let anew = MetadataStore::<GuestMetadata>::open(dir.path()).unwrap();
        assert!(anew.all().is_empty());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn ids_and_numbers_are_bounded_and_a_refused_change_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = MetadataStore::<DockerMetadata>::open(dir.path()).unwrap();
        for id in [String::new(), "x".repeat(LONGEST_ID + 1)] {
            let refused = store.put(&id, DockerMetadata::default());
            assert!(matches!(refused, Err(UpdateError::Refused(MetadataError::Id))));
        }
        let many = (0..=MOST_RECORDS).map(|n| (n.to_string(), DockerMetadata::default()));
        let refused = store.change(|records| {
            records.extend(many);
            Ok(())
        });
        assert!(matches!(refused, Err(UpdateError::Refused(MetadataError::TooMany))));
        assert!(store.all().is_empty());
    }
}
