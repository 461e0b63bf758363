//! Proxmox Backup Server.

use std::{fmt, sync::Arc};

use jiff::Timestamp;

use super::{ConnectionHealth, DiskUse, MemoryUse};
use crate::{Reading, ids::InstanceName};

/// A backup server.
#[derive(Debug, Clone, PartialEq)]
pub struct PbsInstance {
    /// `pbs-<name>`.
    pub id: String,
    /// Configured name.
    pub name: InstanceName,
    /// URL.
    pub host_url: String,
    /// Link for people.
    pub guest_url: Option<String>,
    /// Whether it answers.
    pub is_online: bool,
    /// Version.
    pub version: Option<String>,
    /// Processor use, 0 to 1.
    pub cpu_fraction: Reading<f64>,
    /// Memory.
    pub memory: Reading<MemoryUse>,
    /// The file system of the system itself.
    pub root_disk: Reading<DiskUse>,
    /// Load over 1, 5 and 15 minutes.
    pub load_average: Option<[f64; 3]>,
    /// Seconds since boot.
    pub uptime_seconds: Reading<u64>,
    /// Datastores; `None` when they are not polled or were never read.
    pub datastores: Option<Vec<PbsDatastore>>,
    /// Jobs.
    pub jobs: PbsJobs,
    /// How the connection is.
    pub health: ConnectionHealth,
    /// When it last answered.
    pub last_seen: Timestamp,
}

impl PbsInstance {
    /// The id of a configured backup server.
    pub fn id_of(name: &InstanceName) -> String {
        format!("pbs-{name}")
    }
}

/// A datastore of a backup server.
#[derive(Debug, Clone, PartialEq)]
pub struct PbsDatastore {
    /// Name.
    pub name: String,
    /// Comment.
    pub comment: Option<String>,
    /// Space.
    pub space: Reading<DiskUse>,
    /// What is wrong with it.
    pub error: Option<String>,
    /// Whether and how it can be used.
    pub state: PbsDatastoreState,
    /// Why it is in maintenance, as the server words it.
    pub maintenance: Option<String>,
    /// Where its data lie, such as `filesystem` or `s3`.
    pub backend: Option<String>,
    /// Namespaces; the root is the empty path. Empty when they could not be read.
    pub namespaces: Vec<String>,
    /// Bytes that backups would need ÷ bytes they take.
    pub deduplication_factor: Option<f64>,
    /// When it will be full if it goes on like this.
    pub full_at: Option<Timestamp>,
}

/// Whether a datastore can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PbsDatastoreState {
    /// It can.
    Available,
    /// Its removable disk is not there.
    Unmounted,
    /// Somebody put it into maintenance.
    Maintenance,
    /// It answers with an error.
    Failed,
}

impl PbsDatastoreState {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Unmounted => "unmounted",
            Self::Maintenance => "maintenance",
            Self::Failed => "error",
        }
    }
}

/// The jobs of a backup server; a list is `None` where it is not polled or could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PbsJobs {
    /// Pulling from and pushing to other servers.
    pub sync: Option<Vec<PbsJob>>,
    /// Verification.
    pub verify: Option<Vec<PbsJob>>,
    /// Removal of what is too old.
    pub prune: Option<Vec<PbsJob>>,
    /// Garbage collection, one per datastore.
    pub garbage: Option<Vec<PbsJob>>,
}

/// A job of a backup server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PbsJob {
    /// Its id on the server; for garbage collection the datastore.
    pub id: String,
    /// Datastore it works on.
    pub datastore: String,
    /// Namespace it works on.
    pub namespace: Option<String>,
    /// The other server of a sync job.
    pub remote: Option<String>,
    /// When it runs, as a calendar event; `None` when it only runs by hand.
    pub schedule: Option<String>,
    /// Comment.
    pub comment: Option<String>,
    /// Whether it is switched on.
    pub is_enabled: bool,
    /// End of the last run.
    pub last_run_at: Option<Timestamp>,
    /// How it ended, `OK` or what went wrong.
    pub last_run_state: Option<String>,
    /// Start of the next run.
    pub next_run_at: Option<Timestamp>,
    /// How long the last run took.
    pub duration_seconds: Option<u64>,
    /// Bytes the last garbage collection freed.
    pub removed_bytes: Option<u64>,
}

impl PbsJob {
    /// What went wrong in the last run. A warning is no failure.
    pub fn failure(&self) -> Option<&str> {
        self.last_run_state
            .as_deref()
            .filter(|state| *state != "OK" && !state.starts_with("WARNINGS") && *state != "unknown")
    }

    /// One word for how it stands.
    pub fn status(&self) -> &'static str {
        match (self.is_enabled, self.last_run_state.as_deref()) {
            (false, _) => "disabled",
            (true, _) if self.failure().is_some() => "error",
            (true, Some(state)) if state.starts_with("WARNINGS") => "warning",
            (true, Some("OK")) => "ok",
            (true, _) => "unknown",
        }
    }
}

/// What a backup is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PbsBackupType {
    /// A VM.
    Vm,
    /// A container.
    Ct,
    /// A machine with the backup client.
    Host,
}

impl PbsBackupType {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Ct => "ct",
            Self::Host => "host",
        }
    }

    /// The type of that word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Vm, Self::Ct, Self::Host].into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for PbsBackupType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which group of backups: there is one per server, datastore, namespace, type and id. Texts are shared between the
/// groups of a server, because there are many of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PbsGroupKey {
    /// Configured name of the server.
    pub instance: InstanceName,
    /// Datastore.
    pub datastore: Arc<str>,
    /// Namespace, empty for the root.
    pub namespace: Arc<str>,
    /// What it is of.
    pub backup_type: PbsBackupType,
    /// VMID or host name.
    pub backup_id: Arc<str>,
}

/// The backups of one guest or host in one namespace. The unit that is read, compared and shared: what did not change
/// on the server is the same `Arc` from one reading to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PbsBackupGroup {
    /// Which group.
    pub key: PbsGroupKey,
    /// Who owns it, `user@realm` or `user@realm!token`.
    pub owner: Option<Arc<str>>,
    /// First line of its notes.
    pub comment: Option<Arc<str>>,
    /// Its backups, the newest first.
    pub snapshots: Vec<PbsSnapshot>,
}

impl PbsBackupGroup {
    /// The VMID, where it is of a guest and the id is one.
    pub fn vmid(&self) -> Option<u32> {
        match self.key.backup_type {
            PbsBackupType::Vm | PbsBackupType::Ct => self.key.backup_id.parse().ok(),
            PbsBackupType::Host => None,
        }
    }

    /// The id of one of its backups on the wire: `pbs-<name>-<datastore>-<namespace>-<type>-<id>-<unix seconds>`.
    pub fn snapshot_id(&self, snapshot: &PbsSnapshot) -> String {
        let PbsGroupKey { instance, datastore, namespace, backup_type, backup_id } = &self.key;
        let seconds = snapshot.made_at.as_second();
        format!("pbs-{instance}-{datastore}-{namespace}-{backup_type}-{backup_id}-{seconds}")
    }

    /// The newest backup.
    pub fn newest(&self) -> Option<&PbsSnapshot> {
        self.snapshots.first()
    }
}

/// One backup on a backup server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PbsSnapshot {
    /// When it was made.
    pub made_at: Timestamp,
    /// Bytes, logical.
    pub size_bytes: Option<u64>,
    /// Whether it is protected from removal.
    pub is_protected: bool,
    /// Whether its last verification succeeded; `None` where it never was verified.
    pub is_verified: Option<bool>,
    /// Whether its archives are encrypted.
    pub is_encrypted: bool,
    /// Comment.
    pub comment: Option<Arc<str>>,
    /// Archives.
    pub files: Arc<[Arc<str>]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_stays_small() {
        // 50,000 of them are promised to fit into 30 MB with everything made of them.
        assert!(size_of::<PbsSnapshot>() <= 80, "{}", size_of::<PbsSnapshot>());
    }

    #[test]
    fn the_id_is_the_contracts() {
        let group = PbsBackupGroup {
            key: PbsGroupKey {
                instance: "vault".into(),
                datastore: "main".into(),
                namespace: "site-a/prod".into(),
                backup_type: PbsBackupType::Vm,
                backup_id: "100".into(),
            },
            owner: None,
            comment: None,
            snapshots: Vec::new(),
        };
        let snapshot = PbsSnapshot {
            made_at: Timestamp::from_second(1_750_000_000).unwrap(),
            size_bytes: None,
            is_protected: false,
            is_verified: None,
            is_encrypted: false,
            comment: None,
            files: Arc::default(),
        };
        assert_eq!(group.snapshot_id(&snapshot), "pbs-vault-main-site-a/prod-vm-100-1750000000");
        assert_eq!(group.vmid(), Some(100));
    }

    #[test]
    fn a_warning_is_no_failure() {
        let job = |state: Option<&str>, is_enabled| PbsJob {
            id: "j".into(),
            datastore: "d".into(),
            namespace: None,
            remote: None,
            schedule: None,
            comment: None,
            is_enabled,
            last_run_at: None,
            last_run_state: state.map(str::to_owned),
            next_run_at: None,
            duration_seconds: None,
            removed_bytes: None,
        };
        for (state, is_enabled, expect) in [
            (Some("OK"), true, "ok"),
            (Some("WARNINGS: 2"), true, "warning"),
            (Some("sync failed with some errors."), true, "error"),
            (None, true, "unknown"),
            (Some("OK"), false, "disabled"),
        ] {
            assert_eq!(job(state, is_enabled).status(), expect, "{state:?}");
        }
        assert_eq!(job(Some("connection refused"), true).failure(), Some("connection refused"));
        assert_eq!(job(Some("WARNINGS: 2"), true).failure(), None);
    }
}
