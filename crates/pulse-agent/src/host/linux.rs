//! The host module on Linux: kernel files for everything, `statvfs` for sizes, `getifaddrs` for addresses.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use pulse_core::report::host::{DiskIo, HostMemory, HostNetwork, RaidArray, Sensors};

use super::{
    Sample, architecture, block,
    cpu::{CpuTimes, CpuTracker, parse_stat},
    files::{read_text, read_word},
    gpu, memory, mounts,
    mounts::{Mount, Space},
    net, raid, sensors,
    system::{SystemFacts, parse_loadavg, parse_uptime, read_facts},
    worker::{SpaceReader, Worker},
};

/// For all kernel files together; a report must come out within 10 s (contract B-10 §3).
const READ_LIMIT: Duration = Duration::from_secs(4);
/// For the file systems' sizes; a silent one is left out afterwards.
const SPACE_LIMIT: Duration = Duration::from_secs(1);
/// Between the two readings that the first percentage is made of.
const FIRST_INTERVAL: Duration = Duration::from_millis(200);

/// Where the kernel's files are; other places in tests.
#[derive(Debug, Clone)]
struct Roots {
    root: PathBuf,
    proc: PathBuf,
    sys: PathBuf,
}

/// Reads this machine.
pub(super) struct Platform {
    roots: Arc<Roots>,
    facts: Option<SystemFacts>,
    tracker: CpuTracker,
    worker: Worker,
    space: SpaceReader,
    /// Apart, so that a dead server at the other end of a network mount takes nothing from the local disks.
    remote_space: SpaceReader,
}

/// What the kernel's files said at one moment.
#[derive(Default)]
struct Raw {
    facts: Option<SystemFacts>,
    hostname: Option<String>,
    cpu: Option<CpuTimes>,
    cpu_count: Option<u32>,
    uptime_seconds: Option<u64>,
    load_average: Vec<f64>,
    memory: Option<HostMemory>,
    mounts: Vec<Mount>,
    disk_io: Vec<DiskIo>,
    network: Vec<HostNetwork>,
    sensors: Option<Sensors>,
    raid: Vec<RaidArray>,
}

impl Platform {
    /// The machine itself.
    pub(super) fn new() -> Self {
        Self::at(Roots { root: "/".into(), proc: "/proc".into(), sys: "/sys".into() })
    }

    /// Host name and machine id.
    pub(super) fn names() -> (Option<String>, Option<String>) {
        let (root, proc, sys) = (Path::new("/"), Path::new("/proc"), Path::new("/sys"));
        (read_word(&proc.join("sys/kernel/hostname")), read_facts(root, proc, sys).machine_id)
    }

    fn at(roots: Roots) -> Self {
        let space_reader =
            || SpaceReader::new(Arc::new(|mount: &Mount| space_of(Path::new(&mount.mountpoint))));
        Self {
            roots: Arc::new(roots),
            facts: None,
            tracker: CpuTracker::default(),
            worker: Worker::default(),
            space: space_reader(),
            remote_space: space_reader(),
        }
    }

    /// Reads everything once.
    pub(super) async fn sample(&mut self, disk_exclude: &[String]) -> Sample {
        if !self.tracker.is_primed() {
            let proc = self.roots.proc.clone();
            let first = self.worker.run(READ_LIMIT, move || read_cpu(&proc).0).await.flatten();
            if let Some(times) = first {
                self.tracker.update(times);
                tokio::time::sleep(FIRST_INTERVAL).await;
            }
        }
        let roots = Arc::clone(&self.roots);
        let exclude = disk_exclude.to_vec();
        let needs_facts = self.facts.is_none();
        let read = move || read_all(&roots, &exclude, needs_facts);
        let mut raw = self.worker.run(READ_LIMIT, read).await.unwrap_or_default();
        if let Some(facts) = raw.facts.take() {
            self.facts = Some(facts);
        }
        let facts = self.facts.clone().unwrap_or_default();
        let (remote, local): (Vec<Mount>, Vec<Mount>) =
            raw.mounts.into_iter().partition(|mount| mount.is_remote);
        let (mut sized, remote) =
            tokio::join!(self.space.read(local, SPACE_LIMIT), self.remote_space.read(remote, SPACE_LIMIT));
        sized.extend(remote);
        Sample {
            hostname: raw.hostname,
            machine_id: facts.machine_id,
            os_name: facts.os_name,
            os_version: facts.os_version,
            kernel_version: facts.kernel_version,
            architecture: Some(architecture().to_owned()),
            cpu_model: facts.cpu_model,
            cpu_percent: raw.cpu.and_then(|times| self.tracker.update(times)),
            cpu_count: raw.cpu_count,
            uptime_seconds: raw.uptime_seconds,
            load_average: raw.load_average,
            memory: raw.memory,
            disks: mounts::disk_rows(sized),
            disk_io: raw.disk_io,
            network: raw.network,
            sensors: raw.sensors,
            raid: raw.raid,
        }
    }
}

fn read_cpu(proc: &Path) -> (Option<CpuTimes>, Option<u32>) {
    read_text(&proc.join("stat")).map_or((None, None), |text| parse_stat(&text))
}

fn read_all(roots: &Roots, exclude: &[String], needs_facts: bool) -> Raw {
    let Roots { root, proc, sys } = roots;
    let (cpu, cpu_count) = read_cpu(proc);
    let mountinfo = read_text(&proc.join("self/mountinfo")).unwrap_or_default();
    Raw {
        facts: needs_facts.then(|| read_facts(root, proc, sys)),
        hostname: read_word(&proc.join("sys/kernel/hostname")),
        cpu,
        cpu_count,
        uptime_seconds: read_text(&proc.join("uptime")).as_deref().and_then(parse_uptime),
        load_average: read_text(&proc.join("loadavg")).as_deref().map(parse_loadavg).unwrap_or_default(),
        memory: read_memory(proc, &mountinfo),
        mounts: mounts::parse_mountinfo(&mountinfo, exclude),
        disk_io: read_disk_io(proc, sys),
        network: read_network(proc, sys),
        sensors: read_sensors(sys),
        raid: raid::read(proc, sys),
    }
}

fn read_sensors(sys: &Path) -> Option<Sensors> {
    let cards = gpu::read_files(sys);
    match sensors::read_hwmon(sys).or_else(|| sensors::read_thermal_zones(sys)) {
        Some(mut sensors) => {
            sensors.additional.extend(cards.additional);
            Some(sensors)
        }
        None => (!cards.additional.is_empty()).then_some(cards),
    }
}

fn read_memory(proc: &Path, mountinfo: &str) -> Option<HostMemory> {
    let info = memory::parse_meminfo(&read_text(&proc.join("meminfo"))?);
    let arc = (!mounts::has_own_meminfo(mountinfo))
        .then(|| read_text(&proc.join("spl/kstat/zfs/arcstats")))
        .flatten();
    memory::host_memory(&info, arc.as_deref().and_then(memory::parse_arc_evictable))
}

fn read_disk_io(proc: &Path, sys: &Path) -> Vec<DiskIo> {
    let Some(text) = read_text(&proc.join("diskstats")) else { return Vec::new() };
    let devices = sys.join("block");
    if devices.is_dir() {
        // A slash in a device's name is written as an exclamation mark in /sys.
        block::parse_diskstats(&text, |name| devices.join(name.replace('/', "!")).exists())
    } else {
        block::parse_diskstats(&text, |name| !block::looks_like_partition(name))
    }
}

fn read_network(proc: &Path, sys: &Path) -> Vec<HostNetwork> {
    let Some(text) = read_text(&proc.join("net/dev")) else { return Vec::new() };
    let mut addresses = interface_addresses();
    net::parse_net_dev(&text)
        .into_iter()
        .map(|counters| {
            let dir = sys.join("class/net").join(&counters.name);
            HostNetwork {
                mac: read_text(&dir.join("address")).as_deref().and_then(net::parse_mac),
                speed_mbps: read_text(&dir.join("speed")).as_deref().and_then(net::parse_speed),
                addresses: addresses.remove(&counters.name).unwrap_or_default(),
                rx_bytes: Some(counters.rx_bytes),
                tx_bytes: Some(counters.tx_bytes),
                name: counters.name,
            }
        })
        .collect()
}

/// Addresses with prefix length by interface; link-local ones say nothing about where a machine is.
fn interface_addresses() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return found };
    for interface in interfaces {
        let Some(address) = interface.address else { continue };
        let mask = interface.netmask;
        let text = if let Some(v4) = address.as_sockaddr_in() {
            let mask = mask.and_then(|mask| mask.as_sockaddr_in().map(|m| u32::from(m.ip())));
            with_prefix(v4.ip(), mask.map(u32::count_ones))
        } else if let Some(v6) = address.as_sockaddr_in6() {
            if v6.ip().is_unicast_link_local() {
                continue;
            }
            let mask = mask.and_then(|mask| mask.as_sockaddr_in6().map(|m| u128::from(m.ip())));
            with_prefix(v6.ip(), mask.map(u128::count_ones))
        } else {
            continue;
        };
        found.entry(interface.interface_name).or_default().push(text);
    }
    found
}

fn with_prefix(address: impl std::fmt::Display, prefix: Option<u32>) -> String {
    match prefix {
        Some(prefix) => format!("{address}/{prefix}"),
        None => address.to_string(),
    }
}

/// These numbers have 32 bits on 32-bit systems.
fn wide(number: impl Into<u64>) -> u64 {
    number.into()
}

/// The size of the file system at `path`. A single file that is mounted (a socket or a setting, bound into a container)
/// is none, though its disk would answer. May block for as long as the kernel likes.
fn space_of(path: &Path) -> Option<Space> {
    if !path.is_dir() {
        return None;
    }
    let stat = nix::sys::statvfs::statvfs(path).ok()?;
    let unit = wide(stat.fragment_size());
    let total = wide(stat.blocks()).saturating_mul(unit);
    Some(Space {
        total,
        used: total.saturating_sub(wide(stat.blocks_free()).saturating_mul(unit)),
        available: wide(stat.blocks_available()).saturating_mul(unit),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn estate(files: &[(&str, &str)]) -> (tempfile::TempDir, Platform) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = dir.path().to_owned();
        let platform = Platform::at(Roots { proc: root.join("proc"), sys: root.join("sys"), root });
        (dir, platform)
    }

    #[tokio::test]
    async fn a_machine_without_kernel_files_yields_absence_not_zero() {
        let (_dir, mut platform) = estate(&[]);
        let sample = platform.sample(&[]).await;
        assert_eq!((sample.cpu_percent, sample.cpu_count), (None, None));
        assert_eq!((sample.memory, sample.uptime_seconds, sample.hostname), (None, None, None));
        assert!(sample.disks.is_empty() && sample.disk_io.is_empty() && sample.network.is_empty());
        assert_eq!(sample.sensors, None);
    }

    #[tokio::test]
    async fn what_can_be_read_is_reported_though_the_rest_is_garbage() {
        let (_dir, mut platform) = estate(&[
            ("proc/stat", "cpu garbage\n"),
            ("proc/meminfo", "MemTotal: 100 kB\nMemAvailable: 25 kB\n"),
            ("proc/spl/kstat/zfs/arcstats", "c_min 4 0\nsize 4 25600\n"),
            ("proc/uptime", "\u{0}\u{1}"),
            ("proc/sys/kernel/hostname", "nas1\n"),
            ("proc/diskstats", "8 0 sda 1 0 2 3 4 0 5 6 0 7 8\n8 1 sda1 1 0 2 3 4 0 5 6 0 7 8\n"),
            ("sys/block/sda/size", "1"),
            ("proc/net/dev", "eth9: 5 0 0 0 0 0 0 0 6 0\n"),
            ("sys/class/net/eth9/address", "aa:bb:cc:dd:ee:ff"),
            ("sys/class/net/eth9/speed", "1000"),
        ]);
        let sample = platform.sample(&[]).await;
        assert_eq!(sample.cpu_percent, None);
        assert_eq!(sample.uptime_seconds, None);
        assert_eq!(sample.hostname.as_deref(), Some("nas1"));
        assert_eq!(sample.memory.unwrap().free_bytes, 50 * 1024, "ZFS's cache is available");
        assert_eq!(sample.disk_io.len(), 1);
        assert_eq!(sample.network[0].speed_mbps, Some(1000));
        assert_eq!(sample.network[0].mac.as_deref(), Some("aa:bb:cc:dd:ee:ff"));
    }

    #[test]
    fn the_size_of_a_real_file_system_is_read() {
        let space = space_of(Path::new("/")).unwrap();
        assert!(space.total > 0 && space.used <= space.total && space.available <= space.total);
        assert_eq!(space_of(Path::new("/no/such/place")), None);
        assert_eq!(space_of(Path::new("/proc/self/exe")), None, "a file is no file system");
    }

    proptest! {
        #[test]
        fn parsers_never_panic_on_garbage(text in any::<String>(), lines in "([a-z0-9:./ -]{0,60}\n){0,8}") {
            for text in [text.as_str(), lines.as_str()] {
                let (times, _) = parse_stat(text);
                let mut tracker = CpuTracker::default();
                tracker.update(CpuTimes { total: 50, idle: 40 });
                if let Some(percent) = times.and_then(|times| tracker.update(times)) {
                    prop_assert!((0.0..=100.0).contains(&percent));
                }
                let memory = memory::host_memory(&memory::parse_meminfo(text), memory::parse_arc_evictable(text));
                prop_assert!(memory.is_none_or(|m| m.used_bytes <= m.total_bytes));
                mounts::parse_mountinfo(text, &[text.to_owned()]);
                block::parse_diskstats(text, |name| !block::looks_like_partition(name));
                net::parse_net_dev(text);
                net::parse_mac(text);
                net::parse_speed(text);
                parse_uptime(text);
                parse_loadavg(text);
            }
        }

        #[test]
        fn damaged_kernel_texts_never_panic(cut in 0usize..400, byte in any::<u8>()) {
            let whole = "cpu  1 2 3 4 5 6 7 8\nMemTotal: 16000 kB\nMemAvailable: 18446744073709551615 kB\n\
                27 1 254:0 / /a\\040b rw - ext4 /dev/vda rw\n8 0 sda 1 5 18446744073709551615 30 200 6 4000 60 0 90 95\n\
                eno1:18446744073709551615 7 0 0 0 0 0 0 42 8\nsize 4 9\n";
            let mut bytes = whole.as_bytes().to_vec();
            let at = cut % bytes.len();
            bytes[at] = byte;
            let text = String::from_utf8_lossy(&bytes);
            parse_stat(&text);
            memory::host_memory(&memory::parse_meminfo(&text), memory::parse_arc_evictable(&text));
            mounts::parse_mountinfo(&text, &[]);
            block::parse_diskstats(&text, |_| true);
            net::parse_net_dev(&text);
        }
    }
}
