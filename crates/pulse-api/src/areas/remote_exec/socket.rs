//! `GET /api/agent/ws`: the socket on which an agent waits for commands (contract B-10 §6).

use axum::{
    extract::{State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use pulse_auth::{AuthMethod, Requirement, authorize};
use pulse_core::scope::Scope;

use crate::{
    error::{ApiError, plain},
    extract::Caller,
    state::AppState,
    ws::agent,
};

/// A result with both of its outputs, escaped.
const LARGEST_MESSAGE: usize = 4 * 1024 * 1024;

/// A thousand agents wait here at one time, nearly always in silence.
const BUFFER_BYTES: usize = 4 * 1024;

/// The socket on which agents wait for commands: `agent_register`, then `execute_command` and `command_result`.
///
/// Off unless whoever runs the server switched it on (`PULSE_ENABLE_AGENT_COMMANDS`). The token in the first message must
/// have `host-agent:report`, and its host must report with it. An `Authorization` header is looked at before anything is
/// said.
#[utoipa::path(
    get, path = "/api/agent/ws", tag = "agents",
    responses(
        (status = 101, description = "Text frames of JSON"),
        (status = 401, description = "The token of the header is not valid", body = String),
        (status = 503, description = "Commands are switched off on this server", body = String),
    ),
)]
pub(super) async fn open_command_socket(
    Caller(identity): Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if !state.exec.is_enabled() {
        let text = "Commands are switched off on this server (PULSE_ENABLE_AGENT_COMMANDS)";
        return plain(StatusCode::SERVICE_UNAVAILABLE, text);
    }
    if headers.contains_key(header::ORIGIN) {
        // Pulse v5 takes any origin. Browsers send one; agents do not.
        return plain(StatusCode::FORBIDDEN, "This socket is for agents, not for pages");
    }
    // The original's agents send no header and say their token in the first message only.
    let presents_token = headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-token");
    if presents_token {
        if identity.method != AuthMethod::ApiToken {
            return plain(StatusCode::UNAUTHORIZED, "Invalid token");
        }
        let needs = Requirement::scope(&[Scope::HostAgentReport]);
        if let Err(denied) = authorize(&identity, needs, pulse_auth::FeatureSet::default()) {
            return ApiError::from(denied).into_response();
        }
    }
    let Ok(upgrade) = upgrade else { return plain(StatusCode::BAD_REQUEST, "Bad Request") };
    let Some(place) = state.exec.admit(presents_token) else {
        return plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many agents are connecting; try again in a moment",
        );
    };
    upgrade
        .max_message_size(LARGEST_MESSAGE)
        .max_frame_size(LARGEST_MESSAGE)
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .on_upgrade(move |socket| agent::serve(socket, state, place))
        .into_response()
}
