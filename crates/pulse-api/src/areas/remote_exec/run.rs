//! `POST /api/ai/run-command`: has a command run by an agent, and waits for what comes of it.

use std::time::Duration;

use axum::{Json, body::Body, extract::State};
use http::StatusCode;
use pulse_monitor::{
    RemoteExec,
    fleet::Fleet,
    remote_exec::{
        ExecError, ExecOrder, ExecResult, LONGEST_LIMIT, USUAL_LIMIT,
        target::{WantedTarget, resolve},
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    areas::object::read_object,
    error::{ApiError, ErrorBody},
    extract::{Allowed, RunAgentCommands},
};

const LIMIT: usize = 16 * 1024;

/// A command and where to run it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct RunCommand {
    /// What to run.
    command: String,
    /// `host`, `container` or `vm`.
    target_type: String,
    /// Id or name of the host, or id of the guest.
    target_id: String,
    /// Whether a command for a guest is to run on its host instead.
    run_on_host: bool,
    /// VMID of the guest, where the id does not tell it.
    #[serde(deserialize_with = "text_or_number")]
    #[schema(value_type = Option<String>)]
    vmid: String,
    /// Id or name of the host whose agent is to run it.
    target_host: Option<String>,
    /// How long it may run, 1 to 300; 60 without it. Beside the contract.
    timeout_seconds: Option<u64>,
}

/// A VMID, which some clients send as a number.
fn text_or_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Vmid {
        Text(String),
        Number(u32),
        None(()),
    }
    Ok(match Vmid::deserialize(deserializer)? {
        Vmid::Text(text) => text,
        Vmid::Number(number) => number.to_string(),
        Vmid::None(()) => String::new(),
    })
}

/// What came of a command.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CommandOutcome {
    /// What it printed, then what it complained of.
    output: String,
    /// Whether it ran and ended well.
    success: bool,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Exit status, where it ran to its end. Beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    /// Its id in the trail. Beside the contract.
    id: String,
}

/// Have a command run by the agent of a host, and wait for what comes of it, at most five minutes.
///
/// The command must begin with a phrase of this server's list and hold nothing that a shell acts on; the owner of the
/// machine has a list of its own. Who asked for what, and what came of it, is kept (`GET /api/agents/commands`).
#[utoipa::path(
    post, path = "/api/ai/run-command", tag = "agents", request_body = RunCommand,
    responses(
        (status = 200, description = "What came of it, also where it failed", body = CommandOutcome),
        (status = 400, description = "No command, or no such place", body = ErrorBody),
        (status = 402, description = "Needs the feature ai_autofix"),
        (status = 403, description = "Not on this server's list", body = ErrorBody),
        (status = 503, description = "Commands are switched off on this server", body = ErrorBody),
    )
)]
pub(super) async fn run_command(
    allowed: Allowed<RunAgentCommands>,
    State(exec): State<RemoteExec>,
    State(fleet): State<Fleet>,
    body: Body,
) -> Result<Json<CommandOutcome>, ApiError> {
    let bad = |code, text: String| ApiError::envelope(StatusCode::BAD_REQUEST, code, text);
    let asked: RunCommand =
        read_object(body, LIMIT).await.map_err(|error| bad("invalid_json", error.to_string()))?;
    if asked.command.trim().is_empty() {
        return Err(bad("missing_command", "command must say what to run".to_owned()));
    }
    if !exec.is_enabled() {
        return Err(refused(ExecError::Off));
    }
    let world = fleet.snapshot();
    let wanted = WantedTarget {
        kind: &asked.target_type,
        id: &asked.target_id,
        is_on_host: asked.run_on_host,
        vmid: &asked.vmid,
        host: asked.target_host.as_deref().unwrap_or_default(),
    };
    let (host, target) =
        resolve(&world, &wanted).map_err(|error| bad("invalid_target", error.to_string()))?;
    let limit = asked.timeout_seconds.map_or(USUAL_LIMIT, Duration::from_secs);
    let limit = limit.clamp(Duration::from_secs(1), LONGEST_LIMIT);
    let id = uuid::Uuid::new_v4().to_string();
    let order = ExecOrder {
        id: id.clone(),
        by: allowed.identity.to_string(),
        host: host.id.clone(),
        hostname: host.info.hostname.clone(),
        target,
        command: asked.command,
        limit,
    };
    match exec.run(order).await {
        Ok(result) => Ok(Json(outcome(id, result))),
        Err(
            error @ (ExecError::NotConnected(_) | ExecError::Busy | ExecError::Lost | ExecError::TimedOut(_)),
        ) => Ok(Json(CommandOutcome {
            output: String::new(),
            success: false,
            error: Some(error.to_string()),
            exit_code: None,
            id,
        })),
        Err(error @ (ExecError::Off | ExecError::NotAllowed(_) | ExecError::NotRecorded(_))) => {
            Err(refused(error))
        }
    }
}

/// What this server does not do, as opposed to what an agent did not manage.
fn refused(error: ExecError) -> ApiError {
    let (status, code) = match error {
        ExecError::NotAllowed(_) => (StatusCode::FORBIDDEN, "command_not_allowed"),
        ExecError::NotRecorded(cause) => return ApiError::internal("write down a command", cause),
        ExecError::Off
        | ExecError::NotConnected(_)
        | ExecError::Busy
        | ExecError::Lost
        | ExecError::TimedOut(_) => (StatusCode::SERVICE_UNAVAILABLE, "agent_commands_disabled"),
    };
    ApiError::envelope(status, code, error.to_string())
}

fn outcome(id: String, result: ExecResult) -> CommandOutcome {
    let mut output = result.stdout;
    if !result.stderr.is_empty() {
        if !output.is_empty() && !output.ends_with('\n') {
            output.push('\n');
        }
        output.push_str(&result.stderr);
    }
    let error = if result.error.is_empty() {
        (!result.success).then(|| format!("exit status {}", result.exit_code))
    } else {
        Some(result.error)
    };
    let exit_code = (result.exit_code >= 0).then_some(result.exit_code);
    CommandOutcome { output, success: result.success, error, exit_code, id }
}
