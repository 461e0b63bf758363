//! The data directory of Pulse v5: what is in it, whether it can be read, and taking it over.
//!
//! Most files have the same form here, so taking over is copying what was read and understood. Nothing in the old
//! directory is changed, and nothing in the new one is overwritten.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use pulse_core::credential::TokenRecord;
use serde_json::Value;

use crate::{ConfigError, DataDir, DotEnv, NodeConfig, SealKey, Vars, atomic_file, dotenv};

/// No configuration file is larger.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// How every SQLite database begins.
const SQLITE_HEAD: &[u8] = b"SQLite format 3\0";

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The key of the sealed files.
    Key,
    /// Sealed: the instances.
    SealedNodes,
    /// Sealed: some JSON.
    Sealed,
    /// The login and other variables.
    Env,
    /// API tokens.
    Tokens,
    /// Some JSON.
    Json,
    /// A short text.
    Text,
    /// A database, of which only the head is looked at.
    Database,
}

/// What this server uses, and what it is for.
const USED: &[(&str, Form, &str)] = &[
    (".encryption.key", Form::Key, "the key of the sealed files"),
    (".env", Form::Env, "the login"),
    ("nodes.enc", Form::SealedNodes, "Proxmox instances"),
    ("api_tokens.json", Form::Tokens, "API tokens"),
    ("env_token_suppressions.json", Form::Json, "deleted tokens of the environment"),
    ("system.json", Form::Json, "system settings"),
    ("sessions.json", Form::Json, "sessions"),
    ("oidc.enc", Form::Sealed, "login by OIDC"),
    (".license-key", Form::Text, "the key of the licence"),
    ("license.enc", Form::Text, "the licence"),
    ("alerts.json", Form::Json, "alert rules"),
    ("email.enc", Form::Sealed, "e-mail"),
    ("webhooks.enc", Form::Sealed, "webhooks"),
    ("apprise.enc", Form::Sealed, "Apprise"),
    ("guest_metadata.json", Form::Json, "notes and links of guests"),
    ("docker_metadata.json", Form::Json, "notes and links of containers"),
    ("host_metadata.json", Form::Json, "notes and links of hosts"),
    ("agent_profiles.json", Form::Json, "agent profiles"),
    ("agent_profile_assignments.json", Form::Json, "who has which agent profile"),
    ("rbac_roles.json", Form::Json, "roles"),
    ("rbac_assignments.json", Form::Json, "who has which role"),
];

/// What only this server has, or has in another form.
const OWN: &[(&str, Form, &str)] = &[
    ("metrics.db", Form::Database, "history"),
    ("pulse.db", Form::Database, "alerts and notifications"),
    ("fleet.json", Form::Json, "what was decided about machines"),
    ("docker_host_metadata.json", Form::Json, "notes and links of Docker hosts"),
    ("agent_profile_versions.json", Form::Json, "earlier agent profiles"),
    ("agent_profile_deployments.json", Form::Json, "which agent took which profile"),
    ("agent_profile_changelog.json", Form::Json, "changes of agent profiles"),
    ("agent-config-signing.key", Form::Text, "the key that signs what agents are told"),
    ("audit_webhooks.enc", Form::Sealed, "where the audit log is sent"),
    ("audit-signing.key", Form::Text, "the key that signs the audit log"),
    (".bootstrap_token", Form::Text, "the token of the first run"),
    (".recovery_token", Form::Text, "a recovery token that waits for its use"),
];

/// What is known and not copied, with the reason.
const UNUSED: &[(&str, &str)] = &[
    ("metrics.db", "the history has another form here; it is taken in point by point"),
    ("ai.enc", "the assistant is not part of this version"),
    ("sso.enc", "no route of Pulse v5 reads it"),
    ("csrf_tokens.json", "they are made anew"),
    ("recovery_tokens.json", "they hold usable secrets; make a new one when one is needed"),
    (".bootstrap_token", "the first run is over"),
    ("update-history.jsonl", "it tells of another program"),
    ("notifications", "what waits there was meant for then"),
    ("alerts", "alerts are raised anew"),
];

/// What came of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It can be read; it is used, or was taken over.
    Good(String),
    /// It is not used.
    Unused(&'static str),
    /// It cannot be read.
    Damaged(String),
}

/// One file and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name in the directory.
    pub name: String,
    /// What came of it.
    pub finding: Finding,
}

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub enum TakeoverError {
    /// There is something in the way.
    #[error("{} already holds {name}; take over into an empty data directory", into.display())]
    NotEmpty {
        /// The new directory.
        into: PathBuf,
        /// What is there.
        name: &'static str,
    },
    /// No directory of Pulse.
    #[error("{} holds nothing of Pulse", .0.display())]
    NothingThere(PathBuf),
    /// A file cannot be read or written.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Looks at every file of a data directory of Pulse v5. Changes nothing.
pub fn inspect(directory: &Path) -> Result<Vec<Item>, ConfigError> {
    look_at(directory, USED.iter(), UNUSED.iter())
}

/// Looks at every file of this server's own data directory. Changes nothing.
pub fn inspect_own(directory: &Path) -> Result<Vec<Item>, ConfigError> {
    let is_own = |name: &str| OWN.iter().any(|(own, ..)| *own == name);
    look_at(directory, USED.iter().chain(OWN), UNUSED.iter().filter(|(name, _)| !is_own(name)))
}

fn look_at<'a>(
    directory: &Path,
    used: impl Iterator<Item = &'a (&'static str, Form, &'static str)>,
    unused: impl Iterator<Item = &'a (&'static str, &'static str)>,
) -> Result<Vec<Item>, ConfigError> {
    let key = SealKey::read(directory)?;
    let mut items = Vec::new();
    for (name, form, what) in used {
        let path = directory.join(name);
        let found = if *form == Form::Database { read_head(&path)? } else { read_bounded(&path)? };
        let Some(bytes) = found else { continue };
        let finding = match read_as(*form, &path, &bytes, key.as_ref()) {
            Ok(Some(detail)) => Finding::Good(format!("{what}: {detail}")),
            Ok(None) => Finding::Good((*what).to_owned()),
            Err(problem) => Finding::Damaged(format!("{what}: {problem}")),
        };
        items.push(Item { name: (*name).to_owned(), finding });
    }
    for (name, reason) in unused {
        if directory.join(name).exists() {
            items.push(Item { name: (*name).to_owned(), finding: Finding::Unused(reason) });
        }
    }
    Ok(items)
}

/// Takes over what `from` holds into an empty data directory. What cannot be read stays behind and is named.
pub fn take_over(from: &Path, into: &DataDir) -> Result<Vec<Item>, TakeoverError> {
    for name in ["nodes.enc", ".env", "api_tokens.json", "oidc.enc", "email.enc", "webhooks.enc"] {
        if into.file(name).exists() {
            return Err(TakeoverError::NotEmpty { into: into.path().to_owned(), name });
        }
    }
    let items = inspect(from)?;
    if items.is_empty() {
        return Err(TakeoverError::NothingThere(from.to_owned()));
    }
    for item in &items {
        if let Finding::Good(_) = item.finding
            && let Some(bytes) = read_bounded(&from.join(&item.name))?
        {
            atomic_file::write(&into.file(&item.name), &bytes)?;
        }
    }
    Ok(items)
}

/// The first bytes of a file of any size.
fn read_head(path: &Path) -> Result<Option<Vec<u8>>, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut head = Vec::with_capacity(SQLITE_HEAD.len());
    file.take(SQLITE_HEAD.len() as u64).read_to_end(&mut head).map_err(failed)?;
    Ok(Some(head))
}

fn read_bounded(path: &Path) -> Result<Option<Vec<u8>>, ConfigError> {
    match fs::metadata(path) {
        Ok(data) if data.is_file() && data.len() <= MAX_FILE_BYTES => atomic_file::read(path),
        Ok(data) if data.is_file() => Err(ConfigError::Read {
            path: path.to_owned(),
            source: std::io::Error::other("it is larger than any file of Pulse"),
        }),
        _ => Ok(None),
    }
}

/// What can be said of a file that can be read, or what is wrong with it.
fn read_as(form: Form, path: &Path, bytes: &[u8], key: Option<&SealKey>) -> Result<Option<String>, String> {
    let unsealed = || {
        let key = key.ok_or("there is no .encryption.key that opens it")?;
        key.unseal(bytes).map_err(|error| error.to_string())
    };
    match form {
        Form::Key => match key {
            Some(_) => Ok(None),
            None => Err("it does not hold a key (base64 of 32 bytes)".to_owned()),
        },
        Form::SealedNodes => {
            let config: NodeConfig = atomic_file::decode_json(&unsealed()?)?;
            let (pve, pbs, pmg) = (config.pve.len(), config.pbs.len(), config.pmg.len());
            Ok(Some(format!("{pve} of Proxmox VE, {pbs} of Backup Server, {pmg} of Mail Gateway")))
        }
        Form::Sealed => atomic_file::decode_json::<Value>(&unsealed()?).map(|_| None),
        Form::Env => {
            let variables = DotEnv::read(path).map_err(|error| error.to_string())?;
            Ok(Some(match variables.get(dotenv::USER) {
                Some(user) if variables.get(dotenv::PASS).is_some() => format!("user {user}"),
                _ => "no login in it".to_owned(),
            }))
        }
        Form::Tokens => {
            let records: Vec<TokenRecord> = atomic_file::decode_json(bytes)?;
            Ok(Some(format!("{} of them", records.len())))
        }
        Form::Json => atomic_file::decode_json::<Value>(bytes).map(|_| None),
        Form::Database if bytes == SQLITE_HEAD => Ok(None),
        Form::Database => Err("it is no SQLite database".to_owned()),
        Form::Text => match std::str::from_utf8(bytes) {
            Ok(_) => Ok(None),
            Err(_) => Err("it is no text".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeStore;

    fn old_one() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let key = SealKey::open(dir.path()).unwrap();
        fs::write(dir.path().join("webhooks.enc"), key.seal(b"[]").unwrap()).unwrap();
        let nodes = br#"{"pveInstances":[{"Name":"lab","Host":"https://192.0.2.4:8006","TokenName":"a@pve!b","TokenValue":"c"}]}"#;
        fs::write(dir.path().join("nodes.enc"), key.seal(nodes).unwrap()).unwrap();
        fs::write(dir.path().join(".env"), "PULSE_AUTH_USER='kim'\nPULSE_AUTH_PASS='$2a$12$x'\n").unwrap();
        fs::write(dir.path().join("system.json"), "{broken").unwrap();
        fs::write(dir.path().join("metrics.db"), "SQLite format 3").unwrap();
        dir
    }

    #[test]
    fn what_can_be_read_is_taken_over_and_the_rest_is_named() {
        let (old, new) = (old_one(), tempfile::tempdir().unwrap());
        let into = DataDir::open(new.path()).unwrap();
        let items = take_over(old.path(), &into).unwrap();
        let of = |name: &str| items.iter().find(|item| item.name == name).map(|item| item.finding.clone());
        let good = |text: &str| Some(Finding::Good(text.to_owned()));
        assert_eq!(
            of("nodes.enc"),
            good("Proxmox instances: 1 of Proxmox VE, 0 of Backup Server, 0 of Mail Gateway")
        );
        assert_eq!(of(".env"), good("the login: user kim"));
        assert!(matches!(of("system.json"), Some(Finding::Damaged(_))));
        assert!(matches!(of("metrics.db"), Some(Finding::Unused(_))));
        assert!(!into.file("system.json").exists() && !into.file("metrics.db").exists());
        let nodes = NodeStore::open(new.path(), SealKey::open(new.path()).unwrap()).unwrap();
        assert_eq!(nodes.current().pve[0].host, "https://192.0.2.4:8006");
        assert_eq!(fs::read_to_string(old.path().join("system.json")).unwrap(), "{broken");
    }

    #[test]
    fn a_directory_of_ours_has_files_of_its_own() {
        let dir = old_one();
        fs::write(dir.path().join("metrics.db"), [SQLITE_HEAD, &[0; 100]].concat()).unwrap();
        fs::write(dir.path().join("pulse.db"), "SQLite format 2\0").unwrap();
        let items = inspect_own(dir.path()).unwrap();
        let of = |name: &str| items.iter().filter(|item| item.name == name).collect::<Vec<_>>();
        assert_eq!(of("metrics.db").len(), 1);
        assert_eq!(of("metrics.db")[0].finding, Finding::Good("history".to_owned()));
        assert!(matches!(of("pulse.db")[0].finding, Finding::Damaged(_)));
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_is_made_in_the_old_one() {
        let (old, new) = (old_one(), tempfile::tempdir().unwrap());
        let into = DataDir::open(new.path()).unwrap();
        fs::write(into.file(".env"), "x").unwrap();
        assert!(matches!(take_over(old.path(), &into), Err(TakeoverError::NotEmpty { name: ".env", .. })));
        let empty = tempfile::tempdir().unwrap();
        assert!(inspect(empty.path()).unwrap().is_empty());
        assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
    }
}
