//! The system settings of `system.json`: what an administrator changes while the server runs.
//!
//! A value here is always one the server can work with: what is read from the file or sent by a client passes
//! [`SystemSettings::apply`], key by key. Environment variables that beat single keys are in [`environment`].

pub mod environment;
mod patch;

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use serde_json::Value;

pub use patch::SettingError;

use crate::{Cidr, LogLevel};

/// How the page looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the browser asks for.
    #[default]
    #[serde(rename = "")]
    Automatic,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Its name on the wire; empty for automatic.
    pub fn name(self) -> &'static str {
        match self {
            Self::Automatic => "",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Automatic, Self::Light, Self::Dark].into_iter().find(|theme| theme.name() == name)
    }
}

/// Which releases an update may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UpdateChannel {
    /// The one the running version belongs to.
    #[default]
    #[serde(rename = "")]
    Automatic,
    /// Releases.
    Stable,
    /// Releases and their candidates.
    Rc,
}

impl UpdateChannel {
    /// Its name on the wire; empty for automatic.
    pub fn name(self) -> &'static str {
        match self {
            Self::Automatic => "",
            Self::Stable => "stable",
            Self::Rc => "rc",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Automatic, Self::Stable, Self::Rc].into_iter().find(|channel| channel.name() == name)
    }
}

/// How the network is searched for Proxmox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiscoveryConfig {
    /// Where the server thinks it runs; `auto` finds out.
    pub environment_override: String,
    /// Networks to search; none means the server's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnet_allowlist: Vec<String>,
    /// Networks that are never searched.
    pub subnet_blocklist: Vec<String>,
    /// Hosts of one search at most.
    pub max_hosts_per_scan: u32,
    /// Hosts asked at once.
    pub max_concurrent: u32,
    /// Whether names are looked up for addresses.
    pub enable_reverse_dns: bool,
    /// Whether gateways are asked first.
    pub scan_gateways: bool,
    /// Time for a connection.
    #[serde(rename = "dial_timeout_ms")]
    pub dial_timeout_milliseconds: u32,
    /// Time for an answer.
    #[serde(rename = "http_timeout_ms")]
    pub http_timeout_milliseconds: u32,
}

impl DiscoveryConfig {
    /// What `environment_override` may be.
    pub const ENVIRONMENTS: [&str; 6] =
        ["auto", "native", "docker_host", "docker_bridge", "lxc_privileged", "lxc_unprivileged"];
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self {
            environment_override: "auto".to_owned(),
            subnet_allowlist: Vec::new(),
            subnet_blocklist: vec!["169.254.0.0/16".to_owned()],
            max_hosts_per_scan: 1024,
            max_concurrent: 50,
            enable_reverse_dns: true,
            scan_gateways: true,
            dial_timeout_milliseconds: 1000,
            http_timeout_milliseconds: 2000,
        }
    }
}

/// How long history is kept, tier by tier; `None` where it is not set.
///
/// Pulse v5: what is not set is 2 hours, a day, a week and 90 days there. Here the store decides, which keeps far more
/// on the same disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsRetention {
    /// Single samples.
    pub raw: Option<Duration>,
    /// Minutes.
    pub minute: Option<Duration>,
    /// Hours.
    pub hourly: Option<Duration>,
    /// Days.
    pub daily: Option<Duration>,
}

/// All system settings. The serialized form is the one of `system.json` and of the API; a zero of the fields that
/// say so means "not set", and the method of that name has what counts then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemSettings {
    /// Time between two polls of PVE.
    #[serde(rename = "pvePollingInterval")]
    pub pve_polling_interval_seconds: u32,
    /// Time between two polls of PBS.
    #[serde(rename = "pbsPollingInterval")]
    pub pbs_polling_interval_seconds: u32,
    /// Time between two polls of PMG.
    #[serde(rename = "pmgPollingInterval")]
    pub pmg_polling_interval_seconds: u32,
    /// Time between two looks at backups; 0: the monitor decides.
    #[serde(rename = "backupPollingInterval", skip_serializing_if = "is_zero")]
    pub backup_polling_interval_seconds: u32,
    /// Whether backups are looked at; not set means yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_polling_enabled: Option<bool>,
    /// Whether busy sources are polled more often than quiet ones; not set means no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive_polling_enabled: Option<bool>,
    /// Where adaptive polling starts; 0: not set.
    #[serde(rename = "adaptivePollingBaseInterval", skip_serializing_if = "is_zero")]
    pub adaptive_polling_base_interval_seconds: u32,
    /// How often it polls at most; 0: not set.
    #[serde(rename = "adaptivePollingMinInterval", skip_serializing_if = "is_zero")]
    pub adaptive_polling_min_interval_seconds: u32,
    /// How seldom it polls at most; 0: not set.
    #[serde(rename = "adaptivePollingMaxInterval", skip_serializing_if = "is_zero")]
    pub adaptive_polling_max_interval_seconds: u32,
    /// Kept for files of Pulse v5; nothing reads it.
    #[serde(skip_serializing_if = "is_zero")]
    pub backend_port: u32,
    /// Kept for files of Pulse v5; the port comes from the environment.
    #[serde(skip_serializing_if = "is_zero")]
    pub frontend_port: u32,
    /// Origins that may call the API from a browser: comma-separated, or `*`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub allowed_origins: String,
    /// Time for a Proxmox host to answer; 0: not set.
    #[serde(rename = "connectionTimeout", skip_serializing_if = "is_zero")]
    pub connection_timeout_seconds: u32,
    /// Which releases an update may come from.
    #[serde(skip_serializing_if = "is_default")]
    pub update_channel: UpdateChannel,
    /// Whether updates are installed without asking.
    pub auto_update_enabled: bool,
    /// Time between two looks for an update; 0: not set.
    #[serde(rename = "autoUpdateCheckInterval", skip_serializing_if = "is_zero")]
    pub auto_update_check_interval_hours: u32,
    /// When in the day updates are installed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub auto_update_time: String,
    /// How detailed the log is; not set means the one of the environment or `info`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "level_name")]
    pub log_level: Option<LogLevel>,
    /// Whether the network is searched for Proxmox.
    pub discovery_enabled: bool,
    /// The network to search; `auto` finds out.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub discovery_subnet: String,
    /// How the network is searched.
    pub discovery_config: DiscoveryConfig,
    /// How the page looks.
    #[serde(skip_serializing_if = "is_default")]
    pub theme: Theme,
    /// Whether the page takes the whole width.
    pub full_width_mode: bool,
    /// Whether other pages may show this one in a frame.
    pub allow_embedding: bool,
    /// Which pages those are, comma-separated.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub allowed_embed_origins: String,
    /// Whether temperatures are collected.
    pub temperature_monitoring_enabled: bool,
    /// How long a looked-up name counts; 0: not set.
    #[serde(rename = "dnsCacheTimeout", skip_serializing_if = "is_zero")]
    pub dns_cache_timeout_seconds: u32,
    /// Port for temperatures over SSH; 0 means 22.
    #[serde(skip_serializing_if = "is_zero")]
    pub ssh_port: u32,
    /// Private networks webhooks may reach, comma-separated.
    #[serde(rename = "webhookAllowedPrivateCIDRs", skip_serializing_if = "String::is_empty")]
    pub webhook_allowed_private_cidrs: String,
    /// Whether the page hides the login form.
    pub hide_local_login: bool,
    /// Where people reach the page.
    #[serde(rename = "publicURL", skip_serializing_if = "String::is_empty")]
    pub public_url: String,
    /// How long single samples are kept; 0: not set.
    #[serde(skip_serializing_if = "is_zero")]
    pub metrics_retention_raw_hours: u32,
    /// How long minutes are kept; 0: not set.
    #[serde(skip_serializing_if = "is_zero")]
    pub metrics_retention_minute_hours: u32,
    /// How long hours are kept; 0: not set.
    #[serde(skip_serializing_if = "is_zero")]
    pub metrics_retention_hourly_days: u32,
    /// How long days are kept; 0: not set.
    #[serde(skip_serializing_if = "is_zero")]
    pub metrics_retention_daily_days: u32,
    /// Whether containers can be updated from the page.
    pub disable_docker_update_actions: bool,
    /// Keys of another version, kept as they were.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl Default for SystemSettings {
    fn default() -> Self {
        Self {
            pve_polling_interval_seconds: 10,
            pbs_polling_interval_seconds: 60,
            pmg_polling_interval_seconds: 60,
            backup_polling_interval_seconds: 0,
            backup_polling_enabled: None,
            adaptive_polling_enabled: None,
            adaptive_polling_base_interval_seconds: 0,
            adaptive_polling_min_interval_seconds: 0,
            adaptive_polling_max_interval_seconds: 0,
            backend_port: 0,
            frontend_port: 0,
            allowed_origins: String::new(),
            connection_timeout_seconds: 60,
            update_channel: UpdateChannel::default(),
            auto_update_enabled: false,
            auto_update_check_interval_hours: 0,
            auto_update_time: String::new(),
            log_level: None,
            discovery_enabled: false,
            discovery_subnet: "auto".to_owned(),
            discovery_config: DiscoveryConfig::default(),
            theme: Theme::default(),
            full_width_mode: false,
            allow_embedding: false,
            allowed_embed_origins: String::new(),
            temperature_monitoring_enabled: true,
            dns_cache_timeout_seconds: 300,
            ssh_port: 0,
            webhook_allowed_private_cidrs: String::new(),
            hide_local_login: false,
            public_url: String::new(),
            metrics_retention_raw_hours: 0,
            metrics_retention_minute_hours: 0,
            metrics_retention_hourly_days: 0,
            metrics_retention_daily_days: 0,
            disable_docker_update_actions: false,
            other: BTreeMap::new(),
        }
    }
}

impl SystemSettings {
    /// Time between two polls of PVE.
    pub fn pve_polling_interval(&self) -> Duration {
        seconds(self.pve_polling_interval_seconds, 10)
    }

    /// Time between two polls of PBS.
    pub fn pbs_polling_interval(&self) -> Duration {
        seconds(self.pbs_polling_interval_seconds, 60)
    }

    /// Time between two polls of PMG.
    pub fn pmg_polling_interval(&self) -> Duration {
        seconds(self.pmg_polling_interval_seconds, 60)
    }

    /// Time between two looks at backups, where it is set.
    pub fn backup_polling_interval(&self) -> Option<Duration> {
        let interval = self.backup_polling_interval_seconds;
        (interval > 0).then(|| Duration::from_secs(interval.into()))
    }

    /// Whether backups are looked at.
    pub fn is_backup_polling_enabled(&self) -> bool {
        self.backup_polling_enabled.unwrap_or(true)
    }

    /// Whether busy sources are polled more often than quiet ones.
    pub fn is_adaptive_polling_enabled(&self) -> bool {
        self.adaptive_polling_enabled.unwrap_or(false)
    }

    /// Least, first and greatest interval of adaptive polling.
    pub fn adaptive_polling_intervals(&self) -> (Duration, Duration, Duration) {
        (
            seconds(self.adaptive_polling_min_interval_seconds, 5),
            seconds(self.adaptive_polling_base_interval_seconds, 10),
            seconds(self.adaptive_polling_max_interval_seconds, 300),
        )
    }

    /// Time for a Proxmox host to answer.
    pub fn connection_timeout(&self) -> Duration {
        seconds(self.connection_timeout_seconds, 60)
    }

    /// How long a looked-up name counts.
    pub fn dns_cache_timeout(&self) -> Duration {
        seconds(self.dns_cache_timeout_seconds, 300)
    }

    /// Origins that may call the API from a browser.
    pub fn allowed_origin_list(&self) -> Vec<String> {
        comma_list(&self.allowed_origins).map(str::to_owned).collect()
    }

    /// Private networks that webhooks may reach.
    pub fn webhook_allowed_private_networks(&self) -> Vec<Cidr> {
        // Only networks come past `apply`: nothing is lost here.
        comma_list(&self.webhook_allowed_private_cidrs).filter_map(|text| text.parse().ok()).collect()
    }

    /// How long history is kept.
    pub fn metrics_retention(&self) -> MetricsRetention {
        let hours =
            |value: u32, each: u64| (value > 0).then(|| Duration::from_secs(u64::from(value) * each * 3600));
        MetricsRetention {
            raw: hours(self.metrics_retention_raw_hours, 1),
            minute: hours(self.metrics_retention_minute_hours, 1),
            hourly: hours(self.metrics_retention_hourly_days, 24),
            daily: hours(self.metrics_retention_daily_days, 24),
        }
    }
}

fn seconds(value: u32, default: u64) -> Duration {
    Duration::from_secs(if value == 0 { default } else { value.into() })
}

/// The parts of a comma-separated list.
pub(crate) fn comma_list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn level_name<S: serde::Serializer>(level: &Option<LogLevel>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(level.map_or("", LogLevel::name))
}
