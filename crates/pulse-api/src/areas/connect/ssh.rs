//! `POST /api/system/ssh-config` and `/api/system/verify-temperature-ssh`: what scripts of Pulse v5 call at their end.
//! This server reads temperatures from agents and never over SSH; both are served for those scripts.

use std::{path::PathBuf, time::Duration};

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use pulse_config::atomic_file;
use pulse_core::scope::Scope;
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use utoipa::ToSchema;

use super::header as text_header;
use crate::{error::ApiError, extract::Caller, state::AppState};

const LIMIT: usize = 32 * 1024;
/// All hosts together.
const CHECK: Duration = Duration::from_secs(10);
/// Hosts of one check.
const MOST_HOSTS: usize = 64;

const DIRECTIVES: [&str; 6] =
    ["host", "hostname", "proxyjump", "user", "identityfile", "stricthostkeychecking"];

/// It is written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SshConfigWritten)]
pub(super) struct Written {
    /// Always true.
    success: bool,
}

/// Who calls must have a setup token that is in use, or may change settings. Pulse v5 takes any credential.
fn check(state: &AppState, caller: &Caller, headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
    let bearer = text_header(headers, header::AUTHORIZATION.as_str())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let in_query = uri.query().and_then(|query| {
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == "auth_token")
    });
    let given = [text_header(headers, "x-setup-token"), bearer, in_query.map(|(_, value)| value)];
    let has_setup_token =
        given.into_iter().flatten().any(|value| state.access.setup_tokens.is_usable(value, state.now()));
    let may = caller.0.is_authenticated() && caller.0.scopes.allows(Scope::SettingsWrite);
    if has_setup_token || may {
        return Ok(());
    }
    Err(ApiError::text(StatusCode::UNAUTHORIZED, "Authentication required"))
}

async fn read(request: Request) -> Result<String, ApiError> {
    let text = |status, message: &str| ApiError::text(status, message);
    match Limited::new(request.into_body(), LIMIT).collect().await {
        Ok(collected) => String::from_utf8(collected.to_bytes().to_vec())
            .map_err(|_| text(StatusCode::BAD_REQUEST, "The body is not UTF-8 text")),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(text(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"))
        }
        Err(_) => Err(text(StatusCode::BAD_REQUEST, "Failed to read request body")),
    }
}

/// Write the SSH client configuration of the user this server runs as.
///
/// One that is there already is kept beside it as `config.before-pulse`.
#[utoipa::path(
    post, path = "/api/system/ssh-config", tag = "connect", security(()),
    request_body(content = String, content_type = "text/plain"),
    responses(
        (status = 200, body = Written), (status = 400, description = "What is wrong with it", body = String),
        (status = 401, description = "Neither a setup token nor the right", body = String),
        (status = 413, description = "More than 32 KiB", body = String),
    )
)]
pub(super) async fn put_ssh_config(
    State(state): State<AppState>,
    caller: Caller,
    request: Request,
) -> Result<Json<Written>, ApiError> {
    check(&state, &caller, request.headers(), request.uri())?;
    let config = read(request).await?;
    if config.trim().is_empty() {
        return Err(ApiError::text(StatusCode::BAD_REQUEST, "Empty SSH config"));
    }
    if let Some(directive) = forbidden(&config) {
        let text = format!("SSH config contains forbidden directive: {directive}");
        return Err(ApiError::text(StatusCode::BAD_REQUEST, text));
    }
    let doing = "write the SSH configuration";
    let written = tokio::task::spawn_blocking(move || write(&folder(), &config)).await;
    written
        .map_err(|error| ApiError::internal(doing, error))?
        .map_err(|error| ApiError::internal(doing, error))?;
    Ok(Json(Written { success: true }))
}

/// The first word that is none of the harmless ones.
fn forbidden(config: &str) -> Option<&str> {
    config
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .filter_map(|line| line.split(|c: char| c.is_whitespace() || c == '=').next())
        .find(|word| !DIRECTIVES.contains(&word.to_ascii_lowercase().as_str()))
}

fn folder() -> PathBuf {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    home.map_or_else(|| PathBuf::from("/home/pulse"), PathBuf::from).join(".ssh")
}

fn write(folder: &std::path::Path, config: &str) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let (file, before) = (folder.join("config"), folder.join("config.before-pulse"));
    if file.exists() && !before.exists() {
        std::fs::copy(&file, &before)?;
    }
    atomic_file::write(&file, config.as_bytes()).map_err(std::io::Error::other)
}

/// Hosts to check.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = SshHosts)]
pub(super) struct Hosts {
    /// Separated by blanks.
    nodes: String,
}

/// Check which hosts are reached over SSH with the key for temperatures. The answer is for people.
#[utoipa::path(
    post, path = "/api/system/verify-temperature-ssh", tag = "connect", security(()), request_body = Hosts,
    responses(
        (status = 200, description = "Who is reached and who is not", body = String),
        (status = 401, description = "Neither a setup token nor the right", body = String),
    )
)]
pub(super) async fn verify_temperature_ssh(
    State(state): State<AppState>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    check(&state, &caller, request.headers(), request.uri())?;
    let text = match read(request).await.ok().and_then(|body| serde_json::from_str::<Hosts>(&body).ok()) {
        None => "⚠️  Unable to parse verification request".to_owned(),
        Some(hosts) => verify(&hosts.nodes).await,
    };
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

async fn verify(nodes: &str) -> String {
    let hosts: Vec<&str> = nodes.split_whitespace().filter(|host| is_host(host)).take(MOST_HOSTS).collect();
    if hosts.is_empty() {
        return "✓ No nodes to verify".to_owned();
    }
    let key = folder().join("id_ed25519_sensors");
    let checks = hosts.iter().map(|host| {
        let mut command = Command::new("ssh");
        command.args([
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=5",
            "-o",
            "StrictHostKeyChecking=accept-new",
        ]);
        command.arg("-i").arg(&key).arg(format!("root@{host}")).arg("true").kill_on_drop(true);
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::null());
        async move {
            let outcome = tokio::time::timeout(CHECK, command.status()).await;
            outcome.is_ok_and(|status| status.is_ok_and(|status| status.success()))
        }
    });
    let reached =
        if key.exists() { futures_util::future::join_all(checks).await } else { vec![false; hosts.len()] };
    let list = |wanted: bool| {
        let some = hosts.iter().zip(&reached).filter(|(_, is)| **is == wanted).map(|(host, _)| *host);
        some.collect::<Vec<_>>().join(", ")
    };
    let (well, pending) = (list(true), list(false));
    let mut lines = Vec::new();
    if !well.is_empty() {
        lines.push(format!("✓ Reached over SSH: {well}"));
    }
    if !pending.is_empty() {
        lines.push(format!("⚠️  Not reached over SSH: {pending}"));
        lines.push("  Temperatures come from the Pulse agent; SSH is not needed for them.".to_owned());
    }
    lines.join("\n")
}

/// A name or an address that no program takes for an option.
fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_that_run_something_are_refused() {
        assert_eq!(forbidden("Host a\n  HostName 192.0.2.1 # note\n\nUser=root\nproxyjump b"), None);
        assert_eq!(forbidden("Host a\nProxyCommand nc %h"), Some("ProxyCommand"));
        assert_eq!(forbidden("Match exec \"x\""), Some("Match"));
    }

    #[test]
    fn a_configuration_that_was_there_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".ssh");
        write(&folder, "Host a\n").unwrap();
        assert!(!folder.join("config.before-pulse").exists());
        std::fs::write(folder.join("config"), "mine").unwrap();
        write(&folder, "Host b\n").unwrap();
        write(&folder, "Host c\n").unwrap();
        assert_eq!(std::fs::read_to_string(folder.join("config.before-pulse")).unwrap(), "mine");
        assert_eq!(std::fs::read_to_string(folder.join("config")).unwrap(), "Host c\n");
    }

    #[tokio::test]
    async fn hosts_that_are_options_are_not_taken() {
        assert!(!is_host("-oProxyCommand=x") && is_host("pve1.lan") && is_host("2001:db8::1"));
        assert_eq!(verify(" ").await, "✓ No nodes to verify");
    }
}
