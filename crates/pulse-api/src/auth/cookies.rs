//! Cookies of a request and of an answer.

use http::{HeaderMap, header};

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
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim_matches('"'))
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_never_by_a_part_of_its_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; xpulse_session=no; pulse_session=yes; b=2".parse().unwrap());
        assert_eq!(cookie(&headers, SESSION_COOKIE), Some("yes"));
        assert_eq!(cookie(&headers, CSRF_COOKIE), None);
        assert_eq!(cookie(&HeaderMap::new(), SESSION_COOKIE), None);
    }
}
