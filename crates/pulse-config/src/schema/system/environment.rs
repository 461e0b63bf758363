//! Environment variables that beat single keys of the system settings (contract A-16).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{SettingError, SystemSettings, comma_list};
use crate::{
    duration,
    settings::{BadSetting, Vars},
};

/// How a variable's text becomes a value.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A duration such as `30s`, or plain seconds.
    Seconds,
    /// A whole number.
    Number,
    /// `0`, `false`, `no` and `off` mean no, everything else yes.
    UnlessNo,
    /// `true` and `1` mean yes, everything else no.
    IfYes,
    /// Text as it is.
    Text,
    /// A list separated by commas.
    List,
}

/// One variable: its name, the key it beats, how it is read, and the names under which it is reported besides.
type Rule = (&'static str, &'static str, Kind, &'static [&'static str]);

const RULES: &[Rule] = &[
    ("PVE_POLLING_INTERVAL", "pvePollingInterval", Kind::Seconds, &["PVE_POLLING_INTERVAL"]),
    ("PBS_POLLING_INTERVAL", "pbsPollingInterval", Kind::Seconds, &["PBS_POLLING_INTERVAL"]),
    ("PMG_POLLING_INTERVAL", "pmgPollingInterval", Kind::Seconds, &["PMG_POLLING_INTERVAL"]),
    ("BACKUP_POLLING_INTERVAL", "backupPollingInterval", Kind::Seconds, &["BACKUP_POLLING_INTERVAL"]),
    ("ENABLE_BACKUP_POLLING", "backupPollingEnabled", Kind::UnlessNo, &["ENABLE_BACKUP_POLLING"]),
    ("ADAPTIVE_POLLING_ENABLED", "adaptivePollingEnabled", Kind::UnlessNo, &["ADAPTIVE_POLLING_ENABLED"]),
    (
        "ADAPTIVE_POLLING_BASE_INTERVAL",
        "adaptivePollingBaseInterval",
        Kind::Seconds,
        &["ADAPTIVE_POLLING_BASE_INTERVAL"],
    ),
    (
        "ADAPTIVE_POLLING_MIN_INTERVAL",
        "adaptivePollingMinInterval",
        Kind::Seconds,
        &["ADAPTIVE_POLLING_MIN_INTERVAL"],
    ),
    (
        "ADAPTIVE_POLLING_MAX_INTERVAL",
        "adaptivePollingMaxInterval",
        Kind::Seconds,
        &["ADAPTIVE_POLLING_MAX_INTERVAL"],
    ),
    ("ALLOWED_ORIGINS", "allowedOrigins", Kind::Text, &["ALLOWED_ORIGINS"]),
    ("CONNECTION_TIMEOUT", "connectionTimeout", Kind::Seconds, &[]),
    ("LOG_LEVEL", "logLevel", Kind::Text, &[]),
    ("ENABLE_TEMPERATURE_MONITORING", "temperatureMonitoringEnabled", Kind::UnlessNo, &[]),
    ("DNS_CACHE_TIMEOUT", "dnsCacheTimeout", Kind::Seconds, &["DNS_CACHE_TIMEOUT"]),
    ("SSH_PORT", "sshPort", Kind::Number, &["SSH_PORT"]),
    ("PULSE_PUBLIC_URL", "publicURL", Kind::Text, &[]),
    ("PULSE_AUTH_HIDE_LOCAL_LOGIN", "hideLocalLogin", Kind::IfYes, &["PULSE_AUTH_HIDE_LOCAL_LOGIN"]),
    (
        "PULSE_DISABLE_DOCKER_UPDATE_ACTIONS",
        "disableDockerUpdateActions",
        Kind::UnlessNo,
        &["PULSE_DISABLE_DOCKER_UPDATE_ACTIONS"],
    ),
    ("DISCOVERY_ENABLED", "discoveryEnabled", Kind::IfYes, &[]),
    ("DISCOVERY_SUBNET", "discoverySubnet", Kind::Text, &[]),
];

/// Those that beat a member of `discoveryConfig`; the name they are reported under comes first.
const DISCOVERY_RULES: &[(&str, &str, &str, Kind)] = &[
    ("DISCOVERY_ENVIRONMENT_OVERRIDE", "discoveryEnvironmentOverride", "environment_override", Kind::Text),
    ("DISCOVERY_SUBNET_ALLOWLIST", "discoverySubnetAllowlist", "subnet_allowlist", Kind::List),
    ("DISCOVERY_SUBNET_BLOCKLIST", "discoverySubnetBlocklist", "subnet_blocklist", Kind::List),
    ("DISCOVERY_MAX_HOSTS_PER_SCAN", "discoveryMaxHostsPerScan", "max_hosts_per_scan", Kind::Number),
    ("DISCOVERY_MAX_CONCURRENT", "discoveryMaxConcurrent", "max_concurrent", Kind::Number),
    ("DISCOVERY_ENABLE_REVERSE_DNS", "discoveryEnableReverseDns", "enable_reverse_dns", Kind::UnlessNo),
    ("DISCOVERY_SCAN_GATEWAYS", "discoveryScanGateways", "scan_gateways", Kind::UnlessNo),
    ("DISCOVERY_DIAL_TIMEOUT_MS", "discoveryDialTimeoutMs", "dial_timeout_ms", Kind::Number),
    ("DISCOVERY_HTTP_TIMEOUT_MS", "discoveryHttpTimeoutMs", "http_timeout_ms", Kind::Number),
];

/// Variables that are no key of the settings but are reported, under these names.
const REPORTED: &[(&str, &str)] = &[
    ("BACKEND_HOST", "BACKEND_HOST"),
    ("HTTPS_ENABLED", "HTTPS_ENABLED"),
    ("TLS_CERT_FILE", "TLS_CERT_FILE"),
    ("TLS_KEY_FILE", "TLS_KEY_FILE"),
    ("PULSE_AGENT_CONNECT_URL", "PULSE_AGENT_CONNECT_URL"),
    ("PULSE_AGENT_URL", "PULSE_AGENT_CONNECT_URL"),
    ("LOG_FORMAT", "logFormat"),
    ("LOG_FILE", "logFile"),
    ("LOG_MAX_SIZE", "logMaxSize"),
    ("LOG_MAX_AGE", "logMaxAge"),
    ("LOG_COMPRESS", "logCompress"),
    ("API_TOKEN", "API_TOKEN"),
    ("API_TOKENS", "API_TOKENS"),
];

/// Origins of a developer's own servers.
const DEVELOPMENT_ORIGINS: &str = "http://localhost:5173,http://localhost:7655";

/// What the environment says.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The values, as a change of the settings.
    patch: Map<String, Value>,
    /// Names under which they are reported.
    names: BTreeSet<&'static str>,
}

impl Overrides {
    /// Reads the variables; one that makes no sense is named.
    pub fn load(vars: &impl Vars) -> Result<Self, BadSetting> {
        let get =
            |key: &str| vars.get(key).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let mut overrides = Self::default();
        let mut discovery = Map::new();
        for (variable, key, kind, reported) in RULES {
            let Some(text) = get(variable) else { continue };
            let value = kind.value(&text).map_err(|problem| bad(variable, &text, problem))?;
            check(variable, &text, key, &value)?;
            overrides.patch.insert((*key).to_owned(), value);
            overrides.names.insert(key);
            overrides.names.extend(reported.iter());
        }
        for (variable, reported, key, kind) in DISCOVERY_RULES {
            let Some(text) = get(variable) else { continue };
            let value = kind.value(&text).map_err(|problem| bad(variable, &text, problem))?;
            check(variable, &text, "discoveryConfig", &json!({*key: value.clone()}))?;
            discovery.insert((*key).to_owned(), value);
            overrides.names.insert(reported);
        }
        if !discovery.is_empty() {
            overrides.patch.insert("discoveryConfig".to_owned(), Value::Object(discovery));
        }
        let is_development = get("NODE_ENV").is_some_and(|value| value.eq_ignore_ascii_case("development"))
            || get("PULSE_DEV").is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
        if is_development {
            overrides.patch.entry("allowedOrigins").or_insert_with(|| DEVELOPMENT_ORIGINS.into());
        }
        for (variable, reported) in REPORTED {
            if get(variable).is_some() {
                overrides.names.insert(reported);
            }
        }
        let together = SystemSettings::default().apply(&overrides.patch);
        together.map_err(|error| {
            bad(
                "ADAPTIVE_POLLING_BASE_INTERVAL",
                &get("ADAPTIVE_POLLING_BASE_INTERVAL").unwrap_or_default(),
                error,
            )
        })?;
        Ok(overrides)
    }

    /// The settings as they count: the kept ones, where the environment says nothing else.
    pub fn over(&self, kept: &SystemSettings) -> Result<SystemSettings, SettingError> {
        let mut effective = kept.clone();
        effective.apply(&self.patch)?;
        Ok(effective)
    }

    /// Names under which the variables are reported, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.names.iter().copied()
    }

    /// Takes out of a change what the environment holds, and gives back those keys.
    pub fn take_locked(&self, patch: &mut Map<String, Value>) -> Vec<String> {
        let mut locked: Vec<String> = patch
            .keys()
            .filter(|key| *key != "discoveryConfig" && self.patch.contains_key(*key))
            .cloned()
            .collect();
        for key in &locked {
            patch.remove(key);
        }
        let Some(Value::Object(held)) = self.patch.get("discoveryConfig") else { return locked };
        for outer in ["discoveryConfig", "discovery_config"] {
            let Some(Value::Object(given)) = patch.get_mut(outer) else { continue };
            let names: Vec<String> =
                given.keys().filter(|key| held.contains_key(&snake(key))).cloned().collect();
            for key in names {
                given.remove(&key);
                locked.push(format!("discoveryConfig.{}", snake(&key)));
            }
        }
        locked
    }
}

impl Kind {
    fn value(self, text: &str) -> Result<Value, &'static str> {
        match self {
            Self::Seconds => duration::parse(text)
                .map(|duration| duration.as_secs().into())
                .ok_or("must be a duration such as 30s or 5m, or seconds"),
            Self::Number => text.parse::<u32>().map(Into::into).map_err(|_| "must be a whole number"),
            Self::UnlessNo => {
                Ok((!matches!(text.to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off")).into())
            }
            Self::IfYes => Ok((text == "1" || text.eq_ignore_ascii_case("true")).into()),
            Self::Text => Ok(text.into()),
            Self::List => Ok(comma_list(text).collect::<Vec<_>>().into()),
        }
    }
}

/// Each variable is tried alone, so that the one that makes no sense is the one that is named.
fn check(variable: &'static str, text: &str, key: &str, value: &Value) -> Result<(), BadSetting> {
    let patch = Map::from_iter([(key.to_owned(), value.clone())]);
    match SystemSettings::default().apply(&patch) {
        // How it stands to the others is for the whole to say.
        Err(error) if !key.starts_with("adaptivePolling") => Err(bad(variable, text, error)),
        _ => Ok(()),
    }
}

fn bad(key: &'static str, value: &str, problem: impl std::fmt::Display) -> BadSetting {
    BadSetting { key, value: value.to_owned(), problem: problem.to_string() }
}

fn snake(camel: &str) -> String {
    let mut out = String::with_capacity(camel.len() + 4);
    for character in camel.chars() {
        if character.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}
