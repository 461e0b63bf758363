//! Where notifications go, in the sealed `email.enc`, `apprise.enc` and `webhooks.enc`.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use pulse_core::{Clock, SystemClock};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::{
    ConfigError, UpdateError, atomic_file,
    schema::notify::{AppriseConfig, EmailConfig, NotifyConfig, WebhookConfig},
    seal::SealKey,
};

/// The destinations: one writer at a time, readers take an `Arc`.
#[derive(Debug)]
pub struct NotifyStore {
    data_dir: PathBuf,
    key: SealKey,
    changes: watch::Sender<Arc<NotifyConfig>>,
    writing: Mutex<()>,
}

impl NotifyStore {
    /// Reads the files. One that does not open is set aside, and its defaults count. A plain `webhooks.json` of an old
    /// version is sealed and renamed.
    pub fn open(data_dir: &Path, key: SealKey) -> Result<Self, ConfigError> {
        let config = NotifyConfig {
            email: read(data_dir, "email.enc", &key)?.unwrap_or_default(),
            apprise: read::<AppriseConfig>(data_dir, "apprise.enc", &key)?.unwrap_or_default().normalised(),
            webhooks: match read(data_dir, "webhooks.enc", &key)? {
                Some(webhooks) => webhooks,
                None => adopt_plain(data_dir, &key)?,
            },
        };
        let (changes, _) = watch::channel(Arc::new(config));
        Ok(Self { data_dir: data_dir.to_owned(), key, changes, writing: Mutex::new(()) })
    }

    /// The destinations as they are now. Never waits.
    pub fn current(&self) -> Arc<NotifyConfig> {
        Arc::clone(&self.changes.borrow())
    }

    /// Tells of every change; the value is always the newest.
    pub fn subscribe(&self) -> watch::Receiver<Arc<NotifyConfig>> {
        self.changes.subscribe()
    }

    /// Changes them: `change` works on a copy that is written before anybody sees it. Blocks for the disk.
    pub fn update<T, E>(
        &self,
        change: impl FnOnce(&mut NotifyConfig) -> Result<T, E>,
    ) -> Result<T, UpdateError<E>> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        let mut next = NotifyConfig::clone(&before);
        let answer = change(&mut next).map_err(UpdateError::Refused)?;
        if next.email != before.email {
            write::<EmailConfig>(&self.data_dir, "email.enc", &self.key, &next.email)?;
        }
        if next.apprise != before.apprise {
            write::<AppriseConfig>(&self.data_dir, "apprise.enc", &self.key, &next.apprise)?;
        }
        if next.webhooks != before.webhooks {
            write(&self.data_dir, "webhooks.enc", &self.key, &next.webhooks)?;
        }
        self.changes.send_replace(Arc::new(next));
        Ok(answer)
    }
}

fn adopt_plain(data_dir: &Path, key: &SealKey) -> Result<Vec<WebhookConfig>, ConfigError> {
    let path = data_dir.join("webhooks.json");
    let found: Option<Vec<WebhookConfig>> = atomic_file::read_json_or_set_aside(&path, SystemClock.now())?;
    let Some(webhooks) = found else { return Ok(vec![]) };
    write(data_dir, "webhooks.enc", key, &webhooks)?;
    let kept = atomic_file::beside(&path, ".backup");
    std::fs::rename(&path, &kept).map_err(|source| ConfigError::Write { path: kept, source })?;
    Ok(webhooks)
}

fn read<T: DeserializeOwned>(data_dir: &Path, file: &str, key: &SealKey) -> Result<Option<T>, ConfigError> {
    atomic_file::read_or_set_aside(&data_dir.join(file), SystemClock.now(), |sealed| {
        let plain = key.unseal(sealed).map_err(|error| error.to_string())?;
        atomic_file::decode_json(&plain)
    })
}

fn write<T: Serialize>(data_dir: &Path, file: &str, key: &SealKey, value: &T) -> Result<(), ConfigError> {
    let plain = serde_json::to_vec(value)
        .map(Zeroizing::new)
        .map_err(|source| ConfigError::Encode { what: "where notifications go", source })?;
    atomic_file::write(&data_dir.join(file), &key.seal(&plain)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn open(dir: &Path) -> NotifyStore {
        NotifyStore::open(dir, SealKey::open(dir).unwrap()).unwrap()
    }

    #[test]
    fn what_is_kept_is_sealed_and_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        assert_eq!((store.current().email.port, store.current().email.tls), (587, true));
        store
            .update(|config| {
                config.email.password = Secret::new("very-secret");
                config.webhooks.push(WebhookConfig { id: "w".into(), ..WebhookConfig::default() });
                Ok::<_, ()>(())
            })
            .unwrap();
        let bytes = std::fs::read(dir.path().join("email.enc")).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"very-secret"));
        assert!(!dir.path().join("apprise.enc").exists());
        let again = open(dir.path()).current();
        assert_eq!((again.email.password.expose(), &*again.webhooks[0].id), ("very-secret", "w"));
        std::fs::write(dir.path().join("webhooks.enc"), "rubbish").unwrap();
        assert!(open(dir.path()).current().webhooks.is_empty());
    }

    #[test]
    fn plain_webhooks_of_old_versions_are_sealed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("webhooks.json"),
            r#"[{"id":"a","name":"n","url":"https://h.example/x","enabled":true,"headers":null}]"#,
        )
        .unwrap();
        assert_eq!(open(dir.path()).current().webhooks[0].url.expose(), "https://h.example/x");
        assert!(
            !dir.path().join("webhooks.json").exists() && dir.path().join("webhooks.json.backup").exists()
        );
        assert_eq!(open(dir.path()).current().webhooks.len(), 1);
    }

    #[test]
    fn apprise_is_put_in_order() {
        let config = AppriseConfig {
            enabled: true,
            mode: "HTTP ".into(),
            targets: vec![" a ".into(), "A".into(), String::new()],
            timeout_seconds: 999,
            server_url: "https://apprise.example/ ".into(),
            ..AppriseConfig::default()
        };
        let config = config.normalised();
        assert_eq!((&*config.mode, config.targets.len(), config.timeout_seconds), ("http", 1, 120));
        assert!(config.enabled && config.server_url == "https://apprise.example");
        let off = AppriseConfig { enabled: true, ..AppriseConfig::default() }.normalised();
        assert!(!off.enabled, "without targets there is nothing to send to");
    }
}
