//! `POST /api/config/nodes/test-connection`, `/test-config` and `/{id}/test`: whether an instance answers, before it
//! is added and afterwards. Nothing is stored.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, Request, State},
};
use http::StatusCode;
use pulse_config::{AnyInstance, NodeEdit, NodeError, NodeStore};
use pulse_monitor::probe::{PbsTest, PmgTest, Probe, ProbeReport};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{LIMIT, PROBE_TIME, bad_body, in_time, node_id, probe_pve, refused, request::NodeRequest};
use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsWriteAdmin},
};

/// A mail gateway's statistics take their time.
const PMG_TIME: Duration = Duration::from_secs(15);

/// It answers.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NodeConnection)]
pub(super) struct Connection {
    /// Always `success`.
    status: &'static str,
    /// In words.
    message: String,
    /// PVE: whether it is a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_cluster: Option<bool>,
    /// PVE: how many nodes there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    node_count: Option<usize>,
    /// PVE: how many nodes the cluster has, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_node_count: Option<usize>,
    /// PBS: how many datastores the credentials may see.
    #[serde(skip_serializing_if = "Option::is_none")]
    datastore_count: Option<usize>,
    /// PMG: version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// PMG: release.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<String>,
    /// What the credentials cannot read, and what they lack. Ours for PVE and PBS, the contract's for PMG.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
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
    /// PMG: version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// PMG: release.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<String>,
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
    let found = try_instance(&probe, &described(request).await?)
        .await
        .map_err(|text| ApiError::text(StatusCode::BAD_REQUEST, text))?;
    Ok(Json(connection(found)))
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
    try_instance(&probe, &instance).await.map(|found| tested(found, " instance")).map_err(failed)
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
    try_instance(&probe, &instance).await.map(|found| tested(found, "")).map_err(failed)
}

async fn described(request: Request) -> Result<AnyInstance, ApiError> {
    let body: NodeRequest = read_object(request.into_body(), LIMIT).await.map_err(bad_body)?;
    AnyInstance::for_test(&NodeEdit::from(body)).map_err(refused)
}

/// What an instance that answers says of itself.
enum Found {
    Pve(ProbeReport),
    Pbs(PbsTest),
    Pmg(PmgTest),
}

async fn try_instance(probe: &Probe, instance: &AnyInstance) -> Result<Found, String> {
    Ok(match instance {
        AnyInstance::Pve(pve) => Found::Pve(probe_pve(probe, pve).await?),
        AnyInstance::Pbs(pbs) => Found::Pbs(in_time(&pbs.host, PROBE_TIME, probe.pbs(pbs)).await?),
        AnyInstance::Pmg(pmg) => Found::Pmg(in_time(&pmg.host, PMG_TIME, probe.pmg(pmg)).await?),
    })
}

fn connection(found: Found) -> Connection {
    let success = |message| Connection { status: "success", message, ..Connection::default() };
    match found {
        Found::Pve(report) => Connection {
            is_cluster: Some(report.is_cluster),
            node_count: Some(report.node_count),
            cluster_node_count: report.is_cluster.then_some(report.endpoints.len()),
            warnings: report.warnings,
            ..success(format!("Successfully connected to {} node(s)", report.node_count))
        },
        Found::Pbs(test) => Connection {
            datastore_count: Some(test.datastore_count),
            warnings: test.warnings,
            ..success(format!("Successfully connected. Found {} datastore(s)", test.datastore_count))
        },
        Found::Pmg(test) => Connection {
            message: match (&test.version, &test.release) {
                // Newer ones repeat the version in the release.
                (Some(version), Some(release)) if release.starts_with(version.as_str()) => {
                    format!("Connected to PMG instance (version {release})")
                }
                (Some(version), Some(release)) => {
                    format!("Connected to PMG instance (version {version}-{release})")
                }
                (Some(version), None) => format!("Connected to PMG instance (version {version})"),
                (None, _) => "Connected to PMG instance".to_owned(),
            },
            version: test.version,
            release: test.release,
            warnings: test.warnings,
            ..success(String::new())
        },
    }
}

/// `what` stands behind the product's name: the contract words the two tests differently.
fn tested(found: Found, what: &str) -> Json<Tested> {
    let (message, latency, version, release) = match found {
        Found::Pve(report) if report.is_cluster => {
            (format!("Connected to PVE cluster with {} nodes", report.node_count), report.latency, None, None)
        }
        Found::Pve(report) => ("Connected to PVE node".to_owned(), report.latency, None, None),
        Found::Pbs(test) => (format!("Connected to PBS{what}"), test.latency, None, None),
        Found::Pmg(test) => {
            ("Connected to PMG instance".to_owned(), test.latency, test.version, test.release)
        }
    };
    let latency = u64::try_from(latency.as_millis()).ok();
    Json(Tested { status: "success", message, latency, version, release })
}

fn failed(message: String) -> ApiError {
    ApiError::Json { status: StatusCode::BAD_REQUEST, body: json!({"message": message, "status": "error"}) }
}
