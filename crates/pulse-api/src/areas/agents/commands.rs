//! Commands for Docker agents: checking for updates, updating a container, and what agents say of them.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_config::{
    SystemSettingsStore,
    store::fleet::{CommandRecord, CommandWish},
};
use pulse_core::scope::Scope;
use pulse_monitor::fleet::{Fleet, commands::AckStatus, commands::QueueError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{SMALL_LIMIT, bad, object, required, revoke, speaker};
use crate::{
    error::{ApiError, ErrorBody},
    extract::{Allowed, DockerManage, DockerReport},
    state::Access,
};

/// What an agent says of a command.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Word {
    /// Its host; may be left out.
    host_id: Option<String>,
    /// `acknowledged`, `in_progress`, `completed` or `failed`; each has other words that v5 knows.
    status: Option<String>,
    /// In words.
    message: Option<String>,
}

/// A command and how far it got.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CommandBody {
    /// Id.
    id: String,
    /// `stop`, `update_container` or `check_updates`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// How far it got.
    status: &'static str,
    /// What the agent says.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// When it was queued.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// When the agent got it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    dispatched_at: Option<Timestamp>,
    /// When the agent took it on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    acknowledged_at: Option<Timestamp>,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    /// When it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    failed_at: Option<Timestamp>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
    /// When it is given up.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<CommandRecord> for CommandBody {
    fn from(it: CommandRecord) -> Self {
        Self {
            kind: it.wish.name(),
            status: it.status.name(),
            id: it.id,
            message: it.message,
            created_at: it.created_at,
            updated_at: it.updated_at,
            dispatched_at: it.dispatched_at,
            acknowledged_at: it.acknowledged_at,
            completed_at: it.completed_at,
            failed_at: it.failed_at,
            failure_reason: it.failure_reason,
            expires_at: it.expires_at,
        }
    }
}

/// Answer to a word.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AckReply {
    /// Always true.
    success: bool,
    /// The host.
    host_id: String,
    /// The command.
    command: CommandBody,
}

/// Tell how a command goes. A token that may only report speaks for the hosts it reports.
#[utoipa::path(
    post, path = "/api/agents/docker/commands/{commandId}/ack", tag = "agents", request_body = Word,
    params(("commandId" = String, Path, description = "Command")),
    responses((status = 200, body = AckReply), (status = 400, body = ErrorBody))
)]
pub(super) async fn acknowledge_command(
    allowed: Allowed<DockerReport>,
    State(fleet): State<Fleet>,
    State(access): State<Arc<Access>>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<AckReply>, ApiError> {
    let id = required(&id, "missing_command_id", "the id of the command")?;
    let word: Word = object(body, SMALL_LIMIT).await?;
    let status = word.status.unwrap_or_default();
    let Some(status) = AckStatus::from_word(&status) else {
        let text = "The status must be acknowledged, in_progress, completed or failed";
        return Err(bad("invalid_status", text));
    };
    let message = word.message.unwrap_or_default();
    let asker = speaker(&allowed.identity, Scope::DockerManage);
    let taken = fleet
        .change(move |world, now| {
            let host = word.host_id.as_deref().map(str::trim);
            world.acknowledge_command(&id, host, asker.as_ref(), (status, &message), now)
        })
        .await?;
    let (host_id, command, removed) =
        taken.map_err(|error| bad("docker_command_ack_failed", error.to_string()))?;
    tracing::info!(by = %allowed.identity, host = host_id, command = command.id, status = command.status.name(), "an agent told of a command");
    if let Some(removed) = removed {
        revoke(access, removed.unused_token, &allowed.identity).await?;
    }
    Ok(Json(AckReply { success: true, host_id, command: command.into() }))
}

/// A command waits for an agent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Queued {
    /// Always true.
    success: bool,
    /// Id of the command.
    command_id: String,
    /// The host.
    host_id: String,
    /// The container, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<ContainerRef>,
    /// In words.
    message: &'static str,
    /// What happens next.
    note: &'static str,
}

/// A container.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ContainerRef {
    /// Id.
    id: String,
    /// Name.
    name: String,
}

const NOTE: &str = "The agent gets the command with its next report";

/// Have the agent of a Docker host ask all registries anew.
#[utoipa::path(
    post, path = "/api/agents/docker/hosts/{hostId}/check-updates", tag = "agents",
    params(("hostId" = String, Path, description = "Docker host")),
    responses((status = 200, body = Queued), (status = 400, body = ErrorBody))
)]
pub(super) async fn check_updates(
    allowed: Allowed<DockerManage>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
) -> Result<Json<Queued>, ApiError> {
    let host = required(&id, "missing_host_id", "the id of the host")?;
    let queued = queue(&fleet, &host, CommandWish::CheckUpdates).await?;
    let command = queued.map_err(|error| bad("check_updates_command_failed", error.to_string()))?;
    tracing::info!(by = %allowed.identity, host, command = command.id, "an agent is to look for updates");
    Ok(Json(Queued {
        success: true,
        command_id: command.id,
        host_id: host,
        container: None,
        message: "Check for updates command queued",
        note: NOTE,
    }))
}

/// Which container is to be updated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerUpdate {
    /// Its host.
    host_id: String,
    /// Its id.
    container_id: String,
    /// Its name.
    container_name: Option<String>,
}

/// Have a container moved to its newest image. The agent moves it back where the new one does not work.
#[utoipa::path(
    post, path = "/api/agents/docker/containers/update", tag = "agents", request_body = ContainerUpdate,
    responses((status = 200, body = Queued), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody))
)]
pub(super) async fn update_container(
    allowed: Allowed<DockerManage>,
    State(fleet): State<Fleet>,
    State(system): State<Arc<SystemSettingsStore>>,
    body: Body,
) -> Result<Json<Queued>, ApiError> {
    if system.current().disable_docker_update_actions {
        let text = "Docker container updates are disabled in the settings of this server";
        return Err(ApiError::envelope(StatusCode::FORBIDDEN, "docker_updates_disabled", text));
    }
    let request: ContainerUpdate = object(body, SMALL_LIMIT).await?;
    let host = required(&request.host_id, "missing_host_id", "hostId")?;
    let container = required(&request.container_id, "missing_container_id", "containerId")?;
    let (of, id) = (host.clone(), uuid::Uuid::new_v4().to_string());
    let queued = fleet
        .change(move |world, now| {
            let found = world.snapshot().docker_hosts.get(of.as_str()).map(|known| {
                let mut all = known.containers.iter().map(|container| &container.report);
                all.find(|known| {
                    known.id == container || (container.len() >= 12 && known.id.starts_with(&container))
                })
                .map(|known| (known.id.clone(), known.name.trim_start_matches('/').to_owned()))
            });
            // Pulse v5: takes any id, and the agent finds out.
            let Some((container_id, container_name)) = (match found {
                None => return Err(QueueError::Unknown(of)),
                Some(found) => found,
            }) else {
                return Err(QueueError::NoContainer { host: of, container });
            };
            let wish = CommandWish::UpdateContainer { container_id, container_name };
            world.queue_command(&of, wish, id, now)
        })
        .await?;
    let command = queued.map_err(|error| bad("update_command_failed", error.to_string()))?;
    tracing::info!(by = %allowed.identity, host, command = command.id, "a container is to be updated");
    let container = match command.wish {
        CommandWish::UpdateContainer { container_id, container_name } => {
            Some(ContainerRef { id: container_id, name: container_name })
        }
        CommandWish::Stop | CommandWish::CheckUpdates => None,
    };
    Ok(Json(Queued {
        success: true,
        command_id: command.id,
        host_id: host,
        container,
        message: "Container update command queued",
        note: NOTE,
    }))
}

async fn queue(
    fleet: &Fleet,
    host: &str,
    wish: CommandWish,
) -> Result<Result<CommandRecord, QueueError>, ApiError> {
    let (host, id) = (host.to_owned(), uuid::Uuid::new_v4().to_string());
    Ok(fleet.change(move |world, now| world.queue_command(&host, wish, id, now)).await?)
}
