//! `POST /api/setup-script-url`: the command to run on a Proxmox host, with a token that is good once.

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use pulse_core::model::InstanceKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::base;
use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsWriteAdmin},
    state::AppState,
};

const LIMIT: usize = 8 * 1024;

/// Which host is to be connected.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
#[schema(as = SetupScriptWish)]
pub(super) struct Wish {
    /// `pve`; anything else is a backup server.
    #[serde(rename = "type")]
    kind: String,
    /// Its address; found out by the script where absent.
    host: Option<String>,
    /// Whether backups are to be listed, which needs more than the right to read (Proxmox VE).
    backup_perms: bool,
}

/// The command.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SetupScriptUrl)]
pub(super) struct Made {
    /// Address of the script.
    url: String,
    /// The command.
    command: String,
    /// The same.
    command_with_env: String,
    /// The command without the token; the script asks for it.
    command_without_env: String,
    /// Until when the token is good, Unix seconds.
    expires: i64,
    /// The token: good once, for five minutes.
    setup_token: String,
    /// Its beginning and end.
    token_hint: String,
}

/// Make the command that connects a Proxmox host.
#[utoipa::path(
    post, path = "/api/setup-script-url", tag = "connect", request_body = Wish,
    responses(
        (status = 200, body = Made), (status = 400, description = "No JSON", body = String),
        (status = 403, body = MissingScopeBody),
    )
)]
pub(super) async fn make_setup_script_url(
    allowed: Allowed<SettingsWriteAdmin>,
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<Made>, ApiError> {
    let (parts, body) = request.into_parts();
    let bad = |_| ApiError::text(StatusCode::BAD_REQUEST, "Invalid request");
    let wish: Wish = read_object(body, LIMIT).await.map_err(bad)?;
    let kind = if wish.kind == "pve" { InstanceKind::Pve } else { InstanceKind::Pbs };
    let token = state
        .access
        .setup_tokens
        .issue(kind, state.now())
        .map_err(|error| ApiError::internal("make a setup token", error))?;
    let base = base::of(&state, &parts.headers, &parts.extensions);
    let mut url = format!("{base}/api/setup-script?type={}", kind.name());
    if let Some(host) = wish.host.as_deref().map(str::trim).filter(|host| !host.is_empty()) {
        url.push_str("&host=");
        url.push_str(&query_escaped(host));
    }
    url.push_str("&pulse_url=");
    url.push_str(&base);
    if wish.backup_perms {
        url.push_str("&backup_perms=true");
    }
    tracing::info!(by = %allowed.identity, node.kind = %kind, "a setup token was made");
    let command = format!("curl -sSL \"{url}\" | PULSE_SETUP_TOKEN={} bash", token.value);
    let hint = format!("{}…{}", &token.value[..3], &token.value[token.value.len() - 3..]);
    Ok(Json(Made {
        command_without_env: format!("curl -sSL \"{url}\" | bash"),
        command_with_env: command.clone(),
        command,
        url,
        expires: token.expires.as_second(),
        setup_token: token.value,
        token_hint: hint,
    }))
}

/// `%XX` for everything that means something in a query or in a double-quoted word of a shell.
fn query_escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                out.push('%');
                for digit in [byte >> 4, byte & 15] {
                    out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
                }
            }
        }
    }
    out
}
