//! Credentials as a client writes them into a request: cookies, `Authorization`, a token in the query. Taking them apart is
//! all that is done here; whether they are right is decided elsewhere.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// The value of a cookie in one `Cookie` header.
pub fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim_matches('"'))
        .filter(|value| !value.is_empty())
}

/// The token of an `Authorization: Bearer` header; the scheme in any case.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// User and password of an `Authorization: Basic` header; a colon belongs to the password from the second on.
pub fn basic(authorization: &str) -> Option<(String, Zeroizing<String>)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?);
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), Zeroizing::new(password.to_owned())))
}

/// The value of `token` in the query of an address, as it stands there.
pub fn query_token(query: &str) -> Option<&str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == "token")
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_writes_is_taken_apart() {
        assert_eq!(cookie(r#"a=b; pulse_session="v"; c"#, "pulse_session"), Some("v"));
        assert_eq!(cookie("xpulse_session=v; pulse_session=", "pulse_session"), None);
        assert_eq!(bearer("bEaReR  t o"), Some("t o"));
        assert_eq!((bearer("Bearer "), bearer("Bearer"), bearer("Basic t")), (None, None, None));
        let (user, password) = basic("basic YTpiOmM=").unwrap();
        assert_eq!((user.as_str(), password.as_str()), ("a", "b:c"));
        assert!(basic("Basic YQ==").is_none() && basic("Basic /w==").is_none() && basic("Basic !").is_none());
        assert_eq!(query_token("a=1&token=x=y&token=z"), Some("x=y"));
        assert_eq!((query_token("token="), query_token("Token=x"), query_token("")), (None, None, None));
    }
}
