//! Which mounted file systems are worth a row, and how their sizes become one.
//!
//! Types are let in by name, not kept out by name. Those behind which a network or another process stands are marked:
//! their `statvfs` may never return, so they are asked apart. Nothing here touches the file systems themselves.

use std::collections::BTreeMap;

use pulse_core::report::host::HostDisk;

/// A mounted file system that may be asked for its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// `major:minor`.
    pub(super) number: String,
    /// Path inside the file system that is mounted; `/` unless it is a bind mount or a subvolume.
    pub(super) root: String,
    /// Where.
    pub(super) mountpoint: String,
    /// Type.
    pub(super) kind: String,
    /// Device, or the dataset's name.
    pub(super) source: String,
    /// Whether a network or another process answers for it.
    pub(super) is_remote: bool,
}

/// Size of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    /// Bytes in total.
    pub(super) total: u64,
    /// Bytes in use.
    pub(super) used: u64,
    /// Bytes an ordinary user may still write.
    pub(super) available: u64,
}

const LOCAL_TYPES: &[&str] = &[
    "apfs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuseblk", "hfs", "hfsplus", "jfs",
    "msdos", "nilfs2", "ntfs", "ntfs3", "reiserfs", "ubifs", "ufs", "vfat", "xfs", "zfs",
];

/// A server or another process answers for these.
const REMOTE_TYPES: &[&str] = &[
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse",
    "glusterfs",
    "lustre",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
    "virtiofs",
];

/// User-space file systems that hold no data of anybody.
const EMPTY_FUSE: &[&str] = &[
    "fuse.lxcfs",
    "fuse.gvfsd-fuse",
    "fuse.portal",
    "fuse.snapfuse",
    "fuse.squashfuse",
    "fuse.vmware-vmblock",
];

/// The writable file systems of `/proc/self/mountinfo`, each once, in the order of their mount points.
pub(super) fn parse_mountinfo(text: &str, exclude: &[String]) -> Vec<Mount> {
    let mut chosen: BTreeMap<String, Mount> = BTreeMap::new();
    for mount in text.lines().filter_map(parse_line) {
        if is_excluded(&mount.mountpoint, exclude) {
            continue;
        }
        let key = match mount.kind.as_str() {
            // Every subvolume and every dataset has a device number of its own.
            // The same share may be mounted in several places.
            "btrfs" | "zfs" | "bcachefs" | "nfs" | "nfs4" | "cifs" | "smb3" => {
                format!("{} {}", mount.kind, mount.source)
            }
            _ => mount.number.clone(),
        };
        match chosen.get(&key) {
            Some(known) if rank(known) <= rank(&mount) => {}
            _ => {
                chosen.insert(key, mount);
            }
        }
    }
    let mut mounts: Vec<Mount> = chosen.into_values().collect();
    mounts.sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
    mounts
}

/// Whether `/proc/meminfo` is a container's own view (lxcfs), in which the host's ZFS cache has no place.
pub(super) fn has_own_meminfo(mountinfo: &str) -> bool {
    mountinfo.lines().any(|line| line.split(' ').nth(4) == Some("/proc/meminfo"))
}

/// Bind mounts come last, then the shorter path wins.
fn rank(mount: &Mount) -> (bool, usize, &str) {
    let is_subvolume = mount.kind == "btrfs";
    (mount.root != "/" && !is_subvolume, mount.mountpoint.len(), &mount.mountpoint)
}

fn parse_line(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ');
    let (number, root, mountpoint, options) = (left.nth(2)?, left.next()?, left.next()?, left.next()?);
    let mut right = right.split(' ');
    let (kind, source) = (right.next()?, right.next()?);
    let super_options = right.next().unwrap_or("");
    let is_read_only = |options: &str| options.split(',').any(|option| option == "ro");
    let is_remote =
        REMOTE_TYPES.contains(&kind) || (kind.starts_with("fuse.") && !EMPTY_FUSE.contains(&kind));
    if !(is_remote || LOCAL_TYPES.contains(&kind)) || is_read_only(options) || is_read_only(super_options) {
        return None;
    }
    let mountpoint = unescape(mountpoint);
    // Single files bound into a container (/etc/hosts and friends) stand on a real disk that is not theirs.
    if is_engine_internal(&mountpoint)
        || ["/etc/", "/proc/", "/sys/", "/dev/"].iter().any(|p| mountpoint.starts_with(p))
    {
        return None;
    }
    Some(Mount {
        number: number.to_owned(),
        root: unescape(root),
        mountpoint,
        kind: kind.to_owned(),
        source: unescape(source),
        is_remote,
    })
}

fn is_engine_internal(mountpoint: &str) -> bool {
    ["/snap/", "/var/snap/", "/var/lib/docker/", "/var/lib/containers/storage/", "/var/lib/kubelet/"]
        .iter()
        .any(|prefix| mountpoint.starts_with(prefix))
}

/// Whether a mount point is left out by the user: the path itself, or everything below it.
fn is_excluded(mountpoint: &str, exclude: &[String]) -> bool {
    exclude.iter().map(|rule| rule.trim()).filter(|rule| !rule.is_empty()).any(|rule| {
        let rule = if rule == "/" { rule } else { rule.trim_end_matches(['/', '*']) };
        mountpoint == rule
            || (rule.len() > 1 && mountpoint.strip_prefix(rule).is_some_and(|rest| rest.starts_with('/')))
    })
}

/// Undoes the kernel's octal escapes (`\040` is a space).
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'\\')
            .then(|| bytes.get(at + 1..at + 4))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code {
            out.push(code);
            at += 4;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Rows for the report. The datasets of one ZFS pool share its free space, so a pool gets one row:
/// counting each dataset would show the same free bytes many times.
pub(super) fn disk_rows(sized: Vec<(Mount, Space)>) -> Vec<HostDisk> {
    let mut rows = Vec::new();
    let mut pools: BTreeMap<String, (Mount, u64, u64)> = BTreeMap::new();
    for (mount, space) in sized {
        if space.total == 0 {
            continue;
        }
        if mount.kind != "zfs" {
            rows.push(row(mount, space));
            continue;
        }
        let pool = mount.source.split('/').next().unwrap_or_default().to_owned();
        match pools.get_mut(&pool) {
            Some((first, used, available)) => {
                *used = used.saturating_add(space.used);
                // A quota makes a dataset's share smaller; the largest is the pool's.
                *available = (*available).max(space.available);
                if rank(&mount) < rank(first) {
                    *first = mount;
                }
            }
            None => {
                pools.insert(pool, (mount, space.used, space.available));
            }
        }
    }
    for (pool, (mount, used, available)) in pools {
        let space = Space { total: used.saturating_add(available), used, available };
        rows.push(row(Mount { source: pool, ..mount }, space));
    }
    rows.sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
    rows
}

fn row(mount: Mount, space: Space) -> HostDisk {
    // As df does it: of what an ordinary user can have, so that 100 is reached when writing fails.
    let reachable = space.used.saturating_add(space.available);
    let usage = if reachable == 0 { 0.0 } else { space.used as f64 / reachable as f64 * 100.0 };
    HostDisk {
        device: mount.source,
        mountpoint: mount.mountpoint,
        filesystem: Some(mount.kind.clone()),
        kind: Some(mount.kind),
        total_bytes: space.total,
        used_bytes: space.used,
        free_bytes: space.available,
        usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &str = r"22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
28 27 254:0 /srv/data /data rw,relatime - ext4 /dev/vda rw
30 27 254:0 /var/lib/docker/containers/x/hostname /etc/hostname rw - ext4 /dev/vda rw
31 27 7:1 / /snap/core/1 ro,nodev - squashfs /dev/loop1 ro
32 27 0:40 / /mnt/nas rw - nfs4 10.0.0.2:/vol rw
33 27 0:41 / /mnt/ssh rw - fuse.sshfs me@there:/ rw
34 27 0:42 / /run/user/0 rw - tmpfs tmpfs rw
35 27 8:17 / /mnt/usb\040stick rw - vfat /dev/sdb1 rw
36 27 8:33 / /mnt/locked ro - ext4 /dev/sdc1 ro
37 27 0:50 /@ /pool rw - btrfs /dev/sdd rw,subvol=/@
38 27 0:51 /@home /pool/home rw - btrfs /dev/sdd rw,subvol=/@home
39 27 0:60 / /tank rw - zfs tank rw
40 27 0:61 / /tank/media rw - zfs tank/media rw
41 27 0:70 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
";

    fn names(exclude: &[&str]) -> Vec<String> {
        let exclude: Vec<String> = exclude.iter().map(ToString::to_string).collect();
        parse_mountinfo(MOUNTINFO, &exclude).into_iter().map(|m| m.mountpoint).collect()
    }

    #[test]
    fn only_writable_file_systems_with_data_are_asked_each_once() {
        assert_eq!(
            names(&[]),
            ["/", "/mnt/nas", "/mnt/ssh", "/mnt/usb stick", "/pool", "/tank", "/tank/media"]
        );
    }

    #[test]
    fn what_a_network_or_a_process_answers_for_is_marked() {
        let mounts = parse_mountinfo(MOUNTINFO, &[]);
        let remote: Vec<&str> =
            mounts.iter().filter(|mount| mount.is_remote).map(|mount| mount.mountpoint.as_str()).collect();
        assert_eq!(remote, ["/mnt/nas", "/mnt/ssh"]);
        assert!(parse_mountinfo("9 1 0:9 / /x rw - fuse.lxcfs lxcfs rw\n", &[]).is_empty());
    }

    #[test]
    fn the_user_can_leave_out_a_mount_point_and_what_is_below() {
        assert_eq!(names(&["/tank/"]), ["/", "/mnt/nas", "/mnt/ssh", "/mnt/usb stick", "/pool"]);
        assert_eq!(names(&["/mnt/*"]), ["/", "/pool", "/tank", "/tank/media"]);
        // With the root left out, the bind mount on the same device still shows the device.
        assert_eq!(
            names(&["/"]),
            ["/data", "/mnt/nas", "/mnt/ssh", "/mnt/usb stick", "/pool", "/tank", "/tank/media"]
        );
        assert_eq!(names(&["/tan", ""]).len(), 7);
    }

    #[test]
    fn the_datasets_of_a_pool_are_one_row() {
        let mounts = parse_mountinfo(MOUNTINFO, &[]);
        let sized = mounts
            .into_iter()
            .filter(|mount| mount.kind == "zfs")
            .map(|mount| {
                let used = if mount.source == "tank" { 10 } else { 50 };
                (mount, Space { total: used + 40, used, available: 40 })
            })
            .collect();
        let rows = disk_rows(sized);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].device.as_str(), rows[0].mountpoint.as_str()), ("tank", "/tank"));
        assert_eq!((rows[0].total_bytes, rows[0].used_bytes, rows[0].free_bytes), (100, 60, 40));
        assert_eq!(rows[0].usage, 60.0);
    }

    #[test]
    fn reserved_blocks_are_neither_free_nor_used() {
        let mount = parse_mountinfo(MOUNTINFO, &[]).remove(0);
        let rows = disk_rows(vec![(mount, Space { total: 100, used: 45, available: 45 })]);
        assert_eq!(rows[0].usage, 50.0);
        assert_eq!(rows[0].total_bytes, 100);
    }

    #[test]
    fn lxcfs_is_seen() {
        assert!(!has_own_meminfo(MOUNTINFO));
        assert!(has_own_meminfo("50 27 0:90 /proc/meminfo /proc/meminfo rw - fuse.lxcfs lxcfs rw"));
    }

    #[test]
    fn half_escapes_stay_as_they_are() {
        assert_eq!(unescape(r"a\0"), r"a\0");
        assert_eq!(unescape(r"a\999b"), r"a\999b");
        assert_eq!(unescape(r"\134"), "\\");
    }
}
