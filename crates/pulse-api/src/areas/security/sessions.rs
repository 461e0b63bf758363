//! `/api/security/sessions`: who is logged in, and ending that.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_auth::SessionRecord;
use pulse_core::Clock;
use serde::Serialize;
use utoipa::ToSchema;

use super::save_sessions;
use crate::{
    error::{ApiError, ErrorBody, MissingScopeBody},
    extract::{Allowed, TokensRead, TokensWrite},
    state::Access,
};

/// Digits of a session's key that are its id: enough to tell ten thousand apart.
const ID_DIGITS: usize = 24;

/// A session as it is shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LoginSession)]
pub(super) struct SessionView {
    /// Its id; nobody can log in with it.
    id: String,
    /// Who is logged in.
    username: String,
    /// `password` or `oidc`.
    method: &'static str,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it ends unless it is used before.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// The browser, as it names itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    /// Where the login came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    /// Whether it is the one that asks.
    is_current: bool,
}

/// All sessions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoginSessions)]
pub(super) struct SessionList {
    /// Oldest first.
    sessions: Vec<SessionView>,
}

fn id_of(record: &SessionRecord) -> String {
    record.key.chars().take(ID_DIGITS).collect()
}

/// List login sessions, oldest first.
#[utoipa::path(
    get, path = "/api/security/sessions", tag = "security",
    responses((status = 200, body = SessionList), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn list_sessions(
    allowed: Allowed<TokensRead>,
    State(access): State<Arc<Access>>,
    State(clock): State<Arc<dyn Clock>>,
) -> Json<SessionList> {
    let own = allowed.identity.session_key;
    let sessions = access.sessions.export(clock.now()).1.into_iter().map(|record| SessionView {
        id: id_of(&record),
        is_current: own.as_ref() == Some(&record.key),
        method: if record.oidc_issuer.is_some() { "oidc" } else { "password" },
        username: record.username.unwrap_or_default(),
        created_at: record.created_at,
        expires_at: record.expires_at,
        user_agent: record.user_agent,
        ip: record.ip,
    });
    Json(SessionList { sessions: sessions.collect() })
}

/// End a login session. Live connections of it are closed.
#[utoipa::path(
    delete, path = "/api/security/sessions/{id}", tag = "security",
    params(("id" = String, Path, description = "Id of the session")),
    responses(
        (status = 204, description = "Ended"), (status = 403, body = MissingScopeBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(super) async fn end_session(
    allowed: Allowed<TokensWrite>,
    State(access): State<Arc<Access>>,
    State(clock): State<Arc<dyn Clock>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let records = access.sessions.export(clock.now()).1;
    let Some(record) = records.into_iter().find(|record| id_of(record) == id) else {
        return Err(ApiError::envelope(StatusCode::NOT_FOUND, "not_found", "There is no such session"));
    };
    access.sessions.remove(&record.key);
    access.csrf.forget(&record.key);
    save_sessions(&access, &clock).await;
    tracing::info!(by = %allowed.identity, session.id = id, "a session was ended");
    Ok(StatusCode::NO_CONTENT)
}
