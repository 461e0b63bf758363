//! What the support bundle says of the server. Every field is named here: nothing gets in because it is part of something
//! else.

use std::collections::BTreeMap;

use pulse_config::{NodeConfig, Secret, Settings, SystemSettings, VARIABLES, Vars};
use pulse_log::scrub;
use serde::Serialize;

use crate::{areas::system::SettingsBody, error::ApiError, state::About};

/// `system-info.json`. The names of its keys are those of Pulse v5.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SystemInfo {
    version: &'static str,
    #[serde(rename = "OS")]
    os: &'static str,
    architecture: &'static str,
    uptime_seconds: u64,
    config: Config,
    /// Pulse v5 lists every variable of the process and hides values by name; here are only those that Pulse reads.
    env: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    data_dir: String,
    bind_address: String,
    port: u16,
    is_docker: bool,
    is_systemd: bool,
    demo_mode: bool,
    trusted_proxies: usize,
    proxy_auth: bool,
    system: SettingsBody,
    instances: BTreeMap<&'static str, Vec<Instance>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Instance {
    name: String,
    host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_value: Option<&'static str>,
    has_fingerprint: bool,
    verify_ssl: bool,
}

macro_rules! instances {
    ($list:expr) => {
        $list
            .iter()
            .map(|instance| Instance {
                name: instance.name.to_string(),
                host: scrub::text(&instance.host).into_owned(),
                user: instance.user.clone(),
                password: hidden(instance.password.as_ref()),
                token_name: instance.token_name.clone(),
                token_value: hidden(instance.token_value.as_ref()),
                has_fingerprint: instance.fingerprint.is_some(),
                verify_ssl: instance.verify_ssl,
            })
            .collect()
    };
}

fn hidden(secret: Option<&Secret>) -> Option<&'static str> {
    secret.map(|_| scrub::REDACTED)
}

impl SystemInfo {
    pub(super) fn new(
        about: &About,
        settings: &Settings,
        system: &SystemSettings,
        nodes: &NodeConfig,
        vars: &impl Vars,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            version: about.version,
            os: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
            uptime_seconds: about.started.elapsed().as_secs(),
            config: Config {
                data_dir: settings.data_dir.display().to_string(),
                bind_address: settings.bind_address.to_string(),
                port: settings.port,
                is_docker: settings.is_docker,
                is_systemd: settings.is_systemd,
                demo_mode: settings.demo_mode,
                trusted_proxies: settings.trusted_proxies.len(),
                proxy_auth: settings.proxy_auth.is_some(),
                system: SettingsBody::new(system)?,
                instances: BTreeMap::from([
                    ("pve", instances!(nodes.pve)),
                    ("pbs", instances!(nodes.pbs)),
                    ("pmg", instances!(nodes.pmg)),
                ]),
            },
            env: environment(vars),
        })
    }
}

fn environment(vars: &impl Vars) -> Vec<String> {
    VARIABLES
        .iter()
        .filter_map(|name| {
            let value = vars.get(name)?;
            let value = if scrub::is_secret_variable(name) {
                scrub::REDACTED.into()
            } else {
                scrub::text(&value).into_owned()
            };
            Some(format!("{name}={value}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn only_what_pulse_reads_is_listed_and_secrets_are_hidden() {
        let vars = HashMap::from(
            [
                ("API_TOKENS", "hush"),
                ("PULSE_AUTH_PASS", "hush"),
                ("FRONTEND_PORT", "80"),
                ("AWS_SESSION", "hush"),
                ("PULSE_METRICS_URL", "https://me:hush@metrics.example.org"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let listed = environment(&vars);
        assert!(listed.contains(&"FRONTEND_PORT=80".to_owned()), "{listed:?}");
        assert!(listed.contains(&"API_TOKENS=[REDACTED]".to_owned()), "{listed:?}");
        assert_eq!((listed.len(), listed.iter().any(|line| line.contains("hush"))), (4, false), "{listed:?}");
    }
}
