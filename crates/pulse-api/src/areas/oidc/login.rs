//! `GET` and `POST /api/oidc/login`: sends the browser to the provider.

use axum::{
    Json,
    extract::{Query, Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use pulse_oidc::return_path;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{LOGIN_COOKIE, LOGIN_SECONDS, back, redirect_uri, see};
use crate::{
    areas::object::read_optional_object,
    auth::CookieRules,
    error::{ApiError, ErrorBody},
    extract::Caller,
    state::AppState,
};

const LIMIT_BYTES: usize = 8 * 1024;

/// Where the login leads.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct LoginTarget {
    /// A path of this server to go to afterwards.
    return_to: Option<String>,
}

/// Where to go.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OidcAuthorization)]
pub(super) struct Authorization {
    /// The provider's page.
    authorization_url: String,
}

struct Started {
    url: String,
    cookie: Option<HeaderValue>,
}

/// Go to the provider's login page.
#[utoipa::path(
    get, path = "/api/oidc/login", tag = "oidc", security(()), params(LoginTarget),
    responses((status = 302, description = "To the provider, or back to the page with `oidc_error`"))
)]
pub(super) async fn begin_login(
    _: Caller,
    State(state): State<AppState>,
    Query(target): Query<LoginTarget>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    match start(&state, &parts, target.return_to.as_deref()).await {
        Ok(started) => {
            let mut response = see(&started.url);
            if let Some(cookie) = started.cookie {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(code) => back("/", "error", Some(code)),
    }
}

/// The address of the provider's login page.
#[utoipa::path(
    post, path = "/api/oidc/login", tag = "oidc", security(()), request_body = Option<LoginTarget>,
    responses(
        (status = 200, body = Authorization), (status = 400, body = ErrorBody),
        (status = 500, description = "The provider cannot be used", body = ErrorBody),
    )
)]
pub(super) async fn begin_login_for_program(
    _: Caller,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let target: LoginTarget = read_optional_object(body, LIMIT_BYTES)
        .await
        .map_err(|error| {
            ApiError::envelope(StatusCode::BAD_REQUEST, "invalid_request", "Invalid request body")
                .detail("error", error.to_string())
        })?
        .unwrap_or_default();
    let started = start(&state, &parts, target.return_to.as_deref()).await.map_err(|code| {
        let (status, text) = match code {
            "oidc_disabled" => (StatusCode::BAD_REQUEST, "OIDC is not enabled"),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "The OIDC provider cannot be used; the server's log says why",
            ),
        };
        ApiError::envelope(status, code, text)
    })?;
    let mut response = Json(Authorization { authorization_url: started.url }).into_response();
    if let Some(cookie) = started.cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn start(state: &AppState, parts: &Parts, return_to: Option<&str>) -> Result<Started, &'static str> {
    if !state.oidc.is_enabled() {
        return Err("oidc_disabled");
    }
    let config = state.oidc.store.current();
    let Some(redirect) = redirect_uri(&config, &state.system.current()) else {
        tracing::warn!(
            "a login by OIDC could not begin: this server does not know its own address; set PULSE_PUBLIC_URL or \
             OIDC_REDIRECT_URL"
        );
        return Err("oidc_init_failed");
    };
    match state.oidc.begin(redirect, return_path(return_to), state.now()).await {
        Ok(Some((url, begun))) => {
            let cookie = CookieRules::of(&parts.headers, &parts.extensions).lax(
                LOGIN_COOKIE,
                &begun.browser,
                LOGIN_SECONDS,
            );
            Ok(Started { url, cookie: HeaderValue::from_str(&cookie).ok() })
        }
        Ok(None) => Err("oidc_state_error"),
        Err(error) => {
            tracing::warn!(%error, "a login by OIDC could not begin");
            Err("oidc_init_failed")
        }
    }
}
