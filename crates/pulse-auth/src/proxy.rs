//! Login by a reverse proxy that vouches for its users.

use crate::{Identity, RoleBook, compare, identity::ProxyWord};

/// How the proxy speaks; the texts come from the settings.
#[derive(Clone, Copy)]
pub struct ProxyRules<'a> {
    /// What the proxy's secret must be.
    pub secret: &'a str,
    /// Whether a user name is required: a header for it is configured.
    pub needs_user: bool,
    /// What separates the roles.
    pub role_separator: &'a str,
    /// The role that makes an administrator; only where the header of roles is configured too.
    pub admin_role: Option<&'a str>,
}

/// What the headers of a request say.
#[derive(Clone, Copy, Default)]
pub struct ProxyClaims<'a> {
    /// `X-Proxy-Secret`.
    pub secret: Option<&'a str>,
    /// The configured header of the user.
    pub user: Option<&'a str>,
    /// The configured header of the roles.
    pub roles: Option<&'a str>,
}

/// Who calls, where the proxy's secret is right; `None` where other credentials must decide.
pub fn identify(rules: &ProxyRules<'_>, claims: &ProxyClaims<'_>, book: &RoleBook) -> Option<Identity> {
    let given = claims.secret.filter(|secret| !secret.is_empty())?;
    if rules.secret.is_empty() || !compare::equal(rules.secret, given) {
        return None;
    }
    let user = claims.user.map(str::trim).filter(|user| !user.is_empty());
    if rules.needs_user && user.is_none() {
        return None;
    }
    let said = |is_admin: bool| if is_admin { ProxyWord::Admin } else { ProxyWord::NoAdmin };
    let word = match (rules.admin_role, claims.roles.filter(|roles| !roles.is_empty())) {
        (Some(admin), Some(roles)) if !rules.role_separator.is_empty() => {
            said(roles.split(rules.role_separator).any(|role| role.trim() == admin))
        }
        (Some(admin), Some(roles)) => said(roles.trim() == admin),
        _ => ProxyWord::Nothing,
    };
    Some(Identity::proxy(user.map(str::to_owned), word, book))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: ProxyRules<'_> =
        ProxyRules { secret: "s", needs_user: true, role_separator: "|", admin_role: Some("admin") };

    #[test]
    fn every_case() {
        let check = |rules: ProxyRules<'_>, claims: [Option<&str>; 3], expect: Option<bool>| {
            let [secret, user, roles] = claims;
            let got = identify(&rules, &ProxyClaims { secret, user, roles }, &RoleBook::default());
            assert_eq!(got.map(|identity| identity.is_admin), expect, "{claims:?}");
        };
        check(RULES, [Some("s"), Some("u"), Some("viewer| admin")], Some(true));
        check(RULES, [Some("s"), Some("u"), Some("viewer|administrator")], Some(false));
        check(RULES, [Some("s"), Some("u"), None], Some(true));
        check(RULES, [Some("s"), Some(" "), None], None);
        check(RULES, [Some("x"), Some("u"), None], None);
        check(RULES, [None, Some("u"), None], None);
        check(ProxyRules { secret: "", ..RULES }, [Some(""), Some("u"), None], None);
        check(ProxyRules { needs_user: false, ..RULES }, [Some("s"), None, None], Some(true));
        check(ProxyRules { admin_role: None, ..RULES }, [Some("s"), Some("u"), Some("viewer")], Some(true));
        check(ProxyRules { role_separator: "", ..RULES }, [Some("s"), Some("u"), Some("admin")], Some(true));
    }
}
