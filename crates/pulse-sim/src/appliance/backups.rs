//! Which backups there are: one a day and guest, at a time of night that follows from the guest, as long as they are
//! kept. Nothing is stored; the same guest at the same instant always has the same backups.

use serde::{Deserialize, Serialize};

use crate::figures::{derive, derive_text, pick, unit};

const DAY: u64 = 86_400;
/// A backup is verified in the night after it was made.
const VERIFIED_AFTER: u64 = DAY;

/// A guest that is backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUpGuest {
    /// `vm`, `ct` or `host`.
    pub kind: String,
    /// VMID or host name.
    pub id: String,
    /// Name of the guest, which goes into the backups' comments.
    pub name: String,
    /// Bytes of its disk.
    pub disk: u64,
    /// Second of the day at which it is backed up; where absent, it follows from the guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_of_day: Option<u64>,
}

/// A backup that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PbsBackupTruth {
    /// When it was made, Unix seconds.
    pub at: u64,
    /// Bytes, logical.
    pub size: u64,
    /// `ok` or `failed`; absent until it was verified.
    pub verification: Option<&'static str>,
    /// Whether it is protected from removal.
    pub is_protected: bool,
    /// Comment.
    pub comment: Option<String>,
}

/// A group of backups that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupTruth {
    /// Datastore.
    pub store: String,
    /// Namespace.
    pub namespace: String,
    /// `vm`, `ct` or `host`.
    pub kind: String,
    /// VMID or host name.
    pub id: String,
    /// Owner.
    pub owner: String,
    /// Whether its backups are encrypted.
    pub is_encrypted: bool,
    /// Archives of each backup.
    pub files: Vec<&'static str>,
    /// Backups, the newest first.
    pub backups: Vec<PbsBackupTruth>,
}

/// A datastore that is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoreTruth {
    /// Name.
    pub name: String,
    /// Bytes in total; absent where its disk is not.
    pub total: Option<u64>,
    /// Bytes in use.
    pub used: u64,
    /// Bytes that backups would need.
    pub index_bytes: u64,
    /// Bytes they take.
    pub disk_bytes: u64,
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// Maintenance, as the API writes it.
    pub maintenance: Option<&'static str>,
    /// Where its chunks are: `filesystem` or `s3`.
    pub backend: &'static str,
}

/// What is true of a backup server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PbsTruth {
    /// Processor use, 0 to 1.
    pub cpu: f64,
    /// Bytes of memory, and how many are in use.
    pub memory: [u64; 2],
    /// Seconds since boot.
    pub uptime: u64,
    /// Datastores.
    pub stores: Vec<StoreTruth>,
    /// Groups of backups.
    pub groups: Vec<GroupTruth>,
}

/// How the backups of one guest come about.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    key: u64,
    guest: BackedUpGuest,
    keep: usize,
}

impl Schedule {
    pub(super) fn new(seed: u64, namespace: &str, guest: &BackedUpGuest, keep: usize) -> Self {
        let key = derive_text(derive_text(derive_text(seed, namespace), &guest.kind), &guest.id);
        Self { key, guest: guest.clone(), keep }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        unit(derive(self.key, 2)) < 0.2
    }

    /// Time of the newest backup at that instant.
    pub(super) fn newest(&self, at: u64) -> Option<u64> {
        let of_day = self.guest.second_of_day.unwrap_or(3_600 + self.key % 10_800);
        (self.keep > 0 && at > of_day).then(|| at - (at - of_day) % DAY)
    }

    /// How many there are.
    pub(super) fn count(&self, at: u64) -> usize {
        let Some(newest) = self.newest(at) else { return 0 };
        self.keep.min((newest / DAY + 1) as usize)
    }

    /// All of them at that instant, the newest first.
    pub(super) fn backups(&self, now: u64) -> Vec<PbsBackupTruth> {
        let Some(newest) = self.newest(now) else { return Vec::new() };
        (0..self.count(now)).map(|index| self.backup(newest - index as u64 * DAY, now)).collect()
    }

    fn backup(&self, at: u64, now: u64) -> PbsBackupTruth {
        let key = derive(self.key, at);
        let verification =
            (now >= at + VERIFIED_AFTER).then(|| if unit(derive(key, 1)) < 0.01 { "failed" } else { "ok" });
        PbsBackupTruth {
            at,
            size: self.guest.disk + key % 4096,
            verification,
            is_protected: unit(derive(key, 3)) < 0.03,
            comment: (self.guest.kind != "host").then(|| self.guest.name.clone()),
        }
    }

    pub(super) fn files(&self) -> Vec<&'static str> {
        match self.guest.kind.as_str() {
            "vm" => {
                vec!["client.log.blob", "drive-scsi0.img.fidx", "index.json.blob", "qemu-server.conf.blob"]
            }
            "ct" => vec!["catalog.pcat1.didx", "index.json.blob", "pct.conf.blob", "root.pxar.didx"],
            _ => vec!["catalog.pcat1.didx", "etc.pxar.didx", "index.json.blob"],
        }
    }
}

/// Machines that exist on no cluster of this simulation.
pub(super) fn invented(seed: u64, count: usize) -> impl Iterator<Item = BackedUpGuest> {
    (0..count).map(move |index| {
        let key = derive(derive_text(seed, "invented"), index as u64);
        let kind = if unit(key) < 0.7 { "vm" } else { "ct" };
        BackedUpGuest {
            kind: kind.to_owned(),
            id: (20_000 + index).to_string(),
            name: format!("{}-{index}", pick(key, &["web", "db", "mail", "build", "files"])),
            disk: (8 + key % 120) << 30,
            second_of_day: None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_backup_each_night_and_never_more_than_are_kept() {
        let guest = BackedUpGuest {
            kind: "vm".into(),
            id: "100".into(),
            name: "web".into(),
            disk: 1 << 30,
            second_of_day: None,
        };
        let schedule = Schedule::new(1, "site", &guest, 7);
        let noon = 1_790_683_200;
        let (today, tomorrow) = (schedule.backups(noon), schedule.backups(noon + DAY));
        assert_eq!((today.len(), tomorrow.len()), (7, 7));
        assert_eq!(tomorrow[0].at, today[0].at + DAY);
        assert_eq!(tomorrow[1].at, today[0].at);
        assert_eq!(today[0].verification, None);
        assert!(tomorrow[1].verification.is_some());
        assert_eq!(today, schedule.backups(noon + 60));
        assert!(today[0].at <= noon && today[0].at > noon - DAY);
    }
}
