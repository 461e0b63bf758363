//! The host module elsewhere than on Linux, through sysinfo. On Linux only its test is built.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use pulse_core::report::host::{DiskIo, HostDisk, HostMemory, HostNetwork};
use sysinfo::{Disks, MINIMUM_CPU_UPDATE_INTERVAL, Networks, System};

use super::Sample;

const READ_LIMIT: Duration = Duration::from_secs(8);

/// Reads this machine.
pub(super) struct Platform {
    system: Arc<Mutex<Option<Kept>>>,
}

/// What is kept from reading to reading.
struct Kept {
    system: System,
    cpu: CpuTrust,
}

/// sysinfo says 0 where it could not read what processors do: on Windows until its counters have moved twice, and for good
/// where they are broken. Its 0 is believed from the first other figure on.
#[derive(Debug, Default)]
struct CpuTrust {
    has_seen_use: bool,
}

impl CpuTrust {
    /// The percentage that is known.
    fn percent(&mut self, told: f32) -> Option<f64> {
        self.has_seen_use |= told > 0.0;
        (self.has_seen_use && told.is_finite()).then(|| f64::from(told).clamp(0.0, 100.0))
    }
}

impl Platform {
    /// The machine itself.
    pub(super) fn new() -> Self {
        Self { system: Arc::default() }
    }

    /// Host name and machine id.
    #[cfg_attr(target_os = "linux", expect(dead_code, reason = "on Linux only the test is built"))]
    pub(super) fn names() -> (Option<String>, Option<String>) {
        (System::host_name().ok(), machine_id())
    }

    /// Reads everything once; what does not answer in time is absent.
    pub(super) async fn sample(&mut self, disk_exclude: &[String]) -> Sample {
        let exclude = disk_exclude.to_vec();
        let system = Arc::clone(&self.system);
        let read = tokio::task::spawn_blocking(move || {
            // Held by a reading that hangs: leave this one out rather than pile up threads.
            let Ok(mut system) = system.try_lock() else { return Sample::default() };
            read_all(&mut system, &exclude)
        });
        tokio::time::timeout(READ_LIMIT, read).await.ok().and_then(Result::ok).unwrap_or_default()
    }
}

/// What tells this machine from all others, whatever it calls itself: the id in its firmware, or the one that FreeBSD
/// keeps.
fn machine_id() -> Option<String> {
    #[cfg(target_os = "freebsd")]
    let told = super::files::read_word(std::path::Path::new("/etc/hostid"));
    #[cfg(not(target_os = "freebsd"))]
    let told = sysinfo::Product::uuid().ok();
    told.as_deref().and_then(parse_uuid)
}

/// An id in UUID form. Firmware that was never given one says the same digit over and over, or counts.
fn parse_uuid(text: &str) -> Option<String> {
    let id = text.trim().to_ascii_lowercase();
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    let digits: Vec<u8> = id.bytes().filter(|b| *b != b'-').collect();
    let is_uuid = parts == [8, 4, 4, 4, 12] && digits.iter().all(u8::is_ascii_hexdigit);
    let is_placeholder =
        digits.windows(2).all(|pair| pair[0] == pair[1]) || id == "03000200-0400-0500-0006-000700080009";
    (is_uuid && !is_placeholder).then_some(id)
}

fn read_all(kept: &mut Option<Kept>, exclude: &[String]) -> Sample {
    if kept.is_none() {
        *kept = System::new().ok().map(|system| Kept { system, cpu: CpuTrust::default() });
        if let Some(kept) = kept.as_mut() {
            kept.system.refresh_cpu_usage();
            std::thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL);
        }
    }
    let mut sample = Sample {
        hostname: System::host_name().ok(),
        os_name: System::name().ok(),
        os_version: System::os_version().ok(),
        machine_id: machine_id(),
        kernel_version: System::kernel_version().ok(),
        architecture: Some(super::architecture().to_owned()),
        uptime_seconds: System::uptime().ok(),
        load_average: System::load_average()
            .map(|load| vec![load.one, load.five, load.fifteen])
            .unwrap_or_default(),
        network: read_network(),
        ..Sample::default()
    };
    if let Ok(disks) = Disks::new_with_refreshed_list() {
        sample.disks = space(&disks, exclude);
        sample.disk_io = counters(&disks);
    }
    if let Some(Kept { system, cpu }) = kept.as_mut() {
        system.refresh_cpu_usage();
        system.refresh_memory();
        let count = system.cpus().len();
        sample.cpu_percent = cpu.percent(system.global_cpu_usage()).filter(|_| count > 0);
        sample.cpu_count = u32::try_from(count).ok().filter(|count| *count > 0);
        sample.cpu_model = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
        sample.memory = memory(system);
    }
    sample
}

fn memory(system: &System) -> Option<HostMemory> {
    let total = system.total_memory();
    if total == 0 {
        return None;
    }
    let available = match system.available_memory() {
        0 => total.saturating_sub(system.used_memory()),
        available => available.min(total),
    };
    let used = total - available;
    Some(HostMemory {
        total_bytes: total,
        used_bytes: used,
        free_bytes: available,
        usage: used as f64 / total as f64 * 100.0,
        swap_total_bytes: Some(system.total_swap()),
        swap_used_bytes: Some(system.used_swap()),
    })
}

/// Whether a mount point is left out by the user: the path itself, or everything below it.
fn is_excluded(mountpoint: &str, exclude: &[String]) -> bool {
    exclude.iter().map(|rule| rule.trim().trim_end_matches(['/', '\\', '*'])).any(|rule| {
        !rule.is_empty()
            && mountpoint
                .strip_prefix(rule)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '\\']))
    })
}

/// What each device has read and written; where nothing is known of it, nothing is said.
fn counters(disks: &Disks) -> Vec<DiskIo> {
    let mut rows: BTreeMap<String, DiskIo> = BTreeMap::new();
    for disk in disks {
        let usage = disk.usage();
        let device = disk.name().to_string_lossy().into_owned();
        if device.is_empty() || (usage.total_read_bytes == 0 && usage.total_written_bytes == 0) {
            continue;
        }
        let row = DiskIo {
            device: device.clone(),
            read_bytes: Some(usage.total_read_bytes),
            write_bytes: Some(usage.total_written_bytes),
            ..DiskIo::default()
        };
        rows.insert(device, row);
    }
    rows.into_values().collect()
}

fn space(disks: &Disks, exclude: &[String]) -> Vec<HostDisk> {
    let mut rows: BTreeMap<String, HostDisk> = BTreeMap::new();
    for disk in disks {
        let mountpoint = disk.mount_point().to_string_lossy().into_owned();
        let (total, free) = (disk.total_space(), disk.available_space());
        if total == 0 || disk.is_read_only() || is_excluded(&mountpoint, exclude) {
            continue;
        }
        let used = total.saturating_sub(free);
        let kind = disk.file_system().to_string_lossy().into_owned();
        let device = disk.name().to_string_lossy().into_owned();
        // Volumes of one container (APFS) share its space: the shortest mount point speaks for the device.
        let row = HostDisk {
            device: device.clone(),
            mountpoint,
            filesystem: Some(kind.clone()),
            kind: Some(kind),
            total_bytes: total,
            used_bytes: used,
            free_bytes: free,
            usage: used as f64 / total as f64 * 100.0,
        };
        match rows.get(&device) {
            Some(known) if known.mountpoint.len() <= row.mountpoint.len() => {}
            _ => {
                rows.insert(device, row);
            }
        }
    }
    rows.into_values().collect()
}

fn read_network() -> Vec<HostNetwork> {
    let Ok(networks) = Networks::new_with_refreshed_list() else { return Vec::new() };
    let mut rows: Vec<HostNetwork> = networks
        .iter()
        .map(|(name, data)| (name.to_string_lossy().into_owned(), data))
        .filter(|(name, _)| !matches!(name.as_str(), "lo" | "lo0"))
        .map(|(name, data)| {
            let mac = data.mac_address().to_string();
            HostNetwork {
                name,
                mac: (mac != "00:00:00:00:00:00").then_some(mac),
                addresses: data.ip_networks().iter().map(ToString::to_string).collect(),
                rx_bytes: Some(data.total_received()),
                tx_bytes: Some(data.total_transmitted()),
                speed_mbps: None,
            }
        })
        .collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_fallback_reads_this_machine_too() {
        let mut platform = Platform::new();
        let mut sample = platform.sample(&[]).await;
        let begin = std::time::Instant::now();
        while sample.cpu_percent.is_none() {
            // Nothing ran between the two readings, which this machine's test cannot help but change.
            assert!(begin.elapsed() < Duration::from_secs(20), "its use never became known");
            sample = platform.sample(&[]).await;
        }
        assert!(sample.hostname.is_some());
        assert!(sample.cpu_percent.is_some_and(|p| (0.0..=100.0).contains(&p)));
        assert!(sample.memory.is_some_and(|m| m.used_bytes <= m.total_bytes));
    }

    #[test]
    fn a_processor_that_was_never_read_is_not_idle() {
        let mut cpu = CpuTrust::default();
        assert_eq!((cpu.percent(0.0), cpu.percent(f32::NAN), cpu.percent(0.0)), (None, None, None));
        assert_eq!((cpu.percent(12.5), cpu.percent(0.0)), (Some(12.5), Some(0.0)), "it idles now");
        assert_eq!((cpu.percent(100.5), cpu.percent(f32::NAN)), (Some(100.0), None));
    }

    #[test]
    fn an_id_that_many_machines_share_is_none() {
        let id = "407488FE-960a-43b5-a265-8fd0e9200b8f";
        assert_eq!(parse_uuid(&format!("{id}\n")), Some(id.to_ascii_lowercase()));
        for none in [
            "",
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            "03000200-0400-0500-0006-000700080009",
            "To be filled by O.E.M.",
        ] {
            assert_eq!(parse_uuid(none), None, "{none}");
        }
    }

    #[test]
    fn the_user_can_leave_out_a_volume_and_what_is_below() {
        let rules = ["/Volumes/backup".to_owned(), "D:\\".to_owned(), " ".to_owned()];
        for path in ["/Volumes/backup", "/Volumes/backup/a", "D:\\", "D:\\data"] {
            assert!(is_excluded(path, &rules), "{path}");
        }
        for path in ["/Volumes/backups", "/", "C:\\"] {
            assert!(!is_excluded(path, &rules), "{path}");
        }
    }

    #[tokio::test]
    async fn a_reading_that_hangs_is_not_waited_for() {
        let mut platform = Platform::new();
        let held = Arc::clone(&platform.system);
        let (locked, is_locked) = tokio::sync::oneshot::channel();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let holder = std::thread::spawn(move || {
            let _guard = held.lock().unwrap();
            locked.send(()).unwrap();
            wait.recv().ok();
        });
        is_locked.await.unwrap();
        assert_eq!(platform.sample(&[]).await.hostname, None);
        drop(release);
        holder.join().unwrap();
    }
}
