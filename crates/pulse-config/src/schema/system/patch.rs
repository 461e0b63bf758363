//! A partial change of the system settings: the keys that are there, each within its range; the others stay.
//!
//! The order of the checks and their texts are those of Pulse v5; clients show them to people.

use serde_json::{Map, Value};

use super::{DiscoveryConfig, SystemSettings, Theme, UpdateChannel, comma_list};
use crate::{Cidr, LogLevel, settings};

/// Why a change is refused. The text is for the person who sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// A value of the wrong kind.
    #[error("Invalid request body: {key} must be {wanted}")]
    WrongType {
        /// The key.
        key: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A value outside its range.
    #[error("{0}")]
    OutOfRange(String),
}

/// The largest text that is kept in a setting, in bytes.
const MAX_TEXT: usize = 4 * 1024;
/// The longest list of networks.
const MAX_NETWORKS: usize = 256;

impl SystemSettings {
    /// Changes the keys that `patch` has. Fails with the first that makes no sense; nothing is changed then.
    ///
    /// Pulse v5: an empty text could not clear `allowedOrigins`, `discoverySubnet`, `updateChannel`,
    /// `autoUpdateTime` and `theme`, and the keys of adaptive polling, DNS, SSH and retention were ignored.
    pub fn apply(&mut self, patch: &Map<String, Value>) -> Result<(), SettingError> {
        let mut next = self.clone();
        next.apply_in_order(&Patch(patch))?;
        let (min, base, max) = next.adaptive_polling_intervals();
        if min > base || base > max {
            return Err(SettingError::OutOfRange(
                "adaptive polling intervals must be in order: minimum, base, maximum".to_owned(),
            ));
        }
        *self = next;
        Ok(())
    }

    fn apply_in_order(&mut self, patch: &Patch<'_>) -> Result<(), SettingError> {
        const HOUR: Span = Span { low: 10, high: 3600, unit: "seconds", also: "1 hour" };
        const WEEK: Span = Span { low: 10, high: 604_800, unit: "seconds", also: "7 days" };
        const UPDATE: Span = Span { low: 0, high: 168, unit: "hours", also: "7 days" };
        const TIMEOUT: Span = Span { low: 0, high: 300, unit: "seconds", also: "5 minutes" };
        const ADAPTIVE: Span = Span { low: 1, high: 86_400, unit: "seconds", also: "1 day" };
        const DAY: Span = Span { low: 0, high: 86_400, unit: "seconds", also: "1 day" };
        const RAW: Span = Span { low: 0, high: 168, unit: "hours", also: "7 days" };
        const MINUTE: Span = Span { low: 0, high: 2_160, unit: "hours", also: "90 days" };
        const HOURLY: Span = Span { low: 0, high: 730, unit: "days", also: "2 years" };
        const DAILY: Span = Span { low: 0, high: 3_650, unit: "days", also: "10 years" };

        patch.number(
            "pvePollingInterval",
            "PVE polling interval",
            HOUR,
            &mut self.pve_polling_interval_seconds,
        )?;
        patch.number(
            "pbsPollingInterval",
            "PBS polling interval",
            HOUR,
            &mut self.pbs_polling_interval_seconds,
        )?;
        patch.number(
            "pmgPollingInterval",
            "PMG polling interval",
            HOUR,
            &mut self.pmg_polling_interval_seconds,
        )?;
        let backups = &mut self.backup_polling_interval_seconds;
        patch.number_or_zero("backupPollingInterval", "backup polling interval", WEEK, backups)?;
        patch.flag("autoUpdateEnabled", &mut self.auto_update_enabled)?;
        patch.flag("discoveryEnabled", &mut self.discovery_enabled)?;
        patch.flag("allowEmbedding", &mut self.allow_embedding)?;
        patch.optional_flag("backupPollingEnabled", &mut self.backup_polling_enabled)?;
        patch.flag("temperatureMonitoringEnabled", &mut self.temperature_monitoring_enabled)?;
        let check = &mut self.auto_update_check_interval_hours;
        patch.number("autoUpdateCheckInterval", "auto-update check interval", UPDATE, check)?;
        self.discovery_config.apply(patch)?;
        let timeout = &mut self.connection_timeout_seconds;
        patch.number("connectionTimeout", "connection timeout", TIMEOUT, timeout)?;
        if let Some(text) = patch.text("theme")? {
            self.theme = Theme::from_name(text)
                .ok_or_else(|| out_of_range("theme must be 'light', 'dark', or empty"))?;
        }
        if let Some(text) = patch.text("updateChannel")? {
            self.update_channel = UpdateChannel::from_name(text)
                .ok_or_else(|| out_of_range("update channel must be 'stable' or 'rc'"))?;
        }
        if let Some(text) = patch.text("webhookAllowedPrivateCIDRs")? {
            if let Some(bad) = comma_list(text).find(|part| part.parse::<Cidr>().is_err()) {
                return Err(out_of_range(&format!("Invalid webhook allowed private CIDRs: {}", short(bad))));
            }
            text.clone_into(&mut self.webhook_allowed_private_cidrs);
        }
        if let Some(text) = patch.text("allowedOrigins")? {
            check_origins("allowedOrigins", text, true)?;
            text.clone_into(&mut self.allowed_origins);
        }
        if let Some(text) = patch.text("allowedEmbedOrigins")? {
            check_origins("allowedEmbedOrigins", text, false)?;
            text.clone_into(&mut self.allowed_embed_origins);
        }
        if let Some(text) = patch.text("autoUpdateTime")? {
            text.clone_into(&mut self.auto_update_time);
        }
        if let Some(text) = patch.text("discoverySubnet")? {
            let is_network = |part: &str| part.eq_ignore_ascii_case("auto") || part.parse::<Cidr>().is_ok();
            if let Some(bad) = comma_list(text).find(|part| !is_network(part)) {
                return Err(out_of_range(&format!(
                    "discoverySubnet is no network or 'auto': {}",
                    short(bad)
                )));
            }
            let subnet = if text.is_empty() { "auto" } else { text };
            subnet.clone_into(&mut self.discovery_subnet);
        }
        if let Some(text) = patch.text("publicURL")? {
            let url = settings::public_url(text).ok_or_else(|| {
                out_of_range("publicURL must be an address such as https://pulse.example.org, or empty")
            })?;
            self.public_url = url;
        }
        if let Some(text) = patch.text("logLevel")? {
            self.log_level = match text {
                "" => None,
                text => Some(LogLevel::from_name(text).ok_or_else(|| out_of_range("Invalid log level"))?),
            };
        }
        patch.flag("fullWidthMode", &mut self.full_width_mode)?;
        patch.flag("hideLocalLogin", &mut self.hide_local_login)?;
        patch.flag("disableDockerUpdateActions", &mut self.disable_docker_update_actions)?;
        patch.optional_flag("adaptivePollingEnabled", &mut self.adaptive_polling_enabled)?;
        for (key, label, value) in [
            (
                "adaptivePollingBaseInterval",
                "adaptive polling base interval",
                &mut self.adaptive_polling_base_interval_seconds,
            ),
            (
                "adaptivePollingMinInterval",
                "adaptive polling minimum interval",
                &mut self.adaptive_polling_min_interval_seconds,
            ),
            (
                "adaptivePollingMaxInterval",
                "adaptive polling maximum interval",
                &mut self.adaptive_polling_max_interval_seconds,
            ),
        ] {
            patch.number_or_zero(key, label, ADAPTIVE, value)?;
        }
        patch.number("dnsCacheTimeout", "DNS cache timeout", DAY, &mut self.dns_cache_timeout_seconds)?;
        const PORT: Span = Span { low: 0, high: 65_535, unit: "", also: "the last port" };
        patch.number("sshPort", "SSH port", PORT, &mut self.ssh_port)?;
        for (key, label, span, value) in [
            ("metricsRetentionRawHours", "raw retention", RAW, &mut self.metrics_retention_raw_hours),
            (
                "metricsRetentionMinuteHours",
                "minute retention",
                MINUTE,
                &mut self.metrics_retention_minute_hours,
            ),
            (
                "metricsRetentionHourlyDays",
                "hourly retention",
                HOURLY,
                &mut self.metrics_retention_hourly_days,
            ),
            ("metricsRetentionDailyDays", "daily retention", DAILY, &mut self.metrics_retention_daily_days),
        ] {
            patch.number(key, label, span, value)?;
        }
        Ok(())
    }
}

impl DiscoveryConfig {
    fn apply(&mut self, patch: &Patch<'_>) -> Result<(), SettingError> {
        let Some(value) = patch.0.get("discoveryConfig").or_else(|| patch.0.get("discovery_config")) else {
            return Ok(());
        };
        let Value::Object(map) = value else {
            return Err(wrong("discoveryConfig", "an object"));
        };
        let get = |snake: &str, camel: &str| map.get(snake).or_else(|| map.get(camel));
        if let Some(value) = get("environment_override", "environmentOverride") {
            let text = value.as_str().unwrap_or_default().trim();
            if !Self::ENVIRONMENTS.contains(&text) {
                return Err(out_of_range(&format!(
                    "invalid discovery environment override: {}",
                    short(text)
                )));
            }
            text.clone_into(&mut self.environment_override);
        }
        for (snake, camel, list) in [
            ("subnet_allowlist", "subnetAllowlist", &mut self.subnet_allowlist),
            ("subnet_blocklist", "subnetBlocklist", &mut self.subnet_blocklist),
        ] {
            if let Some(value) = get(snake, camel) {
                *list = networks(snake, value)?;
            }
        }
        for (snake, camel, high, value) in [
            ("max_hosts_per_scan", "maxHostsPerScan", 65_536, &mut self.max_hosts_per_scan),
            ("max_concurrent", "maxConcurrent", 1_000, &mut self.max_concurrent),
            ("dial_timeout_ms", "dialTimeoutMs", 60_000, &mut self.dial_timeout_milliseconds),
            ("http_timeout_ms", "httpTimeoutMs", 60_000, &mut self.http_timeout_milliseconds),
        ] {
            if let Some(given) = get(snake, camel) {
                let number = given.as_u64().and_then(|number| u32::try_from(number).ok());
                *value = number.filter(|number| (1..=high).contains(number)).ok_or_else(|| {
                    out_of_range(&format!(
                        "discoveryConfig.{snake} must be a whole number between 1 and {high}"
                    ))
                })?;
            }
        }
        for (snake, camel, value) in [
            ("enable_reverse_dns", "enableReverseDns", &mut self.enable_reverse_dns),
            ("scan_gateways", "scanGateways", &mut self.scan_gateways),
        ] {
            if let Some(given) = get(snake, camel) {
                *value = given
                    .as_bool()
                    .ok_or_else(|| out_of_range(&format!("discoveryConfig.{snake} must be a boolean")))?;
            }
        }
        Ok(())
    }
}

/// A range of whole numbers, with its unit and how people say its end.
#[derive(Clone, Copy)]
struct Span {
    low: u32,
    high: u32,
    unit: &'static str,
    also: &'static str,
}

struct Patch<'a>(&'a Map<String, Value>);

impl<'a> Patch<'a> {
    fn number(&self, key: &str, label: &str, span: Span, into: &mut u32) -> Result<(), SettingError> {
        let Some(number) = self.whole(key, label)? else { return Ok(()) };
        let Span { low, high, unit, also } = span;
        let space = if unit.is_empty() { "" } else { " " };
        if number < 0 && low == 0 {
            return Err(out_of_range(&format!("{label} cannot be negative")));
        }
        if number < i64::from(low) {
            return Err(out_of_range(&format!("{label} must be at least {low}{space}{unit}")));
        }
        *into = u32::try_from(number)
            .ok()
            .filter(|number| *number <= high)
            .ok_or_else(|| out_of_range(&format!("{label} cannot exceed {high}{space}{unit} ({also})")))?;
        Ok(())
    }

    fn number_or_zero(&self, key: &str, label: &str, span: Span, into: &mut u32) -> Result<(), SettingError> {
        if self.whole(key, label)? == Some(0) {
            *into = 0;
            return Ok(());
        }
        self.number(key, label, span, into)
    }

    fn whole(&self, key: &str, label: &str) -> Result<Option<i64>, SettingError> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Null) => Err(out_of_range(&format!("{label} must be a number"))),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| wrong(key, "a whole number")),
        }
    }

    fn flag(&self, key: &str, into: &mut bool) -> Result<(), SettingError> {
        let mut value = Some(*into);
        self.optional_flag(key, &mut value)?;
        *into = value.unwrap_or_default();
        Ok(())
    }

    fn optional_flag(&self, key: &str, into: &mut Option<bool>) -> Result<(), SettingError> {
        match self.0.get(key) {
            None => Ok(()),
            Some(Value::Bool(value)) => {
                *into = Some(*value);
                Ok(())
            }
            Some(Value::Null) => Err(out_of_range(&format!("{key} must be a boolean"))),
            Some(_) => Err(wrong(key, "a boolean")),
        }
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>, SettingError> {
        match self.0.get(key) {
            None => Ok(None),
            // As in v5: no text is an empty one.
            Some(Value::Null) => Ok(Some("")),
            Some(Value::String(text)) => {
                let text = text.trim();
                if text.len() > MAX_TEXT || text.contains(char::is_control) {
                    return Err(wrong(key, "a text of one line, at most 4096 bytes"));
                }
                Ok(Some(text))
            }
            Some(_) => Err(wrong(key, "a string")),
        }
    }
}

fn networks(key: &str, value: &Value) -> Result<Vec<String>, SettingError> {
    let list = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) if list.len() <= MAX_NETWORKS => list,
        _ => return Err(out_of_range(&format!("discoveryConfig.{key} must be a list of CIDR networks"))),
    };
    list.iter()
        .map(|value| {
            let text = value.as_str().unwrap_or_default().trim();
            let is_network = text.contains('/') && text.parse::<Cidr>().is_ok();
            if is_network {
                Ok(text.to_owned())
            } else {
                Err(out_of_range(&format!("invalid CIDR in discoveryConfig.{key}: {}", short(text))))
            }
        })
        .collect()
}

/// Origins go into response headers: each must be one, without a path.
fn check_origins(key: &str, text: &str, may_be_star: bool) -> Result<(), SettingError> {
    let is_origin = |part: &str| {
        let host = part.split_once("://").map_or("", |(_, host)| host);
        part.is_ascii() && !host.is_empty() && !host.contains(['/', ' ', ';', '\'', '"', '?', '#'])
    };
    match comma_list(text).find(|part| !(is_origin(part) || may_be_star && *part == "*")) {
        None => Ok(()),
        Some(bad) => Err(out_of_range(&format!(
            "{key} must be a list of origins such as https://example.org: {}",
            short(bad)
        ))),
    }
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

fn wrong(key: &str, wanted: &'static str) -> SettingError {
    SettingError::WrongType { key: key.to_owned(), wanted }
}

fn out_of_range(text: &str) -> SettingError {
    SettingError::OutOfRange(text.to_owned())
}
