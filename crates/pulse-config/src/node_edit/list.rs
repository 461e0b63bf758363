//! The list of configured instances: what fits beside the others, under which name, and what goes.

use pulse_core::{ids::InstanceName, model::InstanceKind};

use super::{AnyInstance, NodeEdit, NodeError, instance::checked_name};
use crate::{ClusterEndpointConfig, NodeConfig, host, node_auth::given};

/// How many instances of a product there may be.
pub const MAX_INSTANCES: usize = 1_000;

impl NodeConfig {
    /// Adds an instance and gives its place among those of its product. A name that another one has gets the host
    /// behind it.
    pub fn add(&mut self, mut instance: AnyInstance) -> Result<usize, NodeError> {
        let kind = instance.kind();
        if self.count(kind) >= MAX_INSTANCES {
            return Err(NodeError::TooMany);
        }
        self.check_host(kind, instance.host(), None)?;
        *instance.common().name = self.free_name(kind, instance.name(), instance.host(), None);
        match instance {
            AnyInstance::Pve(pve) => self.pve.push(*pve),
            AnyInstance::Pbs(pbs) => self.pbs.push(*pbs),
            AnyInstance::Pmg(pmg) => self.pmg.push(*pmg),
        }
        Ok(self.count(kind) - 1)
    }

    /// Fails where an instance of that product has that host.
    pub fn check_host(&self, kind: InstanceKind, host: &str, except: Option<usize>) -> Result<(), NodeError> {
        let others = self.all(kind);
        let is_taken =
            others.iter().enumerate().any(|(place, (_, other))| *other == host && Some(place) != except);
        if is_taken { Err(NodeError::Duplicate) } else { Ok(()) }
    }

    /// The instance at a place.
    pub fn get(&self, kind: InstanceKind, place: usize) -> Option<AnyInstance> {
        match kind {
            InstanceKind::Pve => self.pve.get(place).cloned().map(Box::new).map(AnyInstance::Pve),
            InstanceKind::Pbs => self.pbs.get(place).cloned().map(Box::new).map(AnyInstance::Pbs),
            InstanceKind::Pmg => self.pmg.get(place).cloned().map(Box::new).map(AnyInstance::Pmg),
        }
    }

    /// Whether the instance at a place is still the one that is meant; without a name whatever is there is meant.
    ///
    /// Pulse v5 takes the place alone: who edits a list from which somebody else removed a node hits another one.
    pub fn check_place(
        &self,
        kind: InstanceKind,
        place: usize,
        expected: Option<&str>,
    ) -> Result<(), NodeError> {
        let instance = self.get(kind, place).ok_or(NodeError::NotFound)?;
        match expected {
            Some(name) if instance.name().as_str() != name => {
                Err(NodeError::Moved { found: instance.name().clone(), expected: name.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Changes the instance at a place. Nothing is changed where anything is wrong.
    pub fn change(&mut self, kind: InstanceKind, place: usize, edit: &NodeEdit) -> Result<(), NodeError> {
        let mut instance = self.get(kind, place).ok_or(NodeError::NotFound)?;
        let name = match given(edit.name.as_ref()) {
            Some(name) => checked_name(name)?,
            None => instance.name().clone(),
        };
        let host = match given(edit.host.as_ref()) {
            Some(typed) => host::normalise(typed, kind)?,
            None => instance.host().to_owned(),
        };
        self.check_host(kind, &host, Some(place))?;
        let auth = instance.take_auth().changed(edit, kind).ok_or(NodeError::CredentialsMissing)?;
        instance.set_auth(auth);
        instance.set_authority(edit)?;
        instance.apply_options(edit);
        match &mut instance {
            // What was found out at the old address says nothing about the new one.
            AnyInstance::Pve(pve) if pve.host != host => {
                (pve.cluster_name, pve.cluster_endpoints) = (None, Vec::new());
            }
            AnyInstance::Pve(_) | AnyInstance::Pbs(_) | AnyInstance::Pmg(_) => {}
        }
        *instance.common().name = self.free_name(kind, &name, &host, Some(place));
        *instance.common().host = host;
        match instance {
            AnyInstance::Pve(pve) => self.pve[place] = *pve,
            AnyInstance::Pbs(pbs) => self.pbs[place] = *pbs,
            AnyInstance::Pmg(pmg) => self.pmg[place] = *pmg,
        }
        Ok(())
    }

    /// Removes the instance at a place; those behind it move up.
    pub fn remove(&mut self, kind: InstanceKind, place: usize) -> Result<AnyInstance, NodeError> {
        let instance = self.get(kind, place).ok_or(NodeError::NotFound)?;
        match kind {
            InstanceKind::Pve => _ = self.pve.remove(place),
            InstanceKind::Pbs => _ = self.pbs.remove(place),
            InstanceKind::Pmg => _ = self.pmg.remove(place),
        }
        Ok(instance)
    }

    /// The PVE instance that is the cluster with that name and one of those members. The name alone is not enough:
    /// two clusters may both be called `lab`.
    pub fn same_cluster(&self, name: &str, members: &[ClusterEndpointConfig]) -> Option<usize> {
        self.pve.iter().position(|pve| {
            pve.cluster_name.as_deref() == Some(name)
                && pve
                    .cluster_endpoints
                    .iter()
                    .any(|known| members.iter().any(|member| is_same(known, member)))
        })
    }

    /// Names and hosts of a product's instances, in their order.
    fn all(&self, kind: InstanceKind) -> Vec<(&str, &str)> {
        match kind {
            InstanceKind::Pve => self.pve.iter().map(|pve| (pve.name.as_str(), pve.host.as_str())).collect(),
            InstanceKind::Pbs => self.pbs.iter().map(|pbs| (pbs.name.as_str(), pbs.host.as_str())).collect(),
            InstanceKind::Pmg => self.pmg.iter().map(|pmg| (pmg.name.as_str(), pmg.host.as_str())).collect(),
        }
    }

    /// The name itself, or with the host behind it where another one has it: everything in memory is named by it.
    fn free_name(
        &self,
        kind: InstanceKind,
        name: &InstanceName,
        host: &str,
        except: Option<usize>,
    ) -> InstanceName {
        let others = self.all(kind);
        let is_taken = |wanted: &str| {
            let lower = wanted.to_lowercase();
            others
                .iter()
                .enumerate()
                .any(|(place, (other, _))| other.to_lowercase() == lower && Some(place) != except)
        };
        if !is_taken(name.as_str()) {
            return name.clone();
        }
        let with_host = format!("{name} ({})", host::bare(host));
        if !is_taken(&with_host) {
            return InstanceName::from(with_host);
        }
        // Hosts are unique with scheme and port, so this one is free unless somebody typed just that.
        let whole = format!("{name} ({host})");
        let mut free = whole.clone();
        let mut number = 2;
        while is_taken(&free) {
            free = format!("{whole} {number}");
            number += 1;
        }
        InstanceName::from(free)
    }
}

/// Members are the same machine by their address; where one has none, by their name.
fn is_same(a: &ClusterEndpointConfig, b: &ClusterEndpointConfig) -> bool {
    let name = a.node_name == b.node_name;
    if a.ip.is_empty() || b.ip.is_empty() { name } else { name && a.ip == b.ip }
}
