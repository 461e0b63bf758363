//! The host module elsewhere than on Linux, through sysinfo. On Linux only its test is built.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use pulse_core::report::host::{HostDisk, HostMemory, HostNetwork};
use sysinfo::{Disks, MINIMUM_CPU_UPDATE_INTERVAL, Networks, System};

use super::Sample;

const READ_LIMIT: Duration = Duration::from_secs(8);

/// Reads this machine.
pub(super) struct Platform {
    system: Arc<Mutex<Option<System>>>,
}

impl Platform {
    /// The machine itself.
    pub(super) fn new() -> Self {
        Self { system: Arc::default() }
    }

    /// Host name and machine id.
    #[cfg_attr(target_os = "linux", expect(dead_code, reason = "on Linux only the test is built"))]
    pub(super) fn names() -> (Option<String>, Option<String>) {
        (System::host_name().ok(), None)
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

fn read_all(kept: &mut Option<System>, exclude: &[String]) -> Sample {
    if kept.is_none() {
        *kept = System::new().ok();
        if let Some(system) = kept.as_mut() {
            system.refresh_cpu_usage();
            std::thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL);
        }
    }
    let mut sample = Sample {
        hostname: System::host_name().ok(),
        os_name: System::name().ok(),
        os_version: System::os_version().ok(),
        kernel_version: System::kernel_version().ok(),
        architecture: Some(System::cpu_arch()),
        uptime_seconds: System::uptime().ok(),
        load_average: System::load_average()
            .map(|load| vec![load.one, load.five, load.fifteen])
            .unwrap_or_default(),
        disks: read_disks(exclude),
        network: read_network(),
        ..Sample::default()
    };
    if let Some(system) = kept.as_mut() {
        system.refresh_cpu_usage();
        system.refresh_memory();
        let count = system.cpus().len();
        sample.cpu_percent = (count > 0).then(|| f64::from(system.global_cpu_usage()));
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

fn read_disks(exclude: &[String]) -> Vec<HostDisk> {
    let Ok(disks) = Disks::new_with_refreshed_list() else { return Vec::new() };
    let mut rows: BTreeMap<String, HostDisk> = BTreeMap::new();
    for disk in &disks {
        let mountpoint = disk.mount_point().to_string_lossy().into_owned();
        let is_excluded = exclude.iter().any(|rule| {
            let rule = rule.trim();
            !rule.is_empty() && mountpoint.starts_with(rule)
        });
        let (total, free) = (disk.total_space(), disk.available_space());
        if total == 0 || disk.is_read_only() || is_excluded {
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
        let sample = platform.sample(&[]).await;
        assert!(sample.hostname.is_some());
        assert!(sample.cpu_percent.is_some_and(|p| (0.0..=100.0).contains(&p)));
        assert!(sample.memory.is_some_and(|m| m.used_bytes <= m.total_bytes));
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
