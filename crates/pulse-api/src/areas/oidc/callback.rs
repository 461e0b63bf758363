//! `GET /api/oidc/callback`: the browser comes back from the provider.

use axum::{
    extract::{Query, Request, State},
    response::Response,
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use pulse_auth::{
    NewSession,
    session::{DURATION, OidcSession, session_key},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{LOGIN_COOKIE, back};
use crate::{
    areas::security::save_sessions,
    auditing::Auditor,
    auth::{CookieRules, LoggedIn, SESSION_COOKIE, client_address, cookie},
    error::plain,
    extract::Caller,
    state::AppState,
};

/// What the provider says.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(super) struct Answer {
    /// The login it belongs to.
    state: Option<String>,
    /// What the tokens can be had for.
    code: Option<String>,
    /// Why there is none.
    error: Option<String>,
    /// Who answers, where the provider says so.
    iss: Option<String>,
}

/// Come back from the provider. Sets the cookies of a session and leads to the page.
#[utoipa::path(
    get, path = "/api/oidc/callback", tag = "oidc", security(()), params(Answer),
    responses(
        (status = 302, description = "To the page, with `oidc=success` or `oidc=error&oidc_error=…`"),
        (status = 404, description = "OIDC is not enabled", body = String),
    )
)]
pub(super) async fn finish_login(
    _: Caller,
    State(state): State<AppState>,
    Query(answer): Query<Answer>,
    auditor: Auditor,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    if !state.oidc.is_enabled() {
        return plain(StatusCode::NOT_FOUND, "OIDC is not enabled");
    }
    if let Some(error) = answer.error.as_deref().filter(|error| !error.is_empty()) {
        let code: String =
            error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
        tracing::info!(code, "the OIDC provider refused a login");
        return back("/", "error", Some(&code));
    }
    let Some(login_state) = answer.state.as_deref().filter(|text| !text.is_empty()) else {
        return back("/", "error", Some("missing_state"));
    };
    let browser = cookie(&parts.headers, LOGIN_COOKIE);
    let Some(login) = state.oidc.take(login_state, browser, state.now()) else {
        return back("/", "error", Some("invalid_state"));
    };
    let Some(code) = answer.code.as_deref().filter(|text| !text.is_empty()) else {
        return back(&login.return_to, "error", Some("missing_code"));
    };
    let logged_in = match state.oidc.finish(&login, code, answer.iss.as_deref(), state.now()).await {
        Ok(logged_in) => logged_in,
        Err(error) => {
            tracing::warn!(%error, "a login by OIDC failed");
            auditor.record("oidc_login", false, error.code()).await;
            return back(&login.return_to, "error", Some(error.code()));
        }
    };
    let (user, roles) = (logged_in.person.username.clone(), logged_in.person.roles.clone());
    match begin_session(&state, &parts, logged_in).await {
        Some(cookies) => {
            let auditor = auditor.of(&user);
            auditor.record("oidc_login", true, "").await;
            if let Some(roles) = roles {
                auditor.record("oidc_role_assignment", true, roles.join(", ")).await;
            }
            let mut response = back(&login.return_to, "success", None);
            for cookie in cookies {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        None => back(&login.return_to, "error", Some("session_failed")),
    }
}

async fn begin_session(state: &AppState, parts: &Parts, logged_in: LoggedIn) -> Option<Vec<HeaderValue>> {
    let (access, now) = (&state.access, state.now());
    // A session that the browser came with ends: whoever put it there does not share the new one.
    if let Some(old) = cookie(&parts.headers, SESSION_COOKIE) {
        let key = session_key(old);
        access.sessions.remove(&key);
        access.csrf.forget(&key);
    }
    let config = state.oidc.store.current();
    let address = client_address(&parts.extensions, &parts.headers, &state.settings);
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let person = logged_in.person;
    let new = NewSession {
        username: person.username.clone(),
        user_agent: user_agent.map(str::to_owned),
        ip: Some(address.to_string()),
        duration: DURATION,
        oidc: Some(OidcSession {
            issuer: config.issuer_url.clone(),
            client_id: config.client_id.clone(),
            roles: person.roles,
        }),
    };
    let (value, session) = access.sessions.create(new, now).ok()?;
    let csrf = access.csrf.issue(&session.key, now).ok()?;
    if let Some(token) = logged_in.refresh_token {
        let (subject, ends_at) = (logged_in.subject, logged_in.access_expires_at);
        state.oidc.remember_refresh(&session.key, token, subject, ends_at, now);
    }
    save_sessions(access, &state.clock).await;
    tracing::info!(user = person.username, address = %address, "logged in by OIDC");
    let seconds = DURATION.as_secs();
    let rules = CookieRules::of(&parts.headers, &parts.extensions);
    [rules.session(&value, seconds), rules.csrf(&csrf, seconds), rules.lax(LOGIN_COOKIE, "", 0)]
        .into_iter()
        .map(|text| HeaderValue::from_str(&text).ok())
        .collect()
}
