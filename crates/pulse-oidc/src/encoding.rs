//! Percent-encoding for query strings and forms, and random texts.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// A text as it may stand in a query or a form.
pub fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Pairs as a form or query.
pub fn form(pairs: &[(&str, &str)]) -> String {
    let parts: Vec<String> =
        pairs.iter().map(|(key, value)| format!("{}={}", percent(key), percent(value))).collect();
    parts.join("&")
}

/// 32 random bytes as base64url; `None` where the system has none.
pub fn random_text() -> Option<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_a_query_is_encoded() {
        assert_eq!(form(&[("a b", "c&d=e"), ("u", "ü/%")]), "a%20b=c%26d%3De&u=%C3%BC%2F%25");
        assert_eq!(random_text().unwrap().len(), 43);
    }
}
