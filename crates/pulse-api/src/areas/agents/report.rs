//! `/api/agents/*/report`: what agents send (contract B-09).

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
};
use http::StatusCode;
use pulse_config::store::fleet::{CommandRecord, CommandWish};
use pulse_config::store::tokens::TokenStore;
use pulse_core::{
    model::AgentLink,
    report::{
        docker::DockerReport as DockerReportBody, host::HostReport,
        kubernetes::KubernetesReport as KubernetesReportBody,
    },
};
use pulse_monitor::{IntakeError, Reporter, Reporting, Watcher, fleet::Fleet};
use serde::de::DeserializeOwned;
use std::sync::Arc;

use crate::{
    error::{ApiError, ErrorBody},
    extract::{Allowed, DockerReport, HostAgentReport, KubernetesReport, Needs, read_json},
    state::Access,
    wire::agents::{
        CommandPayload, DockerReportReply, GivenCommand, HostReportConfig, HostReportReply,
        KubernetesReportReply,
    },
};

/// A host report of every machine we know fits many times.
const HOST_LIMIT: usize = 256 * 1024;

/// Hundreds of containers with their labels.
const CONTAINER_LIMIT: usize = 2 * 1024 * 1024;

/// A machine that somebody looks at reports so often.
const WATCHED_SECONDS: u32 = 1;

/// A host agent's report.
#[utoipa::path(
    post, path = "/api/agents/host/report", tag = "agents", request_body = HostReport,
    responses((status = 200, body = HostReportReply), (status = 400, body = ErrorBody))
)]
pub(super) async fn report_host(
    allowed: Allowed<HostAgentReport>,
    State(fleet): State<Fleet>,
    State(access): State<Arc<Access>>,
    State(watcher): State<Watcher>,
    request: Request,
) -> Result<Json<HostReportReply>, ApiError> {
    let report: HostReport = body(request.into_body(), HOST_LIMIT).await?;
    let info = (report.host.platform.clone(), report.host.os_name.clone(), report.host.os_version.clone());
    let accepted = fleet.report_host(report, reporter(&allowed, &access.tokens)).await?.map_err(refused)?;
    Ok(Json(HostReportReply {
        success: true,
        host_id: accepted.id.to_string(),
        last_seen: accepted.last_seen,
        platform: info.0,
        os_name: info.1,
        os_version: info.2,
        config: accepted.commands_override.map(|commands_enabled| HostReportConfig { commands_enabled }),
        next_report_seconds: watcher
            .is_report_wanted(Reporting::Host(&accepted.id))
            .then_some(WATCHED_SECONDS),
    }))
}

/// A Docker or Podman agent's report.
#[utoipa::path(
    post, path = "/api/agents/docker/report", tag = "agents", request_body = DockerReportBody,
    responses((status = 200, body = DockerReportReply), (status = 400, body = ErrorBody))
)]
pub(super) async fn report_docker(
    allowed: Allowed<DockerReport>,
    State(fleet): State<Fleet>,
    State(access): State<Arc<Access>>,
    State(watcher): State<Watcher>,
    request: Request,
) -> Result<Json<DockerReportReply>, ApiError> {
    let report: DockerReportBody = body(request.into_body(), CONTAINER_LIMIT).await?;
    let accepted = fleet.report_docker(report, reporter(&allowed, &access.tokens)).await?.map_err(refused)?;
    Ok(Json(DockerReportReply {
        success: true,
        host_id: accepted.id.to_string(),
        containers: accepted.containers,
        last_seen: accepted.last_seen,
        commands: accepted.command.map(|command| vec![given(command)]),
        next_report_seconds: watcher
            .is_report_wanted(Reporting::Docker(&accepted.id))
            .then_some(WATCHED_SECONDS),
    }))
}

/// A command as the agent gets it.
fn given(command: CommandRecord) -> GivenCommand {
    let kind = command.wish.name();
    let payload = match command.wish {
        CommandWish::Stop | CommandWish::CheckUpdates => None,
        CommandWish::UpdateContainer { container_id, container_name } => {
            Some(CommandPayload { container_id, container_name })
        }
    };
    GivenCommand { id: command.id, kind, payload }
}

/// A Kubernetes agent's report.
#[utoipa::path(
    post, path = "/api/agents/kubernetes/report", tag = "agents", request_body = KubernetesReportBody,
    responses((status = 200, body = KubernetesReportReply), (status = 400, body = ErrorBody))
)]
pub(super) async fn report_kubernetes(
    allowed: Allowed<KubernetesReport>,
    State(fleet): State<Fleet>,
    State(access): State<Arc<Access>>,
    request: Request,
) -> Result<Json<KubernetesReportReply>, ApiError> {
    let report: KubernetesReportBody = body(request.into_body(), CONTAINER_LIMIT).await?;
    let accepted =
        fleet.report_kubernetes(report, reporter(&allowed, &access.tokens)).await?.map_err(refused)?;
    Ok(Json(KubernetesReportReply {
        success: true,
        cluster_id: accepted.id.to_string(),
        nodes: accepted.nodes,
        pods: accepted.pods,
        deployments: accepted.deployments,
        last_seen: accepted.last_seen,
    }))
}

/// The contract answers unreadable and oversized reports alike.
async fn body<T: DeserializeOwned>(body: Body, limit_bytes: usize) -> Result<T, ApiError> {
    read_json(body, limit_bytes).await.map_err(|error| {
        ApiError::envelope(StatusCode::BAD_REQUEST, "invalid_json", "Failed to decode request body")
            .detail("error", error.to_string())
    })
}

fn refused(error: IntakeError) -> ApiError {
    ApiError::envelope(StatusCode::BAD_REQUEST, "invalid_report", error.to_string())
}

/// Who sends the report, with what the state shows of the token.
fn reporter<N: Needs>(allowed: &Allowed<N>, tokens: &TokenStore) -> Reporter {
    let Some(id) = &allowed.identity.token_id else { return Reporter::Anonymous };
    let tokens = tokens.current();
    let Some(token) = tokens.by_id(id.as_str()) else { return Reporter::Anonymous };
    let record = token.record();
    Reporter::Token(AgentLink {
        token_id: id.clone(),
        token_name: record.name.clone(),
        token_hint: format!("{}...{}", record.prefix, record.suffix),
        last_used_at: token.last_used_at(),
    })
}
