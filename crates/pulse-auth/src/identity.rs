//! Who calls, and by what right.

use std::fmt;

use crate::Grants;
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

    /// A user for whom a reverse proxy vouches.
    pub fn proxy(user: Option<String>, is_admin: bool) -> Self {
        // Pulse v5 let a user who is no administrator do all that no route calls administration, tokens included.
        let grants = if is_admin { Grants::Everything } else { Grants::of_roles(&["operator"]) };
        Self {
            user,
            is_admin,
            grants,
            scopes: ScopeSet::all(),
            method: AuthMethod::Proxy,
            ..Self::anonymous()
        }
    }

    /// A user for whom an OIDC provider vouched; `roles` where its groups are mapped to roles, else an administrator.
    pub fn oidc(user: impl Into<String>, session_key: impl Into<String>, roles: Option<&[String]>) -> Self {
        let whole =
            Self { session_key: Some(session_key.into()), ..Self::administrator(AuthMethod::Oidc, user) };
        let Some(roles) = roles else { return whole };
        let grants = Grants::of_roles(roles);
        Self { is_admin: grants.is_admin(), scopes: grants.scopes(), grants, ..whole }
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
