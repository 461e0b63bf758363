//! What the server has for an agent to follow (contract B-09 §3): the stored switch for commands, the settings of the
//! profile assigned to it, and a signature over both.
//!
//! Profiles and the signing key belong to others; they come in through [`AgentConfigSource`].

use std::fmt::Debug;

use jiff::Timestamp;
use pulse_core::ids::HostId;
use serde_json::{Map, Value};

/// The configuration of one agent before it is signed.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentConfig {
    /// The host it is for.
    pub host_id: HostId,
    /// Whether the agent is to run commands; `None` leaves that to the agent.
    pub commands_enabled: Option<bool>,
    /// Values of the assigned profile by key; empty for none.
    pub settings: Map<String, Value>,
}

/// Proof that a configuration comes from this server, and for how long it holds. The texts are those that were signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSignature {
    /// From when it holds, RFC 3339 as signed.
    pub issued_at: String,
    /// Until when it holds, RFC 3339 as signed.
    pub expires_at: String,
    /// Ed25519 over the contract's message, standard base64.
    pub signature: String,
}

/// The configuration could not be signed although it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration cannot be signed: {0}")]
pub struct ConfigSigningError(pub String);

/// Who keeps profiles and the signing key.
pub trait AgentConfigSource: Debug + Send + Sync {
    /// The settings of the profile that is assigned to a host; empty where there is none. Never waits.
    fn profile_settings(&self, host: &HostId) -> Map<String, Value>;

    /// Signs a configuration; `None` where there is no key and none is required. Never waits.
    fn sign(
        &self,
        config: &AgentConfig,
        now: Timestamp,
    ) -> Result<Option<ConfigSignature>, ConfigSigningError>;
}

/// A server without profiles and without a key.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProfiles;

impl AgentConfigSource for NoProfiles {
    fn profile_settings(&self, _: &HostId) -> Map<String, Value> {
        Map::new()
    }

    fn sign(&self, _: &AgentConfig, _: Timestamp) -> Result<Option<ConfigSignature>, ConfigSigningError> {
        Ok(None)
    }
}

/// What an agent is to follow now: its stored switch and its profile, signed where there is a key.
pub fn effective_agent_config(
    host: &HostId,
    commands_enabled: Option<bool>,
    source: &dyn AgentConfigSource,
    now: Timestamp,
) -> Result<(AgentConfig, Option<ConfigSignature>), ConfigSigningError> {
    let settings = source.profile_settings(host);
    let config = AgentConfig { host_id: host.clone(), commands_enabled, settings };
    let signature = source.sign(&config, now)?;
    Ok((config, signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Keyed;

    impl AgentConfigSource for Keyed {
        fn profile_settings(&self, host: &HostId) -> Map<String, Value> {
            Map::from_iter([("interval".to_owned(), Value::from(format!("{host}s")))])
        }

        fn sign(
            &self,
            config: &AgentConfig,
            now: Timestamp,
        ) -> Result<Option<ConfigSignature>, ConfigSigningError> {
            if config.commands_enabled.is_none() {
                return Err(ConfigSigningError("no key".into()));
            }
            let text = now.to_string();
            Ok(Some(ConfigSignature { issued_at: text.clone(), expires_at: text, signature: "s".into() }))
        }
    }

    #[test]
    fn a_profile_and_the_stored_switch_are_signed_together() {
        let host = HostId::from("30");
        let (config, signature) =
            effective_agent_config(&host, Some(true), &Keyed, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(
            (config.commands_enabled, &config.settings["interval"]),
            (Some(true), &Value::from("30s"))
        );
        assert_eq!(signature.unwrap().signature, "s");
        let refused = effective_agent_config(&host, None, &Keyed, Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(refused.to_string(), "the configuration cannot be signed: no key");
        let plain = effective_agent_config(&host, None, &NoProfiles, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((plain.0.settings.len(), plain.1), (0, None));
    }
}
