//! ZFS pools through `zpool`, told as arrays: a pool that lost a disk is what a degraded array is.

use std::sync::Arc;

use pulse_core::report::host::{RaidArray, RaidDevice};

use crate::command::{Call, RunCommand};

/// The pools of this machine; `None` where there is no ZFS or it does not answer.
pub(super) async fn read(runner: Arc<dyn RunCommand>) -> Option<Vec<RaidArray>> {
    if !runner.has("zpool") {
        return None;
    }
    // Full paths, so that a device can be matched; `-L` follows by-id links to the names used elsewhere.
    let done = runner.run(Call::new("zpool", ["status", "-P", "-L"])).await;
    match done {
        Ok(done) if done.is_success() => Some(parse_status(&done.text())),
        Ok(done) => {
            tracing::debug!(reason = %done.complaint(), "zpool cannot be asked");
            None
        }
        Err(error) => {
            tracing::debug!(%error, "zpool cannot be asked");
            None
        }
    }
}

/// Words that stand for a group of devices, and not for one.
const GROUPS: &[&str] =
    &["mirror", "raidz", "draid", "replacing", "spare", "logs", "cache", "spares", "special", "dedup"];

fn parse_status(text: &str) -> Vec<RaidArray> {
    let mut pools: Vec<RaidArray> = Vec::new();
    let mut is_config = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix("pool:") {
            let array = RaidArray {
                device: name.trim().to_owned(),
                name: Some(name.trim().to_owned()),
                level: "zfs".to_owned(),
                ..RaidArray::default()
            };
            pools.push(array);
            is_config = false;
            continue;
        }
        let Some(pool) = pools.last_mut() else { continue };
        if let Some(state) = trimmed.strip_prefix("state:") {
            pool.state = state_word(state.trim());
        } else if trimmed.starts_with("config:") {
            is_config = true;
        } else if trimmed.starts_with("errors:") {
            is_config = false;
        } else if is_config {
            parse_device(pool, trimmed);
        } else if let Some(progress) = parse_progress(trimmed) {
            pool.rebuild_percent = progress;
            if !pool.state.contains("resilvering") {
                pool.state.push_str(", resilvering, recovering");
            }
        }
    }
    for pool in &mut pools {
        settle(pool);
    }
    pools
}

/// The pool's state in the words that arrays have.
fn state_word(state: &str) -> String {
    match state {
        "ONLINE" => "clean".to_owned(),
        "DEGRADED" => "degraded".to_owned(),
        // Such a pool has lost more than it can stand.
        "FAULTED" | "UNAVAIL" | "SUSPENDED" | "OFFLINE" | "REMOVED" => {
            format!("degraded, {}", state.to_ascii_lowercase())
        }
        other => other.to_ascii_lowercase(),
    }
}

/// `/dev/sda1  ONLINE  0  0  0`
fn parse_device(pool: &mut RaidArray, line: &str) {
    let mut words = line.split_ascii_whitespace();
    let (Some(name), state) = (words.next(), words.next()) else { return };
    if name == "NAME" || name == pool.device {
        return;
    }
    if GROUPS.iter().any(|group| name.starts_with(group)) {
        let level = name.split(['-', ':']).next().unwrap_or(name);
        if pool.level == "zfs"
            && (level == "mirror" || level.starts_with("raidz") || level.starts_with("draid"))
        {
            pool.level = format!("zfs-{level}");
        }
        return;
    }
    let state = match state {
        Some("ONLINE") => "active",
        Some("AVAIL" | "INUSE") => "spare",
        Some(_) => "faulty",
        None => return,
    };
    let slot = if state == "active" { pool.devices.len() as i32 } else { -1 };
    pool.devices.push(RaidDevice { device: name.to_owned(), state: state.to_owned(), slot });
}

/// `1.23T scanned, 12.34% done, 01:02:03 to go` of a resilver; a scrub is no rebuild.
fn parse_progress(line: &str) -> Option<f64> {
    let (before, _) = line.split_once("% done")?;
    if !line.contains("resilvered") {
        return None;
    }
    before.rsplit([' ', ',']).next()?.parse().ok().filter(|percent| (0.0..=100.0).contains(percent))
}

fn settle(pool: &mut RaidArray) {
    let count = |state: &str| pool.devices.iter().filter(|device| device.state == state).count() as u32;
    let (active, faulty, spare) = (count("active"), count("faulty"), count("spare"));
    pool.total_devices = active + faulty;
    pool.active_devices = active;
    pool.working_devices = active + spare;
    pool.failed_devices = faulty;
    pool.spare_devices = spare;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::fake::{FakeCommands, failed, printed};

    const STATUS: &str = "  pool: rpool
 state: ONLINE
  scan: scrub repaired 0B in 00:12:01 with 0 errors on Sun Nov  8 00:36:03 2026
config:

\tNAME             STATE     READ WRITE CKSUM
\trpool            ONLINE       0     0     0
\t  mirror-0       ONLINE       0     0     0
\t    /dev/sda3    ONLINE       0     0     0
\t    /dev/sdb3    ONLINE       0     0     0

errors: No known data errors

  pool: tank
 state: DEGRADED
status: One or more devices is currently being resilvered.
  scan: resilver in progress since Wed Nov 25 09:00:00 2026
\t1.20T / 4.00T scanned at 1.0G/s, 400G / 2.00T issued
\t100G resilvered, 20.15% done, 01:30:00 to go
config:

\tNAME             STATE     READ WRITE CKSUM
\ttank             DEGRADED     0     0     0
\t  raidz2-0       DEGRADED     0     0     0
\t    /dev/sdc1    ONLINE       0     0     0
\t    replacing-1  DEGRADED     0     0     0
\t      /dev/sdd1  FAULTED      3     9     0  too many errors
\t      /dev/sdg1  ONLINE       0     0     0  (resilvering)
\t    /dev/sde1    ONLINE       0     0     0
\tspares
\t  /dev/sdf1      AVAIL

errors: No known data errors
";

    #[test]
    fn pools_are_told_as_arrays() {
        let pools = parse_status(STATUS);
        let rpool = &pools[0];
        assert_eq!((rpool.device.as_str(), rpool.level.as_str()), ("rpool", "zfs-mirror"));
        assert_eq!((rpool.state.as_str(), rpool.total_devices, rpool.failed_devices), ("clean", 2, 0));
        let tank = &pools[1];
        assert_eq!((tank.level.as_str(), tank.failed_devices, tank.spare_devices), ("zfs-raidz2", 1, 1));
        assert!(tank.state.starts_with("degraded") && tank.state.contains("recovering"), "{}", tank.state);
        assert_eq!((tank.rebuild_percent, tank.active_devices), (20.15, 3));
        assert!(parse_status("no pools available\n").is_empty());
    }

    #[tokio::test]
    async fn a_machine_without_zfs_and_one_whose_pools_cannot_be_read_are_told_apart_from_none() {
        assert_eq!(read(Arc::new(FakeCommands::new(|_| None))).await, None);
        let refused = FakeCommands::new(|_| Some(failed(1, "permission denied")));
        assert_eq!(read(Arc::new(refused)).await, None);
        assert_eq!(
            read(Arc::new(FakeCommands::new(|_| Some(printed("no pools available\n"))))).await,
            Some(vec![])
        );
    }
}
