//! `POST /api/login`.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json,
    extract::{Request, State},
    response::{AppendHeaders, IntoResponse},
};
use http::{StatusCode, header::SET_COOKIE};
use jiff::Timestamp;
use pulse_auth::{
    Failure, NewSession, compare,
    lockout::MAX_FAILURES,
    password,
    session::{DURATION, REMEMBERED},
};
use pulse_config::{Login, Secret, Settings};
use pulse_core::Clock;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Done, LIMIT, bad_body_envelope, hash_password, save_sessions};
use crate::{
    areas::object::read_object,
    auditing::Auditor,
    auth::{CookieRules, client_address, verify_password},
    error::{ApiError, ErrorBody},
    state::Access,
};

/// User and password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoginRequest {
    /// User name, exactly as set.
    username: String,
    /// Password.
    #[schema(value_type = String, format = Password)]
    password: Secret,
    /// Whether the session lasts 30 days instead of one.
    #[serde(default)]
    remember_me: bool,
}

/// Log in with user and password.
///
/// Sets the cookies `pulse_session` and `pulse_csrf`; requests that change something send the value of the latter in
/// the header `X-CSRF-Token`.
#[utoipa::path(
    post, path = "/api/login", tag = "security", security(()), request_body = LoginRequest,
    responses(
        (status = 200, body = Done), (status = 400, body = ErrorBody),
        (status = 401, description = "Wrong; says how many attempts remain"),
        (status = 403, description = "Locked after five failures; says until when"),
        (status = 429, description = "More than ten attempts in a minute"),
    )
)]
pub(super) async fn log_in(
    State(access): State<Arc<Access>>,
    State(settings): State<Arc<Settings>>,
    State(clock): State<Arc<dyn Clock>>,
    auditor: Auditor,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    let (parts, body) = request.into_parts();
    let body: LoginRequest = read_object(body, LIMIT).await.map_err(bad_body_envelope)?;
    let address = client_address(&parts.extensions, &parts.headers, &settings);
    let auditor = auditor.of(&body.username);
    let login = match check(&access, &clock, address, &body).await {
        Ok(login) => login,
        Err(error) => {
            // Who is locked or too fast was not looked at, and writes nothing: that would be a way to fill the disk.
            if matches!(error, ApiError::Json { status: StatusCode::UNAUTHORIZED, .. }) {
                auditor.record("login", false, "Invalid credentials").await;
            }
            return Err(error);
        }
    };
    upgrade_hash(&access, &login, body.password).await;

    let duration = if body.remember_me { REMEMBERED } else { DURATION };
    let new = NewSession {
        username: login.user.clone(),
        user_agent: parts
            .headers
            .get(http::header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        ip: Some(address.to_string()),
        duration,
        oidc: None,
    };
    let no_random = |error| ApiError::internal("begin a session", error);
    let (cookie, session) = access.sessions.create(new, clock.now()).map_err(no_random)?;
    let csrf = access.csrf.issue(&session.key, clock.now()).map_err(no_random)?;
    save_sessions(&access, &clock).await;
    auditor.record("login", true, "").await;
    let rules = CookieRules::of(&parts.headers, &parts.extensions);
    let seconds = duration.as_secs();
    let cookies = [(SET_COOKIE, rules.session(&cookie, seconds)), (SET_COOKIE, rules.csrf(&csrf, seconds))];
    let done = Done { success: true, message: "Successfully logged in".to_owned() };
    Ok((AppendHeaders(cookies), Json(done)))
}

/// The login, where user and password are right and may be tried at all.
async fn check(
    access: &Access,
    clock: &Arc<dyn Clock>,
    address: IpAddr,
    body: &LoginRequest,
) -> Result<Arc<Login>, ApiError> {
    let (now, ip) = (clock.now(), address.to_string());
    if let Some(until) = access.lockout.locked_until(&body.username, &ip, now) {
        return Err(locked(until, now));
    }
    if access.login_limiter.check(&address, now).is_err() {
        return Err(too_busy());
    }
    if let Some(login) = access.credentials.current() {
        // The hash is verified for any user name: the time must not tell which one exists.
        let fits = verify_password(body.password.expose().to_owned(), login.password_hash.clone())
            .await
            .map_err(|_| too_busy())?;
        if fits & compare::equal(&body.username, &login.user) {
            access.lockout.succeed(&body.username, &ip);
            return Ok(login);
        }
    }
    Err(failed(access.lockout.fail(&body.username, &ip, clock.now())))
}

fn too_busy() -> ApiError {
    ApiError::Json {
        status: StatusCode::TOO_MANY_REQUESTS,
        body: json!({"error": "rate_limit", "message": "Too many requests. Please wait before trying again."}),
    }
}

fn locked(until: Timestamp, now: Timestamp) -> ApiError {
    let minutes = until.duration_since(now).as_secs().div_euclid(60) + 1;
    let minutes = minutes.clamp(1, 15);
    ApiError::Json {
        status: StatusCode::FORBIDDEN,
        body: json!({
            "error": "account_locked",
            "lockedUntil": until,
            "message": format!("Too many failed attempts. Account is locked for {minutes} more minutes."),
            "remainingMinutes": minutes,
        }),
    }
}

fn failed(failure: Failure) -> ApiError {
    let body = if failure.is_locked {
        json!({
            "error": "invalid_credentials",
            "locked": true,
            "lockoutDuration": "15 minutes",
            "message": "Invalid username or password. Account is now locked for 15 minutes.",
        })
    } else {
        let left = failure.remaining;
        json!({
            "attempts": failure.attempts,
            "error": "invalid_credentials",
            "maxAttempts": MAX_FAILURES,
            "message": format!("Invalid username or password. You have {left} attempts remaining."),
            "remaining": left,
        })
    };
    ApiError::Json { status: StatusCode::UNAUTHORIZED, body }
}

/// A hash that Pulse v5 wrote becomes one of ours while the password is at hand. Without success nothing is lost.
async fn upgrade_hash(access: &Arc<Access>, login: &Arc<Login>, password: Secret) {
    if login.is_from_environment || !password::needs_rehash(&login.password_hash) {
        return;
    }
    let Ok(hash) = hash_password(password).await else { return };
    let (access, login) = (Arc::clone(access), Arc::clone(login));
    let replaced = tokio::task::spawn_blocking(move || access.credentials.replace_hash(&login, &hash)).await;
    if let Ok(Err(error)) = replaced {
        tracing::warn!(%error, "the password keeps its old hash");
    }
}
