//! `GET`, `POST` and `PUT /api/system/mock-mode`: an invented installation in the place of the real one (contract A-11 §4).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use pulse_config::MockConfig;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, JsonError, SettingsReadAdmin, SettingsWriteAdmin, read_json},
    mock::MockMode,
};

const LIMIT_BYTES: usize = 16 * 1024;

/// Whether an invented installation is shown, and how big it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MockModeStatus)]
pub(super) struct MockBody {
    /// Whether it is shown.
    enabled: bool,
    config: ConfigBody,
}

/// How big it is. A backup server and a mail gateway are always there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = MockModeConfig)]
struct ConfigBody {
    /// Nodes.
    node_count: u32,
    /// Virtual machines per node, on average.
    #[serde(rename = "VMsPerNode")]
    vms_per_node: u32,
    /// Containers per node, on average.
    #[serde(rename = "LXCsPerNode")]
    lxcs_per_node: u32,
    /// Docker hosts.
    docker_host_count: u32,
    /// Containers per Docker host.
    docker_containers_per_host: u32,
    /// Hosts with an agent.
    generic_host_count: u32,
    /// Kubernetes clusters.
    #[serde(rename = "K8sClusterCount")]
    k8s_cluster_count: u32,
    /// Nodes per cluster.
    #[serde(rename = "K8sNodesPerCluster")]
    k8s_nodes_per_cluster: u32,
    /// Pods per cluster.
    #[serde(rename = "K8sPodsPerCluster")]
    k8s_pods_per_cluster: u32,
    /// Deployments per cluster.
    #[serde(rename = "K8sDeploymentsPerCluster")]
    k8s_deployments_per_cluster: u32,
    /// As it was set; the figures always move.
    random_metrics: bool,
    /// As they were set.
    high_load_nodes: Option<Vec<String>>,
    /// As it was set, 0 to 1.
    stopped_percent: f64,
}

impl MockBody {
    fn new(mock: &MockMode) -> Self {
        let (enabled, config) = mock.current();
        Self {
            enabled,
            config: ConfigBody {
                node_count: config.nodes,
                vms_per_node: config.vms_per_node,
                lxcs_per_node: config.lxcs_per_node,
                docker_host_count: config.docker_hosts,
                docker_containers_per_host: config.docker_containers,
                generic_host_count: config.hosts,
                k8s_cluster_count: config.k8s_clusters,
                k8s_nodes_per_cluster: config.k8s_nodes,
                k8s_pods_per_cluster: config.k8s_pods,
                k8s_deployments_per_cluster: config.k8s_deployments,
                random_metrics: config.has_random_metrics,
                high_load_nodes: config.high_load_nodes,
                stopped_percent: config.stopped_share,
            },
        }
    }
}

/// A change: what is left out stays as it is.
#[derive(Debug, ToSchema)]
#[schema(as = MockModeChange, rename_all = "camelCase")]
#[expect(dead_code, reason = "it only describes what is read key by key")]
struct ChangeBody {
    /// Whether an invented installation is to be shown.
    enabled: Option<bool>,
    /// `nodeCount` (1 to 100), `vmsPerNode` and `lxcsPerNode` (0 to 100), `randomMetrics`, `highLoadNodes`,
    /// `stoppedPercent` (0 to 1).
    config: Option<Value>,
}

/// Whether an invented installation is shown in the place of the real one.
#[utoipa::path(
    get, path = "/api/system/mock-mode", tag = "system",
    responses((status = 200, body = MockBody), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn get_mock_mode(
    _: Allowed<SettingsReadAdmin>,
    State(mock): State<Arc<MockMode>>,
) -> Json<MockBody> {
    Json(MockBody::new(&mock))
}

/// Show an invented installation, or the real one again.
///
/// A simulated cluster runs in the server and is really polled; agents are simulated too. Meanwhile the real installation
/// is monitored as before, its alerts are raised and its history is written: only what is shown changes, and nothing of the
/// invented world is kept. It ends with the server.
// Pulse v5: real polling stops, every licensed feature is unlocked, and a config sent along with enabling is lost.
#[utoipa::path(
    post, path = "/api/system/mock-mode", tag = "system", operation_id = "set_mock_mode", request_body = ChangeBody,
    responses(
        (status = 200, body = MockBody), (status = 403, body = MissingScopeBody),
        (status = 400, description = "A value of the wrong kind or outside its range", body = String),
        (status = 503, description = "It cannot be started", body = String),
    )
)]
pub(super) async fn set_mock_mode(
    allowed: Allowed<SettingsWriteAdmin>,
    State(mock): State<Arc<MockMode>>,
    request: Request,
) -> Result<Json<MockBody>, ApiError> {
    change(allowed, mock, request).await
}

/// The same as `POST`.
#[utoipa::path(
    put, path = "/api/system/mock-mode", tag = "system", operation_id = "put_mock_mode", request_body = ChangeBody,
    responses(
        (status = 200, body = MockBody), (status = 403, body = MissingScopeBody),
        (status = 400, description = "A value of the wrong kind or outside its range", body = String),
        (status = 503, description = "It cannot be started", body = String),
    )
)]
pub(super) async fn put_mock_mode(
    allowed: Allowed<SettingsWriteAdmin>,
    State(mock): State<Arc<MockMode>>,
    request: Request,
) -> Result<Json<MockBody>, ApiError> {
    change(allowed, mock, request).await
}

async fn change(
    allowed: Allowed<SettingsWriteAdmin>,
    mock: Arc<MockMode>,
    request: Request,
) -> Result<Json<MockBody>, ApiError> {
    let bad = |text: &str| ApiError::text(StatusCode::BAD_REQUEST, text);
    let body: Map<String, Value> =
        read_json(request.into_body(), LIMIT_BYTES).await.map_err(|error| match error {
            JsonError::TooLarge { .. } => {
                ApiError::text(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large")
            }
            JsonError::Incomplete | JsonError::Invalid { .. } => bad("Invalid request body"),
        })?;
    let (was_on, mut config): (bool, MockConfig) = mock.current();
    let is_on = match body.get("enabled") {
        None | Some(Value::Null) => was_on,
        Some(value) => value.as_bool().ok_or_else(|| bad("Invalid request body"))?,
    };
    match body.get("config") {
        None | Some(Value::Null) => {}
        Some(Value::Object(patch)) => config.apply(patch).map_err(|error| bad(&error.to_string()))?,
        Some(_) => return Err(bad("Invalid request body")),
    }
    tracing::info!(by = %allowed.identity, is_on, "mock mode was set");
    mock.set(is_on, config).await.map_err(|problem| {
        ApiError::text(StatusCode::SERVICE_UNAVAILABLE, format!("Mock mode: {problem}"))
    })?;
    Ok(Json(MockBody::new(&mock)))
}
