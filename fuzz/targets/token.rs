//! `Authorization`, `?token=`, lists of scopes, tokens of the environment, licences.

use jiff::Timestamp;
use pulse_auth::{License, ScopeSet, hash_token, parse_scopes, presented, token};
use pulse_core::scope::Scope;

/// Whatever the text is: it grants what it names, and shows no more than its ends.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(value) = presented::bearer(text) {
        assert!(!value.is_empty() && value == value.trim());
    }
    if let Some((user, _)) = presented::basic(text) {
        assert!(!user.contains(':'));
    }
    if let Some(value) = presented::query_token(text) {
        assert!(!value.is_empty() && !value.contains('&'));
    }
    let names: Vec<String> = text.split(',').map(str::to_owned).collect();
    if let Ok(scopes) = parse_scopes(Some(&names)) {
        for name in &names {
            let scope = Scope::from_name(name.trim()).expect("a scope that was taken");
            assert!(scopes.allows(scope));
        }
        assert_eq!(ScopeSet::from_names(scopes.names()), scopes);
    }
    let record = token::record_from_environment(text, Timestamp::UNIX_EPOCH);
    assert_eq!(record.hash.len(), 64);
    assert!(record.prefix.chars().count() <= 6 && record.suffix.chars().count() <= 4);
    assert_ne!(hash_token(text), text);
    assert!(License::verify(text, None).is_err(), "a licence that nobody signed");
}
