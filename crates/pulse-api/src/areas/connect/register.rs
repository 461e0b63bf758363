//! `POST /api/auto-register`: a Proxmox host, or the agent on it, adds itself. Public, but never without a credential.

use std::time::Duration;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_auth::{Identity, generate_token, hash_token};
use pulse_config::{AnyInstance, NodeEdit, PbsInstance, Registered, Registration, Replacing, Secret};
use pulse_core::{ids::InstanceName, model::InstanceKind, scope::Scope};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::header;
use crate::{
    areas::{
        nodes::{merge_into_cluster, refused, update, what_it_may_replace},
        object::read_object,
    },
    error::ApiError,
    state::AppState,
    ws::Event,
};

const LIMIT: usize = 16 * 1024;
/// How long the host may take to show its certificate, or to make a token.
const LOOK: Duration = Duration::from_secs(10);

/// Who registers.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
#[schema(as = AutoRegistration)]
pub(super) struct Wish {
    /// `pve`; anything else is a backup server.
    #[serde(rename = "type")]
    kind: String,
    /// Address of its API.
    host: String,
    /// Full name of its token.
    token_id: String,
    /// Value of its token.
    #[schema(value_type = String, format = Password)]
    token_value: Option<Secret>,
    /// Name to show.
    server_name: Option<String>,
    /// The credential: an API token that may report or change settings, or a setup token.
    auth_token: Option<String>,
    /// The same under its old name.
    setup_code: Option<String>,
    /// `agent` or `script`.
    source: Option<String>,
    /// Whether the server makes the token over there, with the user and password.
    request_token: bool,
    /// User, for that.
    username: Option<String>,
    /// Password, for that.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Secret>,
}

/// It is registered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AutoRegistered)]
pub(super) struct Done {
    /// Always `success`.
    status: &'static str,
    /// In words.
    message: String,
    /// The address as sent, or the name.
    node_id: String,
    /// `create_token` where a token was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    /// Full name of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<String>,
    /// Value of a token that the caller is to make.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_value: Option<String>,
}

/// Register a Proxmox host that made a token for this server.
///
/// A setup token is used up only by a request that is complete. The certificate the host shows now is pinned for a new
/// one. The credentials of a node that is configured already are replaced with a setup token or an API token that may change
/// settings. One that may only report adds new nodes, and replaces what the agent of the same node left behind when it was
/// installed before: the configured node itself, at its address and with its certificate, must accept the new token, and it
/// must be one of the same user. Pulse v5 burns the token first, takes API tokens of any scope for everything, and pins
/// nothing.
#[utoipa::path(
    post, path = "/api/auto-register", tag = "connect", security(()), request_body = Wish,
    responses(
        (status = 200, body = Done), (status = 400, description = "What is missing or wrong", body = String),
        (status = 401, description = "No credential, or a wrong one", body = String),
        (
            status = 403, description = "The node is configured with other credentials that this token may not replace",
            body = String
        ),
    )
)]
pub(super) async fn auto_register(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let bad = |text: &str| ApiError::text(StatusCode::BAD_REQUEST, text);
    let wish: Wish = read_object(body, LIMIT).await.map_err(|_| bad("Invalid request format"))?;
    let kind = if wish.kind == "pve" { InstanceKind::Pve } else { InstanceKind::Pbs };
    let credential = Credential::of(&state, &parts.headers, &wish, kind)?;
    if wish.host.trim().is_empty() {
        return Err(bad("host is required"));
    }
    let mut registration = Registration {
        kind,
        host: wish.host.trim().to_owned(),
        name: wish.server_name.clone().filter(|name| !name.trim().is_empty()),
        token_name: wish.token_id.trim().to_owned(),
        token_value: wish.token_value.clone().unwrap_or_else(|| Secret::new("")),
        fingerprint: None,
        source: wish.source.clone().filter(|source| matches!(source.as_str(), "agent" | "script")),
    };
    let host = registration.normalised_host().map_err(|_| bad("invalid host format"))?;
    let is_complete = !registration.token_name.is_empty() && !registration.token_value.is_empty();
    let has_login = wish.username.as_deref().is_some_and(|user| !user.trim().is_empty())
        && wish.password.as_ref().is_some_and(|password| !password.is_empty());
    if (wish.request_token && !has_login) || (!wish.request_token && !is_complete) {
        return Err(bad("Missing required fields"));
    }
    if !credential.may_replace() && wish.request_token {
        // A token must not be made over there only to be refused here.
        let mut trial = (*state.nodes.current()).clone();
        trial.register(&registration, &Replacing::Nothing).map_err(refused)?;
    }
    credential.use_up(&state, kind)?;
    registration.fingerprint = state.probe.fingerprint(&host, LOOK).await;
    let now = state.now();
    let made = if wish.request_token {
        Some(ask_for_token(&state, &wish, &mut registration, now).await?)
    } else {
        None
    };
    if kind == InstanceKind::Pve
        && made.is_none()
        && let Some(merged) = merge_into_cluster(&state, &registration, credential.may_replace()).await?
    {
        announce(&state, &registration, &merged.name());
        return Ok(Json(merged).into_response());
    }
    let replacing = if credential.may_replace() {
        Replacing::Anything
    } else {
        what_it_may_replace(&state, &registration).await?
    };
    let kept = registration.clone();
    let registered = update(state.nodes.clone(), move |config| config.register(&kept, &replacing)).await?;
    tracing::info!(
        by = credential.words(), node.kind = %kind, node.name = %registered.name(),
        is_new = matches!(registered, Registered::Added { .. }), "a node registered itself"
    );
    announce(&state, &registration, registered.name());
    let node = match made {
        Some(_) => registered.name().to_string(),
        None => wish.host.clone(),
    };
    Ok(Json(Done {
        status: "success",
        message: format!("Node {} auto-registered successfully", host_of(&host)),
        node_id: node,
        action: made.as_ref().map(|_| "create_token"),
        token_id: made.as_ref().map(|_| registration.token_name.clone()),
        token_value: made,
    })
    .into_response())
}

/// With what the caller proves itself.
enum Credential {
    /// An API token that may do this.
    Token(Identity),
    /// A setup token, not used up yet.
    Setup(String),
}

impl Credential {
    /// The credential of the body first, then the header's; nothing is used up yet.
    fn of(
        state: &AppState,
        headers: &http::HeaderMap,
        wish: &Wish,
        kind: InstanceKind,
    ) -> Result<Self, ApiError> {
        let refuse = |text: &str| ApiError::text(StatusCode::UNAUTHORIZED, text);
        let given = [&wish.auth_token, &wish.setup_code].into_iter().flatten().map(|text| text.trim());
        let given: Vec<&str> = given.filter(|text| !text.is_empty()).collect();
        let now = state.now();
        for text in given.iter().take(1) {
            if let Some(identity) = token(state, text, now) {
                return Ok(Self::Token(identity));
            }
            if state.access.setup_tokens.is_waiting(text, kind, now) {
                return Ok(Self::Setup((*text).to_owned()));
            }
        }
        match header(headers, "x-api-token").and_then(|text| token(state, text, now)) {
            Some(identity) => Ok(Self::Token(identity)),
            None if given.is_empty() && header(headers, "x-api-token").is_none() => {
                Err(refuse("Pulse requires authentication"))
            }
            None => Err(refuse("Invalid or expired setup code")),
        }
    }

    fn use_up(&self, state: &AppState, kind: InstanceKind) -> Result<(), ApiError> {
        match self {
            Self::Token(_) => Ok(()),
            Self::Setup(value) if state.access.setup_tokens.consume(value, kind, state.now()) => Ok(()),
            // Another request was faster.
            Self::Setup(_) => Err(ApiError::text(StatusCode::UNAUTHORIZED, "Invalid or expired setup code")),
        }
    }

    /// Whether it may replace the credentials of a node that is configured already.
    fn may_replace(&self) -> bool {
        match self {
            Self::Token(identity) => identity.scopes.allows(Scope::SettingsWrite),
            Self::Setup(_) => true,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Token(identity) => identity.to_string(),
            Self::Setup(_) => "setup token".to_owned(),
        }
    }
}

/// An API token that may register: one of an agent, or one that may change settings. Pulse v5 takes any.
fn token(state: &AppState, value: &str, now: Timestamp) -> Option<Identity> {
    if value.len() > pulse_auth::token::MAX_VALUE {
        return None;
    }
    let token = state.access.tokens.authenticate(&hash_token(value), now)?;
    let identity = Identity::token(token.record());
    let may = [Scope::SettingsWrite, Scope::HostAgentManage, Scope::HostAgentReport];
    may.iter().any(|scope| identity.scopes.allows(*scope)).then_some(identity)
}

/// A token for a host that has none yet: made over there on a backup server, invented for Proxmox VE, where the caller
/// makes it. Gives the value that the caller needs.
async fn ask_for_token(
    state: &AppState,
    wish: &Wish,
    registration: &mut Registration,
    now: Timestamp,
) -> Result<String, ApiError> {
    let fail = |status, text: String| ApiError::text(status, text);
    let name = format!("pulse-{}", now.as_second());
    if registration.kind == InstanceKind::Pve {
        let doing = "make a token";
        let value = generate_token().map_err(|error| ApiError::internal(doing, error))?;
        let part = |from: usize, to: usize| value.get(from..to).unwrap_or_default();
        let value =
            format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32));
        registration.token_name = format!("pulse-monitor@pam!{name}");
        registration.token_value = Secret::new(value.as_str());
        return Ok(value);
    }
    let edit = NodeEdit {
        kind: Some("pbs".into()),
        name: Some("new".into()),
        host: Some(registration.host.clone()),
        user: wish.username.clone(),
        password: wish.password.clone(),
        fingerprint: registration.fingerprint.clone(),
        verify_ssl: Some(registration.fingerprint.is_none()),
        ..NodeEdit::default()
    };
    let instance: PbsInstance = match AnyInstance::new(&edit) {
        Ok(AnyInstance::Pbs(pbs)) => *pbs,
        Ok(_) => return Err(fail(StatusCode::BAD_REQUEST, "invalid host format".into())),
        Err(error) => return Err(fail(StatusCode::BAD_REQUEST, error.to_string())),
    };
    let made = tokio::time::timeout(LOOK, state.probe.make_pbs_token(&instance, &name)).await;
    match made {
        Ok(Ok(token)) => {
            registration.token_name = token.id;
            let value = token.value.expose().to_owned();
            registration.token_value = token.value;
            Ok(value)
        }
        Ok(Err(error)) if error.class.is_transient() => {
            Err(fail(StatusCode::BAD_REQUEST, format!("Failed to connect to PBS: {error}")))
        }
        Ok(Err(error)) => {
            Err(fail(StatusCode::INTERNAL_SERVER_ERROR, format!("Failed to create token: {error}")))
        }
        Err(_) => Err(fail(
            StatusCode::BAD_REQUEST,
            format!("Failed to connect to PBS: no answer within {} seconds", LOOK.as_secs()),
        )),
    }
}

fn announce(state: &AppState, registration: &Registration, name: &InstanceName) {
    let data = json!({
        "type": registration.kind.name(), "host": registration.host, "name": name,
        "tokenId": registration.token_name, "hasToken": true, "verifySSL": registration.fingerprint.is_none(),
        "status": "connected",
    });
    state.hub.emit(Event::new("node_auto_registered", &data, Some(state.now())));
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.rsplit_once(':').map_or(rest, |(host, _)| host)
}
