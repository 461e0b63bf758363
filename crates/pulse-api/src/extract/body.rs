//! JSON bodies: capped, and with an error that names the field.

use axum::body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

/// Why a body is not what the route wants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is larger than the route takes.
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge {
        /// What the route takes.
        limit_bytes: usize,
    },
    /// The client broke off.
    #[error("the body ended too early")]
    Incomplete,
    /// It is no JSON of the right shape.
    #[error("{}{message}", if path.is_empty() { String::new() } else { format!("field {path}: ") })]
    Invalid {
        /// The field, as a path; empty for the body as a whole.
        path: String,
        /// What is wrong with it.
        message: String,
    },
}

/// Reads a body of at most `limit_bytes` as JSON.
pub async fn read_json<T: DeserializeOwned>(body: Body, limit_bytes: usize) -> Result<T, JsonError> {
    let bytes = match Limited::new(body, limit_bytes).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(JsonError::TooLarge { limit_bytes }),
        Err(_) => return Err(JsonError::Incomplete),
    };
    parse(&bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    serde_json::from_slice(bytes)
        .map_err(|error| JsonError::Invalid { path: path_of(bytes, &error), message: error.to_string() })
}

/// The field at which reading broke off; empty when that is the body as a whole.
///
/// Only a body that was refused is looked at again: to follow the path while reading would cost each good body as well,
/// and the program a second copy of the code of every shape.
fn path_of(bytes: &[u8], error: &serde_json::Error) -> String {
    let Some(end) = offset_of(bytes, error.line(), error.column()) else { return String::new() };
    // The error stands on the last byte of what it is about, or right before a value that was only looked at.
    let is_before = |byte: &u8| matches!(byte, b':' | b',' | b'[') || byte.is_ascii_whitespace();
    let last = end.saturating_sub(1);
    let cut = if bytes.get(last).is_some_and(is_before) { end } else { last };
    let mut so_far = bytes.get(..cut).unwrap_or_default();
    // Half a number or word would pass for a whole one: take all of it away, so that its value is what is missing.
    let is_bare = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if bytes.get(so_far.len()).is_some_and(is_bare) {
        while let [rest @ .., last] = so_far
            && is_bare(last)
        {
            so_far = rest;
        }
    }
    let mut deserializer = serde_json::Deserializer::from_slice(so_far);
    match serde_path_to_error::deserialize::<_, serde_json::Value>(&mut deserializer) {
        Ok(_) => String::new(),
        Err(error) => known(&error.path().to_string()).to_owned(),
    }
}

/// A path without the key that was still to come, and nothing where it is that of the whole body.
fn known(path: &str) -> &str {
    if path == "." || path == "?" { "" } else { path.strip_suffix(".?").unwrap_or(path) }
}

/// Where a line and column, both counted from 1, are; nothing for an error that has no place.
fn offset_of(bytes: &[u8], line: usize, column: usize) -> Option<usize> {
    let lines_before = line.checked_sub(1)?;
    let start = match lines_before.checked_sub(1) {
        None => 0,
        Some(nth) => bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(nth)?.0 + 1,
    };
    Some((start + column).min(bytes.len()))
}

#[cfg(test)]
mod tests {
    use pulse_core::report::host::HostReport;

    use super::*;

    #[tokio::test]
    async fn the_field_is_named() {
        let body = Body::from(r#"{"host":{"hostname":7}}"#);
        let error = read_json::<HostReport>(body, 1024).await.unwrap_err();
        assert!(error.to_string().starts_with("field host.hostname: invalid type"), "{error}");
    }

    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only how they fail to be read matters")]
    struct Shape {
        name: String,
        count: Option<u8>,
        list: Option<Vec<Inner>>,
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only how they fail to be read matters")]
    struct Inner {
        on: bool,
        kind: Option<Kind>,
        ratio: Option<f64>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        One,
        Two,
    }

    #[test]
    fn every_kind_of_mistake_names_its_field() {
        for (text, path) in [
            (r#"{"name":7}"#, "name"),
            (r#"{"name":"a","count":1234}"#, "count"),
            (r#"{"name":"a","count":-1}"#, "count"),
            (r#"{"name":"a","count":1.5e3}"#, "count"),
            (r#"{"name":"a","count":true}"#, "count"),
            (r#"{"name":"a","count":"many"}"#, "count"),
            (r#"{"name":null}"#, "name"),
            (r#"{"name":"a","list":[{"on":true},{"on":1}]}"#, "list[1].on"),
            (r#"{"name":"a","list":[{"on":true},{}]}"#, "list[1]"),
            (r#"{"name":"a","list":{"on":true}}"#, "list"),
            (r#"{"name":"a","inner":{"on":true,"kind":"three"}}"#, "inner.kind"),
            (r#"{"name":"a","inner":{"on":true,"ratio":"x"}}"#, "inner.ratio"),
            ("{\n \"name\": \"\u{e4}\",\n \"inner\": {\n  \"on\": 12\n }\n}", "inner.on"),
            (r#"{"count":1}"#, ""),
            (r#"{"name":"a","inner":{"ratio":1.0}}"#, "inner"),
            (r#"{"name":"a","#, ""),
            (r#"{"name":"#, "name"),
            ("", ""),
            ("nonsense", ""),
        ] {
            match parse::<Shape>(text.as_bytes()) {
                Err(JsonError::Invalid { path: found, message }) => {
                    assert_eq!(found, path, "{text}: {message}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_body_whatever_makes_the_search_fail(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let _ = parse::<Shape>(&bytes).map_err(|error| error.to_string());
        }

        /// What `serde_path_to_error` says while it follows the reading is what is found afterwards.
        #[test]
        fn the_path_is_that_of_following_all_the_way(cut in 0_usize..90, put in "[0-9a-z{}\\[\\],:\" ]{0,3}") {
            let good = r#"{"name":"abc","count":12,"list":[{"on":true,"ratio":-1.5}],"inner":{"on":false,"kind":"one"}}"#;
            let at = cut.min(good.len());
            let text = format!("{}{put}{}", &good[..at], &good[(at + put.len()).min(good.len())..]);
            let mut deserializer = serde_json::Deserializer::from_str(&text);
            let followed = serde_path_to_error::deserialize::<_, Shape>(&mut deserializer).map_err(|error| {
                known(&error.path().to_string()).to_owned()
            });
            if let (Err(expected), Err(JsonError::Invalid { path, .. })) = (followed, parse::<Shape>(text.as_bytes())) {
                // A syntax error between two fields may count to either the field before it or the whole around it.
                let is_near = path == expected || expected.starts_with(&path) || path.starts_with(&expected);
                proptest::prop_assert!(is_near, "{text}: {path} instead of {expected}");
            }
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_before_it_is_whole() {
        let error = read_json::<HostReport>(Body::from(vec![b' '; 1025]), 1024).await.unwrap_err();
        assert_eq!(error, JsonError::TooLarge { limit_bytes: 1024 });
    }

    #[tokio::test]
    async fn text_behind_the_value_is_an_error() {
        let error = read_json::<Vec<u8>>(Body::from("[1] x"), 1024).await.unwrap_err();
        assert!(matches!(error, JsonError::Invalid { .. }), "{error}");
    }
}
