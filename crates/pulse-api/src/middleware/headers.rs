//! Security headers. Our own page needs neither inline scripts nor inline styles nor anything from elsewhere.

use std::fmt::Write;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, header};
use pulse_config::SystemSettings;

use crate::{auth::SecureTransport, state::AppState};

const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("x-xss-protection"), HeaderValue::from_static("1; mode=block")),
    (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("strict-origin-when-cross-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("geolocation=(), microphone=(), camera=()"),
    ),
];

const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      connect-src 'self' ws: wss:; font-src 'self' data:; object-src 'none'; base-uri 'self'; \
                      form-action 'self'; frame-ancestors ";

/// Only over our own TLS. A day, not a year: it counts for every port of the host, and whoever goes back to HTTP must not be
/// shut out for long.
const STAY_ENCRYPTED: HeaderValue = HeaderValue::from_static("max-age=86400");

/// Middleware: adds the headers that the answer does not set itself. Who may show the page in a frame is asked anew for
/// every answer: Pulse v5 kept one of the two headers until a restart.
pub async fn security_headers(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let is_encrypted = request.extensions().get::<SecureTransport>().is_some();
    let mut response = next.run(request).await;
    let settings = state.system.current();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
    if is_encrypted {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(STAY_ENCRYPTED);
    }
    if !settings.allow_embedding {
        headers.entry(header::X_FRAME_OPTIONS).or_insert(HeaderValue::from_static("DENY"));
    }
    let policy = format!("{POLICY}{}", frame_ancestors(&settings));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    }
    response
}

fn frame_ancestors(settings: &SystemSettings) -> String {
    if !settings.allow_embedding {
        return "'none'".to_owned();
    }
    let mut text = "'self'".to_owned();
    let mut any = false;
    for origin in settings.allowed_embed_origins.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        any = true;
        // Writing into a String cannot fail.
        let _ = write!(text, " {origin}");
    }
    if any { text } else { "*".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_show_the_page_in_a_frame() {
        let check = |allow_embedding, origins: &str, expect: &str| {
            let settings = SystemSettings {
                allow_embedding,
                allowed_embed_origins: origins.to_owned(),
                ..SystemSettings::default()
            };
            assert_eq!(frame_ancestors(&settings), expect);
        };
        check(false, "https://a", "'none'");
        check(true, "", "*");
        check(true, "https://a, https://b:8443", "'self' https://a https://b:8443");
    }
}
