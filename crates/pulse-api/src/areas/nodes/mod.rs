//! `/api/config/nodes*`: configured Proxmox instances (contract A-08). Credentials go in and never come out.

mod add;
mod certificate;
mod change;
mod join;
mod list;
mod refresh;
mod remove;
mod request;
mod try_out;

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use pulse_config::{
    AuthorityError, ClusterEndpointConfig, HostError, NodeConfig, NodeError, NodeStore, PveInstance,
    UpdateError,
};
use pulse_core::model::{ClusterEndpoint, InstanceKind};
use pulse_monitor::probe::{Probe, ProbeError, ProbeReport};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::ApiError,
    extract::JsonError,
    routing::{ApiRouter, routes},
};

pub(super) use self::join::{merge_into_cluster, what_it_may_replace};

/// The contract's limit of a body.
const LIMIT: usize = 32 * 1024;

/// How long an instance may take to answer a probe.
const PROBE_TIME: Duration = Duration::from_secs(10);

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(list::list_nodes, add::add_node))
        .routes(routes!(try_out::test_connection))
        .routes(routes!(certificate::shown_certificate))
        .routes(routes!(try_out::test_config))
        .routes(routes!(change::change_node, remove::remove_node))
        .routes(routes!(try_out::test_node))
        .routes(routes!(refresh::refresh_cluster))
}

/// It is done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Success {
    /// Always `success`.
    status: &'static str,
}

const SUCCESS: Success = Success { status: "success" };

/// Which node is meant, where somebody else may change the list meanwhile.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Meant {
    /// Its name as it was listed: where another node is at its place by now, nothing is done. Ours, beside the contract.
    name: Option<String>,
}

/// Which instance a path names: `<type>-<place>`. Places move up when one before is removed.
fn node_id(id: &str) -> Result<(InstanceKind, usize), ApiError> {
    id.split_once('-')
        .and_then(|(kind, place)| Some((InstanceKind::from_name(kind)?, place.parse().ok()?)))
        .ok_or_else(|| ApiError::text(StatusCode::BAD_REQUEST, "Invalid node ID"))
}

fn bad_body(error: JsonError) -> ApiError {
    match error {
        JsonError::TooLarge { .. } => ApiError::text(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"),
        JsonError::Incomplete | JsonError::Invalid { .. } => {
            ApiError::text(StatusCode::BAD_REQUEST, format!("Invalid request body: {error}"))
        }
    }
}

pub(super) fn refused(error: NodeError) -> ApiError {
    let status = match error {
        NodeError::Duplicate | NodeError::TooMany | NodeError::Moved { .. } => StatusCode::CONFLICT,
        NodeError::NotFound => StatusCode::NOT_FOUND,
        NodeError::CredentialsKept(_) => StatusCode::FORBIDDEN,
        NodeError::NameMissing
        | NodeError::NameTooLong
        | NodeError::KindMissing
        | NodeError::KindUnknown
        | NodeError::Host(
            HostError::Missing
            | HostError::Format
            | HostError::Ipv4
            | HostError::Ipv6
            | HostError::Name
            | HostError::Port,
        )
        | NodeError::Authority(
            AuthorityError::NotPem
            | AuthorityError::TooLong
            | AuthorityError::PrivateKey
            | AuthorityError::Damaged(_)
            | AuthorityError::NotAnAuthority(_),
        )
        | NodeError::CredentialsMissing => StatusCode::BAD_REQUEST,
    };
    ApiError::text(status, error.to_string())
}

/// Changes the configuration; the pollers follow by themselves.
pub(super) async fn update<T: Send + 'static>(
    nodes: Arc<NodeStore>,
    change: impl FnOnce(&mut NodeConfig) -> Result<T, NodeError> + Send + 'static,
) -> Result<T, ApiError> {
    let doing = "keep the node configuration";
    let updated = tokio::task::spawn_blocking(move || nodes.update(change)).await;
    match updated.map_err(|error| ApiError::internal(doing, error))? {
        Ok(answer) => Ok(answer),
        Err(UpdateError::Refused(error)) => Err(refused(error)),
        Err(UpdateError::Config(error)) => {
            tracing::error!(%error, "the node configuration was not saved");
            Err(ApiError::text(StatusCode::INTERNAL_SERVER_ERROR, "Failed to save configuration"))
        }
    }
}

/// Tries a PVE instance; what goes wrong comes in words for the person who typed the address.
async fn probe_pve(probe: &Probe, instance: &PveInstance) -> Result<ProbeReport, String> {
    in_time(&instance.host, PROBE_TIME, probe.pve(instance)).await
}

/// What a probe finds within `limit`; what goes wrong comes in words for the person who typed the address.
async fn in_time<T>(
    host: &str,
    limit: Duration,
    probing: impl Future<Output = Result<T, ProbeError>>,
) -> Result<T, String> {
    match tokio::time::timeout(limit, probing).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(error.message),
        Err(_) => Err(format!(
            "{host} did not answer within {} seconds; check the address and the network",
            limit.as_secs()
        )),
    }
}

/// Members of a cluster as they are kept.
fn endpoint_configs(endpoints: &[ClusterEndpoint]) -> Vec<ClusterEndpointConfig> {
    endpoints
        .iter()
        .map(|endpoint| ClusterEndpointConfig {
            node_id: endpoint.node_id.clone(),
            node_name: endpoint.node_name.clone(),
            host: endpoint.host.clone(),
            ip: endpoint.ip.clone(),
            fingerprint: endpoint.fingerprint.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_type_and_place() {
        assert_eq!(node_id("pve-0").ok(), Some((InstanceKind::Pve, 0)));
        assert_eq!(node_id("pmg-12").ok(), Some((InstanceKind::Pmg, 12)));
        for id in ["", "pve", "pve-", "pve--1", "esx-0", "no-such-id", "pve-99999999999999999999"] {
            assert!(node_id(id).is_err(), "{id}");
        }
    }
}
