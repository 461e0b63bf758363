//! `POST /api/security/validate-bootstrap-token`.

use std::sync::Arc;

use axum::extract::{Request, State};
use http::{HeaderMap, StatusCode};
use pulse_auth::bootstrap::{BootstrapCheck, check};
use pulse_config::{Secret, Settings};
use pulse_core::Clock;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{LIMIT, bad_body};
use crate::{areas::object::read_optional_object, auth::client_address, error::ApiError, state::Access};

/// The token, where it is not in the header `X-Setup-Token`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct BootstrapRequest {
    /// The bootstrap token.
    token: Option<String>,
}

/// Ask whether a bootstrap token is the right one. It stays valid.
#[utoipa::path(
    post, path = "/api/security/validate-bootstrap-token", tag = "security", security(()),
    request_body = Option<BootstrapRequest>,
    params(("X-Setup-Token" = Option<String>, Header, description = "The bootstrap token")),
    responses(
        (status = 204, description = "It is"), (status = 400, description = "None was given", body = String),
        (status = 401, description = "It is not", body = String),
        (status = 409, description = "This server has none any more", body = String),
        (status = 429, description = "More than ten attempts in a minute", body = String),
    )
)]
pub(super) async fn validate_bootstrap_token(
    State(access): State<Arc<Access>>,
    State(settings): State<Arc<Settings>>,
    State(clock): State<Arc<dyn Clock>>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let (parts, body) = request.into_parts();
    let current = access.bootstrap.current();
    if current.is_none() {
        let text = "Bootstrap token unavailable. Reload the page or restart Pulse.";
        return Err(ApiError::text(StatusCode::CONFLICT, text));
    }
    let body: Option<BootstrapRequest> = read_optional_object(body, LIMIT)
        .await
        .map_err(|error| bad_body(error, "Invalid request payload"))?;
    let given = setup_token(&parts.headers).map(str::to_owned).or_else(|| body.unwrap_or_default().token);
    match check(current.as_deref().map(Secret::expose), given.as_deref()) {
        BootstrapCheck::Right => Ok(StatusCode::NO_CONTENT),
        BootstrapCheck::Missing | BootstrapCheck::Unavailable => {
            Err(ApiError::text(StatusCode::BAD_REQUEST, "Bootstrap token is required"))
        }
        BootstrapCheck::Wrong => {
            let address = client_address(&parts.extensions, &parts.headers, &settings);
            // 192 random bits cannot be guessed; the limit keeps the log and the server quiet.
            if access.login_limiter.check(&address, clock.now()).is_err() {
                return Err(super::too_many());
            }
            Err(ApiError::text(StatusCode::UNAUTHORIZED, "Invalid bootstrap setup token"))
        }
    }
}

/// The bootstrap token in the header.
pub(super) fn setup_token(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("x-setup-token")
        .and_then(|value| value.to_str().ok())
        .filter(|value| !value.trim().is_empty())
}
