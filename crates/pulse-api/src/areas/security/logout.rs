//! `POST /api/logout`.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{AppendHeaders, IntoResponse},
};
use http::{Extensions, HeaderMap, header::SET_COOKIE};
use pulse_auth::session::session_key;
use pulse_core::Clock;

use super::{Done, save_sessions};
use crate::{
    auditing::Auditor,
    auth::{CookieRules, SESSION_COOKIE, cookie},
    error::UnauthenticatedBody,
    extract::{Allowed, Authenticated},
    state::Access,
};

/// Log out: ends the session of the cookie.
#[utoipa::path(
    post, path = "/api/logout", tag = "security",
    responses((status = 200, body = Done), (status = 401, body = UnauthenticatedBody))
)]
pub(super) async fn log_out(
    _: Allowed<Authenticated>,
    State(access): State<Arc<Access>>,
    State(clock): State<Arc<dyn Clock>>,
    auditor: Auditor,
    headers: HeaderMap,
    extensions: Extensions,
) -> impl IntoResponse {
    if let Some(value) = cookie(&headers, SESSION_COOKIE) {
        let key = session_key(value);
        access.csrf.forget(&key);
        if access.sessions.remove(&key) {
            save_sessions(&access, &clock).await;
            auditor.record("logout", true, "").await;
        }
    }
    // Pulse v5 left pulse_csrf behind; it is of no use without the session.
    let rules = CookieRules::of(&headers, &extensions);
    let cookies = [(SET_COOKIE, rules.session("", 0)), (SET_COOKIE, rules.csrf("", 0))];
    let done = Done { success: true, message: "Successfully logged out".to_owned() };
    (AppendHeaders(cookies), Json(done))
}
