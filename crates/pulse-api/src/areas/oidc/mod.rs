//! `/api/security/oidc`, `/api/oidc/*`: login by an OpenID Connect provider (contract A-03).

mod callback;
mod config;
mod login;

use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use pulse_config::{OidcConfig, Settings, SystemSettings};

use crate::{
    middleware::request_address,
    routing::{ApiRouter, routes},
};

/// The cookie that ties a login under way to the browser that began it.
const LOGIN_COOKIE: &str = "pulse_oidc";
const LOGIN_SECONDS: i64 = 600;
const CALLBACK: &str = "/api/oidc/callback";

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(config::get_oidc, config::set_oidc))
        .routes(routes!(config::set_oidc_by_post))
        .routes(routes!(config::test_oidc))
        .routes(routes!(login::begin_login, login::begin_login_for_program))
        .routes(routes!(callback::finish_login))
}

/// Where the provider sends the browser back to, as configured. `None` where nothing is: whoever begins a login must not
/// choose it by a `Host` header. Pulse v5 takes that header, so that a stranger can have somebody else's code sent
/// elsewhere wherever the provider is lenient.
fn redirect_uri(config: &OidcConfig, system: &SystemSettings) -> Option<String> {
    if !config.redirect_url.is_empty() {
        return Some(config.redirect_url.clone());
    }
    let base = system.public_url.trim_end_matches('/');
    (!base.is_empty()).then(|| format!("{base}{CALLBACK}"))
}

/// What an administrator is offered where nothing is configured: the address they have this server under.
fn offered_redirect(
    settings: &Settings,
    system: &SystemSettings,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> String {
    redirect_uri(&OidcConfig::default(), system)
        .unwrap_or_else(|| format!("{}{CALLBACK}", request_address(settings, headers, extensions)))
}

/// Sends the browser to an address.
fn see(address: &str) -> Response {
    let mut response = StatusCode::FOUND.into_response();
    let location = HeaderValue::from_str(address).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Sends the browser back to the page, with what came of the login added to what the address holds already.
fn back(path: &str, outcome: &str, code: Option<&str>) -> Response {
    let (path, fragment) = path.split_once('#').map_or((path, None), |(path, rest)| (path, Some(rest)));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut pairs: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("oidc=") && !pair.starts_with("oidc_error="))
        .collect();
    let outcome = format!("oidc={outcome}");
    let error = code.map(|code| format!("oidc_error={code}"));
    pairs.push(&outcome);
    pairs.extend(error.as_deref());
    pairs.sort_unstable();
    let fragment = fragment.map(|rest| format!("#{rest}")).unwrap_or_default();
    see(&format!("{path}?{}{fragment}", pairs.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_browser_comes_back_is_configured_and_nothing_else() {
        let check = |redirect: &str, public: &str, expect: Option<&str>| {
            let config = OidcConfig { redirect_url: redirect.to_owned(), ..OidcConfig::default() };
            let system = SystemSettings { public_url: public.to_owned(), ..SystemSettings::default() };
            assert_eq!(redirect_uri(&config, &system).as_deref(), expect);
        };
        check("", "", None);
        check("", "https://p/pulse/", Some("https://p/pulse/api/oidc/callback"));
        check("https://a/cb", "https://p", Some("https://a/cb"));
    }

    #[test]
    fn what_came_of_a_login_is_added_to_the_address() {
        let check = |path: &str, code: Option<&str>, expect: &str| {
            let outcome = if code.is_some() { "error" } else { "success" };
            assert_eq!(back(path, outcome, code).headers()[header::LOCATION], expect);
        };
        check("/", None, "/?oidc=success");
        check("/docker?z=1&a=2#x", None, "/docker?a=2&oidc=success&z=1#x");
        check("/?oidc=error&oidc_error=old", Some("invalid_state"), "/?oidc=error&oidc_error=invalid_state");
    }
}
