//! The parts of a bundle whose stores are in this crate.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

use pulse_core::credential::{ScopeSet, TokenRecord};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Section;
use crate::{
    ConfigError, MAX_TOKENS, Metadata, NodeConfig, NodeStore, OidcConfig, OidcStore, SystemSettingsStore,
    TokenStore, UpdateError,
    store::metadata::{GuestMetadata, MetadataError, check_records},
};

/// The Proxmox instances, with their credentials.
pub struct NodesSection(
    /// Their store.
    pub Arc<NodeStore>,
);

/// The system settings.
pub struct SystemSection(
    /// Their store.
    pub Arc<SystemSettingsStore>,
);

/// The OIDC provider, with its secret.
pub struct OidcSection(
    /// Its store.
    pub Arc<OidcStore>,
);

/// What people noted about guests.
pub struct GuestNotesSection(
    /// Their store.
    pub Arc<Metadata>,
);

/// The API tokens, as hashes.
pub struct TokensSection<S>(
    /// Whatever leads to their store.
    pub S,
);

fn decode<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    // The message of the decoder may quote what is in the bundle.
    serde_json::from_value(value.clone()).map_err(|_| "it does not have the right form".to_owned())
}

fn encode(what: &'static str, value: impl serde::Serialize) -> Result<Option<Value>, ConfigError> {
    serde_json::to_value(value).map(Some).map_err(|source| ConfigError::Encode { what, source })
}

fn kept<T>(result: Result<T, UpdateError<Infallible>>) -> Result<(), ConfigError> {
    match result {
        Ok(_) => Ok(()),
        Err(UpdateError::Config(error)) => Err(error),
        Err(UpdateError::Refused(never)) => match never {},
    }
}

impl Section for NodesSection {
    fn key(&self) -> &'static str {
        "nodes"
    }

    fn export(&self) -> Result<Option<Value>, ConfigError> {
        encode("the node configuration", &*self.0.current())
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        let config: NodeConfig = decode(value)?;
        if config.is_empty() && !self.0.current().is_empty() {
            return Err("it holds no instances, but this server has some; delete those first".to_owned());
        }
        Ok(())
    }

    fn replace(&self, value: &Value) -> Result<(), ConfigError> {
        let config: NodeConfig = serde_json::from_value(value.clone())
            .map_err(|source| ConfigError::Encode { what: "the imported nodes", source })?;
        kept(self.0.update(|current| {
            *current = config;
            Ok::<_, Infallible>(())
        }))
    }
}

impl Section for SystemSection {
    fn key(&self) -> &'static str {
        "system"
    }

    fn export(&self) -> Result<Option<Value>, ConfigError> {
        encode("the system settings", self.0.kept())
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        decode::<Map<String, Value>>(value).map(drop)
    }

    fn replace(&self, value: &Value) -> Result<(), ConfigError> {
        match value {
            Value::Object(map) => self.0.replace(map.clone()),
            _ => Ok(()),
        }
    }
}

impl Section for OidcSection {
    fn key(&self) -> &'static str {
        "oidc"
    }

    fn export(&self) -> Result<Option<Value>, ConfigError> {
        let kept = self.0.kept();
        if kept == OidcConfig::default() { Ok(None) } else { encode("the OIDC provider", kept) }
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        let config: OidcConfig = decode(value)?;
        if config.enabled { config.check() } else { Ok(()) }
    }

    fn replace(&self, value: &Value) -> Result<(), ConfigError> {
        let config: OidcConfig = serde_json::from_value(value.clone())
            .map_err(|source| ConfigError::Encode { what: "the imported OIDC provider", source })?;
        self.0.update(|_| config).map(drop)
    }

    fn clear(&self) -> Result<(), ConfigError> {
        self.0.update(|_| OidcConfig::default()).map(drop)
    }
}

impl Section for GuestNotesSection {
    fn key(&self) -> &'static str {
        "guestMetadata"
    }

    fn export(&self) -> Result<Option<Value>, ConfigError> {
        let records = self.0.guests.all();
        if records.is_empty() {
            return Ok(None);
        }
        let mut notes = Map::new();
        for (id, record) in records.iter() {
            let Some(mut note) = encode("the notes about guests", record)? else { continue };
            // Pulse v5 repeats the key in the value.
            note["id"] = id.as_str().into();
            notes.insert(id.clone(), note);
        }
        Ok(Some(Value::Object(notes)))
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        let records: BTreeMap<String, GuestMetadata> = decode(value)?;
        check_records(&records).map_err(|(id, error)| match id {
            Some(id) => format!("{id:?}: {error}"),
            None => error.to_string(),
        })
    }

    fn replace(&self, value: &Value) -> Result<(), ConfigError> {
        let failed = |source| ConfigError::Encode { what: "the imported notes about guests", source };
        let records: BTreeMap<String, GuestMetadata> =
            serde_json::from_value(value.clone()).map_err(failed)?;
        let changed = self.0.guests.change(|current| {
            *current = records;
            Ok(())
        });
        changed.map_err(|error| match error {
            UpdateError::Config(error) => error,
            // What was checked is not refused.
            UpdateError::Refused(refused) => {
                failed(serde::de::Error::custom(MetadataError::to_string(&refused)))
            }
        })
    }

    fn clear(&self) -> Result<(), ConfigError> {
        self.replace(&Value::Object(Map::new()))
    }
}

impl<S> TokensSection<S> {
    pub(super) const KEY: &str = "apiTokens";
}

impl TokensSection<()> {
    /// The first scope in the list of tokens that the caller may not hand out.
    pub(super) fn first_beyond(
        value: &Value,
        may_hold: &impl Fn(&ScopeSet) -> Option<String>,
    ) -> Option<String> {
        let records: Vec<TokenRecord> = decode(value).ok()?;
        records.iter().find_map(|record| may_hold(&record.scopes))
    }
}

impl<S: AsRef<TokenStore> + Send + Sync> Section for TokensSection<S> {
    fn key(&self) -> &'static str {
        Self::KEY
    }

    fn export(&self) -> Result<Option<Value>, ConfigError> {
        let tokens = self.0.as_ref().current();
        let mut records: Vec<TokenRecord> =
            tokens.newest_first().into_iter().map(|token| token.to_record()).collect();
        records.reverse();
        encode("the API tokens", records)
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        let records: Vec<TokenRecord> = decode(value)?;
        if records.len() > MAX_TOKENS {
            return Err(format!("it holds more than {MAX_TOKENS} tokens"));
        }
        let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if records.iter().all(|record| is_hash(&record.hash)) {
            Ok(())
        } else {
            Err("a token in it has no hash".to_owned())
        }
    }

    fn replace(&self, value: &Value) -> Result<(), ConfigError> {
        let records: Vec<TokenRecord> = serde_json::from_value(value.clone())
            .map_err(|source| ConfigError::Encode { what: "the imported tokens", source })?;
        kept(self.0.as_ref().update(|current| {
            *current = records;
            Ok::<_, Infallible>(())
        }))
    }
}
