//! Graphics processors: NVIDIA's through `nvidia-smi`, AMD's through the kernel's files. One that sleeps is not woken.

#[cfg(target_os = "linux")]
use std::{fs, path::Path};
use std::{sync::Arc, time::Duration};

use pulse_core::report::host::Sensors;

#[cfg(target_os = "linux")]
use super::files::{is_asleep, read_text, read_word};
use crate::command::{Call, RunCommand};

/// The tool wakes what sleeps, which takes its time.
const LIMIT: Duration = Duration::from_secs(8);
const MAX_CARDS: usize = 16;

/// What the cards say, for the report's sensors.
pub(super) async fn read_nvidia(runner: Arc<dyn RunCommand>) -> Option<Sensors> {
    if !runner.has("nvidia-smi") {
        return None;
    }
    #[cfg(target_os = "linux")]
    if do_all_sleep(Path::new("/sys")) {
        return Some(Sensors::default());
    }
    let query =
        "--query-gpu=index,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw,fan.speed";
    let done =
        runner.run(Call::new("nvidia-smi", [query, "--format=csv,noheader,nounits"]).within(LIMIT)).await;
    let done = done.ok().filter(crate::command::Finished::is_success)?;
    Some(parse_nvidia(&done.text()))
}

/// Whether the kernel has put every card of NVIDIA's to sleep. The tool can ask no single one without waking the others.
#[cfg(target_os = "linux")]
fn do_all_sleep(sys: &Path) -> bool {
    const NVIDIA: &str = "0x10de";
    /// Of devices for a screen, or for reckoning.
    const DISPLAY: &str = "0x03";
    let devices = fs::read_dir(sys.join("bus/pci/devices")).into_iter().flatten().flatten();
    let mut cards = devices.map(|entry| entry.path()).filter(|device| {
        read_word(&device.join("vendor")).as_deref() == Some(NVIDIA)
            && read_word(&device.join("class")).is_some_and(|class| class.starts_with(DISPLAY))
    });
    cards.next().is_some_and(|first| is_asleep(&first) && cards.all(|other| is_asleep(&other)))
}

fn parse_nvidia(text: &str) -> Sensors {
    let mut sensors = Sensors::default();
    for line in text.lines().take(MAX_CARDS) {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let Some(index) = fields.first().and_then(|index| index.parse::<u32>().ok()) else { continue };
        // What a card does not have reads "[N/A]".
        let number =
            |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).filter(|n| n.is_finite());
        let mut put = |what: &str, value: Option<f64>| {
            if let Some(value) = value {
                sensors.additional.insert(format!("gpu_{index}_{what}"), value);
            }
        };
        put("utilization_percent", number(1));
        put("memory_used_bytes", number(2).map(mebibytes));
        put("memory_total_bytes", number(3).map(mebibytes));
        put("fan_percent", number(6));
        if let Some(celsius) = number(4) {
            sensors.temperature_celsius.insert(format!("gpu_{index}"), celsius);
        }
        if let Some(watts) = number(5) {
            sensors.power_watts.insert(format!("gpu_{index}"), watts);
        }
    }
    sensors
}

fn mebibytes(count: f64) -> f64 {
    count * 1024.0 * 1024.0
}

/// Use and memory of cards whose driver tells them in files (amdgpu). Plain reads.
#[cfg(target_os = "linux")]
pub(super) fn read_files(sys: &Path) -> Sensors {
    let mut sensors = Sensors::default();
    let Ok(entries) = fs::read_dir(sys.join("class/drm")) else { return sensors };
    let mut cards: Vec<(u32, std::path::PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((name.strip_prefix("card")?.parse().ok()?, entry.path().join("device")))
        })
        .collect();
    cards.sort();
    for (index, device) in cards.into_iter().take(MAX_CARDS).filter(|(_, device)| !is_asleep(device)) {
        for (file, what) in [
            ("gpu_busy_percent", "utilization_percent"),
            ("mem_info_vram_used", "memory_used_bytes"),
            ("mem_info_vram_total", "memory_total_bytes"),
        ] {
            let value = read_text(&device.join(file)).and_then(|text| text.trim().parse::<u64>().ok());
            if let Some(value) = value {
                sensors.additional.insert(format!("gpu_{index}_{what}"), value as f64);
            }
        }
    }
    sensors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::fake::{FakeCommands, printed};

    #[tokio::test]
    async fn what_a_card_does_not_have_is_absent() {
        let text = "0, 37, 1024, 8192, 61, 120.50, 45\n1, [N/A], 512, 4096, 40, [N/A], [N/A]\ngarbage\n";
        let runner = FakeCommands::new(move |_| Some(printed(text)));
        let sensors = read_nvidia(Arc::new(runner)).await.unwrap();
        assert_eq!(sensors.additional["gpu_0_utilization_percent"], 37.0);
        assert_eq!(sensors.additional["gpu_0_memory_used_bytes"], 1024.0 * 1024.0 * 1024.0);
        assert_eq!((sensors.temperature_celsius["gpu_1"], sensors.power_watts["gpu_0"]), (40.0, 120.5));
        assert!(!sensors.additional.contains_key("gpu_1_utilization_percent"));
        assert_eq!(read_nvidia(Arc::new(FakeCommands::new(|_| None))).await, None);
    }

    #[test]
    fn files_of_the_driver_are_read_without_a_program() {
        let dir = tempfile::tempdir().unwrap();
        let device = dir.path().join("class/drm/card1/device");
        fs::create_dir_all(&device).unwrap();
        fs::create_dir_all(dir.path().join("class/drm/card1-HDMI-A-1")).unwrap();
        fs::write(device.join("gpu_busy_percent"), "12\n").unwrap();
        let sensors = read_files(dir.path());
        assert_eq!(sensors.additional.len(), 1);
        assert_eq!(sensors.additional["gpu_1_utilization_percent"], 12.0);
        sleep(&device, "suspended");
        assert!(read_files(dir.path()).additional.is_empty(), "it is not woken");
    }

    fn sleep(device: &Path, word: &str) {
        fs::create_dir_all(device.join("power")).unwrap();
        fs::write(device.join("power/runtime_status"), format!("{word}\n")).unwrap();
    }

    #[test]
    fn cards_that_all_sleep_are_not_woken_to_be_asked() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!do_all_sleep(dir.path()), "there are none");
        let device = |address: &str, vendor: &str, class: &str, word: &str| {
            let device = dir.path().join("bus/pci/devices").join(address);
            sleep(&device, word);
            fs::write(device.join("vendor"), format!("{vendor}\n")).unwrap();
            fs::write(device.join("class"), format!("{class}\n")).unwrap();
        };
        device("0000:00:02.0", "0x8086", "0x030000", "active");
        device("0000:01:00.1", "0x10de", "0x040300", "active");
        device("0000:01:00.0", "0x10de", "0x030000", "suspended");
        assert!(do_all_sleep(dir.path()), "its loudspeakers do not count");
        device("0000:02:00.0", "0x10de", "0x030200", "active");
        assert!(!do_all_sleep(dir.path()));
    }
}
