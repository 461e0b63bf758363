//! Cookies of a request and of an answer.

use http::{Extensions, HeaderMap, header};
use pulse_auth::presented;

use super::{is_proxied, peer::SecureTransport};

/// The cookie of a session.
pub const SESSION_COOKIE: &str = "pulse_session";

/// The cookie whose value a page sends back in a header to show that it is ours.
pub const CSRF_COOKIE: &str = "pulse_csrf";

/// That header.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// The value of a cookie of the request.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(|text| presented::cookie(text, name))
}

/// How the cookies of an answer are marked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CookieRules {
    is_secure: bool,
    is_proxied: bool,
}

impl CookieRules {
    /// By the request. Here any proxy's word counts, trusted or not: a false claim makes a cookie stricter, and only for
    /// the one who makes it.
    pub(crate) fn of(headers: &HeaderMap, extensions: &Extensions) -> Self {
        let says = |name: &str, wanted: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .is_some_and(|value| value.to_ascii_lowercase().contains(wanted))
        };
        Self {
            is_secure: extensions.get::<SecureTransport>().is_some()
                || says("x-forwarded-proto", "https")
                || says("forwarded", "proto=https"),
            is_proxied: is_proxied(headers),
        }
    }

    /// The `Set-Cookie` value of a CSRF token.
    pub(crate) fn csrf(self, token: &str, max_age_seconds: i64) -> String {
        self.set(CSRF_COOKIE, token, max_age_seconds, false)
    }

    /// The `Set-Cookie` value of a session.
    pub(crate) fn session(self, value: &str, max_age_seconds: i64) -> String {
        self.set(SESSION_COOKIE, value, max_age_seconds, true)
    }

    /// The `Set-Cookie` value of a cookie that also comes along when another site leads here, and that no script reads.
    pub(crate) fn lax(self, name: &str, value: &str, max_age_seconds: i64) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly{secure}; SameSite=Lax")
    }

    fn set(self, name: &str, value: &str, max_age_seconds: i64, is_http_only: bool) -> String {
        let same_site = if self.is_secure && self.is_proxied { "None" } else { "Lax" };
        let http_only = if is_http_only { "; HttpOnly" } else { "" };
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={max_age_seconds}{http_only}{secure}; SameSite={same_site}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_marked_by_how_the_browser_came() {
        let check = |pairs: &[(&'static str, &str)], is_tls: bool, marks: &str| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            let mut extensions = Extensions::new();
            if is_tls {
                extensions.insert(SecureTransport);
            }
            let expect = format!("pulse_session=v; Path=/; Max-Age=9; HttpOnly{marks}");
            assert_eq!(CookieRules::of(&headers, &extensions).session("v", 9), expect);
        };
        check(&[], false, "; SameSite=Lax");
        check(&[("x-pulse-tls", "1")], false, "; SameSite=Lax");
        check(&[], true, "; Secure; SameSite=Lax");
        check(&[("x-forwarded-proto", "https")], false, "; Secure; SameSite=None");
        check(&[("x-forwarded-proto", "http")], false, "; SameSite=Lax");
    }

    proptest::proptest! {
        #[test]
        fn a_value_of_a_cookie_is_a_part_of_what_was_sent(text in "[ -~]{0,120}") {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, text.parse().unwrap());
            for name in [SESSION_COOKIE, CSRF_COOKIE, ""] {
                if let Some(value) = cookie(&headers, name) {
                    proptest::prop_assert!(!value.is_empty() && !value.contains(';') && text.contains(value));
                    let pair = [name, "="].concat();
                    proptest::prop_assert!(text.contains(&pair));
                }
            }
        }
    }

    #[test]
    fn a_cookie_is_found_among_others_and_never_by_a_part_of_its_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; xpulse_session=no; pulse_session=yes; b=2".parse().unwrap());
        assert_eq!(cookie(&headers, SESSION_COOKIE), Some("yes"));
        assert_eq!(cookie(&headers, CSRF_COOKIE), None);
        assert_eq!(cookie(&HeaderMap::new(), SESSION_COOKIE), None);
    }
}
