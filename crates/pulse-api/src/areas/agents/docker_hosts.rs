//! `/api/agents/docker/hosts/{hostId}`: removing, hiding and naming Docker hosts.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
};
use http::StatusCode;
use pulse_config::{Metadata, UpdateError, store::fleet::AgentKind};
use pulse_monitor::fleet::{
    Fleet,
    commands::QueueError,
    roster::{DockerRemoval, LONGEST_NAME},
    text::clean,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    DisplayName, HostDone, SMALL_LIMIT, bad, commands::CommandBody, not_known, object, required, revoke,
};
use crate::{
    error::{ApiError, ErrorBody},
    extract::{Allowed, DockerManage},
    state::Access,
};

const NOT_FOUND: &str = "docker_host_not_found";

/// How a Docker host is to go.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(super) struct How {
    /// `true`: hide it only.
    hide: Option<String>,
    /// `true`: remove it without asking its agent.
    force: Option<String>,
    /// `force`: the same.
    mode: Option<String>,
}

impl How {
    fn is_hiding(&self) -> bool {
        is_true(self.hide.as_deref())
    }

    fn is_forced(&self) -> bool {
        is_true(self.force.as_deref()) || self.mode.as_deref() == Some("force")
    }
}

fn is_true(text: Option<&str>) -> bool {
    matches!(text.map(str::to_ascii_lowercase).as_deref(), Some("true" | "1" | "yes"))
}

/// A Docker host goes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DockerHostGoes {
    /// Always true.
    success: bool,
    /// Which one.
    host_id: String,
    /// What its agent was asked, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<CommandBody>,
    /// In words.
    message: &'static str,
}

/// Remove a Docker host. The agent of one that reports is asked to stop first; one that does not, or where that is forced,
/// is gone at once and may not report for a day.
#[utoipa::path(
    delete, path = "/api/agents/docker/hosts/{hostId}", tag = "agents",
    params(("hostId" = String, Path, description = "Docker host"), How),
    responses((status = 200, body = DockerHostGoes), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn remove_docker_host(
    allowed: Allowed<DockerManage>,
    State(fleet): State<Fleet>,
    State(access): State<Arc<Access>>,
    Path(id): Path<String>,
    Query(how): Query<How>,
) -> Result<Json<DockerHostGoes>, ApiError> {
    let host = required(&id, "missing_host_id", "the id of the host")?;
    let of = host.clone();
    let answer = |command, message| {
        Ok(Json(DockerHostGoes { success: true, host_id: host.clone(), command, message }))
    };
    if how.is_hiding() {
        let hidden = fleet.change(move |world, _| world.set_hidden(AgentKind::Docker, &of, true)).await?;
        hidden.map_err(not_known(NOT_FOUND))?;
        tracing::info!(by = %allowed.identity, host, "a docker host was hidden");
        return answer(None, "Docker host hidden");
    }
    let (is_forced, command_id) = (how.is_forced(), uuid::Uuid::new_v4().to_string());
    let removal =
        fleet.change(move |world, now| world.remove_docker(&of, is_forced, command_id, now)).await?;
    match removal {
        Ok(DockerRemoval::Stopping(command)) => {
            tracing::info!(by = %allowed.identity, host, command = command.id, "a docker host's agent is to stop");
            answer(Some((*command).into()), "Stop command queued")
        }
        Ok(DockerRemoval::Gone(removed)) => {
            tracing::info!(by = %allowed.identity, host, "a docker host was removed");
            revoke(access, removed.unused_token, &allowed.identity).await?;
            answer(None, "Docker host removed")
        }
        Err(QueueError::Unknown(_)) if is_forced => answer(None, "Docker host already removed"),
        Err(error @ QueueError::Unknown(_)) => {
            Err(ApiError::envelope(StatusCode::NOT_FOUND, NOT_FOUND, error.to_string()))
        }
        Err(
            error @ (QueueError::InProgress { .. } | QueueError::NoAgent(_) | QueueError::NoContainer { .. }),
        ) => Err(bad("docker_command_failed", error.to_string())),
    }
}

/// Let a Docker host that was removed report again.
#[utoipa::path(
    post, path = "/api/agents/docker/hosts/{hostId}/allow-reenroll", tag = "agents",
    params(("hostId" = String, Path, description = "Docker host")),
    responses((status = 200, body = HostDone), (status = 400, body = ErrorBody))
)]
pub(super) async fn allow_docker_reenrolment(
    allowed: Allowed<DockerManage>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
) -> Result<Json<HostDone>, ApiError> {
    let host = required(&id, "docker_host_reenroll_failed", "the id of the host")?;
    let of = host.clone();
    fleet.change(move |world, _| world.allow_reenrolment(AgentKind::Docker, &of)).await?;
    tracing::info!(by = %allowed.identity, host, "a removed docker host may report again");
    Ok(Json(HostDone { success: true, host_id: host, message: None }))
}

/// Show a Docker host that was hidden.
#[utoipa::path(
    put, path = "/api/agents/docker/hosts/{hostId}/unhide", tag = "agents",
    params(("hostId" = String, Path, description = "Docker host")),
    responses((status = 200, body = HostDone), (status = 404, body = ErrorBody))
)]
pub(super) async fn unhide_docker_host(
    allowed: Allowed<DockerManage>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
) -> Result<Json<HostDone>, ApiError> {
    let host = required(&id, "missing_host_id", "the id of the host")?;
    let of = host.clone();
    let shown = fleet.change(move |world, _| world.set_hidden(AgentKind::Docker, &of, false)).await?;
    shown.map_err(not_known(NOT_FOUND))?;
    tracing::info!(by = %allowed.identity, host, "a hidden docker host is shown");
    Ok(Json(HostDone::new(host, "Docker host unhidden")))
}

/// Note that the agent of a Docker host is about to be uninstalled by hand.
#[utoipa::path(
    put, path = "/api/agents/docker/hosts/{hostId}/pending-uninstall", tag = "agents",
    params(("hostId" = String, Path, description = "Docker host")),
    responses((status = 200, body = HostDone), (status = 404, body = ErrorBody))
)]
pub(super) async fn mark_docker_pending_uninstall(
    _: Allowed<DockerManage>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
) -> Result<Json<HostDone>, ApiError> {
    let host = required(&id, "missing_host_id", "the id of the host")?;
    let of = host.clone();
    let marked = fleet.change(move |world, _| world.set_pending_uninstall(AgentKind::Docker, &of)).await?;
    marked.map_err(not_known(NOT_FOUND))?;
    Ok(Json(HostDone::new(host, "Docker host marked as pending uninstall")))
}

/// Give a Docker host a name.
#[utoipa::path(
    put, path = "/api/agents/docker/hosts/{hostId}/display-name", tag = "agents", request_body = DisplayName,
    params(("hostId" = String, Path, description = "Docker host")),
    responses((status = 200, body = HostDone), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn name_docker_host(
    _: Allowed<DockerManage>,
    State(fleet): State<Fleet>,
    State(metadata): State<Arc<Metadata>>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<HostDone>, ApiError> {
    let host = required(&id, "missing_host_id", "the id of the host")?;
    let request: DisplayName = object(body, SMALL_LIMIT).await?;
    let of = host.clone();
    let known = fleet.change(move |world, _| world.check_known(AgentKind::Docker, &of)).await?;
    known.map_err(not_known(NOT_FOUND))?;
    let (of, name) = (host.clone(), clean(&request.display_name, LONGEST_NAME));
    let doing = "name a docker host";
    let saved = tokio::task::spawn_blocking(move || {
        metadata.docker_hosts.change(|records| {
            let record = records.entry(of.clone()).or_default();
            record.custom_display_name = name;
            if *record == Default::default() {
                records.remove(&of);
            }
            Ok(())
        })
    });
    match saved.await.map_err(|error| ApiError::internal(doing, error))? {
        Ok(()) => {}
        Err(UpdateError::Refused(refused)) => return Err(bad("update_failed", refused.to_string())),
        Err(UpdateError::Config(error)) => return Err(ApiError::internal(doing, error)),
    }
    fleet.notes_changed().await?;
    Ok(Json(HostDone::new(host, "Docker host display name updated")))
}
