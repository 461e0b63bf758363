//! Credentials for registries, as `docker login` stores them in `config.json`. Helpers of other programs are not run.

use std::{collections::BTreeMap, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Stored {
    auths: BTreeMap<String, Entry>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
}

/// What is stored on this machine. Reads files.
pub(super) fn stored() -> Stored {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let folder = variable("DOCKER_CONFIG")
        .or_else(|| variable("HOME").map(|home| home.join(".docker")))
        .unwrap_or_else(|| PathBuf::from("/root/.docker"));
    let text = std::fs::read_to_string(folder.join("config.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Name and password for a registry.
pub(super) fn lookup(stored: &Stored, registry: &str) -> Option<(String, String)> {
    let names: &[&str] = match registry {
        "docker.io" => {
            &["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"]
        }
        _ => &[],
    };
    let entry = stored.auths.iter().find_map(|(key, entry)| {
        let host = key.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
        (host == registry || names.contains(&key.as_str())).then_some(entry)
    })?;
    let text = String::from_utf8(STANDARD.decode(&entry.auth).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The header with which the engine pulls.
pub(super) fn pull_header(registry: &str, user: &str, password: &str) -> String {
    let json = serde_json::json!({"username": user, "password": password, "serveraddress": registry});
    URL_SAFE.encode(json.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_by_registry() {
        let stored: Stored = serde_json::from_str(
            r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6c2VjcmV0"},"ghcr.io":{"auth":"YTpiOmM="},
                "broken.io":{"auth":"!"},"empty.io":{}},"credsStore":"desktop"}"#,
        )
        .unwrap();
        assert_eq!(lookup(&stored, "docker.io"), Some(("me".into(), "secret".into())));
        assert_eq!(lookup(&stored, "ghcr.io"), Some(("a".into(), "b:c".into())));
        for registry in ["broken.io", "empty.io", "other.io"] {
            assert_eq!(lookup(&stored, registry), None, "{registry}");
        }
    }
}
