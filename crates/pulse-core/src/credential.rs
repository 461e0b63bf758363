//! Records of who may come in: API tokens and sessions, as they are kept.
//!
//! They stand here because one crate decides about them and another one stores them. There is never a usable
//! secret in them, only its hash.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ids::TokenId, scope::Scope};

/// What an API token may do. A name this version does not know is kept, so that a record survives a visit of an
/// older version, and grants nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScopeSet {
    known: u16,
    unknown: Vec<String>,
}

impl ScopeSet {
    /// Everything.
    pub fn all() -> Self {
        [Scope::All].into_iter().collect()
    }

    /// Nothing at all.
    pub fn none() -> Self {
        Self { known: 0, unknown: Vec::new() }
    }

    /// The set of a stored record: no scopes at all means everything (records older than scopes).
    pub fn from_names<I: IntoIterator<Item = S>, S: AsRef<str>>(names: I) -> Self {
        let mut set = Self::none();
        for name in names {
            match Scope::from_name(name.as_ref()) {
                Some(scope) => set.known |= bit(scope),
                None => set.unknown.push(name.as_ref().to_owned()),
            }
        }
        set.unknown.sort();
        set.unknown.dedup();
        if set.known == 0 && set.unknown.is_empty() { Self::all() } else { set }
    }

    /// Whether the set grants `scope`: by that very name or by `*`.
    pub fn allows(&self, scope: Scope) -> bool {
        self.known & (bit(scope) | bit(Scope::All)) != 0
    }

    /// Whether everything `other` grants is granted here too.
    pub fn covers(&self, other: &Self) -> bool {
        other.scopes().all(|scope| self.allows(scope))
    }

    /// The scopes in it, sorted by name.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> + '_ {
        Scope::EVERY.into_iter().filter(|scope| self.known & bit(*scope) != 0)
    }

    /// Their names on the wire, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.scopes().map(Scope::name).collect();
        names.extend(self.unknown.iter().map(String::as_str));
        names.sort_unstable();
        names
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let known = scopes.into_iter().fold(0, |bits, scope| bits | bit(scope));
        Self { known, unknown: Vec::new() }
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Option::<Vec<String>>::deserialize(deserializer)?;
        Ok(Self::from_names(names.unwrap_or_default()))
    }
}

impl Default for ScopeSet {
    /// What a record without scopes means: everything.
    fn default() -> Self {
        Self::all()
    }
}

fn bit(scope: Scope) -> u16 {
    let place = Scope::EVERY.iter().position(|every| *every == scope).unwrap_or_default();
    1 << place
}

/// An API token as it is kept: its hash, never its value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRecord {
    /// The record's id.
    pub id: TokenId,
    /// What a person called it; not unique.
    #[serde(default)]
    pub name: String,
    /// SHA3-256 of the token's value, in hex.
    pub hash: String,
    /// The first characters of the value, to recognise it by.
    #[serde(default)]
    pub prefix: String,
    /// The last characters of the value.
    #[serde(default)]
    pub suffix: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// When it ends; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What it may do.
    #[serde(default)]
    pub scopes: ScopeSet,
    /// The organisation it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// Organisations it may act for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub org_ids: Vec<String>,
}

impl fmt::Debug for TokenRecord {
    /// Leaves the hash out: a token that a person chose can be guessed from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRecord")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("scopes", &self.scopes.names())
            .finish_non_exhaustive()
    }
}

/// A login session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// SHA-256 of the cookie's value, in hex.
    pub key: String,
    /// Who logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// When it ends unless it is used before.
    pub expires_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// The browser, as it named itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Where the login came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// By how much every use prolongs it, in nanoseconds.
    #[serde(default)]
    pub original_duration: i64,
    /// The OIDC provider that vouched for the user, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc_issuer: Option<String>,
    /// Our name at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc_client_id: Option<String>,
    /// Roles that the user's groups are mapped to, where groups are mapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_granted_by_its_name_or_by_the_star_and_by_nothing_else() {
        let read = ScopeSet::from_names(["settings:read"]);
        assert!(read.allows(Scope::SettingsRead));
        assert!(!read.allows(Scope::SettingsWrite) && !read.allows(Scope::All));
        assert!(Scope::EVERY.into_iter().all(|scope| ScopeSet::all().allows(scope)));
        assert!(!Scope::EVERY.into_iter().any(|scope| ScopeSet::none().allows(scope)));
    }

    #[test]
    fn no_scopes_mean_all_but_unknown_ones_mean_none() {
        for text in ["[]", "null"] {
            assert_eq!(serde_json::from_str::<ScopeSet>(text).unwrap(), ScopeSet::all(), "{text}");
        }
        let future: ScopeSet = serde_json::from_str(r#"["reports:read"]"#).unwrap();
        assert!(!Scope::EVERY.into_iter().any(|scope| future.allows(scope)));
        assert_eq!(serde_json::to_string(&future).unwrap(), r#"["reports:read"]"#);
    }

    #[test]
    fn names_come_sorted_and_once() {
        let set = ScopeSet::from_names(["settings:write", "alpha:read", "docker:report", "settings:write"]);
        assert_eq!(set.names(), ["alpha:read", "docker:report", "settings:write"]);
    }

    #[test]
    fn covering_is_by_grant() {
        let narrow = ScopeSet::from_names(["settings:read"]);
        assert!(ScopeSet::all().covers(&narrow) && narrow.covers(&narrow));
        assert!(!narrow.covers(&ScopeSet::all()));
    }

    #[test]
    fn a_record_survives_the_file_and_never_shows_its_hash() {
        let text = r#"{"id":"t1","name":"ci","hash":"feed","prefix":"abcdef","suffix":"wxyz",
            "createdAt":"2026-01-02T03:04:05Z","lastUsedAt":"2026-02-03T04:05:06Z","scopes":["docker:report"],"orgIds":["a"]}"#;
        let record: TokenRecord = serde_json::from_str(text).unwrap();
        let again: TokenRecord = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
        assert_eq!(again, record);
        assert!(!format!("{record:?}").contains("feed"));
    }
}
