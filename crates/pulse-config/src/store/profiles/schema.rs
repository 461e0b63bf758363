//! What a profile may set, and whether a configuration can be followed (contract B-11).

use serde::Serialize;
use serde_json::{Map, Value};

use crate::duration;

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// `30s`, `1h30m`.
    Duration,
    /// `true` or `false`.
    Bool,
    /// One of several words.
    Enum(&'static [&'static str]),
    /// Any text.
    String,
}

impl KeyType {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Bool => "bool",
            Self::Enum(_) => "enum",
            Self::String => "string",
        }
    }
}

/// The value that counts where a profile does not set a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum DefaultValue {
    /// A text.
    Text(&'static str),
    /// A switch.
    Switch(bool),
}

/// A key of a profile's configuration.
#[derive(Debug, Clone, Copy)]
pub struct KeyDefinition {
    /// Its name.
    pub key: &'static str,
    /// What it takes.
    pub kind: KeyType,
    /// What it does, for people.
    pub description: &'static str,
    /// What counts without it.
    pub default: DefaultValue,
}

const fn switch(key: &'static str, is_on: bool, description: &'static str) -> KeyDefinition {
    KeyDefinition { key, kind: KeyType::Bool, description, default: DefaultValue::Switch(is_on) }
}

const fn word(
    key: &'static str,
    words: &'static [&'static str],
    default: &'static str,
    description: &'static str,
) -> KeyDefinition {
    KeyDefinition { key, kind: KeyType::Enum(words), description, default: DefaultValue::Text(default) }
}

/// Every key, in the order people see.
pub static KEYS: [KeyDefinition; 14] = [
    KeyDefinition {
        key: "interval",
        kind: KeyType::Duration,
        description: "Time between two reports",
        default: DefaultValue::Text("30s"),
    },
    switch("enable_host", true, "Report the machine itself"),
    switch("enable_docker", true, "Report Docker or Podman containers"),
    switch("enable_kubernetes", false, "Report a Kubernetes cluster"),
    switch("enable_proxmox", false, "Register the Proxmox server the agent runs on"),
    word("proxmox_type", &["pve", "pbs", "auto"], "auto", "Which Proxmox product runs on the machine"),
    word("docker_runtime", &["auto", "docker", "podman"], "auto", "Which container engine is asked"),
    switch("disable_auto_update", false, "Keep the agent's version as it is"),
    switch("disable_docker_update_checks", false, "Do not ask registries for newer images"),
    switch("kube_include_all_pods", false, "Report healthy pods as well"),
    switch("kube_include_all_deployments", false, "Report healthy deployments as well"),
    word("log_level", &["debug", "info", "warn", "error"], "info", "How much the agent logs"),
    KeyDefinition {
        key: "report_ip",
        kind: KeyType::String,
        description: "Address the agent reports for its machine",
        default: DefaultValue::Text(""),
    },
    switch("disable_ceph", false, "Do not ask Ceph"),
];

/// What is wrong with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyProblem {
    /// The key.
    pub key: String,
    /// What is wrong, for people.
    pub message: String,
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validation {
    /// Agents could not follow these.
    pub errors: Vec<KeyProblem>,
    /// Agents leave these aside.
    pub warnings: Vec<KeyProblem>,
}

impl Validation {
    /// Whether the configuration may be kept.
    pub fn is_valid(&self) -> bool {
        self.errors.is_empty()
    }
}

/// Checks a configuration. Unknown keys are kept, for agents newer than this server; `null` leaves a key to the agent.
pub fn validate(config: &Map<String, Value>) -> Validation {
    let mut out = Validation::default();
    for (key, value) in config {
        let problem = |message: String| KeyProblem { key: key.clone(), message };
        if !is_portable(value, 0) {
            let text =
                "numbers must be whole, texts without control characters, and nothing nested deeper than 8";
            out.errors.push(problem(text.to_owned()));
            continue;
        }
        match KEYS.iter().find(|definition| definition.key == key) {
            None => {
                out.warnings.push(problem("unknown key; agents that do not know it leave it aside".into()));
            }
            Some(_) if value.is_null() => {}
            Some(definition) => {
                if let Err(message) = check(definition.kind, value) {
                    out.errors.push(problem(message));
                }
            }
        }
    }
    out
}

fn check(kind: KeyType, value: &Value) -> Result<(), String> {
    let expected = |what: &str| Err(format!("expected {what}, got {}", type_name(value)));
    match (kind, value) {
        (KeyType::Bool, Value::Bool(_)) | (KeyType::String, Value::String(_)) => Ok(()),
        (KeyType::Bool, _) => expected("boolean"),
        (KeyType::Duration, Value::String(text)) => {
            // Plain seconds are a duration to our environment, but not to an agent.
            let is_plain = text.trim().bytes().all(|byte| byte.is_ascii_digit());
            match duration::parse(text).filter(|_| !is_plain) {
                Some(length) if !length.is_zero() => Ok(()),
                Some(_) | None => Err(format!("invalid duration {text:?}; write it like 30s, 5m or 1h30m")),
            }
        }
        (KeyType::Duration, _) => expected("duration string"),
        (KeyType::Enum(words), Value::String(text)) => {
            if words.iter().any(|word| word.eq_ignore_ascii_case(text.trim())) {
                Ok(())
            } else {
                Err(format!("{text:?} is not one of {}", words.join(", ")))
            }
        }
        (KeyType::Enum(_) | KeyType::String, _) => expected("string"),
    }
}

/// Go's names, as clients of Pulse v5 show them.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether every agent writes a value in the same letters: what is signed is a text, and Go and Rust write fractions,
/// numbers beyond 2^53 and control characters each in their own way.
fn is_portable(value: &Value, depth: usize) -> bool {
    const EXACT: u64 = 1 << 53;
    let is_plain = |text: &str| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(number) => number.as_i64().is_some_and(|number| number.unsigned_abs() <= EXACT),
        Value::String(text) => is_plain(text),
        Value::Array(list) => depth < 8 && list.iter().all(|value| is_portable(value, depth + 1)),
        Value::Object(map) => {
            depth < 8 && map.iter().all(|(key, value)| is_plain(key) && is_portable(value, depth + 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Validation {
        validate(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn what_agents_can_follow_passes() {
        let all = of(
            r#"{"interval":"1m30s","enable_host":false,"proxmox_type":"PVE","report_ip":"","log_level":null}"#,
        );
        assert_eq!(all, Validation::default());
    }

    #[test]
    fn what_they_cannot_is_named() {
        for (json, message) in [
            (r#"{"enable_host":"yes"}"#, "expected boolean, got string"),
            (r#"{"interval":30}"#, "expected duration string, got float64"),
            (r#"{"interval":"soon"}"#, "invalid duration"),
            (r#"{"interval":"30"}"#, "invalid duration"),
            (r#"{"interval":"0s"}"#, "invalid duration"),
            (r#"{"docker_runtime":"lxc"}"#, "not one of auto, docker, podman"),
            (r#"{"report_ip":true}"#, "expected string, got bool"),
            (r#"{"own":0.5}"#, "whole"),
            ("{\"own\":\"\\u0008\"}", "control"),
        ] {
            let found = of(json);
            assert!(!found.is_valid() && found.errors[0].message.contains(message), "{json}: {found:?}");
        }
        let unknown = of(r#"{"bogus":{"a":[1]}}"#);
        assert_eq!((unknown.is_valid(), unknown.warnings[0].key.as_str()), (true, "bogus"));
    }
}
