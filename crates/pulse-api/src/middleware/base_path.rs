//! Hosting under a path of somebody else's host, such as `https://example.org/pulse/`.
//!
//! Inside, every path is as if Pulse had the host to itself. The path before it comes from the setting, or from a reverse
//! proxy that is trusted; it is taken off the requests of proxies that leave it on, and put before what goes out: paths of
//! cookies, redirects, and the addresses in the page's first document.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri, header};
use pulse_config::{Settings, settings::base_path as parse};

use crate::auth::{Peer, request_origin};

/// The path under which the browser sees this server, such as `/pulse`; put into each request, empty for a host of its own.
#[derive(Debug, Clone, Default)]
pub struct BasePath(pub Arc<str>);

/// Middleware, before any route is chosen.
pub async fn base_path(State(settings): State<Arc<Settings>>, mut request: Request, next: Next) -> Response {
    let own = settings.base_path.as_str();
    if !own.is_empty()
        && let Some(rest) = request.uri().path().strip_prefix(own)
    {
        if rest.is_empty() {
            return see(&format!("{own}/"));
        }
        if rest.starts_with('/')
            && let Some(uri) = without(request.uri(), own)
        {
            *request.uri_mut() = uri;
        }
    }
    let shown = shown(&settings, request.headers(), request.extensions());
    if shown.is_empty() {
        return next.run(request).await;
    }
    let shown: Arc<str> = shown.into();
    request.extensions_mut().insert(BasePath(Arc::clone(&shown)));
    let mut response = next.run(request).await;
    put_before(response.headers_mut(), &shown);
    response
}

/// The address under which the client reached this server, with the path.
pub(crate) fn request_address(settings: &Settings, headers: &HeaderMap, extensions: &Extensions) -> String {
    let path = extensions.get::<BasePath>().map(|path| Arc::clone(&path.0)).unwrap_or_default();
    format!("{}{path}", request_origin(settings, headers, extensions))
}

fn shown(settings: &Settings, headers: &HeaderMap, extensions: &Extensions) -> String {
    if !settings.base_path.is_empty() {
        return settings.base_path.clone();
    }
    // A stranger who could choose it would choose where the page's scripts come from.
    let Some(peer) = extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical()) else {
        return String::new();
    };
    if !settings.trusted_proxies.iter().any(|network| network.contains(peer)) {
        return String::new();
    }
    let prefix = headers.get("x-forwarded-prefix").and_then(|value| value.to_str().ok());
    prefix.and_then(parse).unwrap_or_default()
}

fn without(uri: &Uri, own: &str) -> Option<Uri> {
    uri.path_and_query()?.as_str().strip_prefix(own)?.parse().ok()
}

fn see(address: &str) -> Response {
    let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
    if let Ok(value) = HeaderValue::from_str(address) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

fn put_before(headers: &mut HeaderMap, shown: &str) {
    let changed = |text: String| HeaderValue::from_str(&text).ok();
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let is_ours = |place: &&str| place.starts_with('/') && !place.starts_with("//");
    if let Some(value) = location.filter(is_ours).and_then(|place| changed(format!("{shown}{place}"))) {
        headers.insert(header::LOCATION, value);
    }
    if !headers.contains_key(header::SET_COOKIE) {
        return;
    }
    let cookies: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        let moved = cookie.to_str().ok().map(|text| text.replace("; Path=/;", &format!("; Path={shown};")));
        headers.append(header::SET_COOKIE, moved.and_then(changed).unwrap_or(cookie));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_addresses_are_moved() {
        let mut headers = HeaderMap::new();
        headers.append(header::SET_COOKIE, "a=1; Path=/; HttpOnly".parse().unwrap());
        headers.append(header::SET_COOKIE, "b=2; Path=/x; Secure".parse().unwrap());
        headers.insert(header::LOCATION, "/login?x=/y".parse().unwrap());
        put_before(&mut headers, "/pulse");
        let cookies: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; Path=/pulse; HttpOnly", "b=2; Path=/x; Secure"]);
        assert_eq!(headers[header::LOCATION], "/pulse/login?x=/y");
        for elsewhere in ["https://id.example/authorize", "//evil.example/"] {
            headers.insert(header::LOCATION, elsewhere.parse().unwrap());
            put_before(&mut headers, "/pulse");
            assert_eq!(headers[header::LOCATION], elsewhere);
        }
    }
}
