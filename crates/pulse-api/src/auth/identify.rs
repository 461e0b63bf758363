//! The credentials of a request, in the contract's order: proxy, token, session, Basic.

use std::sync::Arc;

use http::{HeaderMap, header, request::Parts};
use pulse_auth::{
    AuthMethod, Identity, RoleBook, Session, hash_token, password, presented,
    proxy::{ProxyClaims, ProxyRules},
    token::MAX_VALUE,
};
use subtle::ConstantTimeEq;

use super::{SESSION_COOKIE, client_address, cookie};
use crate::state::AppState;

/// Who sends the request; [`Identity::anonymous`] when no credential is right.
pub async fn identify(state: &AppState, request: &Parts) -> Identity {
    let headers = &request.headers;
    if let Some(identity) = by_proxy(state, headers) {
        return identity;
    }
    if let Some(identity) = by_token(state, request) {
        return identity;
    }
    if let Some(value) = cookie(headers, SESSION_COOKIE)
        && let Some(session) = state.access.sessions.touch(value, state.now())
        && let Some(identity) = by_session(state, session)
    {
        return identity;
    }
    if let Some(identity) = by_password(state, request).await {
        return identity;
    }
    Identity::anonymous()
}

/// Whether an identity that came in a while ago would still come in: its session or token may have been revoked, and its
/// rights changed. `book` is the one that it came in with: where rights may come from roles and any role has changed since,
/// it has to come in anew.
pub fn is_still_valid(state: &AppState, identity: &Identity, book: &Arc<RoleBook>) -> bool {
    let is_same_book = || Arc::ptr_eq(book, &state.roles.book());
    let is_session_there = || {
        let is_there = |key: &str| state.access.sessions.contains(key, state.now());
        identity.session_key.as_deref().is_some_and(is_there)
    };
    match identity.method {
        AuthMethod::ApiToken => identity.token_id.as_ref().is_some_and(|id| {
            let tokens = state.access.tokens.current();
            tokens.by_id(id.as_str()).is_some_and(|token| {
                !token.is_expired(state.now()) && token.record().scopes.covers(&identity.scopes)
            })
        }),
        AuthMethod::Session => is_session_there(),
        AuthMethod::Oidc => is_session_there() && is_same_book(),
        AuthMethod::Basic => true,
        AuthMethod::Proxy => is_same_book(),
        AuthMethod::None => false,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|value| !value.is_empty())
}

fn by_proxy(state: &AppState, headers: &HeaderMap) -> Option<Identity> {
    let settings = state.settings.proxy_auth.as_ref()?;
    let header =
        |name: &Option<String>| name.as_deref().and_then(|name| text(headers, &name.to_ascii_lowercase()));
    pulse_auth::proxy::identify(
        &ProxyRules {
            secret: settings.secret.expose(),
            needs_user: settings.user_header.is_some(),
            role_separator: &settings.role_separator,
            admin_role: settings.role_header.as_ref().and(settings.admin_role.as_deref()),
        },
        &ProxyClaims {
            secret: text(headers, "x-proxy-secret"),
            user: header(&settings.user_header),
            roles: header(&settings.role_header),
        },
        &state.roles.book(),
    )
}

fn by_session(state: &AppState, session: Session) -> Option<Identity> {
    let user = session.username.unwrap_or_else(|| "admin".to_owned());
    let Some(oidc) = session.oidc else { return Some(Identity::session(user, session.key)) };
    // Another provider, or none: the one that vouched for this session counts no more.
    let config = state.oidc.store.current();
    let is_vouched =
        state.oidc.is_enabled() && config.issuer_url == oidc.issuer && config.client_id == oidc.client_id;
    let book = state.roles.book();
    is_vouched.then(|| Identity::oidc(user, session.key, oidc.roles.as_deref(), &book))
}

fn by_token(state: &AppState, request: &Parts) -> Option<Identity> {
    let headers = &request.headers;
    let bearer = text(headers, header::AUTHORIZATION.as_str()).and_then(presented::bearer);
    let query = request.uri.query().and_then(presented::query_token);
    let now = state.now();
    [text(headers, "x-api-token"), bearer, query]
        .into_iter()
        .flatten()
        .filter(|value| !value.is_empty() && value.len() <= MAX_VALUE)
        .find_map(|value| state.access.tokens.authenticate(&hash_token(value), now))
        .map(|token| Identity::token(token.record()))
}

async fn by_password(state: &AppState, request: &Parts) -> Option<Identity> {
    let headers = &request.headers;
    let (user, given) = presented::basic(text(headers, header::AUTHORIZATION.as_str())?)?;
    let (user, given) = (user.as_str(), given.as_str());
    let login = state.access.credentials.current()?;
    let now = state.now();
    let address = client_address(&request.extensions, headers, &state.settings).to_string();
    let access = &state.access;
    if access.lockout.locked_until(user, &address, now).is_some() {
        return None;
    }
    if access.basic.knows(user, given, &login.password_hash, now) {
        return Some(Identity::basic(user));
    }
    // Hashing a password takes tens of milliseconds of a core: off the async threads, and only so many at once.
    let is_right = super::gate::verify_password(given.to_owned(), login.password_hash.clone()).await.ok()?;
    if is_right && bool::from(user.as_bytes().ct_eq(login.user.as_bytes())) {
        access.lockout.succeed(user, &address);
        access.basic.remember(user, given, &login.password_hash, now);
        return Some(Identity::basic(user));
    }
    access.lockout.fail(user, &address, now);
    None
}

/// Verifies a password; blocking, see [`password::verify`].
pub(super) fn verify(given: &str, hash: &str) -> bool {
    password::verify(given, hash)
}
