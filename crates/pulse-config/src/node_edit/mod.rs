//! Adding, changing and removing configured instances: the rules, apart from any wire and any file.

mod instance;
mod list;
#[cfg(test)]
mod tests;

use pulse_core::ids::InstanceName;

pub use self::{instance::AnyInstance, list::MAX_INSTANCES};
use crate::{Secret, authority::AuthorityError, host::HostError};

/// What a person wants an instance to be; what is absent was not said.
#[derive(Debug, Clone, Default)]
pub struct NodeEdit {
    /// The product.
    pub kind: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its address, as typed.
    pub host: Option<String>,
    /// Link for people.
    pub guest_url: Option<String>,
    /// User.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Token name.
    pub token_name: Option<String>,
    /// Token value.
    pub token_value: Option<Secret>,
    /// Fingerprint of the certificate.
    pub fingerprint: Option<String>,
    /// Whether the certificate is checked against the known authorities.
    pub verify_ssl: Option<bool>,
    /// Certificates in PEM form of the authorities that alone may have signed its certificate; blank for none.
    pub ca_certificate: Option<String>,
    /// PVE: VMs.
    pub monitor_vms: Option<bool>,
    /// PVE: containers.
    pub monitor_containers: Option<bool>,
    /// PVE: storages.
    pub monitor_storage: Option<bool>,
    /// PVE and PBS: backups.
    pub monitor_backups: Option<bool>,
    /// PVE: physical disks.
    pub monitor_physical_disks: Option<bool>,
    /// PVE: minutes between polls of disks.
    pub physical_disk_polling_minutes: Option<u32>,
    /// Temperatures.
    pub temperature_monitoring_enabled: Option<bool>,
    /// PBS: datastores.
    pub monitor_datastores: Option<bool>,
    /// PBS: sync jobs.
    pub monitor_sync_jobs: Option<bool>,
    /// PBS: verification jobs.
    pub monitor_verify_jobs: Option<bool>,
    /// PBS: prune jobs.
    pub monitor_prune_jobs: Option<bool>,
    /// PBS: garbage collection.
    pub monitor_garbage_jobs: Option<bool>,
    /// PBS: datastores to leave out.
    pub exclude_datastores: Option<Vec<String>>,
    /// PMG: mail statistics.
    pub monitor_mail_stats: Option<bool>,
    /// PMG: queues.
    pub monitor_queues: Option<bool>,
    /// PMG: quarantine.
    pub monitor_quarantine: Option<bool>,
    /// PMG: statistics per domain.
    pub monitor_domain_stats: Option<bool>,
}

/// Why an instance is not added, changed or removed. The texts are the contract's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// No name.
    #[error("Name is required")]
    NameMissing,
    /// The name is no name.
    #[error("Name is too long")]
    NameTooLong,
    /// No product.
    #[error("Type is required")]
    KindMissing,
    /// No such product.
    #[error("Invalid node type")]
    KindUnknown,
    /// The address.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The certificate authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Neither user and password nor token name and value.
    #[error("Authentication credentials required")]
    CredentialsMissing,
    /// The same host is there already.
    #[error("A node with this host URL already exists")]
    Duplicate,
    /// A host registers itself that is configured with other credentials, and may not replace them.
    #[error(
        "{0} is configured with other credentials; only a setup token, or an API token with settings:write, replaces them"
    )]
    CredentialsKept(InstanceName),
    /// There is no end to it.
    #[error("Too many nodes of this type")]
    TooMany,
    /// No such instance.
    #[error("Node not found")]
    NotFound,
    /// Another instance has moved to that place.
    #[error("{found} is at this place now, not {expected}; load the list of nodes again")]
    Moved {
        /// What is there.
        found: InstanceName,
        /// What was meant.
        expected: String,
    },
}
