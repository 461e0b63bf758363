//! The one decision about access: what a route requires against who calls.

use pulse_core::scope::Scope;

use crate::{AuthMethod, Feature, FeatureSet, Identity, LicenseRequired, Permission};

/// What a route requires of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    level: Level,
    any_of: &'static [Scope],
    permission: Option<Permission>,
    feature: Option<Feature>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Public,
    Authenticated,
    Admin,
}

impl Requirement {
    const fn new(level: Level, any_of: &'static [Scope]) -> Self {
        Self { level, any_of, permission: None, feature: None }
    }

    /// Nothing.
    pub const PUBLIC: Self = Self::new(Level::Public, &[]);
    /// Any credential.
    pub const AUTHENTICATED: Self = Self::new(Level::Authenticated, &[]);
    /// An administrator, or any token.
    pub const ADMIN: Self = Self::new(Level::Admin, &[]);

    /// Any credential; a token must have one of the scopes. The first is named where it has none of them.
    pub const fn scope(any_of: &'static [Scope]) -> Self {
        Self::new(Level::Authenticated, any_of)
    }

    /// An administrator; a token must have one of the scopes. The first is named where it has none of them.
    pub const fn admin(any_of: &'static [Scope]) -> Self {
        Self::new(Level::Admin, any_of)
    }

    /// The same, and the caller's roles must allow this.
    #[must_use]
    pub const fn with_permission(mut self, permission: Permission) -> Self {
        self.permission = Some(permission);
        self
    }

    /// The same, and the licence must include this.
    #[must_use]
    pub const fn with_feature(mut self, feature: Feature) -> Self {
        self.feature = Some(feature);
        self
    }

    /// What the licence must include.
    pub const fn feature(&self) -> Option<Feature> {
        self.feature
    }

    /// What the caller's roles must allow.
    pub const fn permission(&self) -> Option<Permission> {
        self.permission
    }

    /// Whether nothing is required.
    pub const fn is_public(&self) -> bool {
        matches!(self.level, Level::Public)
    }

    /// The scopes of which a token must have one; none means any token will do.
    pub const fn any_of(&self) -> &'static [Scope] {
        self.any_of
    }
}

/// Why a caller is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody we know.
    #[error("authentication required")]
    Unauthenticated,
    /// Known, but no administrator.
    #[error("admin privileges required")]
    NotAdmin,
    /// Known, but no role allows it.
    #[error("your roles do not allow {} on {}", permission.action.name(), permission.resource.name())]
    Forbidden {
        /// What would be needed.
        permission: Permission,
    },
    /// The licence does not include it.
    #[error(transparent)]
    License(#[from] LicenseRequired),
    /// The token may not do this.
    #[error("the token lacks the scope {required}")]
    MissingScope {
        /// The scope it would need.
        required: Scope,
    },
}

/// Whether the caller may come in. The order is the contract's: who, administrator, roles, licence, scope.
pub fn authorize(identity: &Identity, requirement: Requirement, features: FeatureSet) -> Result<(), Denied> {
    match requirement.level {
        Level::Public => return Ok(()),
        Level::Authenticated | Level::Admin if !identity.is_authenticated() => {
            return Err(Denied::Unauthenticated);
        }
        Level::Admin if !identity.is_admin => return Err(Denied::NotAdmin),
        Level::Authenticated | Level::Admin => {}
    }
    if let Some(permission) = requirement.permission
        && !identity.grants.allows(permission)
    {
        return Err(Denied::Forbidden { permission });
    }
    if let Some(feature) = requirement.feature {
        features.require(feature)?;
    }
    // A permission says more exactly what a scope says, and scopes of people follow from permissions: who may read the audit
    // log and no settings has no scope for it. Tokens have nothing but scopes.
    if requirement.permission.is_some() && identity.method != AuthMethod::ApiToken {
        return Ok(());
    }
    match requirement.any_of.first() {
        Some(required) if !requirement.any_of.iter().any(|scope| identity.scopes.allows(*scope)) => {
            Err(Denied::MissingScope { required: *required })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use pulse_core::credential::ScopeSet;

    use super::*;
    use crate::{RoleBook, identity::ProxyWord, token};

    fn token(scopes: impl IntoIterator<Item = Scope>) -> Identity {
        let scopes = scopes.into_iter().collect::<ScopeSet>();
        Identity::token(&token::record("v", "n", scopes, Timestamp::UNIX_EPOCH))
    }

    #[test]
    fn the_whole_matrix() {
        const READ: &[Scope] = &[Scope::SettingsRead];
        const EITHER: &[Scope] = &[Scope::SettingsWrite, Scope::SettingsRead];
        let missing = |required| Err(Denied::MissingScope { required });
        let callers = [
            Identity::anonymous(),
            Identity::proxy(Some("p".into()), ProxyWord::NoAdmin, &RoleBook::default()),
            Identity::proxy(None, ProxyWord::Nothing, &RoleBook::default()),
            Identity::session("s", "k"),
            Identity::basic("b"),
            token([Scope::All]),
            token([Scope::SettingsRead]),
            token([Scope::DockerReport]),
        ];
        let (ok, not_admin, unknown) = (Ok(()), Err(Denied::NotAdmin), Err(Denied::Unauthenticated));
        let rows = [
            (Requirement::PUBLIC, [ok; 8]),
            (Requirement::AUTHENTICATED, [unknown, ok, ok, ok, ok, ok, ok, ok]),
            (Requirement::ADMIN, [unknown, not_admin, ok, ok, ok, ok, ok, ok]),
            (Requirement::scope(READ), [unknown, ok, ok, ok, ok, ok, ok, missing(Scope::SettingsRead)]),
            (
                Requirement::admin(READ),
                [unknown, not_admin, ok, ok, ok, ok, ok, missing(Scope::SettingsRead)],
            ),
            (
                Requirement::admin(EITHER),
                [unknown, not_admin, ok, ok, ok, ok, ok, missing(Scope::SettingsWrite)],
            ),
        ];
        for (requirement, expect) in rows {
            for (caller, expect) in callers.iter().zip(expect) {
                assert_eq!(
                    authorize(caller, requirement, FeatureSet::default()),
                    expect,
                    "{caller} {requirement:?}"
                );
            }
        }
    }

    #[test]
    fn roles_decide_before_the_licence_and_the_licence_before_the_scope() {
        const NEEDED: Requirement = Requirement::scope(&[Scope::SettingsRead])
            .with_permission(Permission::new(crate::Action::Read, crate::Resource::AuditLogs))
            .with_feature(Feature::AuditLogging);
        let book = RoleBook::default();
        let outsider = Identity::oidc("o", "k", Some(&[]), &book);
        let auditor = Identity::oidc("o", "k", Some(&["auditor".to_owned()]), &book);
        let narrow = token([Scope::DockerReport]);
        let (free, all) = (FeatureSet::default(), FeatureSet::everything());
        assert!(matches!(authorize(&outsider, NEEDED, all), Err(Denied::Forbidden { .. })));
        assert!(matches!(authorize(&auditor, NEEDED, free), Err(Denied::License(_))));
        // Their role is made for just that, and reads no settings.
        assert_eq!(authorize(&auditor, NEEDED, all), Ok(()));
        assert!(authorize(&auditor, Requirement::scope(&[Scope::SettingsRead]), all).is_err());
        assert!(matches!(authorize(&narrow, NEEDED, free), Err(Denied::License(_))));
        assert!(matches!(authorize(&narrow, NEEDED, all), Err(Denied::MissingScope { .. })));
        assert_eq!(authorize(&Identity::session("s", "k"), NEEDED, all), Ok(()));
    }

    #[test]
    fn callers_are_named_as_the_contract_says() {
        let id = token([Scope::All]);
        assert_eq!(id.to_string(), format!("token:{}", id.token_id.as_ref().unwrap()));
        assert_eq!(Identity::session("admin", "k").to_string(), "admin");
        assert_eq!(Identity::anonymous().to_string(), "anonymous");
        assert_eq!(id.method.name(), "api_token");
    }

    proptest! {
        /// A token never gets in by a scope it does not hold, and always by one it holds.
        #[test]
        fn scopes_decide_and_nothing_else(held in proptest::collection::vec(0_usize..12, 0..12), wanted in 0_usize..12) {
            const SINGLE: [&[Scope]; 12] = {
                let mut all: [&[Scope]; 12] = [&[]; 12];
                let mut i = 0;
                while i < 12 {
                    all[i] = Scope::EVERY.split_at(i).1.split_at(1).0;
                    i += 1;
                }
                all
            };
            let held: Vec<Scope> = held.into_iter().map(|i| Scope::EVERY[i]).collect();
            let may = held.contains(&Scope::All) || held.contains(&Scope::EVERY[wanted]);
            let got = authorize(&token(held), Requirement::scope(SINGLE[wanted]), FeatureSet::default());
            prop_assert_eq!(got.is_ok(), may);
        }
    }
}
