//! Takes out of a text what looks like a credential. Nobody is meant to log one; this is for the day somebody does, and
//! for what other programs put into their error texts.

use std::borrow::Cow;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[REDACTED]";

/// Words that name a secret.
const WORDS: [&str; 13] = [
    "token",
    "tokens",
    "password",
    "passwd",
    "pass",
    "passphrase",
    "secret",
    "secrets",
    "authorization",
    "cookie",
    "ticket",
    "credential",
    "credentials",
];

/// What stands before a secret in a text, in lower case; `=` or `:` and what may stand around it follow.
const NAMES: [&str; 10] = [
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "api_key",
    "apikey",
    "authorization",
    "cookie",
    "ticket",
];

/// Whether a field of that name holds a secret: its last word says so.
pub fn is_secret_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut words = lower.rsplit(['.', '_', '-']);
    let last = words.next().unwrap_or_default();
    WORDS.contains(&last) || (last == "key" && words.next().is_some())
}

/// Whether an environment variable of that name is not to be shown, as in Pulse v5.
pub fn is_secret_variable(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    ["TOKEN", "PASS", "SECRET", "KEY"].iter().any(|word| upper.contains(word))
}

/// The text without credentials.
pub fn text(text: &str) -> Cow<'_, str> {
    // ASCII only: every position is the same in both.
    let lower = text.to_ascii_lowercase();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some((start, end)) = next_secret(&lower, at) {
        out.push_str(&text[copied..start]);
        out.push_str(REDACTED);
        copied = end;
        at = end;
    }
    if copied == 0 && out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The first secret at or behind `from`: where it begins and ends.
fn next_secret(lower: &str, from: usize) -> Option<(usize, usize)> {
    let named = NAMES.iter().filter_map(|name| named_value(lower, from, name));
    let bearer = after(lower, from, "bearer ");
    let login = login_of_url(lower, from);
    named.chain(bearer).chain(login).min()
}

/// The value behind `name=`, `name: ` or `"name":"`.
fn named_value(lower: &str, from: usize, name: &str) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let begin = at + lower[at..].find(name)? + name.len();
        at = begin;
        let rest = &lower[begin..];
        let rest = rest.trim_start_matches(['"', '\'', '\\', ' ']);
        let Some(rest) = rest.strip_prefix(['=', ':']) else { continue };
        let rest = rest.trim_start_matches(' ');
        let rest = ["bearer ", "basic "].iter().find_map(|word| rest.strip_prefix(word)).unwrap_or(rest);
        let rest = rest.trim_start_matches(['"', '\'', '\\', ' ']);
        let start = lower.len() - rest.len();
        let length = rest.find(is_end).unwrap_or(rest.len());
        if length > 0 && !rest.starts_with("[redacted]") && !rest[..length].chars().all(|c| c == '*') {
            return Some((start, start + length));
        }
    }
}

fn after(lower: &str, from: usize, word: &str) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let start = at + lower[at..].find(word)? + word.len();
        at = start;
        let rest = &lower[start..];
        let length = rest.find(is_end).unwrap_or(rest.len());
        if length > 0 && !rest.starts_with("[redacted]") {
            return Some((start, start + length));
        }
    }
}

/// `user:password` of `https://user:password@host`.
fn login_of_url(lower: &str, from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let start = at + lower[at..].find("://")? + 3;
        at = start;
        let rest = &lower[start..];
        let authority = &rest[..rest.find(['/', '?', '#', ' ', '"', '\'']).unwrap_or(rest.len())];
        if let Some(end) = authority.rfind('@').filter(|end| *end > 0 && &authority[..*end] != "[redacted]") {
            return Some((start, start + end));
        }
    }
}

fn is_end(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '&' | '"' | '\'' | '\\' | ',' | ';' | ')' | '}' | ']' | '#')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn credentials_do_not_stay_in_a_text() {
        for (given, kept) in [
            ("GET /ws?token=abc123&x=1", "GET /ws?token=[REDACTED]&x=1"),
            ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [REDACTED]"),
            ("header Bearer abc", "header Bearer [REDACTED]"),
            ("PVEAPIToken=root@pam!x=uuid-1 refused", "PVEAPIToken=[REDACTED] refused"),
            (r#"{"password":"p w","user":"a"}"#, r#"{"password":"[REDACTED] w","user":"a"}"#),
            ("https://me:hush@host:1/x failed", "https://[REDACTED]@host:1/x failed"),
            ("client_secret = \"abc\"", "client_secret = \"[REDACTED]\""),
            ("PASSWORD='abc' and Token: def", "PASSWORD='[REDACTED]' and Token: [REDACTED]"),
            ("Set-Cookie: pulse_session=abc; Path=/", "Set-Cookie: [REDACTED]; Path=/"),
        ] {
            assert_eq!(text(given), kept);
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for same in [
            "an API token was refused",
            "tokens were saved",
            "https://host/path@version",
            "secret: ***",
            "user a@b of https://host",
            "",
        ] {
            assert!(matches!(text(same), Cow::Borrowed(_)), "{same}: {}", text(same));
        }
    }

    #[test]
    fn names_tell_what_is_secret() {
        for name in ["token", "api_token", "auth.password", "private_key", "X-Proxy-Secret", "Cookie"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["key", "token.name", "token_id", "keys", "message", "compass"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fail(given in any::<String>(), name in 0..NAMES.len()) {
            let _ = text(&given);
            let _ = text(&format!("{}={given}", NAMES[name]));
        }

        #[test]
        fn a_token_in_a_query_never_stays(token in "[A-Za-z0-9]{16,64}", before in "[ -~]{0,30}") {
            let line = format!("{before}?token={token}");
            prop_assert!(!text(&line).contains(&token), "{}", text(&line));
        }
    }
}
