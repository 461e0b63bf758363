//! Taking the whole configuration elsewhere: an export that Pulse v5 reads, and an import that is made as a whole or
//! not at all.
//!
//! What belongs to a bundle is a list of [`Section`]s, one for each store. A section that this server does not have
//! is named, never dropped in silence.

pub mod bundle;
mod notify;
mod sections;

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

pub use bundle::{BundleError, PassphraseError, check_passphrase};
pub use notify::NotifySection;
pub use sections::{GuestNotesSection, NodesSection, OidcSection, SystemSection, TokensSection};

use crate::{ConfigError, Secret};

/// The version of the format that this server writes.
const VERSION: &str = "4.1";

/// One part of the configuration in a bundle.
pub trait Section: Send + Sync {
    /// Its key in the bundle.
    fn key(&self) -> &'static str;

    /// What there is; `None` where there is nothing. Blocks for the disk.
    fn export(&self) -> Result<Option<Value>, ConfigError>;

    /// Whether a value could be taken over, in words for the person who imports. Changes nothing.
    fn check(&self, value: &Value) -> Result<(), String>;

    /// Takes a value over that was checked. Blocks for the disk.
    fn replace(&self, value: &Value) -> Result<(), ConfigError>;

    /// Makes it nothing again, after an import that failed. Only called where [`Self::export`] said that there was
    /// nothing: whoever never says so has nothing to do. Blocks for the disk.
    fn clear(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

/// Why an import was not made.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It does not open.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// It opens and is no configuration.
    #[error("failed to parse import data: {0}")]
    Document(String),
    /// A part of it cannot be taken over; nothing was.
    #[error("{key} cannot be imported: {problem}")]
    Section {
        /// Which.
        key: &'static str,
        /// Why.
        problem: String,
    },
    /// Somebody who may not hand out such rights brings tokens with them.
    #[error("the bundle holds an API token with the scope {scope}, which you do not have yourself")]
    TokensExceedCaller {
        /// The scope.
        scope: String,
    },
    /// It could not be kept; what was there is there again.
    #[error("the import could not be kept: {0}")]
    Config(#[from] ConfigError),
}

/// What came of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Parts that were taken over.
    pub taken: Vec<String>,
    /// Parts of the bundle that this server has no use for.
    pub left: Vec<String>,
}

/// Everything that goes into a bundle.
pub struct Transfer {
    sections: Vec<Box<dyn Section>>,
    importing: Mutex<()>,
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sections.iter().map(|section| section.key())).finish()
    }
}

impl Transfer {
    /// A bundle of these parts.
    pub fn new(sections: Vec<Box<dyn Section>>) -> Self {
        Self { sections, importing: Mutex::new(()) }
    }

    /// Seals everything with a passphrase. Slow and blocking.
    pub fn export(&self, passphrase: &Secret, now: Timestamp) -> Result<String, ConfigError> {
        let mut document = Map::new();
        document.insert("version".to_owned(), VERSION.into());
        document.insert("exportedAt".to_owned(), now.to_string().into());
        for section in &self.sections {
            if let Some(value) = section.export()? {
                document.insert(section.key().to_owned(), value);
            }
        }
        let plain = serde_json::to_vec(&document)
            .map(Zeroizing::new)
            .map_err(|source| ConfigError::Encode { what: "the export", source })?;
        let text = bundle::seal(&plain, passphrase)?;
        if text.len() > bundle::MAX_BUNDLE_BYTES {
            return Err(ConfigError::ExportTooLarge { largest: bundle::MAX_BUNDLE_BYTES });
        }
        Ok(text)
    }

    /// Opens a bundle and takes it over: every part is checked first, then they are replaced, and where one cannot be
    /// kept the others are put back. `may_hold` tells whether the caller may bring a token with that scope.
    ///
    /// Pulse v5 deletes tokens and OIDC where a bundle has none; here what a bundle does not mention stays.
    pub fn import(
        &self,
        bytes: &[u8],
        passphrase: &Secret,
        may_hold: impl Fn(&pulse_core::credential::ScopeSet) -> Option<String>,
    ) -> Result<Imported, ImportError> {
        let plain = bundle::open_any(bytes, passphrase)?;
        let document = decode(&plain)?;
        let (plan, mut imported) = self.plan(&document, may_hold)?;

        let _alone = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut undo: Vec<(&dyn Section, Option<Value>)> = Vec::new();
        for (section, value) in plan {
            let before = section.export()?;
            if let Err(error) = section.replace(value) {
                put_back(undo);
                return Err(error.into());
            }
            undo.push((section, before));
            imported.taken.push(section.key().to_owned());
        }
        Ok(imported)
    }

    /// Whether the document of a bundle, unsealed, could be taken over. Changes nothing.
    pub fn check_document(
        &self,
        plain: &[u8],
        may_hold: impl Fn(&pulse_core::credential::ScopeSet) -> Option<String>,
    ) -> Result<(), ImportError> {
        self.plan(&decode(plain)?, may_hold).map(|_| ())
    }

    /// What an import would replace, every part checked, and what it would leave.
    fn plan<'a>(
        &'a self,
        document: &'a Map<String, Value>,
        may_hold: impl Fn(&pulse_core::credential::ScopeSet) -> Option<String>,
    ) -> Result<Plan<'a>, ImportError> {
        let takes_tokens = document.get("version").and_then(Value::as_str) == Some(VERSION);
        let mut imported = Imported::default();
        let mut plan = Vec::new();
        for section in &self.sections {
            let key = section.key();
            let Some(value) = document.get(key).filter(|value| !value.is_null()) else { continue };
            if key == TokensSection::<()>::KEY {
                // Older bundles hold tokens in another form.
                if !takes_tokens {
                    imported.left.push(key.to_owned());
                    continue;
                }
                if let Some(scope) = TokensSection::<()>::first_beyond(value, &may_hold) {
                    return Err(ImportError::TokensExceedCaller { scope });
                }
            }
            section.check(value).map_err(|problem| ImportError::Section { key, problem })?;
            plan.push((&**section, value));
        }
        let known = |key: &str| {
            matches!(key, "version" | "exportedAt")
                || self.sections.iter().any(|section| section.key() == key)
        };
        imported.left.extend(document.keys().filter(|key| !known(key)).cloned());
        Ok((plan, imported))
    }
}

/// Parts with their new values, and what was found out on the way.
type Plan<'a> = (Vec<(&'a dyn Section, &'a Value)>, Imported);

fn decode(plain: &[u8]) -> Result<Map<String, Value>, ImportError> {
    crate::atomic_file::decode_json(plain).map_err(ImportError::Document)
}

fn put_back(undo: Vec<(&dyn Section, Option<Value>)>) {
    for (section, before) in undo.into_iter().rev() {
        let restored = before.map_or_else(|| section.clear(), |value| section.replace(&value));
        if let Err(error) = restored {
            tracing::error!(section = section.key(), %error, "a part of an import that failed could not be undone");
        }
    }
}

/// Somebody with every right, such as whoever owns the data directory.
pub fn may_hold_everything(_: &pulse_core::credential::ScopeSet) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use pulse_core::{credential::ScopeSet, scope::Scope};

    use super::*;
    use crate::{NodeStore, SealKey, SystemSettingsStore, TokenStore};

    const FOREIGN: &str = include_str!("../../tests/fixtures/foreign-bundle.txt");

    struct Shared(Arc<TokenStore>);

    impl AsRef<TokenStore> for Shared {
        fn as_ref(&self) -> &TokenStore {
            &self.0
        }
    }

    struct Stores {
        nodes: Arc<NodeStore>,
        system: Arc<SystemSettingsStore>,
        tokens: Arc<TokenStore>,
        transfer: Transfer,
    }

    fn open(dir: &Path) -> Stores {
        let no_vars = std::collections::HashMap::<String, String>::new();
        let nodes = Arc::new(NodeStore::open(dir, SealKey::open(dir).unwrap()).unwrap());
        let system = Arc::new(SystemSettingsStore::open(dir, &no_vars).unwrap());
        let tokens = Arc::new(TokenStore::open(dir).unwrap());
        let transfer = Transfer::new(vec![
            Box::new(NodesSection(nodes.clone())),
            Box::new(SystemSection(system.clone())),
            Box::new(TokensSection(Shared(tokens.clone()))),
        ]);
        Stores { nodes, system, tokens, transfer }
    }

    fn pass() -> Secret {
        Secret::new("correct horse battery")
    }

    #[test]
    fn a_bundle_of_the_original_is_taken_over_and_what_has_no_place_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let stores = open(dir.path());
        let imported = stores.transfer.import(FOREIGN.as_bytes(), &pass(), may_hold_everything).unwrap();
        assert_eq!(imported.taken, ["nodes", "system", "apiTokens"]);
        assert_eq!(imported.left, ["alerts", "apprise", "email", "guestMetadata", "webhooks"]);
        let after = open(dir.path());
        assert_eq!(after.nodes.current().pve[0].token_value.as_ref().unwrap().expose(), "1b2c");
        assert_eq!(after.system.current().pve_polling_interval_seconds, 30);
        assert_eq!(after.tokens.current().len(), 1);
    }

    #[test]
    fn notes_about_guests_of_the_original_come_in_and_go_out_and_links_that_could_run_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let notes = Arc::new(crate::Metadata::open(dir.path()).unwrap());
        let transfer = Transfer::new(vec![Box::new(GuestNotesSection(notes.clone()))]);
        let import = |text: &str| transfer.import(sealed(text).as_bytes(), &pass(), may_hold_everything);
        let bundle = r#"{"version":"4.1","guestMetadata":{"lab:n1:100":{"id":"lab:n1:100","customUrl":"https://wiki.lan/100","description":"","tags":null,"notes":["hi"]}}}"#;
        assert_eq!(import(bundle).unwrap().taken, ["guestMetadata"]);
        let sealed_again = transfer.export(&pass(), Timestamp::UNIX_EPOCH).unwrap();
        let plain = bundle::open(&sealed_again, &pass()).unwrap();
        let document: Value = serde_json::from_slice(&plain).unwrap();
        assert_eq!(document["guestMetadata"]["lab:n1:100"]["id"], "lab:n1:100");
        assert_eq!(document["guestMetadata"]["lab:n1:100"]["notes"][0], "hi");
        let evil = bundle.replace("https://wiki.lan/100", "javascript:alert(1)");
        let refused = import(&evil).unwrap_err().to_string();
        assert!(refused.contains("\"lab:n1:100\": Invalid customUrl"), "{refused}");
        // What a bundle does not mention stays; Pulse v5 empties it.
        import(r#"{"version":"4.1"}"#).unwrap();
        let again = crate::Metadata::open(dir.path()).unwrap();
        assert_eq!(again.guests.all()["lab:n1:100"].custom_url, "https://wiki.lan/100");
    }

    #[test]
    fn a_bundle_that_is_nested_without_an_end_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let stores = open(dir.path());
        let deep = "[".repeat(200_000);
        for plain in [
            deep.clone(),
            format!(r#"{{"version":"4.1","nodes":{deep}"#),
            format!(r#"{{"version":"4.1","nodes":{}1{}}}"#, r#"{"a":"#.repeat(60_000), "}".repeat(60_000)),
            r#"{"version":"4.1","apiTokens":{"__proto__":[]}}"#.to_owned(),
            String::new(),
            "null".to_owned(),
        ] {
            let text = bundle::seal(plain.as_bytes(), &pass()).unwrap();
            let refused = stores.transfer.import(text.as_bytes(), &pass(), may_hold_everything);
            assert!(refused.is_err(), "{plain:.40}");
        }
        assert!(stores.nodes.current().is_empty() && stores.tokens.current().is_empty());
    }

    #[test]
    fn an_export_comes_back_whole_elsewhere() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let from = open(one.path());
        from.transfer.import(FOREIGN.as_bytes(), &pass(), may_hold_everything).unwrap();
        let text = from.transfer.export(&Secret::new("another long one"), Timestamp::UNIX_EPOCH).unwrap();
        assert!(!text.contains("1b2c"));
        let to = open(two.path());
        to.transfer.import(text.as_bytes(), &Secret::new("another long one"), may_hold_everything).unwrap();
        assert_eq!(*to.nodes.current(), *from.nodes.current());
        assert_eq!(to.system.kept(), from.system.kept());
    }

    #[test]
    fn a_bundle_does_not_hand_out_rights_the_caller_lacks() {
        let dir = tempfile::tempdir().unwrap();
        let stores = open(dir.path());
        let narrow: ScopeSet = [Scope::SettingsWrite].into_iter().collect();
        let may_hold = |wanted: &ScopeSet| {
            wanted.scopes().find(|scope| !narrow.allows(*scope)).map(|scope| scope.name().to_owned())
        };
        let refused = stores.transfer.import(FOREIGN.as_bytes(), &pass(), may_hold).unwrap_err();
        assert!(matches!(refused, ImportError::TokensExceedCaller { scope } if scope == "*"));
        assert!(stores.nodes.current().is_empty() && stores.tokens.current().is_empty());
    }

    fn sealed(text: &str) -> String {
        bundle::seal(text.as_bytes(), &pass()).unwrap()
    }

    #[test]
    fn one_bad_part_refuses_the_whole_and_what_is_not_mentioned_stays() {
        let dir = tempfile::tempdir().unwrap();
        let stores = open(dir.path());
        let import = |text: &str| {
            stores
                .transfer
                .import(sealed(text).as_bytes(), &pass(), may_hold_everything)
                .map_err(|e| e.to_string())
        };
        stores.transfer.import(FOREIGN.as_bytes(), &pass(), may_hold_everything).unwrap();
        let bad = r#"{"version":"4.1","system":{"pvePollingInterval":99},"apiTokens":[{"id":"a","hash":"short","createdAt":"2026-01-01T00:00:00Z"}]}"#;
        assert_eq!(import(bad).unwrap_err(), "apiTokens cannot be imported: a token in it has no hash");
        assert_eq!(stores.system.current().pve_polling_interval_seconds, 30);
        let none = import(r#"{"version":"4.1","nodes":{"pveInstances":[]}}"#).unwrap_err();
        assert!(none.starts_with("nodes cannot be imported: it holds no instances"), "{none}");
        // A 4.1 bundle without tokens emptied the list in v5: everybody was locked out, or let in.
        import(r#"{"version":"4.1"}"#).unwrap();
        assert_eq!((stores.tokens.current().len(), stores.nodes.current().pve.len()), (1, 1));
        for (text, problem) in
            [("[]", "failed to parse"), ("{", "failed to parse"), (&"[".repeat(100_000), "failed to parse")]
        {
            assert!(import(text).unwrap_err().starts_with(problem));
        }
    }

    #[test]
    fn what_no_import_would_take_back_is_not_exported() {
        let dir = tempfile::tempdir().unwrap();
        let notes = Arc::new(crate::Metadata::open(dir.path()).unwrap());
        let transfer = Transfer::new(vec![Box::new(GuestNotesSection(notes.clone()))]);
        let many = |count: usize| {
            let changed = notes.guests.change(|all| {
                for number in 0..count {
                    let note = crate::store::metadata::GuestMetadata {
                        description: "x".repeat(1_000),
                        ..Default::default()
                    };
                    all.insert(format!("lab:n1:{number}"), note);
                }
                Ok(())
            });
            changed.unwrap();
            transfer.export(&pass(), Timestamp::UNIX_EPOCH)
        };
        let fits = many(5_000).unwrap();
        assert!(transfer.import(fits.as_bytes(), &pass(), may_hold_everything).is_ok());
        assert!(matches!(many(10_000), Err(ConfigError::ExportTooLarge { .. })));
    }

    #[test]
    fn when_one_part_cannot_be_kept_the_others_are_put_back() {
        struct Full;
        impl Section for Full {
            fn key(&self) -> &'static str {
                "full"
            }
            fn export(&self) -> Result<Option<Value>, ConfigError> {
                Ok(None)
            }
            fn check(&self, _: &Value) -> Result<(), String> {
                Ok(())
            }
            fn replace(&self, _: &Value) -> Result<(), ConfigError> {
                Err(ConfigError::NoRandom)
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let stores = open(dir.path());
        let notes = Arc::new(crate::Metadata::open(dir.path()).unwrap());
        let no_vars = std::collections::HashMap::<String, String>::new();
        let seal_key = SealKey::open(dir.path()).unwrap();
        let oidc = Arc::new(crate::OidcStore::open(dir.path(), seal_key, &no_vars).unwrap());
        let transfer = Transfer::new(vec![
            Box::new(SystemSection(stores.system.clone())),
            Box::new(GuestNotesSection(notes.clone())),
            Box::new(OidcSection(oidc.clone())),
            Box::new(Full),
        ]);
        let text = sealed(
            r#"{"system":{"pvePollingInterval":99},"guestMetadata":{"lab:n1:100":{"notes":["hi"]}},
                "oidc":{"enabled":false,"issuerUrl":"https://id.example","clientId":"pulse"},"full":1}"#,
        );
        assert!(matches!(
            transfer.import(text.as_bytes(), &pass(), may_hold_everything),
            Err(ImportError::Config(ConfigError::NoRandom))
        ));
        assert_eq!(stores.system.current().pve_polling_interval_seconds, 10);
        // Where there was nothing, there is nothing again.
        assert!(notes.guests.all().is_empty());
        assert_eq!(oidc.kept(), crate::OidcConfig::default());
    }
}
