//! A threshold and the block of them that defaults, overrides and custom rules share.

use serde::{Deserialize, Deserializer, Serialize};

use super::{BackupRules, SnapshotRules};
use crate::kind::Metric;

/// When a figure raises an alert and when it is fine again. `trigger` 0 or `off` means: never.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertThreshold))]
pub struct Threshold {
    /// From this value on.
    pub trigger: f64,
    /// Down to this value and below it is fine again.
    pub clear: f64,
    /// From this value on it is critical; absent for `trigger` + 10. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical: Option<f64>,
    /// Seconds that the value must stay; absent for the delay of the type. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<i64>,
    /// Never raised, whatever the other numbers say. Ours, beside the contract.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub off: bool,
}

impl Threshold {
    /// A threshold of two numbers.
    pub const fn new(trigger: f64, clear: f64) -> Self {
        Self { trigger, clear, critical: None, delay_seconds: None, off: false }
    }

    /// Whether it can raise anything.
    pub fn is_on(&self) -> bool {
        !self.off && self.trigger > 0.0
    }
}

/// Old configurations have a bare number where there is a threshold now; its `clear` is filled in afterwards.
impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f64),
            Object(Object),
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Object {
            trigger: Option<f64>,
            clear: Option<f64>,
            critical: Option<f64>,
            delay_seconds: Option<i64>,
            off: Option<bool>,
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Number(trigger) => Self::new(trigger, 0.0),
            Form::Object(it) => Self {
                trigger: it.trigger.unwrap_or_default(),
                clear: it.clear.unwrap_or_default(),
                critical: it.critical,
                delay_seconds: it.delay_seconds,
                off: it.off.unwrap_or_default(),
            },
        })
    }
}

/// Thresholds of one kind of resource, of one resource, or of a custom rule. What is absent is off in defaults, and
/// falls through to the next level in overrides and rules.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertThresholds))]
pub struct ThresholdBlock {
    /// No alert at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// No alert when it is stopped or out of reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_connectivity: Option<bool>,
    /// How bad it is when a guest or container is switched off: `warning` or `critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub powered_off_severity: Option<String>,
    /// Processor, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Threshold>,
    /// Memory, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Threshold>,
    /// File systems, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<Threshold>,
    /// Read from disk, MiB/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_read: Option<Threshold>,
    /// Written to disk, MiB/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_write: Option<Threshold>,
    /// Received, MiB/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_in: Option<Threshold>,
    /// Sent, MiB/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_out: Option<Threshold>,
    /// Use of a storage, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Threshold>,
    /// Processor temperature, degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Threshold>,
    /// Disk temperature, degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_temperature: Option<Threshold>,
    /// Age of backups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupRules>,
    /// Age and size of snapshots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRules>,
    /// What a person noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,

    // Scalars of old configurations: read, folded into the thresholds above, never written.
    #[serde(skip_serializing)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub(super) cpu_legacy: Option<f64>,
    #[serde(skip_serializing)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub(super) memory_legacy: Option<f64>,
    #[serde(skip_serializing)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub(super) disk_legacy: Option<f64>,
    #[serde(skip_serializing)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub(super) disk_read_legacy: Option<f64>,
    #[serde(skip_serializing)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub(super) disk_write_legacy: Option<f64>,
    #[serde(skip_serializing)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub(super) network_in_legacy: Option<f64>,
    #[serde(skip_serializing)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub(super) network_out_legacy: Option<f64>,
}

impl ThresholdBlock {
    /// The threshold of a metric, where the block has one.
    pub fn get(&self, metric: Metric) -> Option<&Threshold> {
        match metric {
            Metric::Cpu => self.cpu.as_ref(),
            Metric::Memory => self.memory.as_ref(),
            Metric::Disk => self.disk.as_ref(),
            Metric::DiskRead => self.disk_read.as_ref(),
            Metric::DiskWrite => self.disk_write.as_ref(),
            Metric::NetworkIn => self.network_in.as_ref(),
            Metric::NetworkOut => self.network_out.as_ref(),
            Metric::Usage => self.usage.as_ref(),
            Metric::Temperature => self.temperature.as_ref(),
            Metric::DiskTemperature => self.disk_temperature.as_ref(),
        }
    }

    /// The place of a metric's threshold.
    pub fn slot(&mut self, metric: Metric) -> &mut Option<Threshold> {
        match metric {
            Metric::Cpu => &mut self.cpu,
            Metric::Memory => &mut self.memory,
            Metric::Disk => &mut self.disk,
            Metric::DiskRead => &mut self.disk_read,
            Metric::DiskWrite => &mut self.disk_write,
            Metric::NetworkIn => &mut self.network_in,
            Metric::NetworkOut => &mut self.network_out,
            Metric::Usage => &mut self.usage,
            Metric::Temperature => &mut self.temperature,
            Metric::DiskTemperature => &mut self.disk_temperature,
        }
    }

    /// Whether everything is off.
    pub fn is_disabled(&self) -> bool {
        self.disabled.unwrap_or_default()
    }

    /// Whether being stopped or out of reach raises nothing.
    pub fn is_connectivity_disabled(&self) -> bool {
        self.disable_connectivity.unwrap_or_default()
    }

    /// Puts old scalars where thresholds are now; what is there already wins.
    pub(super) fn fold_legacy(&mut self, margin: f64) {
        let old = [
            (Metric::Cpu, self.cpu_legacy.take()),
            (Metric::Memory, self.memory_legacy.take()),
            (Metric::Disk, self.disk_legacy.take()),
            (Metric::DiskRead, self.disk_read_legacy.take()),
            (Metric::DiskWrite, self.disk_write_legacy.take()),
            (Metric::NetworkIn, self.network_in_legacy.take()),
            (Metric::NetworkOut, self.network_out_legacy.take()),
        ];
        for (metric, value) in old {
            let Some(value) = value else { continue };
            let slot = self.slot(metric);
            if slot.is_none() {
                *slot = Some(Threshold::new(value, (value - margin).max(0.0)));
            }
        }
    }
}
