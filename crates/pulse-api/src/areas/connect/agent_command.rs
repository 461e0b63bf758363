//! `POST /api/agent-install-command`: the command that installs an agent on a Proxmox host, with a token of its own.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use pulse_auth::{ScopeSet, generate_token, token};
use pulse_config::UpdateError;
use pulse_core::scope::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::base;
use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, TokensWrite},
    state::AppState,
};

const LIMIT: usize = 8 * 1024;

/// What the agent's token may do: report, be configured and be managed.
const SCOPES: [Scope; 3] = [Scope::HostAgentReport, Scope::HostAgentConfigRead, Scope::HostAgentManage];

/// Which kind of host it is.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AgentInstallWish)]
pub(super) struct Wish {
    /// `pve` or `pbs`.
    #[serde(rename = "type", default)]
    kind: String,
}

/// The command.
#[derive(Serialize, ToSchema)]
#[schema(as = AgentInstallCommand)]
pub(super) struct Command {
    /// To be run as root on the host.
    command: String,
    /// The token in it, shown this once.
    token: String,
}

/// Make the command that installs an agent on a Proxmox host.
///
/// It makes an API token, so it needs what making one needs. Pulse v5 lets every caller do it.
#[utoipa::path(
    post, path = "/api/agent-install-command", tag = "connect", request_body = Wish,
    responses(
        (status = 200, body = Command), (status = 400, description = "No such kind", body = String),
        (status = 403, body = MissingScopeBody),
        (status = 409, description = "There are too many tokens", body = String),
    )
)]
pub(super) async fn make_agent_command(
    allowed: Allowed<TokensWrite>,
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<Command>, ApiError> {
    let (parts, body) = request.into_parts();
    let bad = |text: &str| ApiError::text(StatusCode::BAD_REQUEST, text);
    let wish: Wish = read_object(body, LIMIT).await.map_err(|_| bad("Invalid request body"))?;
    if !matches!(wish.kind.as_str(), "pve" | "pbs") {
        return Err(bad("Type must be 'pve' or 'pbs'"));
    }
    let doing = "make a token";
    let value = generate_token().map_err(|error| ApiError::internal(doing, error))?;
    let now = state.now();
    let name = format!("proxmox-agent-{}-{}", wish.kind, now.as_second());
    let record = token::record(&value, &name, ScopeSet::from_iter(SCOPES), now);
    let access = Arc::clone(&state.access);
    let added = tokio::task::spawn_blocking(move || access.tokens.add(record)).await;
    match added.map_err(|error| ApiError::internal(doing, error))? {
        Ok(()) => {}
        Err(UpdateError::Refused(too_many)) => {
            return Err(ApiError::text(StatusCode::CONFLICT, too_many.to_string()));
        }
        Err(UpdateError::Config(error)) => return Err(ApiError::internal(doing, error)),
    }
    tracing::info!(by = %allowed.identity, token.name = name, "a token for an agent was made");
    let base = base::of(&state, &parts.headers, &parts.extensions);
    let value = value.to_string();
    Ok(Json(Command {
        command: format!(
            "curl -fsSL {base}/install.sh | bash -s -- \\\n  --url {base} \\\n  --token {value} \\\n  --enable-proxmox"
        ),
        token: value,
    }))
}
