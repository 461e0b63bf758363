//! `POST /api/config/nodes`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_config::{AnyInstance, NodeConfig, NodeEdit, NodeError, NodeStore, PbsInstance, PveInstance, host};
use pulse_core::{Clock, ids::InstanceName, model::ClusterEndpoint};
use pulse_monitor::probe::{Probe, ProbeReport};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    LIMIT, PROBE_TIME, SUCCESS, Success, bad_body, endpoint_configs, in_time, probe_pve, refused,
    request::NodeRequest, update,
};
use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsWriteAdmin},
};

/// The instance is a member of a cluster that is configured already: nothing new was made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NodeMerged)]
pub(crate) struct Merged {
    /// Always true.
    success: bool,
    /// Always true.
    merged: bool,
    /// The cluster.
    cluster: String,
    /// The configured instance.
    existing_node: String,
    /// In words.
    message: String,
    /// How many members are known now.
    total_endpoints: usize,
}

/// Add a Proxmox instance.
///
/// It is asked whether it is a cluster first, for at most ten seconds; one that does not answer is added all the same
/// and shows on the list why it does not. A backup server given with a password is asked for a token that may only read,
/// which is then kept instead. Its name gets the host behind it where another one has the name.
#[utoipa::path(
    post, path = "/api/config/nodes", tag = "nodes", request_body = NodeRequest,
    responses(
        (status = 201, body = Success), (status = 200, body = Merged),
        (status = 400, description = "What is missing or wrong", body = String),
        (status = 403, body = MissingScopeBody),
        (status = 409, description = "There is one with that address", body = String),
        (status = 413, description = "More than 32 KiB", body = String),
    )
)]
pub(super) async fn add_node(
    allowed: Allowed<SettingsWriteAdmin>,
    State(nodes): State<Arc<NodeStore>>,
    State(probe): State<Probe>,
    State(clock): State<Arc<dyn Clock>>,
    request: Request,
) -> Result<Response, ApiError> {
    let body: NodeRequest = read_object(request.into_body(), LIMIT).await.map_err(bad_body)?;
    let mut instance = AnyInstance::new(&NodeEdit::from(body)).map_err(refused)?;
    let (kind, name) = (instance.kind(), instance.name().clone());
    nodes.current().check_host(kind, instance.host(), None).map_err(refused)?;
    let found = match &mut instance {
        // Only a cluster changes what is kept; why one does not answer is found out by its poller.
        AnyInstance::Pve(pve) => probe_pve(&probe, pve).await.ok().filter(|report| report.is_cluster),
        AnyInstance::Pbs(pbs) => {
            prefer_token(&probe, pbs, clock.now()).await;
            None
        }
        AnyInstance::Pmg(_) => None,
    };
    let merged = update(nodes, move |config| add(config, instance, found)).await?;
    tracing::info!(by = %allowed.identity, node.kind = %kind, node.name = %name, merged = merged.is_some(), "a node was added");
    Ok(match merged {
        Some(merged) => Json(merged).into_response(),
        None => (StatusCode::CREATED, Json(SUCCESS)).into_response(),
    })
}

/// Keeps a token that may only read instead of a password that may be an administrator's, where the server makes one.
async fn prefer_token(probe: &Probe, pbs: &mut PbsInstance, now: Timestamp) {
    if pbs.password.is_none() {
        return;
    }
    let name = format!("pulse-{}", now.as_second());
    match in_time(&pbs.host, PROBE_TIME, probe.make_pbs_token(pbs, &name)).await {
        Ok(token) => {
            tracing::info!(node.name = %pbs.name, token.name = token.id, "a token was made on the backup server");
            (pbs.token_name, pbs.token_value) = (Some(token.id), Some(token.value));
            (pbs.user, pbs.password) = (None, None);
        }
        Err(cause) => {
            tracing::info!(node.name = %pbs.name, cause, "the backup server made no token; the password is kept");
        }
    }
}

fn add(
    config: &mut NodeConfig,
    mut instance: AnyInstance,
    found: Option<ProbeReport>,
) -> Result<Option<Merged>, NodeError> {
    if let (AnyInstance::Pve(pve), Some(found)) = (&mut instance, found) {
        if let Some(merged) = merge_members(config, &found) {
            return Ok(Some(merged));
        }
        pve.merge_endpoints(endpoint_configs(&found.endpoints));
        pve.cluster_name = found.cluster_name;
    }
    config.add(instance).map(|_| None)
}

/// Takes the members of a cluster over into the instance that is that cluster already.
pub(super) fn merge_members(config: &mut NodeConfig, found: &ProbeReport) -> Option<Merged> {
    let cluster = found.cluster_name.clone()?;
    let members = endpoint_configs(&found.endpoints);
    let place = config.same_cluster(&cluster, &members)?;
    let known = config.pve.get_mut(place)?;
    known.merge_endpoints(members);
    Some(Merged::into(known, cluster))
}

/// The configured instance that a host says it belongs to.
pub(super) fn known_cluster(config: &NodeConfig, found: &ProbeReport) -> Option<PveInstance> {
    let place = config.same_cluster(found.cluster_name.as_deref()?, &endpoint_configs(&found.endpoints))?;
    config.pve.get(place).cloned()
}

/// Whether a member of a cluster is the host at that address: by its own address or name, or by the certificate it
/// shows.
pub(super) fn is_member(member: &ClusterEndpoint, host_url: &str, fingerprint: Option<&str>) -> bool {
    let host = host::bare(host_url).trim_matches(['[', ']']);
    let certificate = |text: &str| text.replace(':', "").to_ascii_lowercase();
    member.ip == host
        || member.node_name.eq_ignore_ascii_case(host)
        || matches!((&member.fingerprint, fingerprint), (Some(a), Some(b)) if certificate(a) == certificate(b))
}

impl Merged {
    /// It is a member of this one, of which nothing changed.
    pub(super) fn unchanged(known: &PveInstance) -> Self {
        Self::into(known, known.cluster_name.clone().unwrap_or_default())
    }

    fn into(known: &PveInstance, cluster: String) -> Self {
        let existing_node = known.name.to_string();
        Self {
            success: true,
            merged: true,
            message: format!(
                "Node merged into existing cluster '{cluster}' (already configured as '{existing_node}')"
            ),
            total_endpoints: known.cluster_endpoints.len(),
            existing_node,
            cluster,
        }
    }

    /// The instance that has the members now.
    pub(crate) fn name(&self) -> InstanceName {
        InstanceName::from(self.existing_node.as_str())
    }
}
