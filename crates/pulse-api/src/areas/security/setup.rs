//! `POST /api/security/quick-setup`: user, password and first token of a new server, or new ones for an old server.

use std::{path::Path, sync::Arc};

use axum::{
    Json,
    extract::{Request, State},
};
use http::{HeaderMap, StatusCode, request::Parts};
use pulse_auth::{
    AuthMethod, Denied, FeatureSet, Identity, Requirement, ScopeSet, authorize,
    bootstrap::{BootstrapCheck, check},
    compare, hash_token, password,
    token::{self, MAX_VALUE},
};
use pulse_config::{ConfigError, Secret, Settings};
use pulse_core::{Clock, scope::Scope};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::{
    LIMIT, bad_body, bootstrap::setup_token, end_all_sessions, hash_password, recovery::recovery_token,
    too_many,
};
use crate::{
    areas::object::read_object,
    auth::{CSRF_HEADER, client_address},
    error::ApiError,
    extract::Caller,
    state::Access,
};

/// The longest user name.
const MAX_USER: usize = 128;

/// Two setups at once must not mix: the second finds the server configured.
static SETTING_UP: Mutex<()> = Mutex::const_new(());

/// Who is to log in, and with what.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SetupRequest {
    /// User name.
    username: String,
    /// Password of at least 12 characters.
    #[schema(value_type = String, format = Password)]
    password: Secret,
    /// Value of the first API token. With a recovery token it may be left out: then all tokens stay, those of agents too.
    #[schema(value_type = String, format = Password)]
    api_token: Secret,
    /// Whether to set everything anew though a password is set.
    force: bool,
    /// The bootstrap token, where it is not in the header `X-Setup-Token`.
    setup_token: Option<String>,
}

/// What was set up.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SetupReply {
    /// Always true.
    success: bool,
    /// In words.
    message: String,
    /// Whether nothing was changed because a password is set.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    skipped: bool,
    #[serde(flatten)]
    done: Option<SetupDone>,
}

/// Where it was kept.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SetupDone {
    /// `docker`, `systemd-nonroot` or `manual`.
    method: &'static str,
    /// `docker`, `systemd` or `manual`.
    deployment_type: &'static str,
    /// Always false: it counts at once.
    requires_manual_restart: bool,
    /// The file that holds user and password hash.
    env_file: String,
    /// What to know.
    note: String,
    /// The service, under systemd.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_name: Option<&'static str>,
}

/// Set user, password and API token.
///
/// The first run needs the bootstrap token that the server prints at start; a configured server needs credentials
/// or a recovery token, and `force`. It counts at once: all sessions end, and all other tokens where a new one is sent.
#[utoipa::path(
    post, path = "/api/security/quick-setup", tag = "security", security(()), request_body = SetupRequest,
    params(
        ("X-Setup-Token" = Option<String>, Header, description = "The bootstrap token"),
        ("X-Recovery-Token" = Option<String>, Header, description = "A recovery token"),
    ),
    responses(
        (status = 200, body = SetupReply), (status = 400, body = String),
        (status = 401, description = "Bootstrap token or credentials are missing or wrong", body = String),
        (status = 403, description = "The credentials may not do this"),
        (status = 429, description = "More than ten attempts in a minute", body = String),
        (status = 503, description = "There is no bootstrap token", body = String),
    )
)]
pub(super) async fn quick_setup(
    Caller(identity): Caller,
    State(access): State<Arc<Access>>,
    State(settings): State<Arc<Settings>>,
    State(clock): State<Arc<dyn Clock>>,
    request: Request,
) -> Result<Json<SetupReply>, ApiError> {
    let (parts, body) = request.into_parts();
    let address = client_address(&parts.extensions, &parts.headers, &settings);
    if access.login_limiter.check(&address, clock.now()).is_err() {
        return Err(too_many());
    }
    let body: SetupRequest =
        read_object(body, LIMIT).await.map_err(|error| bad_body(error, "Invalid request body"))?;
    let _alone = SETTING_UP.lock().await;
    let is_recovery = is_recovery(&access, &clock, &parts.headers).await;
    may_set_up(is_recovery, &access, &clock, &identity, &parts, &body)?;
    if access.credentials.current().is_some() && !body.force {
        let message = "Password authentication is already configured. Send force to replace it.".to_owned();
        return Ok(Json(SetupReply { success: true, message, skipped: true, done: None }));
    }
    let user = checked(&body, is_recovery)?;
    set_up(&access, &clock, user, &body).await?;
    if let Some(token) = recovery_token(&parts.headers) {
        // Used up only now: whatever failed before can be tried again.
        access.recovery.consume(token, clock.now());
    }
    if is_recovery {
        // Who comes with a recovery token was locked out, perhaps by somebody who guesses.
        access.lockout.succeed(user, &address.to_string());
    }
    // Whoever was logged in before knew another password, or none. Pulse v5 let those sessions live.
    end_all_sessions(&access, &clock).await;
    tracing::info!(by = %identity, address = %address, "user, password and API token were set");
    Ok(Json(reply(&settings, access.credentials.path())))
}

/// Whether a recovery token that counts was sent: one made over the API, or one that the command line left.
async fn is_recovery(access: &Arc<Access>, clock: &Arc<dyn Clock>, headers: &HeaderMap) -> bool {
    let Some(token) = recovery_token(headers).filter(|token| token.len() <= MAX_VALUE) else { return false };
    let now = clock.now();
    if access.recovery.is_open(token, now) {
        return true;
    }
    let (access, hash) = (Arc::clone(access), hash_token(token));
    let adopted = tokio::task::spawn_blocking(move || {
        let left = access.recovery_file.read()?;
        let Some(left) = left.filter(|left| left.expires_at > now && compare::equal(&left.hash, &hash))
        else {
            return Ok(false);
        };
        // It is in memory from now on, and for once.
        access.recovery_file.remove()?;
        access.recovery.adopt(left.hash, left.expires_at, now);
        Ok::<_, ConfigError>(true)
    });
    match adopted.await {
        Ok(Ok(is_adopted)) => is_adopted,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a recovery token that was left for the server cannot be taken");
            false
        }
        Err(_) => false,
    }
}

fn may_set_up(
    is_recovery: bool,
    access: &Access,
    clock: &Arc<dyn Clock>,
    identity: &Identity,
    parts: &Parts,
    body: &SetupRequest,
) -> Result<(), ApiError> {
    const NEEDED: Requirement = Requirement::admin(&[Scope::SettingsWrite]);
    if is_recovery {
        return Ok(());
    }
    if identity.is_authenticated() {
        authorize(identity, NEEDED, FeatureSet::default())?;
        return not_forged(access, clock, identity, &parts.headers);
    }
    if access.credentials.current().is_some() {
        let text = if recovery_token(&parts.headers).is_some() {
            "The recovery token is wrong, was used, or is too old; `pulse-server recovery-token` prints a new one"
        } else {
            "Authentication required to modify existing security settings"
        };
        return Err(ApiError::text(StatusCode::UNAUTHORIZED, text));
    }
    let current = access.bootstrap.current();
    let given = setup_token(&parts.headers).or(body.setup_token.as_deref());
    match check(current.as_deref().map(Secret::expose), given) {
        BootstrapCheck::Right => Ok(()),
        BootstrapCheck::Unavailable => {
            let text = "Bootstrap token unavailable; restart Pulse or inspect data directory";
            Err(ApiError::text(StatusCode::SERVICE_UNAVAILABLE, text))
        }
        BootstrapCheck::Missing => Err(retrieve(
            "Bootstrap setup token required. Retrieve it from the host:",
            access.bootstrap.path(),
        )),
        BootstrapCheck::Wrong => Err(retrieve(
            "Invalid bootstrap setup token. Retrieve the correct token from the host:",
            access.bootstrap.path(),
        )),
    }
}

/// The gate lets this path pass without a CSRF token, since the first run has none. Who rides on a session shows it.
fn not_forged(
    access: &Access,
    clock: &Arc<dyn Clock>,
    identity: &Identity,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    match (identity.method, &identity.session_key) {
        (AuthMethod::Session | AuthMethod::Oidc, Some(key)) => {
            let given = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
            if given.is_some_and(|token| access.csrf.verify(key, token, clock.now())) {
                Ok(())
            } else {
                Err(ApiError::text(StatusCode::FORBIDDEN, "CSRF token validation failed"))
            }
        }
        (AuthMethod::Session | AuthMethod::Oidc, None) => Err(Denied::Unauthenticated.into()),
        (AuthMethod::None | AuthMethod::Proxy | AuthMethod::ApiToken | AuthMethod::Basic, _) => Ok(()),
    }
}

fn retrieve(what: &str, path: &Path) -> ApiError {
    let file = path.display();
    let text = format!(
        "{what}\n  pulse-server prints it when it starts: see its log\n  on the machine: cat {file}\n  \
         in Docker: docker exec <container> cat {file}\n  in a Proxmox container: pct exec <id> -- cat {file}"
    );
    ApiError::text(StatusCode::UNAUTHORIZED, text)
}

/// The user name, where the request is whole.
fn checked(body: &SetupRequest, is_recovery: bool) -> Result<&str, ApiError> {
    let bad = |text: String| ApiError::text(StatusCode::BAD_REQUEST, text);
    let user = body.username.trim();
    let token = body.api_token.expose().trim();
    if user.is_empty() || body.password.is_empty() || (token.is_empty() && !is_recovery) {
        return Err(bad("Username, password, and API token are required".to_owned()));
    }
    password::check(body.password.expose()).map_err(|error| bad(error.to_string()))?;
    if user.chars().count() > MAX_USER || user.contains(|c: char| c.is_control() || c == '\'' || c == ':') {
        return Err(bad(format!(
            "Username must have at most {MAX_USER} characters and neither quotes nor colons nor line breaks"
        )));
    }
    if token.len() > MAX_VALUE {
        return Err(bad(format!("API token must have at most {MAX_VALUE} characters")));
    }
    Ok(user)
}

/// Login first, then the token, and only then the end of the bootstrap token: whatever fails can be tried again.
async fn set_up(
    access: &Arc<Access>,
    clock: &Arc<dyn Clock>,
    user: &str,
    body: &SetupRequest,
) -> Result<(), ApiError> {
    let hash = hash_password(body.password.clone()).await?;
    let value = body.api_token.expose().trim();
    // Only a recovery may come without: it sets a login anew and leaves agents their tokens.
    let record =
        (!value.is_empty()).then(|| token::record(value, "Primary token", ScopeSet::all(), clock.now()));
    let (access, user) = (Arc::clone(access), user.to_owned());
    let kept = tokio::task::spawn_blocking(move || {
        access.credentials.set(&user, &hash)?;
        if let Some(record) = record {
            access.tokens.replace_all(record)?;
        }
        access.bootstrap.consume()
    });
    let doing = "keep the login";
    match kept.await.map_err(|error| ApiError::internal(doing, error))? {
        Ok(()) => Ok(()),
        Err(error @ ConfigError::ManagedByEnvironment) => {
            Err(ApiError::text(StatusCode::CONFLICT, error.to_string()))
        }
        Err(error) => Err(ApiError::internal(doing, error)),
    }
}

fn reply(settings: &Settings, env_file: &Path) -> SetupReply {
    let (method, deployment_type, service_name) = match (settings.is_docker, settings.is_systemd) {
        (true, _) => ("docker", "docker", None),
        (false, true) => ("systemd-nonroot", "systemd", Some("pulse")),
        (false, false) => ("manual", "manual", None),
    };
    let env_file = env_file.display().to_string();
    SetupReply {
        success: true,
        message: "Security enabled immediately! Your settings are saved and active.".to_owned(),
        skipped: false,
        done: Some(SetupDone {
            method,
            deployment_type,
            requires_manual_restart: false,
            note: format!("Configuration saved to {env_file} for persistence across restarts."),
            env_file,
            service_name,
        }),
    }
}
