//! `GET /api/setup-script`: the script that connects a Proxmox host, for anybody: there is no secret in it but the
//! one-time token that the caller put there.

use axum::{
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{base, shell_quoted};
use crate::{error::ApiError, state::AppState};

const PVE: &str = include_str!("scripts/pve.sh");
const PBS: &str = include_str!("scripts/pbs.sh");

/// What goes into the script.
#[derive(Deserialize, IntoParams)]
pub(super) struct Wish {
    /// `pve`; anything else gives the script for backup servers.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Address of the Proxmox host; found out by the script where absent.
    host: Option<String>,
    /// Address of this server; that of the request where absent.
    pulse_url: Option<String>,
    /// `true` adds the right to list backups (Proxmox VE).
    backup_perms: Option<String>,
    /// The one-time token, hexadecimal; asked for by the script where absent.
    auth_token: Option<String>,
}

/// The script that connects a Proxmox VE or Backup Server host.
///
/// It makes a user that may only read and a token, registers the host here, may be run again, and takes everything away
/// with the word `remove`.
#[utoipa::path(
    get, path = "/api/setup-script", tag = "connect", security(()), params(Wish),
    responses(
        (status = 200, description = "A POSIX shell script", body = String),
        (status = 400, description = "What is wrong with the query", body = String),
    )
)]
pub(super) async fn get_setup_script(
    State(state): State<AppState>,
    headers: HeaderMap,
    extensions: Extensions,
    Query(wish): Query<Wish>,
) -> Result<Response, ApiError> {
    let bad = |text: String| ApiError::text(StatusCode::BAD_REQUEST, text);
    let kind = filled(wish.kind.as_ref())
        .ok_or_else(|| bad("Missing required parameter: type (must be 'pve' or 'pbs')".into()))?;
    let is_pve = kind == "pve";
    let (template, placeholder) =
        if is_pve { (PVE, "https://YOUR_PROXMOX_HOST:8006") } else { (PBS, "https://YOUR_PBS_HOST:8007") };
    let host = match filled(wish.host.as_ref()) {
        Some(host) => base::url(host).map_err(|why| bad(format!("Invalid host parameter: {why}")))?,
        None => placeholder,
    };
    let own = base::of(&state, &headers, &extensions);
    let pulse_url = match filled(wish.pulse_url.as_ref()) {
        Some(text) => base::url(text).map_err(|why| bad(format!("Invalid pulse_url parameter: {why}")))?,
        None => &own,
    };
    let token = filled(wish.auth_token.as_ref()).unwrap_or_default();
    if !token.is_empty() && !is_hexadecimal(token) {
        return Err(bad("Invalid auth_token parameter: token must be hexadecimal".into()));
    }
    let wants_backups = filled(wish.backup_perms.as_ref()) == Some("true");
    let script = render(template, pulse_url, host, wants_backups, token);
    // Pulse v5 puts the caller's `type` into the file name.
    let name =
        if is_pve { "inline; filename=pulse-setup-pve.sh" } else { "inline; filename=pulse-setup-pbs.sh" };
    let mut response = (StatusCode::OK, script).into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    out.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Every value becomes one quoted word: the script runs as root. A place is filled once and what stands in it is not
/// looked at again, so that no value can name another place and so get out of its quotes.
fn render(template: &str, pulse_url: &str, host: &str, wants_backups: bool, token: &str) -> String {
    let mut out = String::with_capacity(template.len() + 512);
    for line in template.lines() {
        let value = match line {
            "PULSE_URL=@PULSE_URL@" => Some(shell_quoted(pulse_url.trim_end_matches('/'))),
            "HOST_URL=@HOST_URL@" => Some(shell_quoted(host)),
            "BACKUP_PERMS=@BACKUP_PERMS@" => Some(shell_quoted(if wants_backups { "true" } else { "false" })),
            "AUTH_TOKEN=@AUTH_TOKEN@" => Some(shell_quoted(token)),
            _ => None,
        };
        match value {
            Some(value) => {
                out.push_str(line.split('@').next().unwrap_or_default());
                out.push_str(&value);
            }
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

fn filled(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn is_hexadecimal(text: &str) -> bool {
    (32..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_place_is_left_unfilled() {
        for template in [PVE, PBS] {
            let script = render(template, "https://p/", "https://h:8006", true, "");
            let left = script.lines().filter(|line| line.contains("=@")).collect::<Vec<_>>();
            assert!(left.is_empty(), "{left:?}");
            assert!(script.contains("PULSE_URL='https://p'\n"));
        }
    }

    #[test]
    fn no_value_fills_the_place_of_another() {
        let script = render(PVE, "https://@HOST_URL@", "https://x;id;@AUTH_TOKEN@", false, "abc");
        assert!(script.contains("\nPULSE_URL='https://@HOST_URL@'\n"));
        assert!(script.contains("\nHOST_URL='https://x;id;@AUTH_TOKEN@'\n"));
        assert!(script.contains("\nAUTH_TOKEN='abc'\n"));
    }
}
