//! What stands in front of the gate: how often an address may ask, organisations, the read-only demo, and which other
//! origins a browser may call from.

use std::net::IpAddr;

use axum::{
    Json,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use pulse_auth::{Limited, RateLimiter};
use serde_json::json;

use crate::{
    auth::{client_address, cookie, is_direct_loopback},
    error::plain,
    state::AppState,
};

/// Addresses that are counted at once, per class: what that takes is bounded, whoever asks.
const ADDRESSES: usize = 4_096;

/// How often one address may ask, by kind of path (contract A-01 §8).
#[derive(Debug)]
pub struct RequestLimits {
    login: RateLimiter<IpAddr>,
    recovery: RateLimiter<IpAddr>,
    transfer: RateLimiter<IpAddr>,
    config_write: RateLimiter<IpAddr>,
    read: RateLimiter<IpAddr>,
    updates: RateLimiter<IpAddr>,
    provider: RateLimiter<IpAddr>,
    agents: RateLimiter<IpAddr>,
    other: RateLimiter<IpAddr>,
}

impl Default for RequestLimits {
    fn default() -> Self {
        let limiter = |limit, minutes| RateLimiter::new(limit, SignedDuration::from_mins(minutes), ADDRESSES);
        Self {
            login: limiter(10, 1),
            recovery: limiter(3, 10),
            transfer: limiter(5, 5),
            config_write: limiter(30, 1),
            read: limiter(1000, 1),
            updates: limiter(60, 1),
            // Each begins a login that is remembered, and may ask the provider.
            provider: limiter(60, 1),
            // Pulse v5: 500, so that the agents of a few hundred machines behind one address shut each other out.
            agents: limiter(20_000, 1),
            other: limiter(500, 1),
        }
    }
}

impl RequestLimits {
    /// Counts a request. Paths are compared by their beginning: Pulse v5 looks whether they contain a text anywhere,
    /// so that `/api/login/ws` is not counted at all.
    fn check(
        &self,
        method: &Method,
        path: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<(), (Limited, i64)> {
        let is = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let any = |prefixes: &[&str]| prefixes.iter().any(|prefix| is(prefix));
        if !(is("/api") || is("/ws")) || any(&["/api/state", "/api/guests/metadata", "/ws"]) {
            return Ok(());
        }
        let is_config =
            any(&["/api/config/nodes", "/api/config/system", "/api/config/webhooks", "/api/config/alerts"]);
        let (limiter, window_seconds) =
            if any(&["/api/login", "/api/logout", "/api/security/change-password", "/api/auth"]) {
                (&self.login, 60)
            } else if is("/api/security/recovery") {
                (&self.recovery, 600)
            } else if any(&["/api/config/export", "/api/config/import"]) {
                (&self.transfer, 300)
            } else if is_config && method != Method::GET {
                (&self.config_write, 60)
            } else if any(&[
                "/api/config",
                "/api/discover",
                "/api/security/status",
                "/api/health",
                "/api/version",
                "/api/security/validate-bootstrap-token",
                "/api/metrics-store",
            ]) {
                (&self.read, 60)
            } else if is("/api/updates") {
                (&self.updates, 60)
            } else if is("/api/oidc") {
                (&self.provider, 60)
            } else if is("/api/agents") {
                (&self.agents, 60)
            } else {
                (&self.other, 60)
            };
        limiter.check(&address, now).map(drop).map_err(|limited| (limited, window_seconds))
    }
}

/// Middleware: refuses before anything else is done, then marks what leaves for other origins.
pub async fn perimeter(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = match refuse(&state, &request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    if state.settings.demo_mode {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-demo-mode"), HeaderValue::from_static("true"));
    }
    allow_origin(response.headers_mut(), origin.as_ref(), &state.system.current().allowed_origin_list());
    response
}

fn refuse(state: &AppState, request: &Request) -> Option<Response> {
    let (headers, path) = (request.headers(), request.uri().path());
    if !is_direct_loopback(headers, request.extensions()) {
        let address = client_address(request.extensions(), headers, &state.settings);
        let now = state.now();
        if let Err((limited, window)) =
            state.access.request_limits.check(request.method(), path, address, now)
        {
            return Some(too_often(limited, window));
        }
    }
    if let Some(refusal) = foreign_organisation(headers) {
        return Some(refusal);
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let may_in_demo = matches!(path, "/api/login" | "/api/logout" | "/api/oidc/login" | "/api/oidc/callback");
    if state.settings.demo_mode && changes && !may_in_demo {
        let body = json!({
            "error": "Demo mode enabled",
            "message": "This is a read-only demo instance. Modifications are disabled.",
        });
        return Some((StatusCode::FORBIDDEN, Json(body)).into_response());
    }
    None
}

fn too_often(limited: Limited, window_seconds: i64) -> Response {
    let mut response = plain(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded. Please try again later.");
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, window_seconds.into());
    headers.insert("x-ratelimit-limit", limited.limit.into());
    headers.insert("x-ratelimit-remaining", 0.into());
    if let Ok(reset) = HeaderValue::from_str(&limited.retry_at.to_string()) {
        headers.insert("x-ratelimit-reset", reset);
    }
    response
}

/// There is one organisation here. Pulse v5 makes a directory with a key for whatever name an unauthenticated client
/// sends; here a name is an answer and nothing else.
fn foreign_organisation(headers: &HeaderMap) -> Option<Response> {
    let from_header = headers.get("x-pulse-org-id").map(|value| value.to_str().unwrap_or("/").trim());
    let wanted = from_header.filter(|id| !id.is_empty()).or_else(|| cookie(headers, "pulse_org_id"))?;
    if wanted == "default" {
        return None;
    }
    let is_name = wanted.len() <= 64
        && wanted.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && !wanted.bytes().all(|byte| byte == b'.');
    let (status, body) = if is_name {
        let message =
            "Multi-tenant functionality is not enabled. Set PULSE_MULTI_TENANT_ENABLED=true to enable.";
        (StatusCode::NOT_IMPLEMENTED, json!({"error": "feature_disabled", "message": message}))
    } else {
        (StatusCode::BAD_REQUEST, json!({"error": "invalid_org", "message": "Invalid Organization ID"}))
    };
    Some((status, Json(body)).into_response())
}

/// The headers of CORS; without configured origins there are none.
fn allow_origin(headers: &mut HeaderMap, origin: Option<&HeaderValue>, allowed: &[String]) {
    const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
    const ALLOWED: HeaderValue =
        HeaderValue::from_static("Content-Type, Authorization, X-API-Token, X-CSRF-Token, X-Setup-Token");
    const EXPOSED: HeaderValue =
        HeaderValue::from_static("X-CSRF-Token, X-Authenticated-User, X-Auth-Method");
    let Some(first) = allowed.first() else { return };
    let is_any = allowed.iter().any(|entry| entry == "*");
    let value = if is_any {
        Some(HeaderValue::from_static("*"))
    } else {
        match origin {
            None => HeaderValue::from_str(first).ok(),
            Some(origin) => {
                let is_listed = allowed.iter().any(|entry| entry.as_bytes() == origin.as_bytes());
                is_listed.then(|| origin.clone())
            }
        }
    };
    if !is_any {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    let Some(value) = value else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
    if !is_any {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(allowed: &[&str], origin: Option<&str>) -> (Option<String>, bool) {
        let mut headers = HeaderMap::new();
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        let origin = origin.map(|text| HeaderValue::from_str(text).unwrap());
        allow_origin(&mut headers, origin.as_ref(), &allowed);
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let has_credentials = text(header::ACCESS_CONTROL_ALLOW_CREDENTIALS).is_some();
        (text(header::ACCESS_CONTROL_ALLOW_ORIGIN), has_credentials)
    }

    #[test]
    fn an_origin_is_told_it_may_only_when_it_is_listed() {
        let some = |text: &str, credentials| (Some(text.to_owned()), credentials);
        assert_eq!(cors(&[], Some("https://a")), (None, false));
        assert_eq!(cors(&["*"], Some("https://a")), some("*", false));
        assert_eq!(cors(&["https://a", "https://b"], Some("https://b")), some("https://b", true));
        assert_eq!(cors(&["https://a"], Some("https://a.evil")), (None, false));
        assert_eq!(cors(&["https://a"], Some("null")), (None, false));
        assert_eq!(cors(&["https://a", "https://b"], None), some("https://a", true));
        // A star beside a list never brings credentials with it.
        assert_eq!(cors(&["https://a", "*"], Some("https://a")), some("*", false));
    }

    #[test]
    fn each_kind_of_path_has_its_own_limit_and_a_suffix_escapes_none() {
        let limits = RequestLimits::default();
        let (address, now) = ("203.0.113.9".parse().unwrap(), Timestamp::UNIX_EPOCH);
        let ask = |method: Method, path: &str| limits.check(&method, path, address, now).is_ok();
        let count = |ask: &mut dyn FnMut() -> bool| (0..2_000).take_while(|_| ask()).count();
        assert_eq!(count(&mut || ask(Method::POST, "/api/login")), 10);
        assert!(!ask(Method::POST, "/api/login/ws") && !ask(Method::POST, "/api/logout"));
        assert_eq!(count(&mut || ask(Method::POST, "/api/security/recovery")), 3);
        assert_eq!(count(&mut || ask(Method::POST, "/api/config/export")), 5);
        assert_eq!(count(&mut || ask(Method::PUT, "/api/config/nodes/pve-0")), 30);
        assert_eq!(count(&mut || ask(Method::GET, "/api/updates/status")), 60);
        assert_eq!(count(&mut || ask(Method::GET, "/api/oidc/login")), 60);
        assert_eq!(count(&mut || ask(Method::GET, "/api/anything")), 500);
        assert_eq!(
            count(&mut || ask(Method::POST, "/api/agents/host/report")),
            2_000,
            "agents behind one address"
        );
        assert_eq!(count(&mut || ask(Method::GET, "/api/health")), 1000);
        assert!((0..3_000).all(|_| ask(Method::GET, "/api/state") && ask(Method::GET, "/assets/x.js")));
    }

    #[test]
    fn the_name_of_an_organisation_is_an_answer_and_nothing_else() {
        let status = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-pulse-org-id", id.parse().unwrap());
            foreign_organisation(&headers).map(|response| response.status().as_u16())
        };
        assert_eq!(status("default"), None);
        assert_eq!(status("acme"), Some(501));
        for id in ["..", ".", "a/b", "../../etc", "a b", "a%2fb", &"x".repeat(65)] {
            assert_eq!(status(id), Some(400), "{id}");
        }
    }
}
