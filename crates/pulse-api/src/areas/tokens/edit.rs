//! `PATCH /api/security/tokens/{id}`: another name, other scopes, another end.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_auth::{parse_scopes, token::MAX_NAME};
use pulse_config::UpdateError;
use pulse_core::Clock;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::{TokenView, create::may_grant};
use crate::{
    areas::object::read_object,
    auditing::Auditor,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, JsonError, TokensWrite},
    state::Access,
};

const LIMIT_BYTES: usize = 16 * 1024;

/// What changes; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
#[schema(as = ApiTokenChange)]
pub(super) struct EditRequest {
    /// Another name.
    name: Option<String>,
    /// Other scopes, all of them.
    scopes: Option<Vec<String>>,
    /// Another end; `null` for none.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = DateTime)]
    #[expect(clippy::option_option, reason = "a null is not the same as nothing")]
    expires_at: Option<Option<Timestamp>>,
}

/// Tells a `null` from a field that is not there.
#[expect(clippy::option_option, reason = "a null is not the same as nothing")]
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Timestamp>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Rename an API token, or change what it may do and until when. It counts at once; the value stays.
///
/// Neither the old nor the new scopes may go beyond the caller's own.
#[utoipa::path(
    patch, path = "/api/security/tokens/{id}", tag = "tokens", request_body = EditRequest,
    params(("id" = String, Path, description = "Id of the token")),
    responses(
        (status = 200, body = TokenView), (status = 400, description = "No such scope, or no JSON", body = String),
        (status = 403, body = MissingScopeBody), (status = 404, description = "There is no such token", body = String),
    )
)]
pub(super) async fn edit_token(
    allowed: Allowed<TokensWrite>,
    State(access): State<Arc<Access>>,
    State(clock): State<Arc<dyn Clock>>,
    auditor: Auditor,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<TokenView>, ApiError> {
    let bad = |text: String| ApiError::text(StatusCode::BAD_REQUEST, text);
    let body: EditRequest =
        read_object(request.into_body(), LIMIT_BYTES).await.map_err(|error| match error {
            JsonError::TooLarge { .. } => {
                ApiError::text(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large")
            }
            JsonError::Incomplete | JsonError::Invalid { .. } => {
                bad(format!("Invalid request body: {error}"))
            }
        })?;
    let not_found = || ApiError::text(StatusCode::NOT_FOUND, "Token not found");
    let before = access.tokens.current().by_id(&id).map(|token| token.to_record()).ok_or_else(not_found)?;
    may_grant(&allowed.identity, &before.scopes)?;
    let mut after = before.clone();
    if let Some(name) = body.name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
        after.name = name.chars().take(MAX_NAME).collect();
    }
    if body.scopes.is_some() {
        after.scopes = parse_scopes(body.scopes.as_deref()).map_err(|error| bad(error.to_string()))?;
        may_grant(&allowed.identity, &after.scopes)?;
    }
    if let Some(expires_at) = body.expires_at {
        if expires_at.is_some_and(|end| end <= clock.now()) {
            return Err(bad("expiresAt is in the past; delete the token instead".to_owned()));
        }
        after.expires_at = expires_at;
    }
    let doing = "change a token";
    let kept = {
        let access = Arc::clone(&access);
        let id = id.clone();
        tokio::task::spawn_blocking(move || {
            access.tokens.update(|records| {
                let record = records.iter_mut().find(|record| record.id.as_str() == id).ok_or(())?;
                // Somebody else's change in between stays where this one says nothing.
                if record.scopes == before.scopes {
                    record.scopes = after.scopes;
                } else if after.scopes != before.scopes {
                    return Err(());
                }
                record.name = after.name;
                record.expires_at = after.expires_at;
                Ok(())
            })
        })
        .await
    };
    match kept.map_err(|error| ApiError::internal(doing, error))? {
        Ok(()) => {}
        Err(UpdateError::Refused(())) => return Err(not_found()),
        Err(UpdateError::Config(error)) => return Err(ApiError::internal(doing, error)),
    }
    tracing::info!(by = %allowed.identity, token.id = id, "an API token was changed");
    auditor.record("token_updated", true, format!("token {id}")).await;
    access.tokens.current().by_id(&id).map(|token| Json(TokenView::new(token))).ok_or_else(not_found)
}
