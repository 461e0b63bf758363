//! Health of disks through `smartctl --json`. A disk that sleeps is not woken: it is asked with `-n standby`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use pulse_core::report::host::SmartDisk;
use serde::Deserialize;

use super::rest::Rest;
use crate::command::{Call, RunCommand};

/// A disk that does not answer in this time is left out.
const DISK_LIMIT: Duration = Duration::from_secs(10);
/// Disks asked at most; a shelf has 60, and each question takes its time.
const MAX_DISKS: usize = 128;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Scan {
    devices: Vec<Device>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Device {
    name: String,
    info_name: String,
    #[serde(rename = "type")]
    kind: String,
    protocol: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    smartctl: Smartctl,
    device: Device,
    model_name: Option<String>,
    scsi_model_name: Option<String>,
    serial_number: Option<String>,
    wwn: Option<Wwn>,
    smart_status: Option<SmartStatus>,
    temperature: Option<Temperature>,
    power_on_time: Option<PowerOnTime>,
    ata_smart_attributes: AtaAttributes,
    nvme_smart_health_information_log: Option<NvmeHealth>,
    scsi_grown_defect_list: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Smartctl {
    messages: Vec<Message>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    string: String,
}

#[derive(Deserialize)]
struct Wwn {
    naa: u64,
    oui: u64,
    id: u64,
}

#[derive(Deserialize)]
struct SmartStatus {
    passed: Option<bool>,
}

#[derive(Deserialize)]
struct Temperature {
    current: Option<f64>,
}

#[derive(Deserialize)]
struct PowerOnTime {
    hours: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AtaAttributes {
    table: Vec<AtaAttribute>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AtaAttribute {
    id: u32,
    value: Option<u32>,
    raw: AtaRaw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AtaRaw {
    value: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NvmeHealth {
    percentage_used: Option<u32>,
    media_errors: Option<u64>,
    power_on_hours: Option<u64>,
}

/// All disks that smartctl knows. `before` is the reading before: a disk that sleeps keeps its name from there, and one that
/// has done nothing since (`activities`) is told as it was, so that it may fall asleep.
pub(super) async fn read(
    runner: Arc<dyn RunCommand>,
    before: Option<Vec<SmartDisk>>,
    activities: BTreeMap<String, u64>,
    rest: Arc<Mutex<Rest>>,
) -> Option<Vec<SmartDisk>> {
    if !runner.has("smartctl") {
        return None;
    }
    let scan = runner.run(Call::new("smartctl", ["--json", "--scan"])).await.ok()?;
    let scan: Scan = serde_json::from_slice(&scan.stdout).ok()?;
    let before = before.unwrap_or_default();
    let mut disks = Vec::new();
    for device in scan.devices.into_iter().take(MAX_DISKS) {
        let name = short_name(&device);
        let known = before.iter().find(|disk| disk.device == name);
        let activity = activities.get(&name).copied();
        let may_ask =
            rest.lock().unwrap_or_else(PoisonError::into_inner).is_over(&name, activity, Instant::now());
        if let Some(known) = known.filter(|_| !may_ask) {
            disks.push(known.clone());
            continue;
        }
        if let Some(disk) = ask(runner.as_ref(), &device, &name, known).await {
            disks.push(disk);
        }
    }
    Some(disks)
}

async fn ask(
    runner: &dyn RunCommand,
    device: &Device,
    name: &str,
    before: Option<&SmartDisk>,
) -> Option<SmartDisk> {
    let mut args = vec!["--json".to_owned(), "-n".to_owned(), "standby".to_owned()];
    args.extend(["-i", "-H", "-A"].map(str::to_owned));
    if device.kind.contains(',') {
        // Behind a controller: the type names the disk. Other types of the scan are guesses by name, and wrong for
        // SATA disks, which it calls scsi.
        args.extend(["-d".to_owned(), device.kind.clone()]);
    }
    args.push(device.name.clone());
    let done = runner.run(Call::new("smartctl", args).within(DISK_LIMIT)).await;
    let done = match done {
        Ok(done) => done,
        Err(error) => {
            tracing::debug!(%error, disk = name, "a disk's health cannot be read");
            return None;
        }
    };
    let answer: Answer = serde_json::from_slice(&done.stdout).ok()?;
    disk(name, answer, done.code, before)
}

fn short_name(device: &Device) -> String {
    let name = device.name.trim_start_matches("/dev/");
    match device.kind.split_once(',') {
        Some(_) => format!("{name} {}", device.kind),
        None => name.to_owned(),
    }
}

fn disk(name: &str, answer: Answer, code: Option<i32>, before: Option<&SmartDisk>) -> Option<SmartDisk> {
    let sleeps = answer.smartctl.messages.iter().any(|message| {
        let text = message.string.to_ascii_uppercase();
        text.contains("STANDBY") || text.contains("SLEEP")
    });
    if sleeps {
        let known = before.cloned().unwrap_or_else(|| SmartDisk {
            device: name.to_owned(),
            kind: kind(&answer.device),
            health: Some("UNKNOWN".to_owned()),
            ..SmartDisk::default()
        });
        // What it was told before it fell asleep holds; its temperature does not.
        return Some(SmartDisk { standby: true, temperature: None, ..known });
    }
    // Bit 0: the command line was not understood; bit 1: the device could not be opened.
    if code.is_none_or(|code| code & 0b11 != 0) && answer.smart_status.is_none() {
        return None;
    }
    let attribute = |id: u32| answer.ata_smart_attributes.table.iter().find(|attribute| attribute.id == id);
    let raw = |id: u32| attribute(id).and_then(|attribute| attribute.raw.value);
    let nvme = answer.nvme_smart_health_information_log.unwrap_or_default();
    // 231, 233, 177, 202: what makers of SATA SSDs put their remaining life into, falling from 100.
    let wear = nvme.percentage_used.or_else(|| {
        [231, 233, 177, 202]
            .iter()
            .find_map(|id| attribute(*id)?.value)
            .filter(|left| *left <= 100)
            .map(|left| 100 - left)
    });
    Some(SmartDisk {
        device: name.to_owned(),
        model: answer.model_name.or(answer.scsi_model_name),
        serial: answer.serial_number,
        wwn: answer.wwn.map(|wwn| format!("0x{:x}{:06x}{:09x}", wwn.naa, wwn.oui, wwn.id)),
        kind: kind(&answer.device),
        temperature: answer.temperature.and_then(|temperature| temperature.current),
        health: Some(
            match answer.smart_status.and_then(|status| status.passed) {
                Some(true) => "PASSED",
                Some(false) => "FAILED",
                None => "UNKNOWN",
            }
            .to_owned(),
        ),
        standby: false,
        power_on_hours: answer.power_on_time.and_then(|time| time.hours).or(nvme.power_on_hours),
        reallocated_sectors: raw(5).or(answer.scsi_grown_defect_list),
        pending_sectors: raw(197),
        media_errors: nvme.media_errors.or_else(|| raw(198)),
        wear_percent: wear,
    })
}

fn kind(device: &Device) -> Option<String> {
    let name = match device.protocol.as_str() {
        "ATA" => "sata",
        "NVMe" => "nvme",
        "SCSI" => "sas",
        _ => return None,
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{
        Finished,
        fake::{FakeCommands, printed},
    };

    const SCAN: &str = r#"{"devices":[
        {"name":"/dev/sda","info_name":"/dev/sda","type":"scsi","protocol":"SCSI"},
        {"name":"/dev/nvme0","info_name":"/dev/nvme0","type":"nvme","protocol":"NVMe"},
        {"name":"/dev/bus/0","info_name":"/dev/bus/0 [megaraid_disk_05]","type":"megaraid,5","protocol":"SCSI"},
        {"name":"/dev/sdz","type":"scsi","protocol":"SCSI"}]}"#;
    const SATA: &str = r#"{"smartctl":{"exit_status":0},"device":{"name":"/dev/sda","type":"sat","protocol":"ATA"},
        "model_name":"Disk 4000","serial_number":"S1","wwn":{"naa":5,"oui":3152,"id":11259375},
        "smart_status":{"passed":true},"temperature":{"current":33},"power_on_time":{"hours":1234},
        "ata_smart_attributes":{"table":[{"id":5,"value":100,"raw":{"value":2}},{"id":197,"value":100,"raw":{"value":1}},
        {"id":233,"value":97,"raw":{"value":0}}]}}"#;
    const NVME: &str = r#"{"device":{"protocol":"NVMe"},"model_name":"Fast","serial_number":"N1",
        "smart_status":{"passed":false},"temperature":{"current":51},
        "nvme_smart_health_information_log":{"percentage_used":7,"media_errors":3,"power_on_hours":9}}"#;
    const ASLEEP: &str = r#"{"smartctl":{"exit_status":2,"messages":[{"string":"Device is in STANDBY mode, exit(2)",
        "severity":"information"}]},"device":{"name":"/dev/sda","protocol":"ATA"}}"#;

    fn smartctl(sda: &'static str, code: i32) -> Arc<FakeCommands> {
        Arc::new(FakeCommands::new(move |call| {
            if call.program != "smartctl" {
                return None;
            }
            Some(match call.args.last().map(String::as_str) {
                Some("--scan") => printed(SCAN),
                Some("/dev/sda") => Finished { code: Some(code), ..printed(sda) },
                Some("/dev/nvme0") => Finished { code: Some(8), ..printed(NVME) },
                Some("/dev/bus/0") => printed(r#"{"device":{"protocol":"SCSI"},"scsi_model_name":"SAS"}"#),
                _ => Finished { code: Some(2), ..printed(r#"{"smartctl":{"exit_status":2}}"#) },
            })
        }))
    }

    /// Of disks of which it is not known what they do.
    async fn read(runner: Arc<FakeCommands>, before: Option<Vec<SmartDisk>>) -> Option<Vec<SmartDisk>> {
        super::read(runner, before, BTreeMap::new(), Arc::default()).await
    }

    #[tokio::test]
    async fn a_disk_that_does_nothing_is_told_as_it_was_and_not_asked() {
        let rest: Arc<Mutex<Rest>> = Arc::default();
        let runner = smartctl(SATA, 0);
        let asked = |before, work| {
            let activities = BTreeMap::from([("sda".to_owned(), work)]);
            super::read(Arc::clone(&runner) as _, before, activities, Arc::clone(&rest))
        };
        let count = || runner.calls().iter().filter(|call| call.ends_with(" /dev/sda")).count();
        let first = asked(None, 7).await;
        assert_eq!((asked(first.clone(), 7).await, count()), (first.clone(), 1));
        assert_eq!((asked(first.clone(), 8).await, count()), (first, 2));
        assert_eq!((asked(None, 8).await.unwrap().len(), count()), (3, 3), "nothing is known of it");
    }

    #[tokio::test]
    async fn disks_are_told_with_their_health_and_wear() {
        let runner = smartctl(SATA, 0);
        let disks = read(Arc::clone(&runner), None).await.unwrap();
        assert_eq!(disks.len(), 3, "one that cannot be opened is left out: {disks:#?}");
        let sda = &disks[0];
        assert_eq!((sda.device.as_str(), sda.kind.as_deref()), ("sda", Some("sata")));
        assert_eq!(sda.wwn.as_deref(), Some("0x5000c50000abcdef"));
        assert_eq!((sda.temperature, sda.health.as_deref()), (Some(33.0), Some("PASSED")));
        assert_eq!((sda.reallocated_sectors, sda.pending_sectors), (Some(2), Some(1)));
        assert_eq!((sda.power_on_hours, sda.wear_percent), (Some(1234), Some(3)));
        let nvme = &disks[1];
        assert_eq!(
            (nvme.health.as_deref(), nvme.media_errors, nvme.wear_percent),
            (Some("FAILED"), Some(3), Some(7))
        );
        assert_eq!(
            (disks[2].device.as_str(), disks[2].health.as_deref()),
            ("bus/0 megaraid,5", Some("UNKNOWN"))
        );
        let calls = runner.calls();
        assert!(calls.iter().skip(1).all(|call| call.contains("-n standby")), "{calls:?}");
        assert!(calls.iter().any(|call| call.contains("-d megaraid,5")), "{calls:?}");
        assert!(!calls.iter().any(|call| call.contains("-d scsi")), "{calls:?}");
    }

    #[tokio::test]
    async fn a_sleeping_disk_keeps_its_name_and_loses_its_temperature() {
        let awake = read(smartctl(SATA, 0), None).await.unwrap();
        let disks = read(smartctl(ASLEEP, 2), Some(awake)).await.unwrap();
        let sda = disks.iter().find(|disk| disk.device == "sda").unwrap();
        assert!(sda.standby);
        assert_eq!((sda.temperature, sda.model.as_deref()), (None, Some("Disk 4000")));
        assert_eq!(sda.health.as_deref(), Some("PASSED"));
        let disks = read(smartctl(ASLEEP, 2), None).await.unwrap();
        assert_eq!(disks[0].health.as_deref(), Some("UNKNOWN"), "never seen awake is not healthy");
    }

    #[tokio::test]
    async fn without_smartctl_nothing_is_known_and_garbage_is_no_disk() {
        assert_eq!(read(Arc::new(FakeCommands::new(|_| None)), None).await, None);
        assert_eq!(read(Arc::new(FakeCommands::new(|_| Some(printed("{")))), None).await, None);
    }
}
