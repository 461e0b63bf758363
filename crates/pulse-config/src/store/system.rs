//! The system settings in `system.json`: one writer at a time, readers take an `Arc` or wait for a change.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use pulse_core::{Clock, SystemClock};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::{
    BadSetting, ConfigError, UpdateError, Vars, atomic_file,
    schema::system::{SettingError, SystemSettings, environment::Overrides},
};

/// The settings: what the file holds, under what the environment says.
#[derive(Debug)]
pub struct SystemSettingsStore {
    path: PathBuf,
    overrides: Overrides,
    /// What the file holds or would hold.
    kept: Mutex<SystemSettings>,
    /// What counts.
    changes: watch::Sender<Arc<SystemSettings>>,
}

/// What came of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// The settings that count now.
    pub settings: Arc<SystemSettings>,
    /// Keys that were sent but stay as the environment has them.
    pub locked: Vec<String>,
}

impl SystemSettingsStore {
    /// Reads `system.json` and the variables that beat it. A value in the file that makes no sense is reported and
    /// its default counts; a file that is no JSON object is set aside.
    pub fn open(data_dir: &Path, vars: &impl Vars) -> Result<Self, ConfigError> {
        let overrides = Overrides::load(vars)?;
        let path = data_dir.join("system.json");
        let file: Map<String, Value> =
            atomic_file::read_json_or_set_aside(&path, SystemClock.now())?.unwrap_or_default();
        let kept = from_file(&path, file);
        let current = overrides.over(&kept).map_err(|error| BadSetting {
            key: "ADAPTIVE_POLLING_BASE_INTERVAL",
            value: vars.get("ADAPTIVE_POLLING_BASE_INTERVAL").unwrap_or_default(),
            problem: format!("together with {}: {error}", path.display()),
        })?;
        let (changes, _) = watch::channel(Arc::new(current));
        Ok(Self { path, overrides, kept: Mutex::new(kept), changes })
    }

    /// The settings that count now. Never waits for the disk.
    pub fn current(&self) -> Arc<SystemSettings> {
        Arc::clone(&self.changes.borrow())
    }

    /// Tells of every change; the value is always the newest.
    pub fn subscribe(&self) -> watch::Receiver<Arc<SystemSettings>> {
        self.changes.subscribe()
    }

    /// Names under which environment variables that beat the settings are reported, sorted.
    pub fn override_names(&self) -> Vec<&'static str> {
        self.overrides.names().collect()
    }

    /// Changes the keys that `patch` has and writes them before anybody sees them; the other keys stay. What the
    /// environment holds stays as well, and is named. Blocks for the disk.
    pub fn update(&self, mut patch: Map<String, Value>) -> Result<Updated, UpdateError<SettingError>> {
        let locked = self.overrides.take_locked(&mut patch);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = kept.clone();
        next.apply(&patch).map_err(UpdateError::Refused)?;
        let current = self.overrides.over(&next).map_err(UpdateError::Refused)?;
        self.keep(&mut kept, next, current)?;
        Ok(Updated { settings: self.current(), locked })
    }

    /// Puts other settings in the place of all: a key that is missing or makes no sense gets its default. Blocks for
    /// the disk.
    pub fn replace(&self, file: Map<String, Value>) -> Result<(), ConfigError> {
        let next = from_file(&self.path, file);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.overrides.over(&next).unwrap_or_else(|error| {
            tracing::warn!(%error, "the environment does not go with the new settings; it waits for a restart");
            next.clone()
        });
        self.keep(&mut kept, next, current)
    }

    fn keep(
        &self,
        kept: &mut SystemSettings,
        next: SystemSettings,
        current: SystemSettings,
    ) -> Result<(), ConfigError> {
        if next == *kept {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(&next)
            .map_err(|source| ConfigError::Encode { what: "the system settings", source })?;
        atomic_file::write(&self.path, &text)?;
        *kept = next;
        let current = Arc::new(current);
        self.changes.send_if_modified(|before| {
            let is_new = **before != *current;
            *before = Arc::clone(&current);
            is_new
        });
        Ok(())
    }

    /// What the file holds, without the environment: for an export.
    pub fn kept(&self) -> SystemSettings {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Takes over key by key, so that one bad value costs only itself.
fn from_file(path: &Path, file: Map<String, Value>) -> SystemSettings {
    let mut settings = SystemSettings::default();
    let known = serde_json::to_value(all_set()).unwrap_or_default();
    // Together first: the intervals of adaptive polling make sense only as a whole.
    let is_whole = settings.apply(&file).is_ok();
    for (key, value) in file {
        let is_port = matches!(key.as_str(), "backendPort" | "frontendPort");
        if is_port && let Some(port) = value.as_u64().and_then(|port| u32::try_from(port).ok()) {
            let field =
                if key == "backendPort" { &mut settings.backend_port } else { &mut settings.frontend_port };
            *field = port;
        } else if known.get(&key).is_none() && key != "discovery_config" {
            settings.other.insert(key, value);
        } else if !is_whole && let Err(error) = settings.apply(&Map::from_iter([(key.clone(), value)])) {
            tracing::warn!(file.path = %path.display(), key, %error, "a setting in the file makes no sense, its default counts");
        }
    }
    settings
}

/// Settings of which no key is left out, to know the keys by.
fn all_set() -> SystemSettings {
    use crate::{
        LogLevel,
        schema::system::{Theme, UpdateChannel},
    };
    SystemSettings {
        backup_polling_interval_seconds: 1,
        backup_polling_enabled: Some(true),
        adaptive_polling_enabled: Some(true),
        adaptive_polling_base_interval_seconds: 1,
        adaptive_polling_min_interval_seconds: 1,
        adaptive_polling_max_interval_seconds: 1,
        backend_port: 1,
        frontend_port: 1,
        allowed_origins: "*".to_owned(),
        update_channel: UpdateChannel::Stable,
        auto_update_check_interval_hours: 1,
        auto_update_time: "03:00".to_owned(),
        log_level: Some(LogLevel::Info),
        theme: Theme::Dark,
        allowed_embed_origins: "x".to_owned(),
        ssh_port: 22,
        webhook_allowed_private_cidrs: "x".to_owned(),
        public_url: "x".to_owned(),
        metrics_retention_raw_hours: 1,
        metrics_retention_minute_hours: 1,
        metrics_retention_hourly_days: 1,
        metrics_retention_daily_days: 1,
        ..SystemSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("no object") };
        map
    }

    fn open(dir: &Path, pairs: &[(&str, &str)]) -> SystemSettingsStore {
        SystemSettingsStore::open(dir, &vars(pairs)).unwrap()
    }

    #[test]
    fn an_update_keeps_the_rest_and_survives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("system.json"), r#"{"pbsPollingInterval":120,"ofTomorrow":[1]}"#)
            .unwrap();
        let store = open(dir.path(), &[]);
        let mut changes = store.subscribe();
        store.update(object(json!({"pvePollingInterval": 30, "theme": "dark"}))).unwrap();
        assert!(changes.has_changed().unwrap());
        assert_eq!(changes.borrow_and_update().pve_polling_interval_seconds, 30);
        let again = open(dir.path(), &[]).current();
        assert_eq!((again.pve_polling_interval_seconds, again.pbs_polling_interval_seconds), (30, 120));
        assert_eq!((again.theme.name(), &again.other["ofTomorrow"]), ("dark", &json!([1])));
    }

    #[test]
    fn nothing_new_writes_nothing_and_tells_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), &[]);
        let changes = store.subscribe();
        store.update(Map::new()).unwrap();
        store.update(object(json!({"pvePollingInterval": 10, "unknownKey": 1}))).unwrap();
        assert!(!changes.has_changed().unwrap() && !dir.path().join("system.json").exists());
    }

    #[test]
    fn what_the_environment_says_is_locked_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let environment =
            [("PVE_POLLING_INTERVAL", "1m"), ("DISCOVERY_MAX_CONCURRENT", "7"), ("LOG_FORMAT", "json")];
        let store = open(dir.path(), &environment);
        assert_eq!(store.current().pve_polling_interval_seconds, 60);
        assert_eq!(store.current().discovery_config.max_concurrent, 7);
        assert_eq!(
            store.override_names(),
            ["PVE_POLLING_INTERVAL", "discoveryMaxConcurrent", "logFormat", "pvePollingInterval"]
        );
        let change = json!({"pvePollingInterval": 20, "pbsPollingInterval": 20, "discoveryConfig": {"maxConcurrent": 9, "scan_gateways": false}});
        let updated = store.update(object(change)).unwrap();
        assert_eq!(updated.locked, ["pvePollingInterval", "discoveryConfig.max_concurrent"]);
        let now = store.current();
        assert_eq!((now.pve_polling_interval_seconds, now.pbs_polling_interval_seconds), (60, 20));
        assert_eq!((now.discovery_config.max_concurrent, now.discovery_config.scan_gateways), (7, false));
        // Without the variable the file counts again, and the variable's value is not in it.
        assert_eq!(open(dir.path(), &[]).current().pve_polling_interval_seconds, 10);
    }

    #[test]
    fn a_bad_variable_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for (key, value) in [
            ("PVE_POLLING_INTERVAL", "9s"),
            ("BACKUP_POLLING_INTERVAL", "soon"),
            ("SSH_PORT", "65536"),
            ("DISCOVERY_SUBNET_ALLOWLIST", "10.0.0.0/8,home"),
            ("DISCOVERY_MAX_CONCURRENT", "1001"),
            ("PULSE_PUBLIC_URL", "pulse"),
            ("LOG_LEVEL", "loud"),
            ("ADAPTIVE_POLLING_BASE_INTERVAL", "1h"),
        ] {
            let error =
                SystemSettingsStore::open(dir.path(), &vars(&[(key, value)])).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{key}=\"{value}\": ")), "{error}");
        }
    }

    #[test]
    fn a_bad_value_in_the_file_costs_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"{"pvePollingInterval":3,"theme":"dark","discoveryConfig":{"max_concurrent":0},"frontendPort":7655}"#;
        std::fs::write(dir.path().join("system.json"), text).unwrap();
        let now = open(dir.path(), &[]).current();
        assert_eq!((now.pve_polling_interval_seconds, now.theme.name()), (10, "dark"));
        assert_eq!((now.discovery_config.max_concurrent, now.frontend_port), (50, 7655));
    }

    #[test]
    fn refusals_have_the_texts_people_know_and_change_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), &[]);
        for (change, text) in [
            (json!({"pvePollingInterval": 9}), "PVE polling interval must be at least 10 seconds"),
            (json!({"pvePollingInterval": 3601}), "PVE polling interval cannot exceed 3600 seconds (1 hour)"),
            (json!({"pvePollingInterval": null}), "PVE polling interval must be a number"),
            (
                json!({"pvePollingInterval": 10.5}),
                "Invalid request body: pvePollingInterval must be a whole number",
            ),
            (
                json!({"pvePollingInterval": "10"}),
                "Invalid request body: pvePollingInterval must be a whole number",
            ),
            (
                json!({"pvePollingInterval": u64::MAX}),
                "Invalid request body: pvePollingInterval must be a whole number",
            ),
            (
                json!({"backupPollingInterval": 604_801}),
                "backup polling interval cannot exceed 604800 seconds (7 days)",
            ),
            (json!({"autoUpdateEnabled": null}), "autoUpdateEnabled must be a boolean"),
            (
                json!({"autoUpdateCheckInterval": 169}),
                "auto-update check interval cannot exceed 168 hours (7 days)",
            ),
            (
                json!({"discovery_config": {"environmentOverride": "x"}}),
                "invalid discovery environment override: x",
            ),
            (
                json!({"discoveryConfig": {"subnet_allowlist": ["x"]}}),
                "invalid CIDR in discoveryConfig.subnet_allowlist: x",
            ),
            (
                json!({"discoveryConfig": {"max_concurrent": 0}}),
                "discoveryConfig.max_concurrent must be a whole number between 1 and 1000",
            ),
            (json!({"connectionTimeout": 301}), "connection timeout cannot exceed 300 seconds (5 minutes)"),
            (json!({"connectionTimeout": -1}), "connection timeout cannot be negative"),
            (json!({"theme": "blue"}), "theme must be 'light', 'dark', or empty"),
            (json!({"updateChannel": "beta"}), "update channel must be 'stable' or 'rc'"),
            (
                json!({"webhookAllowedPrivateCIDRs": "10.0.0.0/8, home"}),
                "Invalid webhook allowed private CIDRs: home",
            ),
            (
                json!({"allowedEmbedOrigins": "https://a; script-src *"}),
                "allowedEmbedOrigins must be a list of origins such as https://example.org: https://a; script-src *",
            ),
            (
                json!({"pbsPollingInterval": 5, "pvePollingInterval": 5}),
                "PVE polling interval must be at least 10 seconds",
            ),
            (
                json!({"adaptivePollingMinInterval": 60, "adaptivePollingBaseInterval": 30}),
                "adaptive polling intervals must be in order: minimum, base, maximum",
            ),
        ] {
            let refused = store.update(object(change.clone())).unwrap_err().to_string();
            assert_eq!(refused, text, "{change}");
        }
        assert_eq!(*store.current(), SystemSettings::default());
    }

    #[test]
    fn texts_can_be_cleared() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), &[]);
        let set = json!({"theme": "dark", "allowedOrigins": "https://a,https://b", "discoverySubnet": "10.0.0.0/24", "publicURL": "https://p/", "updateChannel": "rc"});
        store.update(object(set)).unwrap();
        assert_eq!(store.current().allowed_origin_list(), ["https://a", "https://b"]);
        let clear = json!({"theme": "", "allowedOrigins": null, "discoverySubnet": "", "publicURL": "", "updateChannel": ""});
        store.update(object(clear)).unwrap();
        assert_eq!(*store.current(), SystemSettings::default());
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_sent_what_is_kept_is_read_back(text in "\\PC{0,200}", number in proptest::num::i64::ANY) {
            let dir = tempfile::tempdir().unwrap();
            let store = open(dir.path(), &[]);
            for key in serde_json::to_value(all_set()).unwrap().as_object().unwrap().keys() {
                let _ = store.update(Map::from_iter([(key.clone(), Value::from(text.clone()))]));
                let _ = store.update(Map::from_iter([(key.clone(), Value::from(number))]));
            }
            let before = store.kept();
            proptest::prop_assert_eq!(open(dir.path(), &[]).kept(), before);
        }
    }
}
