//! Sets of keys, ID tokens, and the claims in them.

use std::sync::LazyLock;

use jiff::Timestamp;
use pulse_config::OidcConfig;
use pulse_oidc::{
    claims,
    jwt::{Expected, KeySet, needs_newer_keys, verify},
    return_path,
};
use serde_json::{Value, json};

/// A key whose other half nobody has: no token can be right.
static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let set = json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k1", "alg": "ES256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]});
    KeySet::parse(&set).expect("a set of keys")
});

/// Whatever the bytes are: nobody is let in by them, and no list of allowed people opens for whom it does not name.
pub fn run(bytes: &[u8]) {
    let expected =
        Expected { issuer: "https://id.example", client_id: "pulse", nonce: Some("n-1"), subject: None };
    let now = Timestamp::UNIX_EPOCH;
    let document = serde_json::from_slice::<Value>(bytes).ok();
    if let Some(keys) = document.as_ref().and_then(KeySet::parse) {
        // Whoever writes the keys may sign what they like; here nothing is signed.
        assert!(verify("e30.e30.", &keys, expected, now).is_err());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = needs_newer_keys(text, &KEYS);
        assert!(verify(text, &KEYS, expected, now).is_err(), "a token that nobody signed is believed");
        let path = return_path(Some(text));
        assert!(path.starts_with('/') && !path.starts_with("//") && !path.contains('\\'), "{path}");
    }
    if let Some(Value::Object(of_person)) = document {
        let mut config = OidcConfig { groups_claim: "a.b.groups".into(), ..OidcConfig::default() };
        if let Ok(person) = claims::person(&of_person, &config) {
            assert!(!person.username.is_empty() && person.username.chars().count() <= 128);
            assert!(!person.username.chars().any(char::is_control));
        }
        config.allowed_emails = vec!["nobody@nowhere.invalid".into()];
        let is_named = String::from_utf8_lossy(bytes).to_ascii_lowercase().contains("nowhere");
        let is_escaped = bytes.contains(&b'\\');
        assert!(claims::person(&of_person, &config).is_err() || is_named || is_escaped, "the list is open");
    }
}
