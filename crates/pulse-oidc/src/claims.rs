//! From claims to a person: the user name, whether they are let in, and their roles. Pure rules.

use std::collections::BTreeMap;

use pulse_config::OidcConfig;
use serde_json::{Map, Value};

/// The longest user name that is kept.
const MAX_NAME: usize = 128;
/// No one has more groups than are looked at.
const MAX_GROUPS: usize = 1_000;

/// Who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name they are known by.
    pub username: String,
    /// Their address, where the provider tells.
    pub email: Option<String>,
    /// Their groups.
    pub groups: Vec<String>,
    /// Roles that their groups are mapped to; `None` where no mapping is configured.
    pub roles: Option<Vec<String>>,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The address is not on the list.
    #[error("this e-mail address is not allowed")]
    Email,
    /// Its domain is not.
    #[error("the domain of this e-mail address is not allowed")]
    Domain,
    /// None of the groups is.
    #[error("none of the user's groups is allowed")]
    Group,
    /// There is no name to know them by.
    #[error("the ID token has no claim to name the user by")]
    Nameless,
}

impl Denied {
    /// The code in the address the browser is sent back to.
    pub fn code(self) -> &'static str {
        match self {
            Self::Email => "email_restricted",
            Self::Domain => "domain_restricted",
            Self::Group => "group_restricted",
            Self::Nameless => "invalid_claims",
        }
    }
}

/// The person a verified token names, where the configuration lets them in.
pub fn person(claims: &Map<String, Value>, config: &OidcConfig) -> Result<Person, Denied> {
    let text = |claim: &str| {
        claims.get(claim).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    };
    let is_verified = claims.get("email_verified").is_none_or(|value| value != &Value::Bool(false));
    let email = text(config.email_claim());
    let shown = |claim: &str| {
        let name: String = text(claim)?.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
        (!name.trim().is_empty()).then_some(name)
    };
    let name = [config.username_claim(), config.email_claim(), "name", "sub"].into_iter().find_map(shown);
    let username = name.ok_or(Denied::Nameless)?;
    let groups = groups(claims, &config.groups_claim);

    // An address that the provider itself does not vouch for opens no list: anybody could have typed it in there.
    let trusted_email = email.filter(|_| is_verified);
    let is_in =
        |list: &[String], text: &str| list.iter().any(|entry| entry.trim().eq_ignore_ascii_case(text));
    if !config.allowed_emails.is_empty()
        && !trusted_email.is_some_and(|email| is_in(&config.allowed_emails, email))
    {
        return Err(Denied::Email);
    }
    let domain = trusted_email.and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain);
    if !config.allowed_domains.is_empty()
        && !domain.is_some_and(|domain| is_in(&config.allowed_domains, domain))
    {
        return Err(Denied::Domain);
    }
    if !config.allowed_groups.is_empty() && !groups.iter().any(|group| config.allowed_groups.contains(group))
    {
        return Err(Denied::Group);
    }
    let roles = roles(&groups, &config.group_role_mappings);
    Ok(Person { username, email: email.map(str::to_owned), groups, roles })
}

fn groups(claims: &Map<String, Value>, claim: &str) -> Vec<String> {
    if claim.is_empty() {
        return Vec::new();
    }
    // A dot leads into an object, as in Keycloak's realm_access.roles; a claim of the whole name comes first.
    let value = claims.get(claim).or_else(|| {
        let mut parts = claim.split('.');
        let mut value = claims.get(parts.next()?)?;
        for part in parts {
            value = value.get(part)?;
        }
        Some(value)
    });
    match value {
        Some(Value::String(one)) => {
            one.split([',', ' ']).filter(|group| !group.is_empty()).map(str::to_owned).collect()
        }
        Some(Value::Array(list)) => {
            list.iter().take(MAX_GROUPS).filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

fn roles(groups: &[String], mappings: &BTreeMap<String, String>) -> Option<Vec<String>> {
    if mappings.is_empty() {
        return None;
    }
    let mut roles: Vec<String> = groups.iter().filter_map(|group| mappings.get(group)).cloned().collect();
    roles.sort();
    roles.dedup();
    Some(roles)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(claims: Value, change: impl FnOnce(&mut OidcConfig)) -> Result<Person, Denied> {
        let mut config = OidcConfig { groups_claim: "groups".to_owned(), ..OidcConfig::default() };
        change(&mut config);
        let Value::Object(claims) = claims else { panic!("no object") };
        person(&claims, &config)
    }

    fn kim() -> Value {
        json!({"sub": "u1", "preferred_username": "kim", "email": "Kim@Example.org", "groups": ["ops", "staff"]})
    }

    #[test]
    fn the_name_comes_from_the_best_claim_there_is() {
        let name = |claims: Value| check(claims, |_| {}).map(|person| person.username);
        assert_eq!(name(kim()).unwrap(), "kim");
        assert_eq!(name(json!({"sub": "u1", "email": "a@b.c"})).unwrap(), "a@b.c");
        assert_eq!(name(json!({"sub": "u1", "name": "Kim"})).unwrap(), "Kim");
        assert_eq!(name(json!({"sub": "u1"})).unwrap(), "u1");
        assert_eq!(name(json!({})), Err(Denied::Nameless));
    }

    #[test]
    fn restrictions_let_in_who_is_named_and_nobody_else() {
        let list = |text: &str| vec![text.to_owned()];
        assert!(check(kim(), |config| config.allowed_emails = list("kim@example.org")).is_ok());
        assert_eq!(check(kim(), |config| config.allowed_emails = list("x@example.org")), Err(Denied::Email));
        assert!(check(kim(), |config| config.allowed_domains = list("EXAMPLE.org")).is_ok());
        assert_eq!(check(kim(), |config| config.allowed_domains = list("example.com")), Err(Denied::Domain));
        assert!(check(kim(), |config| config.allowed_groups = list("ops")).is_ok());
        assert_eq!(check(kim(), |config| config.allowed_groups = list("Ops")), Err(Denied::Group));
        let mut unverified = kim();
        unverified["email_verified"] = false.into();
        assert_eq!(
            check(unverified, |config| config.allowed_domains = list("example.org")),
            Err(Denied::Domain)
        );
        let trick = json!({"sub": "u", "email": "evil@example.org@evil.example"});
        assert_eq!(check(trick, |config| config.allowed_domains = list("example.org")), Err(Denied::Domain));
    }

    proptest::proptest! {
        #[test]
        fn whatever_an_address_is_only_its_own_domain_opens(email in "[a-z@. A-Z\u{e9}%]{0,40}") {
            let claims = json!({"sub": "u", "email": email});
            let is_in = check(claims, |config| config.allowed_domains = vec!["example.org".to_owned()]).is_ok();
            let is_of_domain = email.trim().to_ascii_lowercase().ends_with("@example.org");
            proptest::prop_assert_eq!(is_in, is_of_domain);
        }

        #[test]
        fn no_claims_break_it(text in r"\PC{0,60}", number in proptest::num::f64::ANY) {
            for value in [json!(text), json!(number), json!([text, number]), json!({"a": text}), Value::Null] {
                for claim in ["sub", "email", "groups", "name", "email_verified", "preferred_username"] {
                    let person = check(json!({"sub": "u", claim: value}), |_| {});
                    match person {
                        Ok(person) => proptest::prop_assert!(person.username.chars().count() <= MAX_NAME),
                        Err(denied) => proptest::prop_assert!(claim == "sub" && denied == Denied::Nameless),
                    }
                }
            }
        }
    }

    #[test]
    fn groups_become_roles() {
        let map = |config: &mut OidcConfig| {
            config.group_role_mappings = [("ops".to_owned(), "operator".to_owned())].into();
        };
        assert_eq!(check(kim(), map).unwrap().roles.unwrap(), ["operator"]);
        assert_eq!(check(json!({"sub": "u"}), map).unwrap().roles.unwrap(), Vec::<String>::new());
        assert_eq!(check(kim(), |_| {}).unwrap().roles, None);
        let nested = check(json!({"sub": "u", "realm_access": {"roles": ["ops"]}}), |config| {
            map(config);
            config.groups_claim = "realm_access.roles".to_owned();
        });
        assert_eq!(nested.unwrap().roles.unwrap(), ["operator"]);
    }
}
