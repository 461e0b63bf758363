//! Temperatures, fans and power from the kernel's hwmon files: plain reads, no program is run. Disks are asked apart: each
//! reading of their temperature is a question to the disk.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use pulse_core::report::host::Sensors;

use super::files::{is_asleep, read_text};

/// A broken board may offer hundreds of files.
const MAX_READINGS: usize = 256;

/// The name of the chips that are SATA disks.
const DRIVE: &str = "drivetemp";

fn chips(sys: &Path) -> Option<Vec<(PathBuf, String)>> {
    let entries = fs::read_dir(sys.join("class/hwmon")).ok()?.flatten();
    let mut chips: Vec<(PathBuf, String)> = entries
        .filter_map(|entry| {
            let name = slug(&read_text(&entry.path().join("name"))?);
            Some((entry.path(), name))
        })
        .collect();
    chips.sort();
    Some(chips)
}

/// All readings below `<sys>/class/hwmon` but those of disks; `None` where there are none.
pub(super) fn read_hwmon(sys: &Path) -> Option<Sensors> {
    let mut sensors = Sensors::default();
    let mut left = MAX_READINGS;
    for (chip, name) in chips(sys)?.into_iter().filter(|(_, name)| name != DRIVE) {
        read_chip(&chip, &name, &mut sensors, &mut left);
    }
    let is_empty = sensors.temperature_celsius.is_empty()
        && sensors.fan_rpm.is_empty()
        && sensors.power_watts.is_empty()
        && sensors.additional.is_empty();
    (!is_empty).then_some(sensors)
}

/// The temperatures of SATA disks. One that may not be asked now (`may_ask`) is told as it was `before`.
pub(super) fn read_drives(sys: &Path, before: &Sensors, mut may_ask: impl FnMut(&str) -> bool) -> Sensors {
    let mut sensors = Sensors::default();
    let mut left = MAX_READINGS;
    for (chip, name) in chips(sys).unwrap_or_default().into_iter().filter(|(_, name)| name == DRIVE) {
        let disk = block_name(&chip);
        let known = disk.as_ref().and_then(|disk| before.temperature_celsius.get(disk));
        match (disk, known) {
            (Some(disk), Some(celsius)) if !may_ask(&disk) => {
                sensors.temperature_celsius.insert(disk, *celsius);
            }
            _ => read_chip(&chip, &name, &mut sensors, &mut left),
        }
    }
    sensors
}

/// Temperatures of the kernel's thermal zones: all that boards without hwmon have.
pub(super) fn read_thermal_zones(sys: &Path) -> Option<Sensors> {
    let mut zones: Vec<PathBuf> =
        fs::read_dir(sys.join("class/thermal")).ok()?.flatten().map(|entry| entry.path()).collect();
    zones.sort();
    let mut sensors = Sensors::default();
    for zone in zones.into_iter().take(MAX_READINGS) {
        let Some(kind) = read_text(&zone.join("type")).map(|text| slug(&text)) else { continue };
        let Some(value) = read_text(&zone.join("temp")).and_then(|text| text.trim().parse::<i64>().ok())
        else {
            continue;
        };
        let celsius = value as f64 / 1000.0;
        if celsius <= -60.0 || celsius >= 200.0 {
            continue;
        }
        if matches!(kind.as_str(), "x86_pkg_temp" | "cpu_thermal" | "soc_thermal" | "cpu") {
            insert(&mut sensors.temperature_celsius, "cpu_package".to_owned(), celsius);
        } else {
            insert(&mut sensors.additional, kind, celsius);
        }
    }
    (sensors != Sensors::default()).then_some(sensors)
}

fn read_chip(chip: &Path, name: &str, sensors: &mut Sensors, left: &mut usize) {
    if is_asleep(&chip.join("device")) {
        return;
    }
    let Ok(entries) = fs::read_dir(chip) else { return };
    let mut files: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    files.sort();
    for file in files {
        let Some((channel, what)) = file.split_once('_') else { continue };
        let is_reading = match channel.trim_end_matches(|c: char| c.is_ascii_digit()) {
            "temp" | "fan" => what == "input",
            "power" => what == "input" || what == "average",
            _ => false,
        };
        if !is_reading {
            continue;
        }
        if *left == 0 {
            return;
        }
        let Some(value) = read_text(&chip.join(&file)).and_then(|text| text.trim().parse::<i64>().ok())
        else {
            continue;
        };
        *left -= 1;
        let label = read_text(&chip.join(format!("{channel}_label"))).map(|text| slug(&text));
        let label = label.filter(|label| !label.is_empty()).unwrap_or_else(|| channel.to_owned());
        if channel.starts_with("temp") {
            let celsius = value as f64 / 1000.0;
            // Sensors that are not connected answer with impossible values.
            if celsius > -60.0 && celsius < 200.0 {
                let (key, is_known) = temperature_key(name, channel, &label, chip);
                let map = if is_known { &mut sensors.temperature_celsius } else { &mut sensors.additional };
                insert(map, key, celsius);
            }
        } else if channel.starts_with("fan") {
            insert(&mut sensors.fan_rpm, format!("{name}_{label}"), value as f64);
        } else {
            insert(&mut sensors.power_watts, format!("{name}_{label}"), value as f64 / 1_000_000.0);
        }
    }
}

/// Two chips of one kind get numbers, so that the second does not hide the first.
fn insert(map: &mut BTreeMap<String, f64>, key: String, value: f64) {
    let free = std::iter::once(key.clone())
        .chain((2..100).map(|n| format!("{key}_{n}")))
        .find(|key| !map.contains_key(key));
    if let Some(key) = free {
        map.insert(key, value);
    }
}

/// A name that means the same on every machine where the chip is known, and whether it is.
fn temperature_key(chip: &str, channel: &str, label: &str, path: &Path) -> (String, bool) {
    match chip {
        "coretemp" => match label.strip_prefix("package_id_") {
            Some("0") => ("cpu_package".to_owned(), true),
            Some(n) => (format!("cpu_package_{n}"), true),
            None => (format!("cpu_{label}"), true),
        },
        "k10temp" | "zenpower" => match label {
            // Tctl is what the fan control sees; on most processors it is Tdie.
            "tctl" | "temp1" => ("cpu_package".to_owned(), true),
            other => (format!("cpu_{other}"), true),
        },
        "cpu_thermal" | "soc_thermal" | "bcm2835_thermal" => ("cpu_package".to_owned(), true),
        "nvme" if channel == "temp1" => (device_name(path).unwrap_or_else(|| "nvme".to_owned()), true),
        DRIVE => (block_name(path).unwrap_or_else(|| "drive".to_owned()), true),
        "amdgpu" | "nouveau" | "radeon" => (format!("gpu_{label}"), true),
        _ => (format!("{chip}_{label}"), false),
    }
}

/// `nvme0` for the chip of a NVMe controller.
fn device_name(chip: &Path) -> Option<String> {
    let target = fs::canonicalize(chip.join("device")).ok()?;
    let name = target.file_name()?.to_str()?;
    name.starts_with("nvme").then(|| name.to_owned())
}

/// `sda` for the chip of a SATA disk.
fn block_name(chip: &Path) -> Option<String> {
    fs::read_dir(chip.join("device/block")).ok()?.flatten().next()?.file_name().into_string().ok()
}

fn slug(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars().take(64) {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    out.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chip(sys: &Path, number: u32, files: &[(&str, &str)]) {
        let dir = sys.join(format!("class/hwmon/hwmon{number}"));
        fs::create_dir_all(&dir).unwrap();
        for (name, text) in files {
            fs::write(dir.join(name), text).unwrap();
        }
    }

    #[test]
    fn known_chips_get_names_that_mean_the_same_everywhere() {
        let sys = tempfile::tempdir().unwrap();
        chip(
            sys.path(),
            0,
            &[
                ("name", "coretemp\n"),
                ("temp1_input", "41000\n"),
                ("temp1_label", "Package id 0\n"),
                ("temp2_input", "39500\n"),
                ("temp2_label", "Core 0\n"),
                ("temp1_max", "100000\n"),
            ],
        );
        chip(
            sys.path(),
            1,
            &[
                ("name", "nct6775\n"),
                ("temp1_input", "30000\n"),
                ("temp1_label", "SYSTIN\n"),
                ("temp2_input", "-128000\n"),
                ("fan1_input", "900\n"),
                ("power1_average", "12500000\n"),
            ],
        );
        chip(sys.path(), 2, &[("name", "drivetemp\n"), ("temp1_input", "33000\n")]);
        fs::create_dir_all(sys.path().join("class/hwmon/hwmon2/device/block/sda")).unwrap();
        let sensors = read_hwmon(sys.path()).unwrap();
        let celsius: Vec<(&str, f64)> =
            sensors.temperature_celsius.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        assert_eq!(celsius, [("cpu_core_0", 39.5), ("cpu_package", 41.0)], "disks are asked apart");
        assert_eq!(sensors.additional.get("nct6775_systin"), Some(&30.0));
        assert_eq!(sensors.additional.len(), 1, "the unconnected sensor is left out");
        assert_eq!(sensors.fan_rpm.get("nct6775_fan1"), Some(&900.0));
        assert_eq!(sensors.power_watts.get("nct6775_power1"), Some(&12.5));
    }

    #[test]
    fn a_disk_that_may_not_be_asked_is_told_as_it_was() {
        let sys = tempfile::tempdir().unwrap();
        for (number, disk) in [(0, "sda"), (1, "sdb")] {
            chip(sys.path(), number, &[("name", "drivetemp\n"), ("temp1_input", "33000\n")]);
            fs::create_dir_all(sys.path().join(format!("class/hwmon/hwmon{number}/device/block/{disk}")))
                .unwrap();
        }
        let told = |sensors: &Sensors| {
            let celsius = &sensors.temperature_celsius;
            (celsius.get("sda").copied(), celsius.get("sdb").copied())
        };
        let first = read_drives(sys.path(), &Sensors::default(), |_| false);
        assert_eq!(told(&first), (Some(33.0), Some(33.0)), "nothing was known of them");
        for number in 0..2 {
            chip(sys.path(), number, &[("temp1_input", "41000\n")]);
        }
        let second = read_drives(sys.path(), &first, |disk| disk == "sdb");
        assert_eq!(told(&second), (Some(33.0), Some(41.0)));
    }

    #[test]
    fn a_second_chip_of_a_kind_does_not_hide_the_first() {
        let sys = tempfile::tempdir().unwrap();
        for number in 0..2 {
            chip(sys.path(), number, &[("name", "drivetemp"), ("temp1_input", "30000")]);
        }
        let sensors = read_drives(sys.path(), &Sensors::default(), |_| true);
        let keys: Vec<&String> = sensors.temperature_celsius.keys().collect();
        assert_eq!(keys, ["drive", "drive_2"]);
    }

    #[test]
    fn a_board_without_chips_tells_its_thermal_zones() {
        let sys = tempfile::tempdir().unwrap();
        for (number, kind, temp) in
            [(0, "cpu-thermal", "48123"), (1, "ddr", "39000"), (2, "broken", "-274000")]
        {
            let dir = sys.path().join(format!("class/thermal/thermal_zone{number}"));
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("type"), kind).unwrap();
            fs::write(dir.join("temp"), temp).unwrap();
        }
        let sensors = read_thermal_zones(sys.path()).unwrap();
        assert_eq!(sensors.temperature_celsius["cpu_package"], 48.123);
        assert_eq!((sensors.additional["ddr"], sensors.additional.len()), (39.0, 1));
    }

    #[test]
    fn what_sleeps_is_not_read() {
        let sys = tempfile::tempdir().unwrap();
        chip(sys.path(), 0, &[("name", "amdgpu"), ("temp1_input", "40000"), ("temp1_label", "edge")]);
        let power = sys.path().join("class/hwmon/hwmon0/device/power");
        fs::create_dir_all(&power).unwrap();
        fs::write(power.join("runtime_status"), "suspended\n").unwrap();
        assert_eq!(read_hwmon(sys.path()), None);
        fs::write(power.join("runtime_status"), "active\n").unwrap();
        assert_eq!(read_hwmon(sys.path()).unwrap().temperature_celsius["gpu_edge"], 40.0);
    }

    #[test]
    fn a_machine_without_sensors_reports_none() {
        let sys = tempfile::tempdir().unwrap();
        assert_eq!(read_hwmon(sys.path()), None);
        chip(sys.path(), 0, &[("name", "acpitz"), ("temp1_input", "no number")]);
        assert_eq!(read_hwmon(sys.path()), None);
    }
}
