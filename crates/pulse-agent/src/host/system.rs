//! What the machine is: names, versions, ids, and the two numbers of `/proc/uptime` and `/proc/loadavg`.

use std::path::Path;

use super::files::{read_text, read_word};

/// What does not change while the machine runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct SystemFacts {
    pub(super) machine_id: Option<String>,
    pub(super) os_name: Option<String>,
    pub(super) os_version: Option<String>,
    pub(super) kernel_version: Option<String>,
    pub(super) cpu_model: Option<String>,
}

/// Reads the facts below the given roots.
pub(super) fn read_facts(root: &Path, proc: &Path, sys: &Path) -> SystemFacts {
    let release = read_text(&root.join("etc/os-release"))
        .or_else(|| read_text(&root.join("usr/lib/os-release")))
        .unwrap_or_default();
    SystemFacts {
        machine_id: machine_id(root, proc, sys),
        os_name: release_value(&release, "NAME"),
        os_version: release_value(&release, "VERSION_ID"),
        kernel_version: read_word(&proc.join("sys/kernel/osrelease")),
        cpu_model: read_text(&proc.join("cpuinfo")).as_deref().and_then(parse_cpu_model),
    }
}

/// A value of os-release, without its quotes.
fn release_value(text: &str, key: &str) -> Option<String> {
    text.lines()
        .find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))
        .map(|value| value.trim().trim_matches(['"', '\'']).replace('\\', ""))
        .filter(|value| !value.is_empty())
}

/// The processor's name; boards without one name themselves on the `Model` line.
fn parse_cpu_model(text: &str) -> Option<String> {
    ["model name", "Model", "Hardware", "cpu model", "cpu"].iter().find_map(|wanted| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            let value = value.trim();
            (key.trim() == *wanted && !value.is_empty()).then(|| value.to_owned())
        })
    })
}

/// The machine id in UUID form. Containers of LXC are cloned with their machine id, but never with the hardware
/// address of their interface, so there the address makes the id.
fn machine_id(root: &Path, proc: &Path, sys: &Path) -> Option<String> {
    let written = ["etc/machine-id", "var/lib/dbus/machine-id"]
        .iter()
        .find_map(|path| parse_machine_id(&read_text(&root.join(path))?));
    if written.is_some() && !is_lxc(root, proc) {
        return written;
    }
    first_mac(sys).map(|mac| format!("mac-{}", mac.replace(':', ""))).or(written)
}

fn parse_machine_id(text: &str) -> Option<String> {
    let id = text.trim().to_ascii_lowercase();
    let is_id = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) && id.bytes().any(|b| b != b'0');
    is_id.then(|| format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]))
}

fn is_lxc(root: &Path, proc: &Path) -> bool {
    read_word(&root.join("run/systemd/container")).as_deref() == Some("lxc")
        || read_text(&proc.join("1/environ"))
            .is_some_and(|environ| environ.split('\0').any(|variable| variable == "container=lxc"))
}

/// The hardware address of the first interface that has one and is no bridge or virtual cable.
fn first_mac(sys: &Path) -> Option<String> {
    let mut names: Vec<String> = std::fs::read_dir(sys.join("class/net"))
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| ["eth", "en", "wl", "net"].iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    names.sort();
    names.iter().find_map(|name| {
        super::net::parse_mac(&read_text(&sys.join("class/net").join(name).join("address"))?)
    })
}

/// Whole seconds since boot.
pub(super) fn parse_uptime(text: &str) -> Option<u64> {
    let seconds: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds as u64)
}

/// Load over 1, 5 and 15 minutes; empty when any is unreadable.
pub(super) fn parse_loadavg(text: &str) -> Vec<f64> {
    let loads: Vec<f64> = text
        .split_ascii_whitespace()
        .take(3)
        .filter_map(|field| field.parse().ok())
        .filter(|load: &f64| load.is_finite() && *load >= 0.0)
        .collect();
    if loads.len() == 3 { loads } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_machine_id_is_written_as_a_uuid() {
        let id = parse_machine_id("0123456789ABCDEF0123456789abcdef\n").unwrap();
        assert_eq!(id, "01234567-89ab-cdef-0123-456789abcdef");
        assert_eq!(parse_machine_id("uninitialized\n"), None);
        assert_eq!(parse_machine_id(&"0".repeat(32)), None);
    }

    #[test]
    fn a_cloned_container_is_told_apart_by_its_hardware_address() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let facts = || read_facts(root, &root.join("proc"), &root.join("sys"));
        write(root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
        write(root, "sys/class/net/eth0/address", "aa:bb:cc:00:11:22\n");
        assert_eq!(facts().machine_id.unwrap(), "01234567-89ab-cdef-0123-456789abcdef");
        write(root, "run/systemd/container", "lxc");
        assert_eq!(facts().machine_id.unwrap(), "mac-aabbcc001122");
    }

    #[test]
    fn names_and_versions_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write(
            root,
            "etc/os-release",
            "PRETTY_NAME=\"Debian 12\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n",
        );
        write(root, "proc/sys/kernel/osrelease", "6.8.12-4-pve\n");
        write(root, "proc/cpuinfo", "processor\t: 0\nmodel\t\t: 165\nmodel name\t: Fast CPU @ 3 GHz\n");
        let facts = read_facts(root, &root.join("proc"), &root.join("sys"));
        assert_eq!(facts.os_name.as_deref(), Some("Debian GNU/Linux"));
        assert_eq!(facts.os_version.as_deref(), Some("12"));
        assert_eq!(facts.kernel_version.as_deref(), Some("6.8.12-4-pve"));
        assert_eq!(facts.cpu_model.as_deref(), Some("Fast CPU @ 3 GHz"));
        assert_eq!(facts.machine_id, None);
    }

    #[test]
    fn load_and_uptime_are_all_or_nothing() {
        assert_eq!(parse_loadavg("0.10 0.20 0.30 1/123 456\n"), [0.1, 0.2, 0.3]);
        assert!(parse_loadavg("0.10 x 0.30").is_empty());
        assert_eq!(parse_uptime("1000.99 1.0\n"), Some(1000));
        assert_eq!(parse_uptime("NaN"), None);
        assert_eq!(parse_uptime("-3"), None);
    }
}
