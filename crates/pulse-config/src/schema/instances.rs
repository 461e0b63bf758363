//! Configured Proxmox instances, in the shape of the sealed `nodes.enc`: names as Pulse v5 writes them, so that its
//! files are read; an empty text there means "not set" here.

use pulse_core::{ids::InstanceName, model::InstanceKind};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Secret;

/// A member of a cluster at which the instance can be polled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ClusterEndpointConfig {
    /// The node's id in the cluster, such as `node/1`.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// The node's name.
    pub node_name: String,
    /// URL of its API.
    pub host: String,
    /// Its address.
    #[serde(rename = "IP")]
    pub ip: String,
    /// SHA-256 fingerprint of its certificate, captured when the cluster was detected.
    #[serde(deserialize_with = "filled")]
    pub fingerprint: Option<String>,
}

/// A configured Proxmox VE instance: a standalone node or a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PveInstance {
    /// Its name, unique among PVE instances.
    pub name: InstanceName,
    /// URL of its API, `scheme://host:port`.
    pub host: String,
    /// Link for people.
    #[serde(rename = "GuestURL", default, deserialize_with = "filled")]
    pub guest_url: Option<String>,
    /// User with realm, for password login or as the owner of the token.
    #[serde(default, deserialize_with = "filled")]
    pub user: Option<String>,
    /// Password, when no token is used.
    #[serde(default, deserialize_with = "filled_secret")]
    pub password: Option<Secret>,
    /// Token name, usually `user@realm!name`.
    #[serde(default, deserialize_with = "filled")]
    pub token_name: Option<String>,
    /// Token value.
    #[serde(default, deserialize_with = "filled_secret")]
    pub token_value: Option<Secret>,
    /// SHA-256 fingerprint the certificate must have.
    #[serde(default, deserialize_with = "filled")]
    pub fingerprint: Option<String>,
    /// Whether the certificate is checked against the known authorities when no fingerprint is set.
    #[serde(rename = "VerifySSL", default)]
    pub verify_ssl: bool,
    /// Certificates in PEM form of the authorities that alone may have signed its certificate, when no fingerprint is
    /// set.
    // Pulse v5: knows no such field and passes over it.
    #[serde(
        rename = "CACertificate",
        default,
        deserialize_with = "filled",
        skip_serializing_if = "Option::is_none"
    )]
    pub ca_certificate: Option<String>,
    /// Whether VMs are polled.
    #[serde(rename = "MonitorVMs", default = "yes")]
    pub monitor_vms: bool,
    /// Whether containers are polled.
    #[serde(default = "yes")]
    pub monitor_containers: bool,
    /// Whether storages are polled.
    #[serde(default = "yes")]
    pub monitor_storage: bool,
    /// Whether backups are polled.
    #[serde(default = "yes")]
    pub monitor_backups: bool,
    /// Whether physical disks are polled; unset means yes.
    #[serde(default)]
    pub monitor_physical_disks: Option<bool>,
    /// Minutes between polls of physical disks; 0 means the default of 5.
    #[serde(default)]
    pub physical_disk_polling_minutes: u32,
    /// Whether temperatures are wanted; unset means as the global setting says.
    #[serde(default)]
    pub temperature_monitoring_enabled: Option<bool>,
    /// Name of the cluster, once detected.
    #[serde(default, deserialize_with = "filled")]
    pub cluster_name: Option<String>,
    /// Members of the cluster, once detected.
    #[serde(default, deserialize_with = "listed")]
    pub cluster_endpoints: Vec<ClusterEndpointConfig>,
    /// Whether another cluster of the same name was here before it: then its nodes are named by the instance, lest two of
    /// them become one. Stays once it is so, as history stands under the names.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_namesake: bool,
    /// Who added it: `agent`, `script` or a person (absent).
    #[serde(default, deserialize_with = "filled")]
    pub source: Option<String>,
}

impl PveInstance {
    /// One at that address with nothing but the defaults.
    pub fn new(name: InstanceName, host: String) -> Self {
        Self {
            name,
            host,
            guest_url: None,
            user: None,
            password: None,
            token_name: None,
            token_value: None,
            fingerprint: None,
            verify_ssl: false,
            ca_certificate: None,
            monitor_vms: true,
            monitor_containers: true,
            monitor_storage: true,
            monitor_backups: true,
            monitor_physical_disks: None,
            physical_disk_polling_minutes: 0,
            temperature_monitoring_enabled: None,
            cluster_name: None,
            cluster_endpoints: Vec::new(),
            is_namesake: false,
            source: None,
        }
    }
}

/// A configured Proxmox Backup Server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PbsInstance {
    /// Its name, unique among PBS instances.
    pub name: InstanceName,
    /// URL of its API, `scheme://host:port`.
    pub host: String,
    /// Link for people.
    #[serde(rename = "GuestURL", default, deserialize_with = "filled")]
    pub guest_url: Option<String>,
    /// User with realm, for password login.
    #[serde(default, deserialize_with = "filled")]
    pub user: Option<String>,
    /// Password, when no token is used.
    #[serde(default, deserialize_with = "filled_secret")]
    pub password: Option<Secret>,
    /// Token name, usually `user@realm!name`.
    #[serde(default, deserialize_with = "filled")]
    pub token_name: Option<String>,
    /// Token value.
    #[serde(default, deserialize_with = "filled_secret")]
    pub token_value: Option<Secret>,
    /// SHA-256 fingerprint the certificate must have.
    #[serde(default, deserialize_with = "filled")]
    pub fingerprint: Option<String>,
    /// Whether the certificate is checked against the known authorities when no fingerprint is set.
    #[serde(rename = "VerifySSL", default)]
    pub verify_ssl: bool,
    /// Certificates in PEM form of the authorities that alone may have signed its certificate, when no fingerprint is
    /// set.
    // Pulse v5: knows no such field and passes over it.
    #[serde(
        rename = "CACertificate",
        default,
        deserialize_with = "filled",
        skip_serializing_if = "Option::is_none"
    )]
    pub ca_certificate: Option<String>,
    /// Whether backups are polled.
    #[serde(default = "yes")]
    pub monitor_backups: bool,
    /// Whether datastores are polled.
    #[serde(default)]
    pub monitor_datastores: bool,
    /// Whether sync jobs are polled.
    #[serde(default)]
    pub monitor_sync_jobs: bool,
    /// Whether verification jobs are polled.
    #[serde(default)]
    pub monitor_verify_jobs: bool,
    /// Whether prune jobs are polled.
    #[serde(default)]
    pub monitor_prune_jobs: bool,
    /// Whether garbage collection jobs are polled.
    #[serde(default)]
    pub monitor_garbage_jobs: bool,
    /// Whether temperatures are wanted; unset means as the global setting says.
    #[serde(default)]
    pub temperature_monitoring_enabled: Option<bool>,
    /// Datastores to leave out.
    #[serde(default, deserialize_with = "listed")]
    pub exclude_datastores: Vec<String>,
    /// Who added it: `agent`, `script` or a person (absent).
    #[serde(default, deserialize_with = "filled")]
    pub source: Option<String>,
}

impl PbsInstance {
    /// One at that address with nothing but the defaults.
    pub fn new(name: InstanceName, host: String) -> Self {
        Self {
            name,
            host,
            guest_url: None,
            user: None,
            password: None,
            token_name: None,
            token_value: None,
            fingerprint: None,
            verify_ssl: false,
            ca_certificate: None,
            monitor_backups: true,
            monitor_datastores: false,
            monitor_sync_jobs: false,
            monitor_verify_jobs: false,
            monitor_prune_jobs: false,
            monitor_garbage_jobs: false,
            temperature_monitoring_enabled: None,
            exclude_datastores: Vec::new(),
            source: None,
        }
    }
}

/// A configured Proxmox Mail Gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PmgInstance {
    /// Its name, unique among PMG instances.
    pub name: InstanceName,
    /// URL of its API, `scheme://host:port`.
    pub host: String,
    /// Link for people.
    #[serde(rename = "GuestURL", default, deserialize_with = "filled")]
    pub guest_url: Option<String>,
    /// User with realm, for password login.
    #[serde(default, deserialize_with = "filled")]
    pub user: Option<String>,
    /// Password, when no token is used.
    #[serde(default, deserialize_with = "filled_secret")]
    pub password: Option<Secret>,
    /// Token name, usually `user@realm!name`.
    #[serde(default, deserialize_with = "filled")]
    pub token_name: Option<String>,
    /// Token value.
    #[serde(default, deserialize_with = "filled_secret")]
    pub token_value: Option<Secret>,
    /// SHA-256 fingerprint the certificate must have.
    #[serde(default, deserialize_with = "filled")]
    pub fingerprint: Option<String>,
    /// Whether the certificate is checked against the known authorities when no fingerprint is set.
    #[serde(rename = "VerifySSL", default)]
    pub verify_ssl: bool,
    /// Certificates in PEM form of the authorities that alone may have signed its certificate, when no fingerprint is
    /// set.
    // Pulse v5: knows no such field and passes over it.
    #[serde(
        rename = "CACertificate",
        default,
        deserialize_with = "filled",
        skip_serializing_if = "Option::is_none"
    )]
    pub ca_certificate: Option<String>,
    /// Whether mail statistics are polled.
    #[serde(default = "yes")]
    pub monitor_mail_stats: bool,
    /// Whether queues are polled.
    #[serde(default)]
    pub monitor_queues: bool,
    /// Whether the quarantine is polled.
    #[serde(default)]
    pub monitor_quarantine: bool,
    /// Whether statistics per domain are polled.
    #[serde(default)]
    pub monitor_domain_stats: bool,
    /// Whether temperatures are wanted; unset means as the global setting says.
    #[serde(default)]
    pub temperature_monitoring_enabled: Option<bool>,
}

impl PmgInstance {
    /// One at that address with nothing but the defaults.
    pub fn new(name: InstanceName, host: String) -> Self {
        Self {
            name,
            host,
            guest_url: None,
            user: None,
            password: None,
            token_name: None,
            token_value: None,
            fingerprint: None,
            verify_ssl: false,
            ca_certificate: None,
            monitor_mail_stats: true,
            monitor_queues: false,
            monitor_quarantine: false,
            monitor_domain_stats: false,
            temperature_monitoring_enabled: None,
        }
    }
}

/// All configured instances.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeConfig {
    /// Proxmox VE.
    #[serde(rename = "pveInstances", deserialize_with = "listed")]
    pub pve: Vec<PveInstance>,
    /// Proxmox Backup Server.
    #[serde(rename = "pbsInstances", deserialize_with = "listed")]
    pub pbs: Vec<PbsInstance>,
    /// Proxmox Mail Gateway.
    #[serde(rename = "pmgInstances", deserialize_with = "listed")]
    pub pmg: Vec<PmgInstance>,
}

impl NodeConfig {
    /// Whether nothing is configured.
    pub fn is_empty(&self) -> bool {
        self.pve.is_empty() && self.pbs.is_empty() && self.pmg.is_empty()
    }

    /// Marks clusters that have the name of an earlier one.
    pub(crate) fn keep_namesakes_apart(&mut self) {
        for place in 1..self.pve.len() {
            let (before, rest) = self.pve.split_at_mut(place);
            let Some(this) = rest.first_mut() else { return };
            if this.cluster_name.is_some() {
                this.is_namesake |= before.iter().any(|pve| pve.cluster_name == this.cluster_name);
            }
        }
    }

    /// How many instances of a product there are.
    pub fn count(&self, kind: InstanceKind) -> usize {
        match kind {
            InstanceKind::Pve => self.pve.len(),
            InstanceKind::Pbs => self.pbs.len(),
            InstanceKind::Pmg => self.pmg.len(),
        }
    }
}

/// An empty text is no text.
fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// An empty secret is no secret.
fn filled_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<Secret>::deserialize(deserializer)?.filter(|secret| !secret.is_empty()))
}

/// `null` is an empty list.
fn listed<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands in references")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_pulse_5_is_read() {
        let text = r#"{"pveInstances":[{"Name":"lab","Host":"https://192.0.2.4:8006","GuestURL":"","User":"","Password":"",
            "TokenName":"mon@pve!t1","TokenValue":"s3","Fingerprint":"","VerifySSL":true,"MonitorVMs":false,
            "MonitorContainers":true,"MonitorStorage":true,"MonitorBackups":true,"MonitorPhysicalDisks":null,
            "PhysicalDiskPollingMinutes":0,"TemperatureMonitoringEnabled":null,"SSHPort":0,"IsCluster":true,
            "ClusterName":"prod","ClusterEndpoints":[{"NodeID":"node/1","NodeName":"n1","Host":"https://192.0.2.4:8006",
            "GuestURL":"","IP":"192.0.2.4","IPOverride":"","Fingerprint":"AA:BB","Online":true}],"Source":"","DisableCeph":false}],
            "pbsInstances":[{"Name":"b","Host":"https://192.0.2.5:8007","MonitorBackups":true,"ExcludeDatastores":null}],
            "pmgInstances":null}"#;
        let config: NodeConfig = serde_json::from_str(text).unwrap();
        let pve = &config.pve[0];
        assert_eq!((pve.user.as_deref(), pve.password.as_ref(), pve.source.as_deref()), (None, None, None));
        assert_eq!(pve.token_value.as_ref().map(Secret::expose), Some("s3"));
        assert!(pve.verify_ssl && !pve.monitor_vms && pve.monitor_containers);
        assert_eq!(pve.cluster_endpoints[0].node_id, "node/1");
        assert_eq!(pve.cluster_endpoints[0].fingerprint.as_deref(), Some("AA:BB"));
        assert_eq!((config.pbs.len(), config.pmg.len()), (1, 0));
        let again: NodeConfig = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }
}
