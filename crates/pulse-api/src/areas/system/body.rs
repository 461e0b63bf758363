//! The settings on the wire: all keys with their types, as they are read and as they are changed.

use std::collections::BTreeMap;

use pulse_config::SystemSettings;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::ApiError;

/// The two shapes from one list: what is read has some keys always, a change has any of them.
macro_rules! settings_keys {
    (
        always { $($(#[$always_meta:meta])* $always:ident: $always_type:ty,)+ }
        unless_empty { $($(#[$some_meta:meta])* $some:ident: $some_type:ty,)+ }
    ) => {
        /// The system settings. A key that is left out has no value.
        #[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        #[schema(as = SystemSettings)]
        pub(in crate::areas) struct SettingsBody {
            $($(#[$always_meta])* pub(super) $always: $always_type,)+
            $(
                $(#[$some_meta])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub(super) $some: Option<$some_type>,
            )+
            /// Names of keys and variables that the server's environment holds: they cannot be changed here.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            #[schema(required = false)]
            pub(super) env_overrides: BTreeMap<String, bool>,
        }

        /// A change of the system settings: any of the keys, the others stay.
        #[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        #[schema(as = SystemSettingsChange)]
        pub(super) struct ChangeBody {
            $($(#[$always_meta])* $always: Option<$always_type>,)+
            $($(#[$some_meta])* $some: Option<$some_type>,)+
        }
    };
}

settings_keys! {
    always {
        /// Seconds between two polls of PVE, 10 to 3600.
        pve_polling_interval: u32,
        /// Seconds between two polls of PBS, 10 to 3600.
        pbs_polling_interval: u32,
        /// Seconds between two polls of PMG, 10 to 3600.
        pmg_polling_interval: u32,
        /// Whether backups are looked at.
        backup_polling_enabled: bool,
        /// Whether updates are installed without asking.
        auto_update_enabled: bool,
        /// Whether the network is searched for Proxmox.
        discovery_enabled: bool,
        /// How the network is searched.
        discovery_config: DiscoveryBody,
        /// Whether the page takes the whole width.
        full_width_mode: bool,
        /// Whether other pages may show this one in a frame.
        allow_embedding: bool,
        /// Whether temperatures are collected.
        temperature_monitoring_enabled: bool,
        /// Whether the page hides the login form.
        hide_local_login: bool,
        /// Whether containers cannot be updated from the page.
        disable_docker_update_actions: bool,
    }
    unless_empty {
        /// Seconds between two looks at backups: 0, or 10 to 604800.
        backup_polling_interval: u32,
        /// Whether busy sources are polled more often than quiet ones.
        adaptive_polling_enabled: bool,
        /// Seconds: where adaptive polling starts.
        adaptive_polling_base_interval: u32,
        /// Seconds: how often it polls at most.
        adaptive_polling_min_interval: u32,
        /// Seconds: how seldom it polls at most.
        adaptive_polling_max_interval: u32,
        /// Not used.
        backend_port: u32,
        /// The port the server listens on; it comes from the environment.
        frontend_port: u32,
        /// Origins that may call the API from a browser: comma-separated, or `*`.
        allowed_origins: String,
        /// Seconds for a Proxmox host to answer, 0 to 300.
        connection_timeout: u32,
        /// `stable`, `rc`, or empty for the channel of the running version.
        update_channel: String,
        /// Hours between two looks for an update, 0 to 168.
        auto_update_check_interval: u32,
        /// When in the day updates are installed.
        auto_update_time: String,
        /// `debug`, `info`, `warn` or `error`.
        log_level: String,
        /// The network to search; `auto` finds out.
        discovery_subnet: String,
        /// `light`, `dark`, or empty for what the browser asks for.
        theme: String,
        /// Pages that may show this one in a frame, comma-separated.
        allowed_embed_origins: String,
        /// Seconds for which a looked-up name counts.
        dns_cache_timeout: u32,
        /// Port for temperatures over SSH; 0 means 22.
        ssh_port: u32,
        /// Private networks that webhooks may reach, comma-separated.
        #[serde(rename = "webhookAllowedPrivateCIDRs")]
        webhook_allowed_private_cidrs: String,
        /// Where people reach the page.
        #[serde(rename = "publicURL")]
        public_url: String,
        /// Hours for which single samples are kept; 0 for the default.
        metrics_retention_raw_hours: u32,
        /// Hours for which minutes are kept; 0 for the default.
        metrics_retention_minute_hours: u32,
        /// Days for which hours are kept; 0 for the default.
        metrics_retention_hourly_days: u32,
        /// Days for which days are kept; 0 for the default.
        metrics_retention_daily_days: u32,
    }
}

/// How the network is searched. A change may name its keys in camel case as well.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = DiscoverySettings)]
pub(super) struct DiscoveryBody {
    /// Where the server runs: `auto`, `native`, `docker_host`, `docker_bridge`, `lxc_privileged`, `lxc_unprivileged`.
    environment_override: String,
    /// Networks to search.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    subnet_allowlist: Vec<String>,
    /// Networks that are never searched.
    subnet_blocklist: Vec<String>,
    /// Hosts of one search at most.
    max_hosts_per_scan: u32,
    /// Hosts asked at once, 1 to 1000.
    max_concurrent: u32,
    /// Whether names are looked up for addresses.
    enable_reverse_dns: bool,
    /// Whether gateways are asked first.
    scan_gateways: bool,
    /// Milliseconds for a connection.
    dial_timeout_ms: u32,
    /// Milliseconds for an answer.
    http_timeout_ms: u32,
}

impl SettingsBody {
    /// The settings as they are shown.
    pub(in crate::areas) fn new(settings: &SystemSettings) -> Result<Self, ApiError> {
        let settings = SystemSettings {
            backup_polling_enabled: Some(settings.is_backup_polling_enabled()),
            ..settings.clone()
        };
        let doing = "show the system settings";
        // The keys are the file's; going through it keeps the two from drifting apart.
        let value = serde_json::to_value(settings).map_err(|error| ApiError::internal(doing, error))?;
        serde_json::from_value(value).map_err(|error| ApiError::internal(doing, error))
    }
}
