//! API tokens: making them, hashing them, and the scopes a person may give them.

use jiff::Timestamp;
use pulse_core::{
    credential::{ScopeSet, TokenRecord},
    ids::TokenId,
    scope::Scope,
};
use sha3::{Digest, Sha3_256};
use zeroize::Zeroizing;

use crate::{NoRandom, hex, random};

/// The longest name of a token that is kept, in characters.
pub const MAX_NAME: usize = 200;
/// The longest value that is looked at; what is longer is no token.
pub const MAX_VALUE: usize = 4_096;

/// A new token value: 64 hexadecimal digits.
pub fn generate_token() -> Result<Zeroizing<String>, NoRandom> {
    Ok(Zeroizing::new(hex(&random::<32>()?)))
}

/// SHA3-256 of a token's value, in hexadecimal digits: what is kept and looked up.
pub fn hash_token(value: &str) -> String {
    hex(&Sha3_256::digest(value.as_bytes()))
}

/// The record of a token with this value.
pub fn record(value: &str, name: &str, scopes: ScopeSet, now: Timestamp) -> TokenRecord {
    TokenRecord {
        id: TokenId::from(uuid::Uuid::new_v4().to_string()),
        name: name.chars().take(MAX_NAME).collect(),
        hash: hash_token(value),
        prefix: first(value, 6),
        suffix: last(value, 4),
        created_at: now,
        last_used_at: None,
        expires_at: None,
        scopes,
        org_id: None,
        org_ids: Vec::new(),
    }
}

/// The record of a token from `API_TOKEN` or `API_TOKENS`. Sixty-four hexadecimal digits are taken to be a hash
/// already, as Pulse v5 writes them there; [`looks_hashed`] tells, so that the operator can be told as well.
pub fn record_from_environment(value: &str, now: Timestamp) -> TokenRecord {
    let mut new = record(value, &format!("Migrated from .env ({})", first(value, 6)), ScopeSet::all(), now);
    if looks_hashed(value) {
        new.hash = value.to_ascii_lowercase();
        // The ends of a hash say nothing about the ends of the value.
        new.suffix = String::new();
    }
    new
}

/// Whether a value from the environment is taken to be a hash.
pub fn looks_hashed(value: &str) -> bool {
    value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn first(value: &str, count: usize) -> String {
    value.chars().take(count).collect()
}

fn last(value: &str, count: usize) -> String {
    let skip = value.chars().count().saturating_sub(count);
    value.chars().skip(skip).collect()
}

/// Why a list of scopes is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopesError {
    /// An empty list: nothing could be done with such a token.
    #[error("select at least one scope or omit the field for full access")]
    Empty,
    /// A blank among the names.
    #[error("scope identifiers cannot be blank")]
    Blank,
    /// No such scope.
    #[error("unknown scope {0:?}")]
    Unknown(String),
    /// Everything and something besides.
    #[error("wildcard '*' cannot be combined with other scopes")]
    Wildcard,
}

/// The scopes a person asks for; no list at all means everything.
pub fn parse_scopes(names: Option<&[String]>) -> Result<ScopeSet, ScopesError> {
    let Some(names) = names else { return Ok(ScopeSet::all()) };
    if names.is_empty() {
        return Err(ScopesError::Empty);
    }
    let mut scopes = Vec::with_capacity(names.len().min(Scope::EVERY.len()));
    for name in names {
        let name = name.trim();
        if name.is_empty() {
            return Err(ScopesError::Blank);
        }
        scopes.push(Scope::from_name(name).ok_or_else(|| ScopesError::Unknown(first(name, 64)))?);
    }
    if scopes.contains(&Scope::All) && scopes.iter().any(|scope| *scope != Scope::All) {
        return Err(ScopesError::Wildcard);
    }
    Ok(scopes.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    proptest::proptest! {
        #[test]
        fn a_list_of_scopes_is_refused_or_means_what_it_says(names in proptest::collection::vec(r"\PC{0,24}", 0..6)) {
            if let Ok(scopes) = parse_scopes(Some(&names)) {
                for name in &names {
                    let scope = Scope::from_name(name.trim()).unwrap();
                    proptest::prop_assert!(scopes.allows(scope));
                }
            }
        }

        #[test]
        fn a_record_of_any_value_shows_no_more_than_its_ends(value in r"\PC{0,80}") {
            let record = record_from_environment(&value, now());
            proptest::prop_assert!(record.prefix.chars().count() <= 6 && record.suffix.chars().count() <= 4);
            proptest::prop_assert_eq!(record.hash.len(), 64);
        }
    }

    #[test]
    fn values_are_random_hexadecimal_digits() {
        let (a, b) = (generate_token().unwrap(), generate_token().unwrap());
        assert!(a.len() == 64 && looks_hashed(&a) && a != b);
    }

    #[test]
    fn the_hash_is_sha3_256() {
        // The published test vector for "abc".
        let expect = "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532";
        assert_eq!(hash_token("abc"), expect);
    }

    #[test]
    fn a_record_holds_the_ends_of_the_value_and_never_all_of_it() {
        let record = record("abcdef-middle-wxyz", "ci", ScopeSet::all(), now());
        assert_eq!((record.prefix.as_str(), record.suffix.as_str()), ("abcdef", "wxyz"));
        assert_eq!(record.hash, hash_token("abcdef-middle-wxyz"));
        assert_eq!(record.id.as_str().len(), 36);
        assert_eq!(super::record("äö", &"n".repeat(999), ScopeSet::all(), now()).name.len(), MAX_NAME);
    }

    #[test]
    fn an_environment_value_may_be_a_hash() {
        let hash = hash_token("abc");
        assert_eq!(record_from_environment(&hash.to_uppercase(), now()).hash, hash);
        let plain = record_from_environment("secret-value", now());
        assert_eq!(
            (plain.hash, plain.name.as_str()),
            (hash_token("secret-value"), "Migrated from .env (secret)")
        );
    }

    #[test]
    fn scope_lists_are_checked_as_the_contract_says() {
        let check = |names: Option<&[&str]>, expect: Result<&[&str], &str>| {
            let names: Option<Vec<String>> =
                names.map(|names| names.iter().map(|n| (*n).to_owned()).collect());
            let got = parse_scopes(names.as_deref());
            match (&got, expect) {
                (Ok(set), Ok(expect)) => assert_eq!(set.names(), expect),
                (Err(error), Err(expect)) => assert_eq!(error.to_string(), expect),
                _ => panic!("{names:?}: {got:?}"),
            }
        };
        check(None, Ok(&["*"]));
        check(Some(&["*"]), Ok(&["*"]));
        check(
            Some(&["settings:write", "docker:report", "settings:write"]),
            Ok(&["docker:report", "settings:write"]),
        );
        check(Some(&[]), Err("select at least one scope or omit the field for full access"));
        check(Some(&["docker:report", " "]), Err("scope identifiers cannot be blank"));
        check(Some(&["x"]), Err("unknown scope \"x\""));
        check(Some(&["*", "docker:report"]), Err("wildcard '*' cannot be combined with other scopes"));
    }
}
