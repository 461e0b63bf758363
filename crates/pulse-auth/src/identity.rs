//! Who calls, and by what right.

use std::fmt;

use crate::{Grants, RoleBook};
use pulse_core::{
    credential::{ScopeSet, TokenRecord},
    ids::TokenId,
};

/// By which credential a caller is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// None at all.
    None,
    /// A reverse proxy vouches for the user.
    Proxy,
    /// A session that an OIDC provider vouched for.
    Oidc,
    /// An API token.
    ApiToken,
    /// A session of a login with a password.
    Session,
    /// User name and password with the request.
    Basic,
}

impl AuthMethod {
    /// The word in the `X-Auth-Method` header.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Proxy => "proxy",
            Self::Oidc => "oidc",
            Self::ApiToken => "api_token",
            Self::Session => "session",
            Self::Basic => "basic",
        }
    }
}

/// What a reverse proxy says of a user's rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyWord {
    /// They administer this server.
    Admin,
    /// They do not.
    NoAdmin,
    /// Nothing, which counts as an administrator unless somebody decided otherwise here.
    Nothing,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// By which credential.
    pub method: AuthMethod,
    /// The user, where the credential names one.
    pub user: Option<String>,
    /// The token, where it is one.
    pub token_id: Option<TokenId>,
    /// What the credential may do.
    pub scopes: ScopeSet,
    /// Whether the caller administers this server.
    pub is_admin: bool,
    /// What the caller's roles allow.
    pub grants: Grants,
    /// The key of the session, where it is one: the hash of the cookie.
    pub session_key: Option<String>,
}

impl Identity {
    /// Nobody we know.
    pub fn anonymous() -> Self {
        Self {
            method: AuthMethod::None,
            user: None,
            token_id: None,
            scopes: ScopeSet::none(),
            is_admin: false,
            grants: Grants::nothing(),
            session_key: None,
        }
    }

    /// Whoever holds an API token.
    pub fn token(record: &TokenRecord) -> Self {
        Self {
            method: AuthMethod::ApiToken,
            user: None,
            token_id: Some(record.id.clone()),
            scopes: record.scopes.clone(),
            is_admin: true,
            grants: Grants::Everything,
            session_key: None,
        }
    }

    /// A user who logged in with the password of this server.
    pub fn session(user: impl Into<String>, session_key: impl Into<String>) -> Self {
        Self { session_key: Some(session_key.into()), ..Self::administrator(AuthMethod::Session, user) }
    }

    /// The user whose name and password came with the request.
    pub fn basic(user: impl Into<String>) -> Self {
        Self::administrator(AuthMethod::Basic, user)
    }

    /// A user for whom a reverse proxy vouches. Roles that somebody gave them here count unless the proxy itself says that
    /// they administer.
    pub fn proxy(user: Option<String>, word: ProxyWord, book: &RoleBook) -> Self {
        let assigned = user.as_deref().and_then(|user| book.user(user));
        let is_admin = word != ProxyWord::NoAdmin;
        // Pulse v5 let a user who is no administrator do all that no route calls administration, tokens included.
        let grants = if is_admin { Grants::Everything } else { Grants::of_roles(&["operator"]) };
        let identity = Self {
            user,
            is_admin,
            grants,
            scopes: ScopeSet::all(),
            method: AuthMethod::Proxy,
            ..Self::anonymous()
        };
        match assigned {
            Some(assigned) if word != ProxyWord::Admin => identity.bound_by(book.grants(&assigned.role_ids)),
            _ => identity,
        }
    }

    /// A user for whom an OIDC provider vouched; `mapped` where its groups are mapped to roles. Those and the roles that
    /// somebody gave them here add up; who has neither is an administrator.
    pub fn oidc(
        user: impl Into<String>,
        session_key: impl Into<String>,
        mapped: Option<&[String]>,
        book: &RoleBook,
    ) -> Self {
        let whole =
            Self { session_key: Some(session_key.into()), ..Self::administrator(AuthMethod::Oidc, user) };
        let assigned = whole.user.as_deref().and_then(|user| book.user(user)).map(|user| &user.role_ids);
        if mapped.is_none() && assigned.is_none() {
            return whole;
        }
        let ids: Vec<&String> = mapped.into_iter().flatten().chain(assigned.into_iter().flatten()).collect();
        whole.bound_by(book.grants(&ids))
    }

    /// The same caller with these rights and no others.
    fn bound_by(self, grants: Grants) -> Self {
        Self { is_admin: grants.is_admin(), scopes: grants.scopes(), grants, ..self }
    }

    fn administrator(method: AuthMethod, user: impl Into<String>) -> Self {
        Self {
            method,
            user: Some(user.into()),
            scopes: ScopeSet::all(),
            is_admin: true,
            grants: Grants::Everything,
            ..Self::anonymous()
        }
    }

    /// Whether it is somebody we know.
    pub fn is_authenticated(&self) -> bool {
        self.method != AuthMethod::None
    }
}

impl fmt::Display for Identity {
    /// The name in the `X-Authenticated-User` header and in the audit log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.token_id, &self.user) {
            (Some(token), _) => write!(f, "token:{token}"),
            (None, Some(user)) => f.write_str(user),
            (None, None) => f.write_str("anonymous"),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pulse_core::{roles::UserRoles, scope::Scope};

    use super::*;

    fn book(roles: &[&str]) -> RoleBook {
        let user = UserRoles {
            username: "kim".into(),
            role_ids: roles.iter().map(|id| (*id).to_owned()).collect(),
            updated_at: Timestamp::UNIX_EPOCH,
        };
        RoleBook::new(&[], &[user], Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn roles_given_here_bind_people_whom_others_vouch_for() {
        let viewer = book(&["viewer"]);
        let kim = Identity::oidc("kim", "k", None, &viewer);
        assert!(!kim.is_admin && kim.scopes.allows(Scope::MonitoringRead));
        assert!(Identity::oidc("pat", "k", None, &viewer).is_admin, "nobody decided about pat");
        // No role is not the same as nothing decided.
        let kim = Identity::oidc("kim", "k", None, &book(&[]));
        assert!(!kim.is_admin && !kim.scopes.allows(Scope::MonitoringRead));
        // What groups give adds up with it.
        let kim = Identity::oidc("kim", "k", Some(&["operator".to_owned()]), &viewer);
        assert!(!kim.is_admin && kim.scopes.allows(Scope::MonitoringWrite));

        let proxied = |word| Identity::proxy(Some("kim".into()), word, &viewer);
        assert!(!proxied(ProxyWord::Nothing).is_admin);
        assert!(!proxied(ProxyWord::NoAdmin).scopes.allows(Scope::MonitoringWrite));
        assert!(proxied(ProxyWord::Admin).is_admin, "the proxy says so itself");
    }
}
