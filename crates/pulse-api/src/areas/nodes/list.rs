//! `GET /api/config/nodes`.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use pulse_config::{
    ClusterEndpointConfig, NodeStore, PbsInstance, PmgInstance, PveInstance, authority::read_authorities,
};
use pulse_core::{
    Snapshot,
    ids::InstanceName,
    model::{ClusterEndpoint, ConnectionHealth, InstanceKey, InstanceKind, InstanceView, SourceIssue},
};
use pulse_monitor::Keeper;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::MissingScopeBody,
    extract::{Allowed, SettingsReadAdmin},
    wire::time::NEVER,
};

/// Of what a poll complained of; more of it says no more.
const MOST_ISSUES: usize = 25;

/// A configured instance without its credentials. What is false, empty or not of its type is left out.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConfiguredNode)]
pub(super) struct NodeView {
    /// `<type>-<place>`; places move up when one before is removed.
    id: String,
    /// `pve`, `pbs` or `pmg`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Its name.
    name: String,
    /// Its address.
    host: String,
    /// Link for people.
    #[serde(rename = "guestURL", skip_serializing_if = "Option::is_none")]
    guest_url: Option<String>,
    /// User.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// Whether a password is kept.
    has_password: bool,
    /// Token name.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_name: Option<String>,
    /// Whether a token value is kept.
    has_token: bool,
    /// Fingerprint the certificate must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    /// Whether the certificate is checked against the known authorities.
    #[serde(rename = "verifySSL")]
    verify_ssl: bool,
    /// The authorities that alone may have signed its certificate, in PEM form. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_certificate: Option<String>,
    /// Whose they are and until when they hold, in their order. Ours, beside the contract.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificate_authorities: Vec<AuthorityView>,
    /// Whether VMs are polled.
    #[serde(rename = "monitorVMs", skip_serializing_if = "is_false")]
    monitor_vms: bool,
    /// Whether containers are polled.
    #[serde(skip_serializing_if = "is_false")]
    monitor_containers: bool,
    /// Whether storages are polled.
    #[serde(skip_serializing_if = "is_false")]
    monitor_storage: bool,
    /// Whether backups are polled (PVE).
    #[serde(skip_serializing_if = "is_false")]
    monitor_backups: bool,
    /// Whether physical disks are polled; absent for yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    monitor_physical_disks: Option<bool>,
    /// Minutes between polls of physical disks; absent for the default.
    #[serde(skip_serializing_if = "is_zero")]
    physical_disk_polling_minutes: u32,
    /// Whether temperatures are wanted; absent for what the settings say.
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature_monitoring_enabled: Option<bool>,
    /// Whether datastores are polled.
    #[serde(skip_serializing_if = "is_false")]
    monitor_datastores: bool,
    /// Whether sync jobs are polled.
    #[serde(skip_serializing_if = "is_false")]
    monitor_sync_jobs: bool,
    /// Whether verification jobs are polled.
    #[serde(skip_serializing_if = "is_false")]
    monitor_verify_jobs: bool,
    /// Whether prune jobs are polled.
    #[serde(skip_serializing_if = "is_false")]
    monitor_prune_jobs: bool,
    /// Whether garbage collection is polled.
    #[serde(skip_serializing_if = "is_false")]
    monitor_garbage_jobs: bool,
    /// Datastores that are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exclude_datastores: Vec<String>,
    /// Whether mail statistics are polled.
    #[serde(skip_serializing_if = "is_false")]
    monitor_mail_stats: bool,
    /// Whether queues are polled.
    #[serde(skip_serializing_if = "is_false")]
    monitor_queues: bool,
    /// Whether the quarantine is polled.
    #[serde(skip_serializing_if = "is_false")]
    monitor_quarantine: bool,
    /// Whether statistics per domain are polled.
    #[serde(skip_serializing_if = "is_false")]
    monitor_domain_stats: bool,
    /// `connected` or `disconnected`.
    status: &'static str,
    /// What the last poll complained of and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// All that the last poll complained of, `lastError` included, at most 25 of them. Ours, beside the contract.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    issues: Vec<IssueView>,
    /// What is not shown because the credentials lack a right, and which right that is. Ours, beside the contract.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hidden: Vec<String>,
    /// Whether it is a cluster.
    #[serde(skip_serializing_if = "is_false")]
    is_cluster: bool,
    /// Name of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_name: Option<String>,
    /// Members of the cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cluster_endpoints: Vec<EndpointView>,
    /// Who added it: `agent`, `script`, or absent for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

/// One thing that the last poll complained of.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NodeIssue)]
pub(super) struct IssueView {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What went wrong and what to do about it.
    message: String,
    /// `connection`, `timeout`, `certificate`, `authentication`, `permission`, `decode` or `server`.
    class: &'static str,
    /// The node it concerns, where it is not the whole instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
}

/// A certificate authority in a node's settings.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NodeCertificateAuthority)]
pub(super) struct AuthorityView {
    /// Whose it is, such as `CN=Example Root, O=Example`.
    subject: String,
    /// Until when it holds.
    #[schema(value_type = String, format = DateTime)]
    not_after: Timestamp,
}

/// A member of a cluster.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = ClusterEndpoint)]
pub(super) struct EndpointView {
    /// Its id in the cluster, such as `node/1`.
    #[serde(rename = "NodeID")]
    node_id: String,
    /// Its name.
    node_name: String,
    /// Its address.
    host: String,
    /// Link for people.
    #[serde(rename = "GuestURL")]
    guest_url: &'static str,
    /// Its address as the cluster reports it.
    #[serde(rename = "IP")]
    ip: String,
    /// An address a person set instead.
    #[serde(rename = "IPOverride")]
    ip_override: &'static str,
    /// Fingerprint of its certificate.
    fingerprint: String,
    /// Whether the cluster says it is online.
    online: bool,
    /// When it was last online.
    #[schema(value_type = String, format = DateTime)]
    last_seen: Timestamp,
    /// Whether we reach it; null until that is known.
    pulse_reachable: Option<bool>,
    /// When that was last checked.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_pulse_check: Option<Timestamp>,
    /// Why we do not reach it.
    pulse_error: String,
}

impl EndpointView {
    fn live(endpoint: &ClusterEndpoint, last_success: Option<Timestamp>) -> Self {
        let last_seen = if endpoint.online { endpoint.checked_at.or(last_success) } else { None };
        Self {
            last_seen: last_seen.unwrap_or(NEVER),
            online: endpoint.online,
            pulse_reachable: endpoint.reachable,
            last_pulse_check: endpoint.checked_at,
            pulse_error: endpoint.error.clone().unwrap_or_default(),
            node_id: endpoint.node_id.clone(),
            node_name: endpoint.node_name.clone(),
            host: endpoint.host.clone(),
            guest_url: "",
            ip: endpoint.ip.clone(),
            ip_override: "",
            fingerprint: endpoint.fingerprint.clone().unwrap_or_default(),
        }
    }

    pub(super) fn configured(endpoint: &ClusterEndpointConfig) -> Self {
        Self {
            last_seen: NEVER,
            online: false,
            pulse_reachable: None,
            last_pulse_check: None,
            pulse_error: String::new(),
            node_id: endpoint.node_id.clone(),
            node_name: endpoint.node_name.clone(),
            host: endpoint.host.clone(),
            guest_url: "",
            ip: endpoint.ip.clone(),
            ip_override: "",
            fingerprint: endpoint.fingerprint.clone().unwrap_or_default(),
        }
    }

    pub(super) fn found(endpoint: &ClusterEndpoint) -> Self {
        Self::live(endpoint, None)
    }
}

/// List configured Proxmox instances: PVE, then PBS, then PMG.
#[utoipa::path(
    get, path = "/api/config/nodes", tag = "nodes",
    responses((status = 200, body = [NodeView]), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn list_nodes(
    _: Allowed<SettingsReadAdmin>,
    State(nodes): State<Arc<NodeStore>>,
    State(keeper): State<Keeper>,
) -> Json<Vec<NodeView>> {
    let (config, world) = (nodes.current(), keeper.snapshot());
    let pve = config.pve.iter().enumerate().map(|(place, instance)| pve(place, instance, &world));
    let pbs = config.pbs.iter().enumerate().map(|(place, instance)| pbs(place, instance, &world));
    let pmg = config.pmg.iter().enumerate().map(|(place, instance)| pmg(place, instance, &world));
    Json(pve.chain(pbs).chain(pmg).collect())
}

fn pve(place: usize, instance: &PveInstance, world: &Snapshot) -> NodeView {
    let view = view(world, InstanceKind::Pve, &instance.name);
    let live =
        view.map(|view| (&view.endpoints, view.last_success)).filter(|(endpoints, _)| !endpoints.is_empty());
    let cluster_name =
        view.and_then(|view| view.cluster_name.clone()).or_else(|| instance.cluster_name.clone());
    NodeView {
        host: instance.host.clone(),
        guest_url: instance.guest_url.clone(),
        user: instance.user.clone(),
        has_password: instance.password.is_some(),
        token_name: instance.token_name.clone(),
        has_token: instance.token_value.is_some(),
        fingerprint: instance.fingerprint.clone(),
        verify_ssl: instance.verify_ssl,
        ca_certificate: instance.ca_certificate.clone(),
        certificate_authorities: authorities(instance.ca_certificate.as_deref()),
        monitor_vms: instance.monitor_vms,
        monitor_containers: instance.monitor_containers,
        monitor_storage: instance.monitor_storage,
        monitor_backups: instance.monitor_backups,
        monitor_physical_disks: instance.monitor_physical_disks,
        physical_disk_polling_minutes: instance.physical_disk_polling_minutes,
        temperature_monitoring_enabled: instance.temperature_monitoring_enabled,
        is_cluster: cluster_name.is_some(),
        cluster_endpoints: match live {
            Some((endpoints, last)) => endpoints.iter().map(|e| EndpointView::live(e, last)).collect(),
            None => instance.cluster_endpoints.iter().map(EndpointView::configured).collect(),
        },
        cluster_name,
        source: instance.source.clone(),
        ..common(place, InstanceKind::Pve, &instance.name, view)
    }
}

fn pbs(place: usize, instance: &PbsInstance, world: &Snapshot) -> NodeView {
    NodeView {
        host: instance.host.clone(),
        guest_url: instance.guest_url.clone(),
        user: instance.user.clone(),
        has_password: instance.password.is_some(),
        token_name: instance.token_name.clone(),
        has_token: instance.token_value.is_some(),
        fingerprint: instance.fingerprint.clone(),
        verify_ssl: instance.verify_ssl,
        ca_certificate: instance.ca_certificate.clone(),
        certificate_authorities: authorities(instance.ca_certificate.as_deref()),
        temperature_monitoring_enabled: instance.temperature_monitoring_enabled,
        monitor_datastores: instance.monitor_datastores,
        monitor_sync_jobs: instance.monitor_sync_jobs,
        monitor_verify_jobs: instance.monitor_verify_jobs,
        monitor_prune_jobs: instance.monitor_prune_jobs,
        monitor_garbage_jobs: instance.monitor_garbage_jobs,
        exclude_datastores: instance.exclude_datastores.clone(),
        source: instance.source.clone(),
        ..common(place, InstanceKind::Pbs, &instance.name, view(world, InstanceKind::Pbs, &instance.name))
    }
}

fn pmg(place: usize, instance: &PmgInstance, world: &Snapshot) -> NodeView {
    NodeView {
        host: instance.host.clone(),
        guest_url: instance.guest_url.clone(),
        user: instance.user.clone(),
        has_password: instance.password.is_some(),
        token_name: instance.token_name.clone(),
        has_token: instance.token_value.is_some(),
        fingerprint: instance.fingerprint.clone(),
        verify_ssl: instance.verify_ssl,
        ca_certificate: instance.ca_certificate.clone(),
        certificate_authorities: authorities(instance.ca_certificate.as_deref()),
        temperature_monitoring_enabled: instance.temperature_monitoring_enabled,
        monitor_mail_stats: instance.monitor_mail_stats,
        monitor_queues: instance.monitor_queues,
        monitor_quarantine: instance.monitor_quarantine,
        monitor_domain_stats: instance.monitor_domain_stats,
        ..common(place, InstanceKind::Pmg, &instance.name, view(world, InstanceKind::Pmg, &instance.name))
    }
}

fn issue(issue: &SourceIssue) -> IssueView {
    IssueView {
        at: issue.at,
        message: issue.message.clone(),
        class: issue.class.name(),
        node: issue.node.clone(),
    }
}

/// What an imported file may hold and cannot be read is said by the poll.
fn authorities(pem: Option<&str>) -> Vec<AuthorityView> {
    let found = pem.and_then(|pem| read_authorities(pem).ok()).unwrap_or_default();
    found.into_iter().map(|it| AuthorityView { subject: it.subject, not_after: it.not_after }).collect()
}

fn view<'a>(world: &'a Snapshot, kind: InstanceKind, name: &InstanceName) -> Option<&'a Arc<InstanceView>> {
    world.instances.get(&InstanceKey { kind, name: name.clone() })
}

fn common(
    place: usize,
    kind: InstanceKind,
    name: &InstanceName,
    view: Option<&Arc<InstanceView>>,
) -> NodeView {
    let health = view.map_or(ConnectionHealth::Error, |view| view.health);
    NodeView {
        id: format!("{kind}-{place}"),
        kind: kind.name(),
        name: name.to_string(),
        status: match health {
            ConnectionHealth::Healthy | ConnectionHealth::Degraded => "connected",
            ConnectionHealth::Error => "disconnected",
        },
        hidden: view
            .map_or_else(Vec::new, |view| view.hidden.iter().map(|issue| issue.message.clone()).collect()),
        last_error: view.and_then(|view| view.issues.first()).map(|issue| issue.message.clone()),
        issues: view.map_or_else(Vec::new, |view| view.issues.iter().take(MOST_ISSUES).map(issue).collect()),
        ..NodeView::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}
