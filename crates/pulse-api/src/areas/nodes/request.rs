//! The object that describes an instance in a request.

use pulse_config::{NodeEdit, Secret};
use serde::Deserialize;
use utoipa::ToSchema;

/// An instance as a person describes it. On a change what is absent stays as it is, except `guestURL` and
/// `fingerprint`: absent clears them.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct NodeRequest {
    /// `pve`, `pbs` or `pmg`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Its name.
    name: Option<String>,
    /// Its address; scheme and port may be left out.
    host: Option<String>,
    /// Link for people.
    #[serde(rename = "guestURL")]
    guest_url: Option<String>,
    /// User, with realm or without.
    user: Option<String>,
    /// Password, unless a token is used.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Secret>,
    /// Token name, `user@realm!name`.
    token_name: Option<String>,
    /// Token value.
    #[schema(value_type = Option<String>, format = Password)]
    token_value: Option<Secret>,
    /// SHA-256 fingerprint the certificate must have.
    fingerprint: Option<String>,
    /// Whether the certificate is checked against the known authorities.
    #[serde(rename = "verifySSL")]
    verify_ssl: Option<bool>,
    /// Certificates in PEM form of the authorities that alone may have signed its certificate; empty for none, absent
    /// leaves what is kept. Ours, beside the contract.
    ca_certificate: Option<String>,
    /// PVE: whether VMs are polled.
    #[serde(rename = "monitorVMs")]
    monitor_vms: Option<bool>,
    /// PVE: whether containers are polled.
    monitor_containers: Option<bool>,
    /// PVE: whether storages are polled.
    monitor_storage: Option<bool>,
    /// PVE and PBS: whether backups are polled.
    monitor_backups: Option<bool>,
    /// PVE: whether physical disks are polled.
    monitor_physical_disks: Option<bool>,
    /// PVE: minutes between polls of physical disks; 0 for the default.
    physical_disk_polling_minutes: Option<u32>,
    /// Whether temperatures are wanted; absent for what the settings say.
    temperature_monitoring_enabled: Option<bool>,
    /// PBS: whether datastores are polled.
    monitor_datastores: Option<bool>,
    /// PBS: whether sync jobs are polled.
    monitor_sync_jobs: Option<bool>,
    /// PBS: whether verification jobs are polled.
    monitor_verify_jobs: Option<bool>,
    /// PBS: whether prune jobs are polled.
    monitor_prune_jobs: Option<bool>,
    /// PBS: whether garbage collection is polled.
    monitor_garbage_jobs: Option<bool>,
    /// PBS: datastores to leave out.
    exclude_datastores: Option<Vec<String>>,
    /// PMG: whether mail statistics are polled.
    monitor_mail_stats: Option<bool>,
    /// PMG: whether queues are polled.
    monitor_queues: Option<bool>,
    /// PMG: whether the quarantine is polled.
    monitor_quarantine: Option<bool>,
    /// PMG: whether statistics per domain are polled.
    monitor_domain_stats: Option<bool>,
}

impl From<NodeRequest> for NodeEdit {
    fn from(request: NodeRequest) -> Self {
        Self {
            kind: request.kind,
            name: request.name,
            host: request.host,
            guest_url: request.guest_url,
            user: request.user,
            password: request.password,
            token_name: request.token_name,
            token_value: request.token_value,
            fingerprint: request.fingerprint,
            verify_ssl: request.verify_ssl,
            ca_certificate: request.ca_certificate,
            monitor_vms: request.monitor_vms,
            monitor_containers: request.monitor_containers,
            monitor_storage: request.monitor_storage,
            monitor_backups: request.monitor_backups,
            monitor_physical_disks: request.monitor_physical_disks,
            physical_disk_polling_minutes: request.physical_disk_polling_minutes,
            temperature_monitoring_enabled: request.temperature_monitoring_enabled,
            monitor_datastores: request.monitor_datastores,
            monitor_sync_jobs: request.monitor_sync_jobs,
            monitor_verify_jobs: request.monitor_verify_jobs,
            monitor_prune_jobs: request.monitor_prune_jobs,
            monitor_garbage_jobs: request.monitor_garbage_jobs,
            exclude_datastores: request.exclude_datastores,
            monitor_mail_stats: request.monitor_mail_stats,
            monitor_queues: request.monitor_queues,
            monitor_quarantine: request.monitor_quarantine,
            monitor_domain_stats: request.monitor_domain_stats,
        }
    }
}
