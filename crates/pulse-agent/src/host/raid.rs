//! Software RAID: Linux's md arrays from `/proc/mdstat` and `/sys/block`, without running a program.

use std::{fs, path::Path};

use pulse_core::report::host::{RaidArray, RaidDevice};

use super::files::{read_text, read_word};

/// The arrays that `/proc/mdstat` names, with what `/sys` adds.
pub(super) fn read(proc: &Path, sys: &Path) -> Vec<RaidArray> {
    let Some(text) = read_text(&proc.join("mdstat")) else { return Vec::new() };
    let mut arrays = parse_mdstat(&text);
    for array in &mut arrays {
        let name = array.device.trim_start_matches("/dev/").to_owned();
        complete(array, &sys.join("block").join(name).join("md"));
    }
    arrays
}

/// Reads `/proc/mdstat`.
fn parse_mdstat(text: &str) -> Vec<RaidArray> {
    let mut arrays: Vec<RaidArray> = Vec::new();
    for line in text.lines() {
        if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            arrays.extend(parse_head(line));
        } else if let Some(array) = arrays.last_mut() {
            parse_detail(array, line.trim());
        }
    }
    for array in &mut arrays {
        settle(array);
    }
    arrays
}

/// `md0 : active raid1 sdb1[1] sda1[0](F)`
fn parse_head(line: &str) -> Option<RaidArray> {
    let (name, rest) = line.split_once(" : ")?;
    let mut array = RaidArray { device: format!("/dev/{}", name.trim()), ..RaidArray::default() };
    for word in rest.split_ascii_whitespace() {
        match word {
            "active" => "clean".clone_into(&mut array.state),
            "inactive" => "inactive".clone_into(&mut array.state),
            _ if word.starts_with('(') => {}
            _ => match word.split_once('[') {
                Some((device, slot)) => array.devices.push(parse_member(device, slot)),
                None => word.clone_into(&mut array.level),
            },
        }
    }
    (!array.state.is_empty()).then_some(array)
}

fn parse_member(device: &str, slot: &str) -> RaidDevice {
    let (number, flags) = slot.split_once(']').unwrap_or((slot, ""));
    let state = match flags {
        flags if flags.contains("(F)") => "faulty",
        flags if flags.contains("(S)") => "spare",
        flags if flags.contains("(J)") => "journal",
        _ => "active",
    };
    let slot = if state == "active" { number.parse().unwrap_or(-1) } else { -1 };
    RaidDevice { device: format!("/dev/{device}"), state: state.to_owned(), slot }
}

/// `976630336 blocks super 1.2 [2/1] [U_]`, or `[==>..]  recovery = 12.6% (37043392/292945152) finish=7.9min speed=100K/sec`.
fn parse_detail(array: &mut RaidArray, line: &str) {
    if let Some((total, active)) = member_counts(line) {
        array.total_devices = total;
        array.active_devices = active;
        return;
    }
    for (word, state) in
        [("recovery", "recovering"), ("resync", "resyncing"), ("reshape", "reshaping"), ("check", "checking")]
    {
        let Some((_, rest)) = line.split_once(word).filter(|(_, rest)| rest.trim_start().starts_with('='))
        else {
            continue;
        };
        let percent = rest.trim_start().trim_start_matches('=').trim_start();
        let percent = percent.split('%').next().and_then(|number| number.trim().parse::<f64>().ok());
        // `resync=DELAYED` waits for another array: nothing goes on yet.
        let Some(percent) = percent.filter(|percent| (0.0..=100.0).contains(percent)) else { return };
        array.state = format!("{}, {state}", array.state);
        array.rebuild_percent = percent;
        let speed = line.split_ascii_whitespace().find_map(|word| word.strip_prefix("speed="));
        array.rebuild_speed = speed.map(str::to_owned);
        return;
    }
}

/// The `[2/1]` of a line.
fn member_counts(line: &str) -> Option<(u32, u32)> {
    line.split_ascii_whitespace().find_map(|word| {
        let (total, active) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
        Some((total.parse().ok()?, active.parse().ok()?))
    })
}

/// Counts that follow from the list of devices, and the word for an array that lacks one.
fn settle(array: &mut RaidArray) {
    let count = |state: &str| array.devices.iter().filter(|device| device.state == state).count() as u32;
    let (active, faulty, spare) = (count("active"), count("faulty"), count("spare"));
    if array.total_devices == 0 && array.state != "inactive" {
        // Levels without redundancy print no counts.
        array.total_devices = active;
        array.active_devices = active;
    }
    array.failed_devices = faulty;
    array.spare_devices = spare;
    array.working_devices = active + spare;
    if array.active_devices < array.total_devices {
        let rest = array.state.strip_prefix("clean").unwrap_or(&array.state);
        array.state = format!("clean, degraded{rest}");
    }
}

fn complete(array: &mut RaidArray, md: &Path) {
    if !md.is_dir() {
        return;
    }
    array.uuid = read_word(&md.join("uuid"));
    if let Some(level) = read_word(&md.join("level")) {
        array.level = level;
    }
    let Ok(entries) = fs::read_dir(md) else { return };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    for name in names {
        let Some(device) = name.strip_prefix("dev-").map(|device| format!("/dev/{device}")) else { continue };
        let Some(known) = array.devices.iter_mut().find(|known| known.device == device) else { continue };
        // While it is rebuilt, a device counts as in its slot and is not in sync.
        if read_word(&md.join(&name).join("state")).as_deref() == Some("spare") && known.state == "active" {
            "rebuilding".clone_into(&mut known.state);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MDSTAT: &str = "Personalities : [raid1] [raid6] [raid5] [raid4]
md2 : active raid5 sdd1[3](S) sdc1[2] sdb1[1](F) sda1[0]
      1953260544 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [U_U]
      [==>..................]  recovery = 12.6% (37043392/292945152) finish=127.5min speed=33440K/sec
      bitmap: 1/8 pages [4KB], 65536KB chunk

md1 : active raid1 sdb2[1] sda2[0]
      976630336 blocks super 1.2 [2/2] [UU]
        resync=DELAYED

md0 : active (auto-read-only) raid0 sdf1[0] sde1[1]
      1024 blocks
md9 : inactive sdx1[0](S)
      512 blocks super 1.2

unused devices: <none>
";

    #[test]
    fn arrays_are_read_with_what_goes_on_in_them() {
        let arrays = parse_mdstat(MDSTAT);
        let names: Vec<&str> = arrays.iter().map(|array| array.device.as_str()).collect();
        assert_eq!(names, ["/dev/md2", "/dev/md1", "/dev/md0", "/dev/md9"]);
        let md2 = &arrays[0];
        assert_eq!((md2.level.as_str(), md2.state.as_str()), ("raid5", "clean, degraded, recovering"));
        assert_eq!(
            (md2.total_devices, md2.active_devices, md2.failed_devices, md2.spare_devices),
            (3, 2, 1, 1)
        );
        assert_eq!((md2.rebuild_percent, md2.rebuild_speed.as_deref()), (12.6, Some("33440K/sec")));
        assert_eq!((md2.devices[2].state.as_str(), md2.devices[2].slot), ("faulty", -1));
        assert_eq!((md2.devices[1].device.as_str(), md2.devices[1].slot), ("/dev/sdc1", 2));
        let md1 = &arrays[1];
        assert_eq!((md1.state.as_str(), md1.total_devices, md1.failed_devices), ("clean", 2, 0));
        assert_eq!((arrays[2].level.as_str(), arrays[2].total_devices), ("raid0", 2));
        assert_eq!(arrays[3].state, "inactive");
    }

    #[test]
    fn a_missing_device_is_degraded_though_none_is_marked_as_failed() {
        let arrays = parse_mdstat("md0 : active raid1 sda1[0]\n 100 blocks [2/1] [U_]\n");
        assert_eq!((arrays[0].state.as_str(), arrays[0].failed_devices), ("clean, degraded", 0));
    }

    #[test]
    fn sys_adds_the_id_and_which_device_is_being_rebuilt() {
        let dir = tempfile::tempdir().unwrap();
        let md = dir.path().join("sys/block/md0/md");
        fs::create_dir_all(md.join("dev-sdb1")).unwrap();
        fs::create_dir_all(dir.path().join("proc")).unwrap();
        fs::write(
            dir.path().join("proc/mdstat"),
            "md0 : active raid1 sdb1[2] sda1[0]\n 1 blocks [2/1] [U_]\n",
        )
        .unwrap();
        fs::write(md.join("uuid"), "01234567-89ab-cdef-0123-456789abcdef\n").unwrap();
        fs::write(md.join("dev-sdb1/state"), "spare\n").unwrap();
        let arrays = read(&dir.path().join("proc"), &dir.path().join("sys"));
        assert_eq!(arrays[0].uuid.as_deref(), Some("01234567-89ab-cdef-0123-456789abcdef"));
        assert_eq!(arrays[0].devices[0].state, "rebuilding");
        assert!(read(dir.path(), dir.path()).is_empty());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in any::<String>(), lines in "(md[0-9] : [a-z0-9\\[\\]() ]{0,40}\n| *[a-z0-9=%/\\[\\] .]{0,60}\n){0,6}") {
            parse_mdstat(&text);
            parse_mdstat(&lines);
        }
    }
}
