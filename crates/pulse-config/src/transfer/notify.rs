//! Where notifications go, in a bundle.

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::Section;
use crate::{
    ConfigError, NotifyStore, UpdateError,
    schema::notify::{AppriseConfig, EmailConfig, NotifyConfig, WebhookConfig},
};

/// Which destinations.
#[derive(Debug, Clone, Copy)]
enum Part {
    Email,
    Apprise,
    Webhooks,
}

/// One kind of destinations.
#[derive(Debug)]
pub struct NotifySection {
    store: Arc<NotifyStore>,
    part: Part,
}

impl NotifySection {
    /// All kinds, each as a section of its own.
    pub fn all(store: &Arc<NotifyStore>) -> [Box<dyn Section>; 3] {
        [Part::Email, Part::Apprise, Part::Webhooks]
            .map(|part| Box::new(Self { store: Arc::clone(store), part }) as Box<dyn Section>)
    }
}

const WHAT: &str = "where notifications go";

fn encode(value: &impl Serialize) -> Result<Option<Value>, ConfigError> {
    serde_json::to_value(value).map(Some).map_err(|source| ConfigError::Encode { what: WHAT, source })
}

/// Serde's messages may quote a password: only the place is told.
fn decode<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|_| "it does not hold what it should".to_owned())
}

impl Section for NotifySection {
    fn key(&self) -> &'static str {
        match self.part {
            Part::Email => "email",
            Part::Apprise => "apprise",
            Part::Webhooks => "webhooks",
        }
    }

    fn export(&self) -> Result<Option<Value>, ConfigError> {
        let config = self.store.current();
        match self.part {
            Part::Email => encode(&config.email),
            Part::Apprise => encode(&config.apprise),
            Part::Webhooks => encode(&config.webhooks),
        }
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        match self.part {
            Part::Email => decode::<EmailConfig>(value).map(drop),
            Part::Apprise => decode::<AppriseConfig>(value).map(drop),
            // A bundle without webhooks has null there.
            Part::Webhooks => decode::<Option<Vec<WebhookConfig>>>(value).map(drop),
        }
    }

    fn replace(&self, value: &Value) -> Result<(), ConfigError> {
        let refused = |error: UpdateError<String>| match error {
            UpdateError::Config(error) => error,
            // What was checked is not refused.
            UpdateError::Refused(why) => {
                ConfigError::Encode { what: WHAT, source: serde::de::Error::custom(why) }
            }
        };
        let change = |config: &mut NotifyConfig| {
            match self.part {
                Part::Email => config.email = decode(value)?,
                Part::Apprise => config.apprise = decode::<AppriseConfig>(value)?.normalised(),
                Part::Webhooks => {
                    config.webhooks = decode::<Option<Vec<WebhookConfig>>>(value)?.unwrap_or_default();
                }
            }
            Ok(())
        };
        self.store.update(change).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SealKey;

    #[test]
    fn destinations_of_a_bundle_are_taken_over_and_rubbish_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(NotifyStore::open(dir.path(), SealKey::open(dir.path()).unwrap()).unwrap());
        let [email, _, webhooks] = NotifySection::all(&store);
        let mail =
            serde_json::json!({"enabled": true, "server": "mail.example", "password": "hunter2", "to": null});
        email.check(&mail).unwrap();
        email.replace(&mail).unwrap();
        webhooks.replace(&serde_json::json!([{"id": "w", "url": "https://h.example/"}])).unwrap();
        assert_eq!(store.current().email.password.expose(), "hunter2");
        assert_eq!(email.export().unwrap().unwrap()["password"], "hunter2");
        assert_eq!(webhooks.export().unwrap().unwrap()[0]["id"], "w");
        webhooks.replace(&Value::Null).unwrap();
        assert!(store.current().webhooks.is_empty());
        let why = email.check(&serde_json::json!({"port": "very-secret"})).unwrap_err();
        assert!(!why.contains("very-secret"));
    }
}
