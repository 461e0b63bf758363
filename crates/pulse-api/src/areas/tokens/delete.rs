//! `DELETE /api/security/tokens/{id}`.

use std::sync::Arc;

use axum::extract::{Path, State};
use http::StatusCode;

use crate::{
    auditing::Auditor,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, TokensWrite},
    state::Access,
};

/// Delete an API token. It stops working at once.
#[utoipa::path(
    delete, path = "/api/security/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "Id of the token")),
    responses(
        (status = 204, description = "Gone"), (status = 403, body = MissingScopeBody),
        (status = 404, description = "There is no such token", body = String),
    )
)]
pub(super) async fn delete_token(
    allowed: Allowed<TokensWrite>,
    State(access): State<Arc<Access>>,
    auditor: Auditor,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let doing = "delete a token";
    let removed = tokio::task::spawn_blocking(move || access.tokens.remove(&id)).await;
    let removed = removed
        .map_err(|error| ApiError::internal(doing, error))?
        .map_err(|error| ApiError::internal(doing, error))?;
    match removed {
        Some(record) => {
            tracing::info!(by = %allowed.identity, token.id = %record.id, "an API token was deleted");
            auditor.record("token_deleted", true, format!("token {}", record.id)).await;
            Ok(StatusCode::NO_CONTENT)
        }
        None => Err(ApiError::text(StatusCode::NOT_FOUND, "Token not found")),
    }
}
