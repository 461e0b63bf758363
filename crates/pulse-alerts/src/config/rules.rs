//! Thresholds that are no simple metric: containers, mail, snapshots, backups, custom rules, silence.

use pulse_core::lenient::null_default;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Threshold, ThresholdBlock};

/// Defaults for containers and services of Docker and Podman.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertDockerDefaults))]
pub struct DockerDefaults {
    /// Processor, percent of one.
    pub cpu: Threshold,
    /// Memory, percent of the limit.
    pub memory: Threshold,
    /// Writable layer, percent of the file system.
    pub disk: Threshold,
    /// More restarts than this …
    pub restart_count: i64,
    /// … within so many seconds are a loop.
    pub restart_window: i64,
    /// Percent of the memory limit that is a warning.
    pub memory_warn_pct: i64,
    /// Percent of the memory limit that is critical.
    pub memory_critical_pct: i64,
    /// Percent of missing tasks of a service that is a warning.
    pub service_warn_gap_percent: i64,
    /// Percent of missing tasks of a service that is critical.
    pub service_critical_gap_percent: i64,
    /// No alert for a container that does not run.
    pub state_disable_connectivity: bool,
    /// How bad a container is that does not run: `warning` or `critical`.
    #[serde(deserialize_with = "null_default")]
    pub state_powered_off_severity: String,
    /// Hours for which an update must be known; negative for never.
    pub update_alert_delay_hours: i64,
}

impl Default for DockerDefaults {
    fn default() -> Self {
        Self {
            cpu: Threshold::new(80.0, 75.0),
            memory: Threshold::new(85.0, 80.0),
            disk: Threshold::new(85.0, 80.0),
            restart_count: 3,
            restart_window: 300,
            memory_warn_pct: 90,
            memory_critical_pct: 95,
            service_warn_gap_percent: 10,
            service_critical_gap_percent: 50,
            state_disable_connectivity: false,
            state_powered_off_severity: "warning".into(),
            update_alert_delay_hours: 24,
        }
    }
}

/// Defaults for mail gateways; a limit of 0 or less is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertMailDefaults))]
pub struct PmgDefaults {
    /// Mails in all queues: warning.
    pub queue_total_warning: i64,
    /// Mails in all queues: critical.
    pub queue_total_critical: i64,
    /// Minutes the oldest mail waits: warning.
    pub oldest_message_warn_mins: i64,
    /// Minutes the oldest mail waits: critical.
    pub oldest_message_crit_mins: i64,
    /// Deferred mails: warning.
    pub deferred_queue_warn: i64,
    /// Deferred mails: critical.
    pub deferred_queue_critical: i64,
    /// Held mails: warning.
    pub hold_queue_warn: i64,
    /// Held mails: critical.
    pub hold_queue_critical: i64,
    /// Spam in quarantine: warning.
    pub quarantine_spam_warn: i64,
    /// Spam in quarantine: critical.
    pub quarantine_spam_critical: i64,
    /// Viruses in quarantine: warning.
    pub quarantine_virus_warn: i64,
    /// Viruses in quarantine: critical.
    pub quarantine_virus_critical: i64,
    /// Growth over two hours in percent: warning …
    pub quarantine_growth_warn_pct: i64,
    /// … and at least so many mails.
    pub quarantine_growth_warn_min: i64,
    /// Growth over two hours in percent: critical …
    pub quarantine_growth_crit_pct: i64,
    /// … and at least so many mails.
    pub quarantine_growth_crit_min: i64,
}

impl Default for PmgDefaults {
    fn default() -> Self {
        Self {
            queue_total_warning: 500,
            queue_total_critical: 1000,
            oldest_message_warn_mins: 30,
            oldest_message_crit_mins: 60,
            deferred_queue_warn: 200,
            deferred_queue_critical: 500,
            hold_queue_warn: 100,
            hold_queue_critical: 300,
            quarantine_spam_warn: 2000,
            quarantine_spam_critical: 5000,
            quarantine_virus_warn: 2000,
            quarantine_virus_critical: 5000,
            quarantine_growth_warn_pct: 25,
            quarantine_growth_warn_min: 250,
            quarantine_growth_crit_pct: 50,
            quarantine_growth_crit_min: 500,
        }
    }
}

/// When a guest's snapshot is too old or too large; 0 is off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertSnapshotRules))]
pub struct SnapshotRules {
    /// Whether snapshots are looked at.
    pub enabled: bool,
    /// Days: warning.
    pub warning_days: i64,
    /// Days: critical.
    pub critical_days: i64,
    /// GiB: warning.
    #[serde(rename = "warningSizeGiB")]
    pub warning_size_gib: f64,
    /// GiB: critical.
    #[serde(rename = "criticalSizeGiB")]
    pub critical_size_gib: f64,
}

impl Default for SnapshotRules {
    fn default() -> Self {
        Self {
            enabled: false,
            warning_days: 30,
            critical_days: 45,
            warning_size_gib: 0.0,
            critical_size_gib: 0.0,
        }
    }
}

/// When a guest's newest backup is too old.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertBackupRules))]
pub struct BackupRules {
    /// Whether backups are looked at.
    pub enabled: bool,
    /// Days: warning.
    pub warning_days: i64,
    /// Days: critical.
    pub critical_days: i64,
    /// Hours for which a backup is shown as fresh.
    pub fresh_hours: i64,
    /// Hours after which a backup is shown as stale.
    pub stale_hours: i64,
    /// Whether backups of guests that no longer exist count.
    pub alert_orphaned: bool,
    /// Whether it is an alert when the last backup failed. Ours, beside the contract.
    pub alert_failed: bool,
    /// VMIDs that are left out; `90*` for all that begin so.
    #[serde(rename = "ignoreVMIDs", deserialize_with = "null_default")]
    pub ignore_vmids: Vec<String>,
}

impl Default for BackupRules {
    fn default() -> Self {
        Self {
            enabled: false,
            warning_days: 7,
            critical_days: 14,
            fresh_hours: 24,
            stale_hours: 72,
            alert_orphaned: true,
            alert_failed: true,
            ignore_vmids: Vec::new(),
        }
    }
}

/// When the absence of figures is an alert. Ours, beside the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertNoDataRules))]
pub struct NoDataRules {
    /// Whether silence raises anything.
    pub enabled: bool,
    /// Minutes without figures.
    pub minutes: i64,
    /// `warning` or `critical`.
    pub severity: String,
}

impl Default for NoDataRules {
    fn default() -> Self {
        Self { enabled: true, minutes: 5, severity: "warning".into() }
    }
}

/// Thresholds for the guests that a filter finds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertCustomRule))]
pub struct CustomRule {
    /// Id.
    #[serde(deserialize_with = "null_default")]
    pub id: String,
    /// Name.
    #[serde(deserialize_with = "null_default")]
    pub name: String,
    /// What it is for.
    #[serde(deserialize_with = "null_default")]
    pub description: String,
    /// Which guests.
    #[serde(deserialize_with = "null_default")]
    pub filter_conditions: FilterStack,
    /// What holds for them.
    #[serde(deserialize_with = "null_default")]
    pub thresholds: ThresholdBlock,
    /// The highest wins; the first of equals.
    #[serde(deserialize_with = "null_default")]
    pub priority: i64,
    /// Whether it counts.
    #[serde(deserialize_with = "null_default")]
    pub enabled: bool,
    /// Kept as it came: nothing reads it, in the original neither.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub notifications: Value,
    /// Kept as it came.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub created_at: Value,
    /// Kept as it came.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub updated_at: Value,
}

/// Conditions and how they are joined.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertFilterConditions))]
pub struct FilterStack {
    /// Conditions; none match every guest.
    #[serde(deserialize_with = "null_default")]
    pub filters: Vec<FilterCondition>,
    /// `AND`; anything else is or.
    #[serde(deserialize_with = "null_default")]
    pub logical_operator: String,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertFilterCondition))]
pub struct FilterCondition {
    /// `metric`, `text` or `raw`.
    #[serde(rename = "type", deserialize_with = "null_default")]
    pub kind: String,
    /// Field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// `>`, `<`, `>=`, `<=`, `=`, `==`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// A number or a text.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub value: Value,
    /// Text to look for anywhere, of conditions of type `raw`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_text: Option<String>,
}
