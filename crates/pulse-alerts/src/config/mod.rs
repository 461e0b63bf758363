//! What the operator wants to be told (contract B-07, `alerts.json` of Pulse v5), with our additions.
//!
//! Reading is tolerant: unknown keys are ignored, `null` is empty, a missing key has its default. A configuration is
//! normalised once, when it is read or saved ([`AlertConfig::normalised`]), and compiled once ([`crate::Rules`]).

mod normalise;
mod rules;
mod schedule;
mod threshold;

use std::collections::BTreeMap;

use jiff::Timestamp;
use pulse_core::lenient::null_default;
use serde::{Deserialize, Deserializer, Serialize};

pub use rules::{
    BackupRules, CustomRule, DockerDefaults, FilterCondition, FilterStack, NoDataRules, PmgDefaults,
    SnapshotRules,
};
pub use schedule::{
    DAYS, Escalation, EscalationLevel, Grouping, MaintenanceWindow, QuietHours, QuietSuppression, Reminders,
    Schedule, Selector, WeeklyHours,
};
pub use threshold::{Threshold, ThresholdBlock};

/// Whether notices go out at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertActivationState))]
pub enum ActivationState {
    /// Alerts are raised and shown, nobody is told: the operator looks at them first.
    #[default]
    PendingReview,
    /// Notices go out.
    Active,
    /// Notices are held back.
    Snoozed,
}

impl<'de> Deserialize<'de> for ActivationState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::<String>::deserialize(deserializer)?.as_deref() {
            Some("active") => Self::Active,
            Some("snoozed") => Self::Snoozed,
            Some(_) | None => Self::PendingReview,
        })
    }
}

/// What the operator wants to be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertConfig))]
pub struct AlertConfig {
    /// Whether alerts are raised at all.
    pub enabled: bool,
    /// Whether notices go out; absent keeps what it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_state: Option<ActivationState>,
    /// Hours for which the page suggests to look before activating.
    pub observation_window_hours: i64,
    /// When notices were switched on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_time: Option<Timestamp>,

    /// VMs and containers of Proxmox VE.
    #[serde(deserialize_with = "null_default")]
    pub guest_defaults: ThresholdBlock,
    /// Nodes of Proxmox VE.
    #[serde(deserialize_with = "null_default")]
    pub node_defaults: ThresholdBlock,
    /// Hosts with an agent.
    #[serde(deserialize_with = "null_default")]
    pub host_defaults: ThresholdBlock,
    /// Storages and datastores, percent.
    pub storage_default: Threshold,
    /// Containers and services of Docker and Podman.
    pub docker_defaults: DockerDefaults,
    /// Containers whose names begin so are left out.
    #[serde(deserialize_with = "null_default")]
    pub docker_ignored_container_prefixes: Vec<String>,
    /// Guests whose names begin so are left out.
    #[serde(deserialize_with = "null_default")]
    pub ignored_guest_prefixes: Vec<String>,
    /// Only guests with one of these tags, where there is any.
    #[serde(deserialize_with = "null_default")]
    pub guest_tag_whitelist: Vec<String>,
    /// No guests with one of these tags.
    #[serde(deserialize_with = "null_default")]
    pub guest_tag_blacklist: Vec<String>,
    /// Mail gateways.
    pub pmg_defaults: PmgDefaults,
    /// Backup servers.
    #[serde(deserialize_with = "null_default")]
    pub pbs_defaults: ThresholdBlock,
    /// Snapshots of guests.
    pub snapshot_defaults: SnapshotRules,
    /// Backups of guests.
    pub backup_defaults: BackupRules,
    /// Silence. Ours, beside the contract.
    pub no_data_defaults: NoDataRules,
    /// What is different for single resources, by their ids.
    #[serde(deserialize_with = "null_default")]
    pub overrides: BTreeMap<String, ThresholdBlock>,
    /// What is different for the guests that a filter finds.
    #[serde(deserialize_with = "null_default")]
    pub custom_rules: Vec<CustomRule>,
    /// When notices go out.
    #[serde(deserialize_with = "null_default")]
    pub schedule: Schedule,
    /// Planned work. Ours, beside the contract.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub maintenance_windows: Vec<MaintenanceWindow>,

    /// No alerts of nodes.
    pub disable_all_nodes: bool,
    /// No alerts of guests.
    pub disable_all_guests: bool,
    /// No alerts of hosts with an agent.
    pub disable_all_hosts: bool,
    /// No alerts of storages.
    pub disable_all_storage: bool,
    /// No alerts of backup servers.
    #[serde(rename = "disableAllPBS")]
    pub disable_all_pbs: bool,
    /// No alerts of mail gateways.
    #[serde(rename = "disableAllPMG")]
    pub disable_all_pmg: bool,
    /// No alerts of Docker hosts.
    pub disable_all_docker_hosts: bool,
    /// No alerts of containers.
    pub disable_all_docker_containers: bool,
    /// No alerts of services.
    pub disable_all_docker_services: bool,
    /// No alert when a node is down.
    pub disable_all_nodes_offline: bool,
    /// No alert when a guest is switched off.
    pub disable_all_guests_offline: bool,
    /// No alert when a host is silent.
    pub disable_all_hosts_offline: bool,
    /// No alert when a backup server is down.
    #[serde(rename = "disableAllPBSOffline")]
    pub disable_all_pbs_offline: bool,
    /// No alert when a mail gateway is down.
    #[serde(rename = "disableAllPMGOffline")]
    pub disable_all_pmg_offline: bool,
    /// No alert when a Docker host is silent.
    pub disable_all_docker_hosts_offline: bool,

    /// A value that came back within `suppressionWindow` and differs by less is not told again.
    pub minimum_delta: f64,
    /// Minutes of that.
    pub suppression_window: i64,
    /// How far below the trigger a value is fine again, where nothing else is said.
    pub hysteresis_margin: f64,
    /// Seconds a value must stay above its trigger.
    pub time_threshold: i64,
    /// The same by type of resource.
    #[serde(deserialize_with = "null_default")]
    pub time_thresholds: BTreeMap<String, i64>,
    /// The same by type and metric.
    #[serde(deserialize_with = "null_default")]
    pub metric_time_thresholds: BTreeMap<String, BTreeMap<String, i64>>,

    /// Days after which an alert that nobody took note of is closed; 0 for never.
    pub max_alert_age_days: i64,
    /// Days after which an acknowledged alert is closed; 0 for never.
    pub max_acknowledged_age_days: i64,
    /// Hours after which an alert is acknowledged by itself; 0 for never.
    pub auto_acknowledge_after_hours: i64,

    /// Whether alerts that come and go are damped.
    pub flapping_enabled: bool,
    /// Seconds in which changes are counted.
    pub flapping_window_seconds: i64,
    /// So many changes in that time are flapping.
    pub flapping_threshold: u32,
    /// Minutes it must be fine before a flapping alert closes.
    pub flapping_cooldown_minutes: i64,
    /// So many openings in an hour are flapping too; 0 for no such limit. Ours, beside the contract.
    pub flapping_openings_per_hour: u32,
}

/// The sensible defaults of the contract's table. Pulse v5 loses most of them on a fresh install.
impl Default for AlertConfig {
    fn default() -> Self {
        let t = |trigger, clear| Some(Threshold::new(trigger, clear));
        let load = |cpu, memory, disk| ThresholdBlock { cpu, memory, disk, ..ThresholdBlock::default() };
        let common = || load(t(80.0, 75.0), t(85.0, 80.0), t(90.0, 85.0));
        Self {
            enabled: true,
            activation_state: None,
            observation_window_hours: 24,
            activation_time: None,
            guest_defaults: ThresholdBlock { powered_off_severity: Some("warning".into()), ..common() },
            node_defaults: ThresholdBlock { temperature: t(80.0, 75.0), ..common() },
            host_defaults: ThresholdBlock { disk_temperature: t(55.0, 50.0), ..common() },
            storage_default: Threshold::new(85.0, 80.0),
            docker_defaults: DockerDefaults::default(),
            docker_ignored_container_prefixes: Vec::new(),
            ignored_guest_prefixes: Vec::new(),
            guest_tag_whitelist: Vec::new(),
            guest_tag_blacklist: Vec::new(),
            pmg_defaults: PmgDefaults::default(),
            pbs_defaults: load(t(80.0, 75.0), t(85.0, 80.0), None),
            snapshot_defaults: SnapshotRules::default(),
            backup_defaults: BackupRules::default(),
            no_data_defaults: NoDataRules::default(),
            overrides: BTreeMap::new(),
            custom_rules: Vec::new(),
            schedule: Schedule::default(),
            maintenance_windows: Vec::new(),
            disable_all_nodes: false,
            disable_all_guests: false,
            disable_all_hosts: false,
            disable_all_storage: false,
            disable_all_pbs: false,
            disable_all_pmg: false,
            disable_all_docker_hosts: false,
            disable_all_docker_containers: false,
            disable_all_docker_services: false,
            disable_all_nodes_offline: false,
            disable_all_guests_offline: false,
            disable_all_hosts_offline: false,
            disable_all_pbs_offline: false,
            disable_all_pmg_offline: false,
            disable_all_docker_hosts_offline: false,
            minimum_delta: 2.0,
            suppression_window: 5,
            hysteresis_margin: 5.0,
            time_threshold: 5,
            time_thresholds: ["guest", "node", "storage", "pbs"].map(|key| (key.to_owned(), 5)).into(),
            metric_time_thresholds: BTreeMap::new(),
            max_alert_age_days: 7,
            max_acknowledged_age_days: 1,
            auto_acknowledge_after_hours: 24,
            flapping_enabled: true,
            flapping_window_seconds: 300,
            flapping_threshold: 5,
            flapping_cooldown_minutes: 15,
            flapping_openings_per_hour: 3,
        }
    }
}

impl AlertConfig {
    /// Whether notices go out.
    pub fn activation(&self) -> ActivationState {
        self.activation_state.unwrap_or_default()
    }
}
