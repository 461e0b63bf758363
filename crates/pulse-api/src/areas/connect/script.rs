//! `GET /api/setup-script`: the script that connects a Proxmox host, for anybody: there is no secret in it but the
//! one-time token that the caller put there.

use axum::{
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{base, shell_quoted};
use crate::{error::ApiError, state::AppState};

const PVE: &str = include_str!("scripts/pve.sh");
const PBS: &str = include_str!("scripts/pbs.sh");

/// What goes into the script.
#[derive(Debug, Deserialize, IntoParams)]
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
    Query(wish): Query<Wish>,
) -> Result<Response, ApiError> {
    let bad = |text: String| ApiError::text(StatusCode::BAD_REQUEST, text);
    let kind = filled(wish.kind.as_ref())
        .ok_or_else(|| bad("Missing required parameter: type (must be 'pve' or 'pbs')".into()))?;
    let is_pve = kind == "pve";
    let (template, placeholder) =
        if is_pve { (PVE, "https://YOUR_PROXMOX_HOST:8006") } else { (PBS, "https://YOUR_PBS_HOST:8007") };
    let host = match filled(wish.host.as_ref()) {
        Some(host) => url(host).map_err(|why| bad(format!("Invalid host parameter: {why}")))?,
        None => placeholder,
    };
    let own = base::of(&state, &headers);
    let pulse_url = match filled(wish.pulse_url.as_ref()) {
        Some(text) => url(text).map_err(|why| bad(format!("Invalid pulse_url parameter: {why}")))?,
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

/// Every value becomes one quoted word: the script runs as root.
fn render(template: &str, pulse_url: &str, host: &str, wants_backups: bool, token: &str) -> String {
    template
        .replace("@PULSE_URL@", &shell_quoted(pulse_url.trim_end_matches('/')))
        .replace("@HOST_URL@", &shell_quoted(host))
        .replace("@BACKUP_PERMS@", if wants_backups { "'true'" } else { "'false'" })
        .replace("@AUTH_TOKEN@", &shell_quoted(token))
}

fn filled(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn is_hexadecimal(text: &str) -> bool {
    (32..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An absolute http or https address of which nothing can be mistaken in JSON, in a shell or in a log.
fn url(text: &str) -> Result<&str, &'static str> {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return Err("must be an absolute http or https URL");
    };
    if text.len() > 2_048 {
        return Err("is too long");
    }
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'\'' | b'`' | b'$'))
    {
        return Err("must not contain blanks, quotes or control characters");
    }
    match rest.split('/').next() {
        None | Some("") => Err("must have a host"),
        Some(_) => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_could_get_out_of_the_script_are_refused() {
        assert!(url("https://192.0.2.4:8006").is_ok() && url("http://[2001:db8::1]:7655/pulse").is_ok());
        for text in [
            "ftp://x",
            "x",
            "https://",
            "https:///x",
            "https://a\nb",
            "https://a'b",
            "https://a$(b)",
            "https://a\"b",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_place_is_left_unfilled() {
        for template in [PVE, PBS] {
            let script = render(template, "https://p/", "https://h:8006", true, "");
            let left = script.lines().filter(|line| line.contains("=@")).collect::<Vec<_>>();
            assert!(left.is_empty(), "{left:?}");
            assert!(script.contains("PULSE_URL='https://p'\n"));
        }
    }
}
