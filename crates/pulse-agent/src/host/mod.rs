//! The host module: what this machine is and how busy it is.
//!
//! It never fails and never waits for long. What cannot be read is absent from the report; it is never sent as 0.

#[cfg(target_os = "linux")]
mod block;
mod ceph;
#[cfg(target_os = "linux")]
mod cpu;
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
mod files;
mod gpu;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod net;
// On Linux it is built for the tests, so that it is not broken unseen.
#[cfg(any(not(target_os = "linux"), test))]
mod portable;
mod probes;
#[cfg(target_os = "linux")]
mod raid;
mod rest;
#[cfg(target_os = "linux")]
mod sensors;
mod slow;
mod smart;
#[cfg(target_os = "linux")]
mod system;
#[cfg(target_os = "linux")]
mod worker;
mod zfs;

use std::sync::Arc;

#[cfg(target_os = "linux")]
use linux::Platform;
#[cfg(not(target_os = "linux"))]
use portable::Platform;

use jiff::Timestamp;
use pulse_core::report::host::{
    DiskIo, HostDisk, HostInfo, HostMemory, HostMetrics, HostNetwork, HostReport, RaidArray, Sensors,
    SmartDisk,
};

use crate::{
    AgentIdentity,
    command::{RunCommand, SystemCommands},
};
use probes::{Extras, Probes};

/// What the host module reports and as whom.
#[derive(Debug, Clone, Default)]
pub struct HostOptions {
    /// The agent.
    pub identity: AgentIdentity,
    /// Mount points to leave out, each with everything below it.
    pub disk_exclude: Vec<String>,
    /// Tags to report.
    pub tags: Vec<String>,
    /// Address to register with.
    pub report_ip: Option<String>,
    /// Whether Ceph is left alone.
    pub is_ceph_disabled: bool,
    /// Whether nothing is asked that needs another program (SMART, ZFS, Ceph, NVIDIA): for a look at the machine that
    /// another collector of the same process takes in full.
    pub is_brief: bool,
}

/// What one look at the machine found.
#[derive(Debug, Default)]
struct Sample {
    hostname: Option<String>,
    machine_id: Option<String>,
    os_name: Option<String>,
    os_version: Option<String>,
    kernel_version: Option<String>,
    architecture: Option<String>,
    cpu_model: Option<String>,
    cpu_percent: Option<f64>,
    cpu_count: Option<u32>,
    uptime_seconds: Option<u64>,
    load_average: Vec<f64>,
    memory: Option<HostMemory>,
    disks: Vec<HostDisk>,
    disk_io: Vec<DiskIo>,
    network: Vec<HostNetwork>,
    sensors: Option<Sensors>,
    raid: Vec<RaidArray>,
}

/// Measures the machine it runs on.
pub struct HostCollector {
    options: HostOptions,
    platform: Platform,
    probes: Probes,
    updated_from: Option<String>,
}

impl std::fmt::Debug for HostCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostCollector").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The processor's kind by the name that the server's downloads use.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

/// What this machine calls itself: its host name and its machine id. Reads a few small files.
pub fn names() -> (Option<String>, Option<String>) {
    Platform::names()
}

impl HostCollector {
    /// A collector; nothing is read yet.
    pub fn new(options: HostOptions) -> Self {
        Self::with_runner(options, Arc::new(SystemCommands))
    }

    /// A collector that runs programs through `runner`.
    pub fn with_runner(options: HostOptions, runner: Arc<dyn RunCommand>) -> Self {
        Self { options, platform: Platform::new(), probes: Probes::new(runner), updated_from: None }
    }

    /// Says in the reports that follow which version ran before; `None` says nothing any more.
    pub fn set_updated_from(&mut self, version: Option<String>) {
        self.updated_from = version;
    }

    /// Measures now. The first call takes 200 ms longer, for a processor percentage needs two readings.
    /// Needs a runtime of tokio with time enabled.
    pub async fn collect(&mut self) -> HostReport {
        let (sample, extras) = tokio::join!(self.platform.sample(&self.options.disk_exclude), async {
            if self.options.is_brief {
                return Extras::default();
            }
            self.probes.read(self.options.is_ceph_disabled).await
        });
        self.report(sample, extras, Timestamp::now())
    }

    fn report(&self, sample: Sample, extras: Extras, now: Timestamp) -> HostReport {
        let identity = &self.options.identity;
        // The server refuses a report without a host name.
        let hostname = identity
            .hostname
            .clone()
            .or(sample.hostname)
            .or_else(|| sample.machine_id.clone())
            .unwrap_or_else(|| "localhost".to_owned());
        let mut agent = identity.describe(sample.machine_id.as_deref(), &hostname);
        agent.updated_from.clone_from(&self.updated_from);
        let mut raid = sample.raid;
        raid.extend(extras.pools);
        HostReport {
            host: HostInfo {
                id: Some(agent.id.clone()),
                hostname,
                display_name: None,
                machine_id: sample.machine_id,
                platform: Some(std::env::consts::OS.to_owned()),
                os_name: sample.os_name,
                os_version: sample.os_version,
                kernel_version: sample.kernel_version,
                architecture: sample.architecture,
                cpu_model: sample.cpu_model,
                cpu_count: sample.cpu_count,
                uptime_seconds: sample.uptime_seconds,
                load_average: sample.load_average,
                report_ip: self.options.report_ip.clone(),
            },
            agent,
            metrics: HostMetrics { cpu_usage_percent: sample.cpu_percent, memory: sample.memory },
            disks: sample.disks,
            disk_io: sample.disk_io,
            network: sample.network,
            sensors: all_sensors(sample.sensors, [extras.gpu, extras.drives], extras.smart),
            raid,
            ceph: extras.ceph,
            tags: self.options.tags.clone(),
            timestamp: Some(now),
            sequence_id: None,
        }
    }
}

/// One set of sensors out of the kernel's, those that are read at their own pace, and the disks'.
fn all_sensors(
    kernel: Option<Sensors>,
    slow: [Option<Sensors>; 2],
    smart: Vec<SmartDisk>,
) -> Option<Sensors> {
    let mut all = kernel.unwrap_or_default();
    for more in slow.into_iter().flatten() {
        all.temperature_celsius.extend(more.temperature_celsius);
        all.power_watts.extend(more.power_watts);
        all.additional.extend(more.additional);
    }
    all.smart = smart;
    (all != Sensors::default()).then_some(all)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_report_of_this_machine_is_complete() {
        let mut collector =
            HostCollector::new(HostOptions { tags: vec!["lab".into()], ..HostOptions::default() });
        let report = collector.collect().await;
        assert!(!report.host.hostname.is_empty());
        assert_eq!(report.host.platform.as_deref(), Some("linux"));
        assert!(report.host.kernel_version.is_some() && report.host.architecture.is_some());
        assert!(report.host.uptime_seconds.is_some_and(|s| s > 0));
        assert_eq!(report.host.load_average.len(), 3);
        assert!(report.host.cpu_count.is_some_and(|n| n > 0));
        let cpu = report.metrics.cpu_usage_percent.expect("two readings were taken");
        assert!((0.0..=100.0).contains(&cpu), "{cpu}");
        let memory = report.metrics.memory.expect("memory");
        assert_eq!(memory.used_bytes + memory.free_bytes, memory.total_bytes);
        assert_eq!(report.tags, ["lab"]);
        assert!(report.agent.interval_seconds == 30 && !report.agent.id.is_empty());

        let begin = std::time::Instant::now();
        let second = collector.collect().await;
        assert!(second.metrics.cpu_usage_percent.is_some());
        assert!(begin.elapsed().as_millis() < 200, "only the first report waits for a second reading");
    }

    #[test]
    fn a_machine_that_tells_nothing_reports_nothing_but_its_name() {
        let collector = HostCollector::new(HostOptions {
            identity: AgentIdentity { hostname: Some("dark".into()), ..Default::default() },
            ..Default::default()
        });
        let report = collector.report(Sample::default(), Extras::default(), Timestamp::UNIX_EPOCH);
        let mut json = serde_json::to_value(&report).unwrap();
        json["agent"]["version"] = "v".into();
        json["host"]["platform"] = "os".into();
        let expected = serde_json::json!({
            "agent": {"id": "dark", "version": "v", "type": "unified", "intervalSeconds": 30,
                      "hostname": "dark", "commandsEnabled": false},
            "host": {"id": "dark", "hostname": "dark", "platform": "os"},
            "metrics": {},
            "timestamp": "1970-01-01T00:00:00Z"
        });
        assert_eq!(json, expected);
    }
}
