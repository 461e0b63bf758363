//! `POST /api/config/nodes/test-connection`, `/test-config` and `/{id}/test`: whether an instance answers, before it
//! is added and afterwards. Nothing is stored.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
};
use http::StatusCode;
use pulse_config::{AnyInstance, NodeEdit, NodeError, NodeStore};
use pulse_monitor::probe::{Probe, ProbeReport};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{LIMIT, bad_body, node_id, probe_pve, refused, request::NodeRequest};
use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsWriteAdmin},
};

/// It answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NodeConnection)]
pub(super) struct Connection {
    /// Always `success`.
    status: &'static str,
    /// In words.
    message: String,
    /// Whether it is a cluster.
    is_cluster: bool,
    /// How many nodes there are.
    node_count: usize,
    /// How many nodes the cluster has, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_node_count: Option<usize>,
}

/// Whether it answers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NodeTest)]
pub(super) struct Tested {
    /// `success` or `error`.
    status: &'static str,
    /// In words.
    message: String,
    /// Milliseconds of one request.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<u64>,
}

/// Try an instance that is not configured yet, as the dialogue for a new one does.
#[utoipa::path(
    post, path = "/api/config/nodes/test-connection", tag = "nodes", request_body = NodeRequest,
    responses(
        (status = 200, body = Connection),
        (status = 400, description = "What is wrong, or why it does not answer", body = String),
        (status = 403, body = MissingScopeBody),
    )
)]
pub(super) async fn test_connection(
    _: Allowed<SettingsWriteAdmin>,
    State(probe): State<Probe>,
    request: Request,
) -> Result<Json<Connection>, ApiError> {
    let report = try_instance(&probe, &described(request).await?)
        .await
        .map_err(|text| ApiError::text(StatusCode::BAD_REQUEST, text))?;
    Ok(Json(Connection {
        status: "success",
        message: format!("Successfully connected to {} node(s)", report.node_count),
        is_cluster: report.is_cluster,
        node_count: report.node_count,
        cluster_node_count: report.is_cluster.then_some(report.endpoints.len()),
    }))
}

/// Try an instance that is not configured yet and measure how long it takes.
#[utoipa::path(
    post, path = "/api/config/nodes/test-config", tag = "nodes", request_body = NodeRequest,
    responses(
        (status = 200, body = Tested), (status = 400, description = "Why it does not answer", body = Tested),
        (status = 403, body = MissingScopeBody),
    )
)]
pub(super) async fn test_config(
    _: Allowed<SettingsWriteAdmin>,
    State(probe): State<Probe>,
    request: Request,
) -> Result<Json<Tested>, ApiError> {
    let instance = described(request).await?;
    try_instance(&probe, &instance).await.map(tested).map_err(failed)
}

/// Try a configured instance.
#[utoipa::path(
    post, path = "/api/config/nodes/{id}/test", tag = "nodes",
    params(("id" = String, Path, description = "`<type>-<place>`, as listed")),
    responses(
        (status = 200, body = Tested), (status = 400, description = "Why it does not answer", body = Tested),
        (status = 403, body = MissingScopeBody),
    )
)]
pub(super) async fn test_node(
    _: Allowed<SettingsWriteAdmin>,
    State(nodes): State<Arc<NodeStore>>,
    State(probe): State<Probe>,
    Path(id): Path<String>,
) -> Result<Json<Tested>, ApiError> {
    let (kind, place) = node_id(&id)?;
    let instance = nodes.current().get(kind, place).ok_or_else(|| failed(NodeError::NotFound.to_string()))?;
    try_instance(&probe, &instance).await.map(tested).map_err(failed)
}

async fn described(request: Request) -> Result<AnyInstance, ApiError> {
    let body: NodeRequest = read_object(request.into_body(), LIMIT).await.map_err(bad_body)?;
    AnyInstance::for_test(&NodeEdit::from(body)).map_err(refused)
}

async fn try_instance(probe: &Probe, instance: &AnyInstance) -> Result<ProbeReport, String> {
    match instance {
        AnyInstance::Pve(pve) => probe_pve(probe, pve).await,
        AnyInstance::Pbs(_) | AnyInstance::Pmg(_) => {
            Err(format!("this version cannot ask a {} server yet", instance.kind().name().to_uppercase()))
        }
    }
}

fn tested(report: ProbeReport) -> Json<Tested> {
    let message = if report.is_cluster {
        format!("Connected to PVE cluster with {} nodes", report.node_count)
    } else {
        "Connected to PVE node".to_owned()
    };
    let latency = u64::try_from(report.latency.as_millis()).ok();
    Json(Tested { status: "success", message, latency })
}

fn failed(message: String) -> ApiError {
    ApiError::Json { status: StatusCode::BAD_REQUEST, body: json!({"message": message, "status": "error"}) }
}
