//! The profile that an agent follows, and the signature over what it is told (contract B-09 §3).
//!
//! What is signed is a text that the agent puts together anew from the answer, letter by letter: compact JSON in a
//! fixed order, keys of settings sorted, three characters escaped as Go does.

use std::{fmt::Write, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use pulse_config::{ProfileStore, SigningKey};
use pulse_core::ids::HostId;
use serde_json::{Map, Value};

use super::config::{AgentConfig, AgentConfigSource, ConfigSignature, ConfigSigningError};

/// How long an answer holds (contract B-09 §3).
const TIME_TO_LIVE: SignedDuration = SignedDuration::from_mins(15);

/// Profiles and the key of this server.
#[derive(Debug)]
pub struct SignedProfiles {
    profiles: Arc<ProfileStore>,
    key: Option<SigningKey>,
}

impl SignedProfiles {
    /// Signs with a key, where there is one.
    pub fn new(profiles: Arc<ProfileStore>, key: Option<SigningKey>) -> Self {
        Self { profiles, key }
    }
}

impl AgentConfigSource for SignedProfiles {
    fn profile_settings(&self, host: &HostId) -> Map<String, Value> {
        self.profiles.settings_for(host.as_str())
    }

    fn sign(
        &self,
        config: &AgentConfig,
        now: Timestamp,
    ) -> Result<Option<ConfigSignature>, ConfigSigningError> {
        self.profiles.note_fetched(config.host_id.as_str(), now);
        // A configuration that says nothing needs no signature.
        let is_empty = config.commands_enabled.is_none() && config.settings.is_empty();
        let Some(key) = self.key.as_ref().filter(|_| !is_empty) else { return Ok(None) };
        let expires = now
            .checked_add(TIME_TO_LIVE)
            .map_err(|_| ConfigSigningError("the clock is beyond all years".to_owned()))?;
        let (issued_at, expires_at) = (now.to_string(), expires.to_string());
        let message = message(config, &issued_at, &expires_at);
        let signature = key.sign(message.as_bytes());
        Ok(Some(ConfigSignature { issued_at, expires_at, signature }))
    }
}

fn message(config: &AgentConfig, issued_at: &str, expires_at: &str) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let mut message = format!(
        "{{\"hostId\":{},\"issuedAt\":{},\"expiresAt\":{}",
        text(config.host_id.as_str()),
        text(issued_at),
        text(expires_at)
    );
    if let Some(is_on) = config.commands_enabled {
        // Writing to a string does not fail.
        write!(message, ",\"commandsEnabled\":{is_on}").ok();
    }
    if !config.settings.is_empty() {
        message.push_str(",\"settings\":");
        write_object(&mut message, &config.settings);
    }
    message.push('}');
    message
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn write_object(out: &mut String, map: &Map<String, Value>) {
    let mut entries: Vec<(&String, &Value)> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    out.push('{');
    for (at, (key, value)) in entries.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&Value::from(key.as_str()).to_string());
        out.push(':');
        write_value(out, value);
    }
    out.push('}');
}

/// Profiles are no deeper than their check allows.
fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Object(map) => write_object(out, map),
        Value::Array(list) => {
            out.push('[');
            for (at, value) in list.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(out, value);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use pulse_config::store::profiles::ProfileEdit;

    use super::*;

    #[test]
    fn the_text_that_is_signed_is_the_one_agents_put_together() {
        let settings = serde_json::from_str(r#"{"interval":"1m","a":{"y":"<b>","x":1}}"#).unwrap();
        let config = AgentConfig { host_id: HostId::from("h1"), commands_enabled: Some(true), settings };
        // The same text stands in the agent's test.
        assert_eq!(
            message(&config, "2026-03-02T10:00:00.5Z", "2026-03-02T10:15:00Z"),
            r#"{"hostId":"h1","issuedAt":"2026-03-02T10:00:00.5Z","expiresAt":"2026-03-02T10:15:00Z","commandsEnabled":true,"settings":{"a":{"x":1,"y":"\u003cb\u003e"},"interval":"1m"}}"#
        );
        let bare = AgentConfig { commands_enabled: None, settings: Map::new(), ..config };
        assert_eq!(message(&bare, "a", "b"), r#"{"hostId":"h1","issuedAt":"a","expiresAt":"b"}"#);
    }

    #[test]
    fn times_are_written_as_go_writes_them() {
        let at: Timestamp = "2026-03-02T10:00:00.500Z".parse().unwrap();
        assert_eq!(at.to_string(), "2026-03-02T10:00:00.5Z");
    }

    #[test]
    fn an_assigned_profile_is_signed_and_nothing_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        let profiles = Arc::new(ProfileStore::open(dir.path()).unwrap());
        let edit = ProfileEdit {
            name: Some("lab".into()),
            config: Some(serde_json::from_str(r#"{"interval":"10s"}"#).unwrap()),
            ..ProfileEdit::default()
        };
        profiles.create("p".into(), edit, "", now).unwrap();
        profiles.assign("h1", "p", 0, "", now).unwrap();
        let vars: HashMap<String, String> =
            [("PULSE_AGENT_CONFIG_SIGNATURE_REQUIRED".to_owned(), "true".to_owned())].into();
        let source = SignedProfiles::new(profiles, SigningKey::open(dir.path(), &vars).unwrap());
        let host = HostId::from("h1");
        let of = |host: &HostId| AgentConfig {
            host_id: host.clone(),
            commands_enabled: None,
            settings: source.profile_settings(host),
        };
        let signed = source.sign(&of(&host), now).unwrap().unwrap();
        assert_eq!(signed.expires_at, "2026-03-02T10:15:00Z");
        assert_eq!(source.sign(&of(&HostId::from("h2")), now).unwrap(), None);
    }
}
