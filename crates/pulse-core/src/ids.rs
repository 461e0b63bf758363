//! Every kind of id is a type of its own, so that one cannot be passed for another.
//!
//! Ids share their text (`Arc<str>`): a clone costs one counter.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

macro_rules! string_ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text of an id.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text of the id, as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    )+};
}

string_ids! {
    /// The name of a configured PVE, PBS or PMG instance, unique per product.
    InstanceName;
    /// A Proxmox node: `<cluster or instance>-<node>`.
    NodeId;
    /// A VM or container of Proxmox VE: `<instance>:<node>:<vmid>`.
    GuestId;
    /// A storage on one node: `<instance>-<node>-<storage>`.
    StorageId;
    /// A physical disk: `<instance>-<node>-<device path with dashes>`.
    DiskId;
    /// A host that an agent reports.
    HostId;
    /// A Docker or Podman host that an agent reports.
    DockerHostId;
    /// A container as the engine names it; unique per Docker host only.
    ContainerId;
    /// A Kubernetes cluster that an agent reports.
    KubernetesClusterId;
    /// An API token (its record, never its value).
    TokenId;
}

impl NodeId {
    /// The id of a Proxmox node: named by its cluster where there is one, else by its instance.
    pub fn of(instance: &InstanceName, cluster: Option<&str>, node: &str) -> Self {
        Self::from(format!("{}-{node}", cluster.unwrap_or(instance.as_str())))
    }
}

impl GuestId {
    /// The id of a guest on its current node.
    pub fn of(instance: &InstanceName, node: &str, vmid: u32) -> Self {
        Self::from(format!("{instance}:{node}:{vmid}"))
    }
}

impl StorageId {
    /// The id of a storage as one node sees it.
    pub fn of(instance: &InstanceName, node: &str, storage: &str) -> Self {
        if instance.as_str() == node {
            Self::from(format!("{node}-{storage}"))
        } else {
            Self::from(format!("{instance}-{node}-{storage}"))
        }
    }
}

impl DiskId {
    /// The id of a physical disk of a Proxmox node.
    pub fn of(instance: &InstanceName, node: &str, device_path: &str) -> Self {
        Self::from(format!("{instance}-{node}-{}", device_path.replace('/', "-")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_contract() {
        let lab = InstanceName::from("lab");
        assert_eq!(NodeId::of(&lab, None, "n1").as_str(), "lab-n1");
        assert_eq!(NodeId::of(&lab, Some("prod"), "n1").as_str(), "prod-n1");
        assert_eq!(GuestId::of(&lab, "n1", 101).as_str(), "lab:n1:101");
        assert_eq!(StorageId::of(&lab, "n1", "local").as_str(), "lab-n1-local");
        assert_eq!(StorageId::of(&lab, "lab", "local").as_str(), "lab-local");
        assert_eq!(DiskId::of(&lab, "n1", "/dev/sda").as_str(), "lab-n1--dev-sda");
    }
}
