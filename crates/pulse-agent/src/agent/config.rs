//! The configuration that the server has for this agent: asked for at the start and every few minutes.
//!
//! A configuration whose signature is wrong is as if there were none; a server that does not answer changes nothing.

use std::{fmt::Write as _, time::Duration};

use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    link::{LinkError, body_within, headers, reason, server_url},
    settings::{AgentSettings, RemoteConfig},
    signature::{BadKey, TrustedKeys},
};

/// For both questions together (contract B-10 §2).
const LIMIT: Duration = Duration::from_secs(10);
/// Clocks differ.
const SKEW: SignedDuration = SignedDuration::from_secs(120);
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
    #[error("the server cannot be asked for its configuration: {0}")]
    Unreachable(String),
    #[error("the server answered {0} when asked for its configuration")]
    Status(StatusCode),
    #[error("the server's configuration is not understood: {0}")]
    Decode(serde_json::Error),
    #[error("the server's configuration is ignored: {0}")]
    Untrusted(&'static str),
}

/// Why the configuration cannot be asked for at all.
#[derive(Debug, thiserror::Error)]
pub enum ConfigSetupError {
    /// The address or the token.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The trusted keys.
    #[error("PULSE_AGENT_CONFIG_PUBLIC_KEYS: {0}")]
    Key(#[from] BadKey),
}

#[derive(Deserialize)]
struct Lookup {
    host: LookupHost,
}

#[derive(Deserialize)]
struct LookupHost {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    host_id: String,
    #[serde(default)]
    config: Given,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Given {
    commands_enabled: Option<bool>,
    settings: Option<Map<String, Value>>,
    issued_at: Option<String>,
    expires_at: Option<String>,
    signature: Option<String>,
}

/// Asks the server.
pub(super) struct ConfigSource {
    client: Client,
    base: Url,
    headers: HeaderMap,
    keys: TrustedKeys,
    is_signature_required: bool,
    hostname: String,
    own_id: String,
}

impl ConfigSource {
    pub(super) fn new(
        client: Client,
        settings: &AgentSettings,
        hostname: String,
        own_id: String,
    ) -> Result<Self, ConfigSetupError> {
        Ok(Self {
            client,
            base: server_url(&settings.url)?,
            headers: headers(&settings.token, "pulse-agent-config-client")?,
            keys: TrustedKeys::parse(settings.config_public_keys.as_deref().unwrap_or_default())?,
            is_signature_required: settings.is_config_signature_required,
            hostname,
            own_id,
        })
    }

    /// The configuration as it is now.
    pub(super) async fn fetch(&self) -> Result<RemoteConfig, ConfigError> {
        match tokio::time::timeout(LIMIT, self.ask()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ConfigError::Unreachable("there was no answer in time".to_owned())),
        }
    }

    async fn ask(&self) -> Result<RemoteConfig, ConfigError> {
        let mut lookup = self.join(&["api", "agents", "host", "lookup"]);
        lookup.query_pairs_mut().append_pair("hostname", &self.hostname);
        let id = match self.get(lookup).await {
            Ok(body) => serde_json::from_slice::<Lookup>(&body).map_err(ConfigError::Decode)?.host.id,
            // Never seen there, or not with this token: it may know us by our own id.
            Err(ConfigError::Status(StatusCode::NOT_FOUND | StatusCode::FORBIDDEN)) => self.own_id.clone(),
            Err(error) => return Err(error),
        };
        let body = self.get(self.join(&["api", "agents", "host", &id, "config"])).await?;
        let answer: Answer = serde_json::from_slice(&body).map_err(ConfigError::Decode)?;
        self.check(answer, &id, Timestamp::now())
    }

    fn join(&self, parts: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    async fn get(&self, url: Url) -> Result<Vec<u8>, ConfigError> {
        let unreachable = |error: reqwest::Error| ConfigError::Unreachable(reason(&error));
        let request = self.client.get(url).headers(self.headers.clone());
        let response = request.send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(ConfigError::Status(response.status()));
        }
        body_within(response, MAX_ANSWER_BYTES).await.map_err(ConfigError::Unreachable)
    }

    fn check(&self, answer: Answer, id: &str, now: Timestamp) -> Result<RemoteConfig, ConfigError> {
        let given = answer.config;
        let host_id = if answer.host_id.is_empty() { id } else { &answer.host_id };
        let is_empty = given.commands_enabled.is_none() && given.settings.is_none();
        match &given.signature {
            Some(signature) if !self.keys.is_empty() => {
                self.check_signature(&given, signature, host_id, now)?;
            }
            Some(_) if self.is_signature_required => {
                return Err(ConfigError::Untrusted(
                    "it is signed, and PULSE_AGENT_CONFIG_PUBLIC_KEYS names no key to check that with",
                ));
            }
            None if self.is_signature_required && !is_empty => {
                return Err(ConfigError::Untrusted("it is not signed, and a signature is required"));
            }
            Some(_) | None => {}
        }
        Ok(RemoteConfig {
            commands_enabled: given.commands_enabled,
            settings: given.settings.unwrap_or_default(),
        })
    }

    fn check_signature(
        &self,
        given: &Given,
        signature: &str,
        host_id: &str,
        now: Timestamp,
    ) -> Result<(), ConfigError> {
        let (Some(issued), Some(expires)) = (&given.issued_at, &given.expires_at) else {
            return Err(ConfigError::Untrusted("it does not say from when to when it holds"));
        };
        let time =
            |text: &str| text.parse::<Timestamp>().map_err(|_| ConfigError::Untrusted("its times are none"));
        if time(issued)? > now.saturating_add(SKEW).unwrap_or(now) {
            return Err(ConfigError::Untrusted("it comes from the future; check this machine's clock"));
        }
        if time(expires)? < now.saturating_sub(SKEW).unwrap_or(now) {
            return Err(ConfigError::Untrusted("it has expired; check this machine's clock"));
        }
        let message =
            signed_message(host_id, issued, expires, given.commands_enabled, given.settings.as_ref());
        if self.keys.verify(message.as_bytes(), signature) {
            Ok(())
        } else {
            Err(ConfigError::Untrusted("none of the trusted keys signed it"))
        }
    }
}

/// What the server signs (contract B-09 §3): compact JSON in a fixed order, keys of settings sorted, and three
/// characters escaped as Go does.
fn signed_message(
    host_id: &str,
    issued_at: &str,
    expires_at: &str,
    commands_enabled: Option<bool>,
    settings: Option<&Map<String, Value>>,
) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let mut message = format!(
        "{{\"hostId\":{},\"issuedAt\":{},\"expiresAt\":{}",
        text(host_id),
        text(issued_at),
        text(expires_at)
    );
    if let Some(is_on) = commands_enabled {
        // Writing to a string does not fail.
        write!(message, ",\"commandsEnabled\":{is_on}").ok();
    }
    if let Some(settings) = settings.filter(|settings| !settings.is_empty()) {
        message.push_str(",\"settings\":");
        write_sorted(&mut message, &Value::Object(settings.clone()));
    }
    message.push('}');
    message
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn write_sorted(out: &mut String, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (at, key) in keys.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_sorted(out, &map[key]);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (at, value) in list.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_sorted(out, value);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;
    use crate::{
        link,
        settings::{Flags, tests::resolve, tests::with_token},
        signature::tests::{pair, public},
    };

    fn source(keys: Option<String>, is_required: bool) -> ConfigSource {
        let settings = resolve(Flags { url: Some("http://x/sub".into()), ..with_token() }, &[], &[]).unwrap();
        let settings =
            AgentSettings { config_public_keys: keys, is_config_signature_required: is_required, ..settings };
        let client = link::client(&settings.url, false).unwrap();
        ConfigSource::new(client, &settings, "nas1".into(), "id1".into()).unwrap()
    }

    fn answer(config: Value) -> Answer {
        serde_json::from_value(serde_json::json!({"success": true, "hostId": "h1", "config": config}))
            .unwrap()
    }

    const MESSAGE: &str = r#"{"hostId":"h1","issuedAt":"2026-03-02T10:00:00.5Z","expiresAt":"2026-03-02T10:15:00Z","commandsEnabled":true,"settings":{"a":{"x":1,"y":"\u003cb\u003e"},"interval":"1m"}}"#;

    fn signed(signer: u8) -> Value {
        let signature = STANDARD.encode(pair(signer).sign(MESSAGE.as_bytes()));
        serde_json::json!({"commandsEnabled": true, "settings": {"interval": "1m", "a": {"y": "<b>", "x": 1}},
            "issuedAt": "2026-03-02T10:00:00.5Z", "expiresAt": "2026-03-02T10:15:00Z", "signature": signature})
    }

    #[test]
    fn a_signed_configuration_is_checked_to_the_letter() {
        let source = source(Some(public(&pair(1))), true);
        let now: Timestamp = "2026-03-02T10:05:00Z".parse().unwrap();
        let config = source.check(answer(signed(1)), "h1", now).unwrap();
        assert_eq!((config.commands_enabled, &config.settings["interval"]), (Some(true), &Value::from("1m")));
        let refused = |config: Value, at: &str| {
            source.check(answer(config), "h1", at.parse().unwrap()).unwrap_err().to_string()
        };
        assert!(refused(signed(2), "2026-03-02T10:05:00Z").contains("keys"));
        assert!(refused(signed(1), "2026-03-02T10:18:00Z").contains("expired"));
        assert!(refused(signed(1), "2026-03-02T09:57:00Z").contains("future"));
        let mut changed = signed(1);
        changed["settings"]["interval"] = "2m".into();
        assert!(refused(changed, "2026-03-02T10:05:00Z").contains("keys"));
        let mut timeless = signed(1);
        timeless.as_object_mut().unwrap().remove("expiresAt");
        assert!(refused(timeless, "2026-03-02T10:05:00Z").contains("from when"));
        let unsigned = serde_json::json!({"commandsEnabled": true});
        assert!(refused(unsigned, "2026-03-02T10:05:00Z").contains("not signed"));
        assert!(source.check(answer(serde_json::json!({})), "h1", now).is_ok(), "nothing needs no signature");
    }

    #[test]
    fn an_unsigned_configuration_is_taken_unless_a_signature_is_required() {
        let now = Timestamp::UNIX_EPOCH;
        let unsigned = serde_json::json!({"settings": {"interval": 45}});
        assert_eq!(source(None, false).check(answer(unsigned), "h1", now).unwrap().settings["interval"], 45);
    }

    #[test]
    fn addresses_keep_their_path_and_ids_cannot_leave_theirs() {
        let source = source(None, false);
        let url = source.join(&["api", "agents", "host", "a/../b", "config"]);
        assert_eq!(url.as_str(), "http://x/sub/api/agents/host/a%2F..%2Fb/config");
    }
}
