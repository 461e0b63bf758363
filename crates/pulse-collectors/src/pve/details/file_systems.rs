//! Which file systems inside a guest count, and how full they are together.

use std::collections::{BTreeMap, BTreeSet};

use pulse_core::{
    Missing, Reading,
    model::{DiskUse, FileSystem},
};

use super::wire::MountedFileSystem;

/// Never written to: always full, and nobody can do anything about it.
const READ_ONLY: &[&str] = &["cdfs", "cramfs", "erofs", "iso9660", "romfs", "squashfs", "udf"];
/// In memory, or made up by the kernel.
const VIRTUAL: &[&str] = &[
    "autofs",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "overlay",
    "overlayfs",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tmpfs",
    "tracefs",
];
/// Somebody else's disk.
const REMOTE: &[&str] =
    &["9p", "ceph", "cifs", "fuse", "glusterfs", "nfs", "nfs4", "smb3", "smbfs", "virtiofs"];
/// Places that hold no data of the guest's own.
const SPECIAL_PLACES: &[&str] =
    &["/dev", "/proc", "/run", "/snap", "/sys", "/var/lib/containers", "/var/lib/docker", "/boot/efi"];
/// No guest has more file systems that anybody looks at.
const MOST: usize = 256;

/// The file systems that count, and their sum.
pub(super) fn real(mounted: &[MountedFileSystem<'_>]) -> (Reading<DiskUse>, Vec<FileSystem>) {
    let mut sum = Sum::default();
    let mut list = Vec::new();
    for one in mounted.iter().take(MOST).filter(|one| counts(one)) {
        let (Some(total), Some(used)) = (one.total.positive(), one.used.0) else { continue };
        let Some(space) = DiskUse::new(total, used) else { continue };
        let device =
            one.disk.0.iter().find_map(|disk| disk.dev.to_owned().or_else(|| disk.serial.to_owned()));
        if !sum.add(one, &space) {
            continue;
        }
        list.push(FileSystem {
            space,
            mountpoint: one.mountpoint.to_owned(),
            kind: one.kind.to_owned(),
            device: device.or_else(|| one.name.to_owned()),
        });
    }
    let space = match (sum.finish(), mounted.is_empty()) {
        (Some(space), _) => Reading::Known(space),
        (None, true) => Reading::Unknown(Missing::NoFilesystems),
        (None, false) => Reading::Unknown(Missing::SpecialFilesystemsOnly),
    };
    (space, list)
}

fn counts(one: &MountedFileSystem<'_>) -> bool {
    let kind = one.kind.as_str().unwrap_or_default().to_ascii_lowercase();
    let place = one.mountpoint.as_str().unwrap_or_default();
    let is_special_place = SPECIAL_PLACES.iter().any(|special| {
        place.strip_prefix(special).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }) || place == "System Reserved"
        || place.contains("/overlay2/")
        || place.contains("/containers/storage/");
    let is_special_kind = READ_ONLY.contains(&kind.as_str())
        || VIRTUAL.contains(&kind.as_str())
        || REMOTE.iter().any(|remote| kind == *remote || kind.starts_with(&format!("{remote}.")));
    !is_special_place && !is_special_kind
}

/// Adds file systems up, each bit of space once.
#[derive(Default)]
struct Sum {
    /// Sizes by what they are on: the same file system mounted twice, and subvolumes of one btrfs, count once.
    seen: BTreeSet<(String, u64)>,
    total: u64,
    used: u64,
    /// Pools of ZFS: each dataset shows what it uses and what the pool has left.
    pools: BTreeMap<String, (u64, u64)>,
}

impl Sum {
    /// Whether the file system is one that was not there before.
    fn add(&mut self, one: &MountedFileSystem<'_>, space: &DiskUse) -> bool {
        let kind = one.kind.as_str().unwrap_or_default();
        let name = one.name.as_str().or(one.mountpoint.as_str()).unwrap_or_default();
        if kind.eq_ignore_ascii_case("zfs") {
            if !self.seen.insert((name.to_owned(), space.total_bytes)) {
                return false;
            }
            let pool = self.pools.entry(name.split('/').next().unwrap_or(name).to_owned()).or_default();
            pool.0 = pool.0.saturating_add(space.used_bytes);
            pool.1 = pool.1.max(space.free_bytes);
            return true;
        }
        if !self.seen.insert((format!("{kind}\n{name}"), space.total_bytes)) {
            return false;
        }
        self.total = self.total.saturating_add(space.total_bytes);
        self.used = self.used.saturating_add(space.used_bytes);
        true
    }

    fn finish(self) -> Option<DiskUse> {
        let (mut total, mut used) = (self.total, self.used);
        for (pool_used, free) in self.pools.into_values() {
            total = total.saturating_add(pool_used).saturating_add(free);
            used = used.saturating_add(pool_used);
        }
        DiskUse::new(total, used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expect: Reading<(u64, u64)>, rows: usize) {
        let mounted: Vec<MountedFileSystem<'_>> = serde_json::from_str(json).unwrap();
        let (space, list) = real(&mounted);
        assert_eq!(space.map(|space| (space.total_bytes, space.used_bytes)), expect, "{json}");
        assert_eq!(list.len(), rows, "{json}");
    }

    #[test]
    fn only_what_a_person_can_fill_counts() {
        check(
            r#"[{"name":"sda1","mountpoint":"/","type":"ext4","total-bytes":100,"used-bytes":40},
                {"name":"sda15","mountpoint":"/boot/efi","type":"vfat","total-bytes":9,"used-bytes":9},
                {"name":"loop0","mountpoint":"/snap/core/1","type":"squashfs","total-bytes":9,"used-bytes":9},
                {"name":"tmpfs","mountpoint":"/x","type":"tmpfs","total-bytes":9,"used-bytes":9},
                {"name":"srv:/x","mountpoint":"/mnt","type":"nfs4","total-bytes":9,"used-bytes":9},
                {"name":"s3","mountpoint":"/s3","type":"fuse.s3fs","total-bytes":9,"used-bytes":9},
                {"name":"sdb1","mountpoint":"/snapshots","type":"xfs","total-bytes":50,"used-bytes":10}]"#,
            Reading::Known((150, 50)),
            2,
        );
    }

    #[test]
    fn windows_drives_add_up_without_the_reserved_one() {
        check(
            r#"[{"name":"\\\\?\\Volume{c}\\","mountpoint":"C:\\","type":"NTFS","total-bytes":100,"used-bytes":60},
                {"name":"\\\\?\\Volume{d}\\","mountpoint":"D:\\","type":"NTFS","total-bytes":100,"used-bytes":10},
                {"name":"\\\\?\\Volume{r}\\","mountpoint":"System Reserved","type":"NTFS","total-bytes":5,"used-bytes":4}]"#,
            Reading::Known((200, 70)),
            2,
        );
    }

    #[test]
    fn subvolumes_and_mounts_of_one_file_system_count_once() {
        check(
            r#"[{"name":"sda2","mountpoint":"/","type":"btrfs","total-bytes":100,"used-bytes":40},
                {"name":"sda2","mountpoint":"/home","type":"btrfs","total-bytes":100,"used-bytes":40},
                {"name":"dm-0","mountpoint":"/srv","type":"ext4","total-bytes":100,"used-bytes":1,"disk":[{"dev":"/dev/sdb"}]},
                {"name":"dm-1","mountpoint":"/var","type":"ext4","total-bytes":100,"used-bytes":2,"disk":[{"dev":"/dev/sdb"}]}]"#,
            Reading::Known((300, 43)),
            3,
        );
    }

    #[test]
    fn datasets_of_one_pool_share_its_free_space() {
        // A pool of 100 with 30 in use: each dataset says what it uses and the 70 that are left.
        check(
            r#"[{"name":"tank/a","mountpoint":"/a","type":"zfs","total-bytes":80,"used-bytes":10},
                {"name":"tank/b","mountpoint":"/b","type":"zfs","total-bytes":90,"used-bytes":20}]"#,
            Reading::Known((100, 30)),
            2,
        );
    }

    #[test]
    fn nothing_and_nothing_real_are_two_reasons() {
        check("[]", Reading::Unknown(Missing::NoFilesystems), 0);
        check(
            r#"[{"mountpoint":"/run","type":"tmpfs","total-bytes":1,"used-bytes":1}]"#,
            Reading::Unknown(Missing::SpecialFilesystemsOnly),
            0,
        );
        // Figures that are not there are not 0.
        check(
            r#"[{"name":"sda1","mountpoint":"/","type":"ext4"}]"#,
            Reading::Unknown(Missing::SpecialFilesystemsOnly),
            0,
        );
    }
}
