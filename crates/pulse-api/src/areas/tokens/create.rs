//! `POST /api/security/tokens`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_auth::{Denied, Identity, ScopeSet, generate_token, parse_scopes, token};
use pulse_config::UpdateError;
use pulse_core::Clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TokenView;
use crate::{
    areas::object::read_optional_object,
    auditing::Auditor,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, JsonError, TokensWrite},
    state::Access,
};

const LIMIT: usize = 16 * 1024;

/// What the new token is to be.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
#[schema(as = NewApiToken)]
pub(super) struct CreateRequest {
    /// What to call it; `API token` where it has no name.
    name: Option<String>,
    /// What it may do; absent for everything.
    scopes: Option<Vec<String>>,
    /// When it ends; absent for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A new token.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedApiToken)]
pub(super) struct Created {
    /// How it is listed.
    record: TokenView,
    /// Its value, shown this once.
    token: String,
}

/// Make an API token. Its value is shown this once.
///
/// A token cannot make one that may do more than itself.
#[utoipa::path(
    post, path = "/api/security/tokens", tag = "tokens", request_body = Option<CreateRequest>,
    responses(
        (status = 200, body = Created), (status = 400, description = "No such scope, or no JSON", body = String),
        (status = 403, body = MissingScopeBody),
        (status = 409, description = "There are too many tokens", body = String),
    )
)]
pub(super) async fn create_token(
    allowed: Allowed<TokensWrite>,
    State(access): State<Arc<Access>>,
    State(clock): State<Arc<dyn Clock>>,
    auditor: Auditor,
    request: Request,
) -> Result<Json<Created>, ApiError> {
    let bad = |text: String| ApiError::text(StatusCode::BAD_REQUEST, text);
    let body: CreateRequest = read_optional_object(request.into_body(), LIMIT)
        .await
        .map_err(|error| match error {
            JsonError::TooLarge { .. } => {
                ApiError::text(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large")
            }
            JsonError::Incomplete | JsonError::Invalid { .. } => {
                bad(format!("Invalid request body: {error}"))
            }
        })?
        .unwrap_or_default();
    let scopes = parse_scopes(body.scopes.as_deref()).map_err(|error| bad(error.to_string()))?;
    may_grant(&allowed.identity, &scopes)?;
    if body.expires_at.is_some_and(|end| end <= clock.now()) {
        return Err(bad("expiresAt is in the past".to_owned()));
    }
    let name = body.name.as_deref().map(str::trim).filter(|name| !name.is_empty()).unwrap_or("API token");

    let doing = "make a token";
    let value = generate_token().map_err(|error| ApiError::internal(doing, error))?;
    let mut record = token::record(&value, name, scopes, clock.now());
    record.expires_at = body.expires_at;
    let id = record.id.clone();
    let added = {
        let access = Arc::clone(&access);
        tokio::task::spawn_blocking(move || access.tokens.add(record)).await
    };
    match added.map_err(|error| ApiError::internal(doing, error))? {
        Ok(()) => {}
        Err(UpdateError::Refused(too_many)) => {
            return Err(ApiError::text(StatusCode::CONFLICT, too_many.to_string()));
        }
        Err(UpdateError::Config(error)) => return Err(ApiError::internal(doing, error)),
    }
    let tokens = access.tokens.current();
    let record = tokens
        .by_id(id.as_str())
        .map(|token| TokenView::new(token))
        .ok_or_else(|| ApiError::text(StatusCode::CONFLICT, "The token was removed again at once"))?;
    tracing::info!(by = %allowed.identity, token.id = %id, "an API token was made");
    auditor.record("token_created", true, format!("token {id}: {}", record.scopes.join(", "))).await;
    Ok(Json(Created { record, token: value.to_string() }))
}

/// Pulse v5 let any token with `settings:write` make one for everything.
pub(super) fn may_grant(identity: &Identity, scopes: &ScopeSet) -> Result<(), ApiError> {
    match scopes.scopes().find(|scope| !identity.scopes.allows(*scope)) {
        Some(required) => Err(Denied::MissingScope { required }.into()),
        None => Ok(()),
    }
}
