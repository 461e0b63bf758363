//! The OIDC provider in the sealed `oidc.enc`, under what the environment says.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use pulse_core::{Clock, SystemClock};
use zeroize::Zeroizing;

use crate::{
    ConfigError, SealKey, Vars, atomic_file,
    schema::oidc::{OidcConfig, OidcOverrides},
};

/// The provider: one writer at a time, readers take an `Arc`.
#[derive(Debug)]
pub struct OidcStore {
    path: PathBuf,
    key: SealKey,
    overrides: OidcOverrides,
    kept: Mutex<OidcConfig>,
    current: ArcSwap<OidcConfig>,
}

impl OidcStore {
    /// Reads `oidc.enc`; one that does not open is set aside, and then nobody logs in by a provider.
    pub fn open(data_dir: &Path, key: SealKey, vars: &impl Vars) -> Result<Self, ConfigError> {
        let overrides = OidcOverrides::load(vars)?;
        let path = data_dir.join("oidc.enc");
        let kept: OidcConfig = atomic_file::read_or_set_aside(&path, SystemClock.now(), |sealed| {
            let plain = key.unseal(sealed).map_err(|error| error.to_string())?;
            atomic_file::decode_json(&plain)
        })?
        .unwrap_or_default();
        let current = ArcSwap::from_pointee(overrides.over(&kept));
        Ok(Self { path, key, overrides, kept: Mutex::new(kept), current })
    }

    /// The provider as it counts. Never waits.
    pub fn current(&self) -> Arc<OidcConfig> {
        self.current.load_full()
    }

    /// What the environment says.
    pub fn overrides(&self) -> &OidcOverrides {
        &self.overrides
    }

    /// Changes the provider. Blocks for the disk.
    pub fn update(
        &self,
        change: impl FnOnce(&OidcConfig) -> OidcConfig,
    ) -> Result<Arc<OidcConfig>, ConfigError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let next = change(&kept).tidied();
        if next != *kept {
            let plain = serde_json::to_vec(&next)
                .map(Zeroizing::new)
                .map_err(|source| ConfigError::Encode { what: "the OIDC provider", source })?;
            atomic_file::write(&self.path, &self.key.seal(&plain)?)?;
            *kept = next;
            self.current.store(Arc::new(self.overrides.over(&kept)));
        }
        Ok(self.current())
    }

    /// What the file holds, without the environment: for an export.
    pub fn kept(&self) -> OidcConfig {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::Secret;

    fn open(dir: &Path, vars: &[(&str, &str)]) -> Result<OidcStore, ConfigError> {
        let vars: HashMap<String, String> =
            vars.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        OidcStore::open(dir, SealKey::open(dir).unwrap(), &vars)
    }

    #[test]
    fn the_provider_is_kept_sealed() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), &[]).unwrap();
        store
            .update(|_| OidcConfig {
                enabled: true,
                issuer_url: " https://id.example.org ".into(),
                client_secret: Secret::new("hush"),
                scopes: vec!["openid".into(), "OpenID".into()],
                ..OidcConfig::default()
            })
            .unwrap();
        let again = open(dir.path(), &[]).unwrap().current();
        assert_eq!((again.issuer_url.as_str(), again.scopes.len()), ("https://id.example.org", 1));
        assert_eq!(again.client_secret.expose(), "hush");
        let bytes = std::fs::read(dir.path().join("oidc.enc")).unwrap();
        assert!(!bytes.windows(4).any(|part| part == b"hush"));
    }

    #[test]
    fn the_environment_wins_and_must_be_complete() {
        let dir = tempfile::tempdir().unwrap();
        let refused = open(dir.path(), &[("OIDC_ENABLED", "true")]).unwrap_err().to_string();
        assert_eq!(refused, "OIDC_ENABLED=\"true\": oidc issuer url is required when OIDC is enabled");
        let store = open(
            dir.path(),
            &[
                ("OIDC_ENABLED", "1"),
                ("OIDC_ISSUER_URL", "https://id.example.org"),
                ("OIDC_CLIENT_ID", "pulse"),
                ("OIDC_ALLOWED_DOMAINS", "a.org, b.org"),
                ("OIDC_GROUP_ROLE_MAPPINGS", "ops=operator, all=viewer"),
            ],
        )
        .unwrap();
        let config = store.current();
        assert!(config.enabled && config.allowed_domains == ["a.org", "b.org"]);
        assert_eq!(config.group_role_mappings["all"], "viewer");
        assert_eq!(store.overrides().names().count(), 5);
    }
}
