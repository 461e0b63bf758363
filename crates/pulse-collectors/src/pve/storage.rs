//! Storages: one entry per node, or one in all for what the nodes share.

use std::collections::{BTreeMap, HashSet};

use pulse_core::{
    Missing, Reading,
    ids::{InstanceName, NodeId, StorageId},
    model::{DiskUse, Storage, StorageStatus},
};

use super::{
    endpoints::StorageFacts,
    node,
    wire::{Amount, NodeStorage, Resource},
};

/// Stands for the node in the id of a shared storage: it has to stay the same whichever node reports it.
const SHARED_NODE: &str = "cluster";

/// Types that are the same storage from every node, whatever the flag says.
const SHARED_KINDS: &[&str] =
    &["cephfs", "cifs", "esxi", "glusterfs", "iscsi", "iscsidirect", "nfs", "pbs", "rbd", "smb"];

/// A storage as one node sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) node: String,
    name: String,
    kind: String,
    content: Vec<String>,
    is_shared: bool,
    is_enabled: bool,
    is_active: bool,
    node_is_up: bool,
    space: Option<DiskUse>,
}

impl Seen {
    /// From the cluster's listing, which only knows storages that are switched on.
    pub(super) fn listed(row: &Resource<'_>, node_is_up: bool) -> Option<Self> {
        let name = match row.storage.to_name() {
            Some(name) => name,
            None => row.id.to_name()?.rsplit('/').next()?.to_owned(),
        };
        let is_active = node_is_up && row.status.is("available");
        Some(Self {
            node: row.node.to_name()?,
            name,
            kind: row.plugintype.to_owned().unwrap_or_default(),
            content: content(row.content.as_str()),
            is_shared: row.shared.is_set(),
            is_enabled: true,
            is_active,
            node_is_up,
            space: is_active
                .then(|| {
                    row.maxdisk.positive().zip(row.disk.0).and_then(|(total, used)| DiskUse::new(total, used))
                })
                .flatten(),
        })
    }

    /// From the node itself.
    pub(super) fn reported(row: &NodeStorage<'_>, node: &str) -> Option<Self> {
        let is_active = row.active.is_set();
        let amount = Amount { total: row.total, used: row.used, avail: row.avail, ..Amount::default() };
        Some(Self {
            node: node.to_owned(),
            name: row.storage.to_name()?,
            kind: row.kind.to_owned().unwrap_or_default(),
            content: content(row.content.as_str()),
            is_shared: row.shared.is_set(),
            is_enabled: row.enabled.0.unwrap_or(true),
            is_active,
            node_is_up: true,
            // Figures of an inactive storage are zeros, which mean nothing.
            space: if is_active { node::space(&amount) } else { None },
        })
    }

    fn status(&self) -> StorageStatus {
        match (self.is_enabled, self.is_active) {
            (false, _) => StorageStatus::Disabled,
            (true, true) => StorageStatus::Available,
            (true, false) => StorageStatus::Inactive,
        }
    }
}

/// What makes an id.
pub(super) struct Context<'a> {
    pub(super) instance: &'a InstanceName,
    pub(super) cluster_name: Option<&'a str>,
    /// The cluster that ids of nodes are made of, where it is not the instance.
    pub(super) named_by: Option<&'a str>,
    /// Configurations by name.
    pub(super) configs: &'a BTreeMap<String, StorageFacts>,
}

/// All storages of an instance, each shared one once, sorted by node and name.
pub(super) fn merge(seen: Vec<Seen>, context: &Context<'_>) -> Vec<Storage> {
    let mut shared: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    let mut storages = Vec::new();
    for one in seen {
        // What a node may not use it lists as switched off: there it is nothing at all.
        if context.configs.get(&one.name).is_some_and(|config| !config.is_for(&one.node)) {
            continue;
        }
        if one.is_shared || SHARED_KINDS.contains(&one.kind.as_str()) {
            shared.entry(one.name.clone()).or_default().push(one);
        } else {
            storages.push(storage(one, false, Vec::new(), context));
        }
    }
    for (_, mut group) in shared {
        group.sort_by(|a, b| a.node.cmp(&b.node));
        group.dedup_by(|a, b| a.node == b.node);
        let mut nodes: Vec<String> =
            group.iter().filter(|one| one.node_is_up).map(|one| one.node.clone()).collect();
        if nodes.is_empty() {
            nodes = group.iter().map(|one| one.node.clone()).collect();
        }
        // Nodes report at slightly different times; the fullest figures are the safest ones to show.
        let best = group.into_iter().max_by_key(|one| {
            (one.is_active, one.is_enabled, one.node_is_up, one.space.map(|space| space.used_bytes))
        });
        if let Some(best) = best {
            storages.push(storage(best, true, nodes, context));
        }
    }
    storages.sort_by(|a, b| (&a.node, &a.name).cmp(&(&b.node, &b.name)));
    storages.dedup_by(|a, b| (&a.node, &a.name) == (&b.node, &b.name));
    keep_apart(&mut storages, context.instance);
    storages
}

/// The contract's id of `backup-local` on the node `pve` is that of `local` on `pve-backup`: the second one gets another.
fn keep_apart(storages: &mut [Storage], instance: &InstanceName) {
    let mut taken = HashSet::with_capacity(storages.len());
    for storage in storages {
        if !taken.insert(storage.id.clone()) {
            storage.id = StorageId::from(format!("{instance}-{}:{}", storage.node, storage.name));
            taken.insert(storage.id.clone());
        }
    }
}

fn storage(seen: Seen, is_shared: bool, nodes: Vec<String>, context: &Context<'_>) -> Storage {
    let why = match (seen.node_is_up, seen.is_enabled, seen.is_active) {
        (_, false, _) => Missing::Disabled,
        (false, ..) => Missing::Offline,
        (_, _, false) => Missing::Inactive,
        _ => Missing::NotReported,
    };
    let status = seen.status();
    let config = context.configs.get(&seen.name).cloned().unwrap_or_default();
    let node = if is_shared { SHARED_NODE.to_owned() } else { seen.node };
    Storage {
        id: StorageId::of(context.instance, &node, &seen.name),
        node_ids: nodes.iter().map(|node| NodeId::of(context.instance, context.named_by, node)).collect(),
        nodes,
        path: config.path,
        pool: config.pool,
        name: seen.name,
        node,
        instance: context.instance.clone(),
        cluster_name: context.cluster_name.map(str::to_owned),
        kind: seen.kind,
        status,
        space: Reading::from_option(seen.space, why),
        content: seen.content,
        is_shared,
        is_enabled: seen.is_enabled,
        is_active: seen.is_active,
        zfs_pool: None,
    }
}

fn content(text: Option<&str>) -> Vec<String> {
    let mut kinds: Vec<String> = text
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|kind| !kind.is_empty())
        .map(str::to_owned)
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_storages_are_never_one_id() {
        let seen = |node: &str, name: &str| Seen {
            node: node.into(),
            name: name.into(),
            kind: "dir".into(),
            content: Vec::new(),
            is_shared: false,
            is_enabled: true,
            is_active: true,
            node_is_up: true,
            space: None,
        };
        let lab = InstanceName::from("lab");
        let context =
            Context { instance: &lab, cluster_name: None, named_by: None, configs: &BTreeMap::new() };
        let both =
            vec![seen("pve-backup", "local"), seen("pve", "backup-local"), seen("pve", "backup-local")];
        let ids: Vec<_> = merge(both, &context).into_iter().map(|storage| storage.id).collect();
        assert_eq!(ids, ["lab-pve-backup-local".into(), "lab-pve-backup:local".into()]);
    }
}
