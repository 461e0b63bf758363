//! The gate in front of every route: odd paths are refused, the caller is identified, and whoever is nobody gets to
//! public paths only. What a route requires beyond that stands in its signature (`Allowed`).

use std::sync::{Arc, LazyLock};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use pulse_auth::{AuthMethod, Denied, FeatureSet, Identity};
use tokio::sync::Semaphore;

use super::{CSRF_COOKIE, CSRF_HEADER, CookieRules, cookie, identify, is_proxied};
use crate::{
    auditing::Auditor,
    error::{ApiError, plain},
    state::AppState,
};

/// Paths that need no credentials.
const PUBLIC: [&str; 21] = [
    "/api/health",
    "/api/version",
    "/api/agent/version",
    // The token comes in the first message.
    "/api/agent/ws",
    "/api/server/info",
    "/api/login",
    "/api/oidc/login",
    "/api/oidc/callback",
    "/api/security/status",
    "/api/security/validate-bootstrap-token",
    "/api/security/quick-setup",
    "/api/openapi.json",
    "/api/setup-script",
    "/api/auto-register",
    "/api/system/ssh-config",
    "/api/system/verify-temperature-ssh",
    "/api/docs",
    "/api/install/install-docker.sh",
    "/download/pulse-agent",
    "/download/pulse-docker-agent",
    "/download/pulse-host-agent",
];

/// Paths whose mutations need no CSRF token: they either prove something stronger or precede every session.
const NO_CSRF: [&str; 5] = [
    "/api/login",
    "/api/oidc/login",
    "/api/security/quick-setup",
    "/api/security/apply-restart",
    "/api/security/validate-bootstrap-token",
];

/// Whether a path needs no credentials: one of the list, or a file of the page.
pub fn is_public(path: &str) -> bool {
    let is_guarded = path == "/api"
        || ["/api/", "/ws", "/socket.io", "/download/", "/simple-stats"]
            .iter()
            .any(|start| path.starts_with(start));
    !is_guarded || PUBLIC.contains(&path)
}

/// A path that tries to climb, in any spelling.
fn climbs(path: &str) -> bool {
    let plain = path.replace("%2e", ".").replace("%2E", ".").replace("%5c", "/").replace("%5C", "/");
    plain.split(['/', '\\']).any(|part| part == "..")
}

/// Middleware: identify, refuse, pass on.
pub async fn gate(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if climbs(&path) {
        let is_api = path.starts_with("/api/");
        let (status, text) = if is_api {
            (StatusCode::UNAUTHORIZED, "Unauthorized")
        } else {
            (StatusCode::BAD_REQUEST, "Invalid path")
        };
        return plain(status, text);
    }
    if request.method() == Method::OPTIONS {
        return StatusCode::OK.into_response();
    }
    let (parts, body) = request.into_parts();
    let identity = identify(&state, &parts).await;
    request = Request::from_parts(parts, body);
    if !identity.is_authenticated() && !is_public(&path) {
        return unauthenticated(&path, request.headers(), state.access.is_configured());
    }
    if let Some(refusal) = refuse_forged(&state, &request, &identity) {
        let (audit, of) = (Arc::clone(&state.audit), (request.headers(), request.extensions()));
        let auditor = Auditor::new(audit, &state.settings, of, &path, &identity);
        auditor.record("csrf_failure", false, request.method().as_str()).await;
        return refusal;
    }
    let wants_csrf_cookie = request.method() == Method::GET
        && path.starts_with("/api/")
        && cookie(request.headers(), CSRF_COOKIE).is_none();
    let issue = identity.session_key.clone().filter(|_| wants_csrf_cookie);
    let rules = CookieRules::of(request.headers(), request.extensions());
    let who = identity.is_authenticated().then(|| (identity.to_string(), identity.method.name()));
    request.extensions_mut().insert(identity);
    request.extensions_mut().insert(state.licensing.features(state.now()));
    let mut response = next.run(request).await;
    if let Some((user, method)) = who {
        let headers = response.headers_mut();
        if let Ok(user) = HeaderValue::from_str(&user) {
            headers.insert("x-authenticated-user", user);
        }
        headers.insert("x-auth-method", HeaderValue::from_static(method));
    }
    if let Some(key) = issue
        && let Ok(token) = state.access.csrf.issue(&key, state.now())
        && let Ok(value) = HeaderValue::from_str(&rules.csrf(&token, 86_400))
    {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

fn unauthenticated(path: &str, headers: &HeaderMap, is_configured: bool) -> Response {
    let wants_json = path.starts_with("/api/")
        || headers
            .get(header::ACCEPT)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.contains("application/json"));
    if !wants_json {
        return plain(StatusCode::UNAUTHORIZED, "Authentication required");
    }
    if is_configured {
        return ApiError::Denied(Denied::Unauthenticated).into_response();
    }
    // Before the first run is over nobody can have credentials: say what to do instead.
    let body = serde_json::json!({
        "error": "Authentication required",
        "setupRequired": true,
        "message": "Open the page and set a password with the bootstrap token first",
    });
    (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response()
}

/// A mutation that rides on what a browser sends by itself must show that a page of ours sends it: with a session its
/// CSRF token; with Basic credentials or those of a proxy, that it comes from this origin.
fn refuse_forged(state: &AppState, request: &Request, identity: &Identity) -> Option<Response> {
    let headers = request.headers();
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let path = request.uri().path();
    if is_safe || !path.starts_with("/api/") || NO_CSRF.contains(&path) {
        return None;
    }
    match identity.method {
        // Nobody can make a browser send a token.
        AuthMethod::ApiToken | AuthMethod::None => return None,
        AuthMethod::Basic | AuthMethod::Proxy => {
            let allowed = state.system.current().allowed_origin_list();
            return is_from_elsewhere(headers, &allowed).then(|| {
                plain(StatusCode::FORBIDDEN, "A page of another origin cannot change anything here")
            });
        }
        // Pulse v5 asks for no CSRF token where there is any Authorization header, garbage included.
        AuthMethod::Session | AuthMethod::Oidc => {}
    }
    let key = identity.session_key.clone()?;
    let given = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
    let now = state.now();
    if given.is_some_and(|token| state.access.csrf.verify(&key, token, now)) {
        return None;
    }
    let mut response = plain(StatusCode::FORBIDDEN, "CSRF token validation failed");
    let rules = CookieRules::of(headers, request.extensions());
    if let Ok(token) = state.access.csrf.issue(&key, now)
        && let (Ok(value), Ok(set)) =
            (HeaderValue::from_str(&token), HeaderValue::from_str(&rules.csrf(&token, 86_400)))
    {
        response.headers_mut().insert(CSRF_HEADER, value);
        response.headers_mut().append(header::SET_COOKIE, set);
    }
    Some(response)
}

/// Whether a page of another origin sends the request, as far as its browser tells.
fn is_from_elsewhere(headers: &HeaderMap, allowed: &[String]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(header::ORIGIN.as_str());
    if origin.is_some_and(|origin| allowed.iter().any(|entry| entry.eq_ignore_ascii_case(origin))) {
        return false;
    }
    match (text("sec-fetch-site"), origin) {
        (Some(site), _) => matches!(site, "cross-site" | "same-site"),
        // Without HTTPS browsers do not say the former. Behind a proxy the host may be another one than the browser's.
        (None, Some(origin)) if !is_proxied(headers) => {
            let host = text(header::HOST.as_str()).unwrap_or_default();
            origin.split_once("://").is_none_or(|(_, origin)| !origin.eq_ignore_ascii_case(host))
        }
        _ => false,
    }
}

/// Password hashes take memory and a core each: half the cores, one at least and two at most, so that whoever guesses leaves
/// the others a core.
static HASHING: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Semaphore::new((cores / 2).clamp(1, 2))
});

/// Places for passwords that are verified or wait for it: guesses from many addresses at once must not pile up, each with
/// its connection, in front of the person who knows the password.
static HASHING_PLACES: Semaphore = Semaphore::const_new(32);

/// So many passwords wait to be verified that this one was not looked at: it is neither right nor wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

/// Verifies a password off the async threads.
pub(crate) async fn verify_password(given: String, hash: String) -> Result<bool, Busy> {
    let _place = HASHING_PLACES.try_acquire().map_err(|_| Busy)?;
    let _permit = HASHING.acquire().await.map_err(|_| Busy)?;
    Ok(tokio::task::spawn_blocking(move || super::identify::verify(&given, &hash)).await.unwrap_or(false))
}

/// What the licence includes, as the gate found it.
pub(crate) fn features(extensions: &http::Extensions) -> FeatureSet {
    extensions.get::<FeatureSet>().copied().unwrap_or_default()
}

/// The caller of the request, as the gate found it.
pub(crate) fn caller(extensions: &http::Extensions) -> Identity {
    extensions.get::<Identity>().cloned().unwrap_or_else(Identity::anonymous)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn guesses_beyond_the_places_are_turned_away_and_not_called_wrong() {
        let hash = pulse_auth::password::hash("correct horse battery").unwrap();
        let all = (0..40).map(|_| verify_password("correct horse battery".into(), hash.clone()));
        let answers = futures_util::future::join_all(all).await;
        assert!(answers.iter().all(|answer| *answer != Ok(false)), "{answers:?}");
        assert!(answers.contains(&Ok(true)));
        assert!(answers.iter().filter(|answer| **answer == Err(Busy)).count() >= 8, "{answers:?}");
        // The places are free again.
        assert_eq!(verify_password("guess".into(), hash).await, Ok(false));
    }

    #[test]
    fn everything_under_the_api_is_guarded_but_the_list() {
        for path in [
            "/api/state",
            "/api/x.js",
            "/api",
            "/ws",
            "/socket.io/x.js",
            "/download/a.sha256",
            "/api/healthz",
        ] {
            assert!(!is_public(path), "{path}");
        }
        for path in ["/", "/index.html", "/assets/a.js", "/api/health", "/api/login"] {
            assert!(is_public(path), "{path}");
        }
    }

    #[test]
    fn a_page_of_another_origin_is_told_from_our_own_and_from_programs() {
        let check = |pairs: &[(&'static str, &str)], expect: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "pulse.lan:7655".parse().unwrap());
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            let allowed = ["https://dash.example".to_owned(), "*".to_owned()];
            assert_eq!(is_from_elsewhere(&headers, &allowed), expect, "{pairs:?}");
        };
        check(&[], false);
        check(&[("origin", "http://pulse.lan:7655")], false);
        check(&[("origin", "http://evil.example")], true);
        check(&[("origin", "null")], true);
        check(&[("origin", "https://dash.example"), ("sec-fetch-site", "cross-site")], false);
        check(&[("origin", "https://pulse.example"), ("sec-fetch-site", "same-origin")], false);
        check(&[("origin", "https://pulse.example"), ("x-forwarded-for", "192.0.2.1")], false);
        check(&[("sec-fetch-site", "cross-site")], true);
        check(&[("sec-fetch-site", "same-site")], true);
    }

    #[test]
    fn climbing_is_seen_in_every_spelling() {
        for path in ["/api/../x", "/a/%2e%2e/b", "/a/.%2E/b", "/..", "/a%5c..%5cb/../c"] {
            assert!(climbs(path), "{path}");
        }
        assert!(!climbs("/api/guests/a..b"));
    }
}
