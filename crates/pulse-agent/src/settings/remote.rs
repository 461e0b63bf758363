//! What the server may set: the profile that is assigned to this agent (contract B-10 §2), applied over flags and
//! environment, except where the owner of the machine switched something off.

use serde_json::{Map, Value};

use super::{AgentSettings, LONGEST_INTERVAL, ProxmoxType, SHORTEST_INTERVAL, parse_runtime};
use crate::go_duration;

/// What the server sent, its signature checked already.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RemoteConfig {
    /// Whether commands of the server may be run, as far as the server is concerned.
    pub commands_enabled: Option<bool>,
    /// The profile's values by key.
    pub settings: Map<String, Value>,
}

impl RemoteConfig {
    fn switch(&self, key: &str) -> Option<bool> {
        self.settings.get(key)?.as_bool()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.settings.get(key)?.as_str().map(str::trim)
    }
}

impl AgentSettings {
    /// These settings with the server's over them; values of a wrong type are left out.
    #[must_use]
    pub fn with_remote(&self, remote: &RemoteConfig) -> Self {
        let mut all = self.clone();
        // Pulse v5: the server's word also switches on what was switched off on the machine.
        let may_enable = |key: &str| !self.switched_off.contains(key);
        let enable = |key: &str, slot: &mut bool| {
            if let Some(is_on) = remote.switch(key).filter(|is_on| !is_on || may_enable(key)) {
                *slot = is_on;
            }
        };
        enable("enable_host", &mut all.is_host_enabled);
        enable("enable_kubernetes", &mut all.is_kubernetes_enabled);
        enable("enable_proxmox", &mut all.is_proxmox_enabled);
        if let Some(is_on) =
            remote.switch("enable_docker").filter(|is_on| !is_on || may_enable("enable_docker"))
        {
            all.is_docker_enabled = Some(is_on);
        }
        let disable = |key: &str, slot: &mut bool| {
            if let Some(is_off) = remote.switch(key).filter(|is_off| *is_off || may_enable(key)) {
                *slot = is_off;
            }
        };
        disable("disable_auto_update", &mut all.is_auto_update_disabled);
        disable("disable_docker_update_checks", &mut all.are_update_checks_disabled);
        disable("disable_ceph", &mut all.is_ceph_disabled);
        if let Some(is_on) = remote.switch("kube_include_all_pods") {
            all.kube.include_all_pods = is_on;
        }
        if let Some(is_on) = remote.switch("kube_include_all_deployments") {
            all.kube.include_all_deployments = is_on;
        }
        if let Some(kind) = remote.text("proxmox_type").and_then(ProxmoxType::parse) {
            all.proxmox_type = kind;
        }
        if let Some(runtime) = remote.text("docker_runtime").and_then(parse_runtime) {
            all.docker_runtime = runtime;
        }
        if let Some(level) = remote.text("log_level").filter(|level| !level.is_empty()) {
            all.log_level = Some(level.to_owned());
        }
        if let Some(address) = remote.text("report_ip") {
            all.report_ip = Some(address.to_owned()).filter(|address| !address.is_empty());
        }
        let interval = remote.settings.get("interval").and_then(|value| match value {
            Value::String(text) => go_duration::parse(text),
            other => other.as_u64().map(std::time::Duration::from_secs),
        });
        if let Some(interval) = interval.filter(|i| (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(i)) {
            all.identity.interval = interval;
        }
        if remote.commands_enabled == Some(false) {
            all.are_commands_allowed = false;
        }
        all.identity.are_commands_enabled = all.are_commands_allowed;
        all
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{docker::Runtime, settings::Flags, settings::tests::resolve, settings::tests::with_token};

    fn remote(json: &str) -> RemoteConfig {
        RemoteConfig { commands_enabled: None, settings: serde_json::from_str(json).unwrap() }
    }

    #[test]
    fn a_profile_beats_flags_and_environment() {
        let flags = Flags { interval: Some("10s".into()), ..with_token() };
        let settings = resolve(flags, &[("PULSE_DOCKER_RUNTIME", "podman")], &[]).unwrap();
        let all = settings.with_remote(&remote(
            r#"{"interval":"1m","docker_runtime":"docker","enable_docker":true,"proxmox_type":"pbs","report_ip":"10.0.0.7",
                "log_level":"debug","disable_ceph":true,"kube_include_all_pods":true,"unknown":[1]}"#,
        ));
        assert_eq!(all.identity.interval, Duration::from_mins(1));
        assert_eq!((all.docker_runtime, all.is_docker_enabled), (Runtime::Docker, Some(true)));
        assert_eq!(all.proxmox_type, ProxmoxType::Pbs);
        assert_eq!(all.report_ip.as_deref(), Some("10.0.0.7"));
        assert!(all.is_ceph_disabled && all.kube.include_all_pods);
        let seconds = settings.with_remote(&remote(r#"{"interval":45}"#));
        assert_eq!(seconds.identity.interval, Duration::from_secs(45));
    }

    #[test]
    fn values_of_a_wrong_type_or_out_of_bounds_change_nothing() {
        let settings = resolve(with_token(), &[], &[]).unwrap();
        let all = settings.with_remote(&remote(
            r#"{"interval":"0s","enable_host":"no","docker_runtime":"lxc","proxmox_type":7,"report_ip":null}"#,
        ));
        assert_eq!(format!("{all:?}"), format!("{settings:?}"));
    }

    #[test]
    fn the_server_cannot_switch_on_what_the_owner_switched_off() {
        let flags = Flags {
            enable_docker: Some(false),
            disable_auto_update: Some(true),
            enable_host: Some(true),
            ..with_token()
        };
        let settings = resolve(flags, &[("PULSE_ENABLE_PROXMOX", "false")], &[]).unwrap();
        let wanted = r#"{"enable_docker":true,"disable_auto_update":false,"enable_proxmox":true,"enable_host":false,
            "enable_kubernetes":true}"#;
        let all = settings.with_remote(&RemoteConfig { commands_enabled: Some(true), ..remote(wanted) });
        assert_eq!((all.is_docker_enabled, all.is_auto_update_disabled), (Some(false), true));
        assert!(!all.is_proxmox_enabled, "off by the environment");
        assert!(!all.are_commands_allowed, "off because nobody here switched it on");
        assert!(!all.is_host_enabled, "off is always taken");
        assert!(all.is_kubernetes_enabled, "nobody said anything about it here");
    }

    #[test]
    fn the_server_can_switch_commands_off() {
        let flags = Flags { enable_commands: Some(true), ..with_token() };
        let settings = resolve(flags, &[], &[]).unwrap();
        assert!(settings.are_commands_allowed);
        let off = RemoteConfig { commands_enabled: Some(false), ..RemoteConfig::default() };
        assert!(!settings.with_remote(&off).are_commands_allowed);
    }
}
