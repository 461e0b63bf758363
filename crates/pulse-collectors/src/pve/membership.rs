//! Who belongs to the cluster and is up, and which certificates the members show.

use std::collections::BTreeMap;

use pulse_core::model::ClusterEndpoint;

use super::{node::Listed, wire};
use crate::http::Fingerprint;

/// The cluster as its membership shows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Membership {
    pub(super) cluster_name: Option<String>,
    pub(super) is_quorate: Option<bool>,
    pub(super) members: Vec<ClusterEndpoint>,
    pub(super) local: Option<String>,
    /// From an earlier poll: names and addresses still hold, who is online does not.
    pub(super) is_stale: bool,
}

impl Membership {
    /// Reads `/cluster/status`. A standalone node is a list of one node without a cluster.
    pub(super) fn read(body: &str) -> Result<Self, wire::Unreadable> {
        let mut membership = Self::default();
        for row in wire::list::<wire::Member<'_>>(body)? {
            match row.kind.as_str() {
                Some("cluster") => {
                    membership.cluster_name = row.name.to_name();
                    membership.is_quorate = row.quorate.0;
                }
                Some("node") => {
                    let Some(name) = row.name.to_name() else { continue };
                    if row.local.is_set() {
                        membership.local = Some(name.clone());
                    }
                    membership.members.push(ClusterEndpoint {
                        node_id: row.id.to_name().unwrap_or_else(|| format!("node/{name}")),
                        node_name: name,
                        host: String::new(),
                        ip: row.ip.to_name().unwrap_or_default(),
                        fingerprint: None,
                        online: row.online.0.unwrap_or(true),
                        reachable: None,
                        error: None,
                        checked_at: None,
                    });
                }
                _ => {}
            }
        }
        membership.members.sort_by(|a, b| a.node_name.cmp(&b.node_name));
        membership.members.dedup_by(|a, b| a.node_name == b.node_name);
        Ok(membership)
    }

    fn is_online(&self, node: &str) -> Option<bool> {
        if self.is_stale {
            return None;
        }
        self.members.iter().find(|member| member.node_name == node).map(|member| member.online)
    }
}

/// Whether a node is up: the membership knows best, the listing is up to ten seconds older.
pub(super) fn is_up(listed: &Listed, membership: &Membership) -> bool {
    match (membership.is_online(&listed.name), listed.status.as_deref()) {
        (Some(online), _) => online,
        // `unknown` is a node that is a member but sends no statistics.
        (None, Some(status)) => status != "offline",
        (None, None) => true,
    }
}

/// The fingerprints of all nodes' certificates, from `/nodes`.
pub(super) fn fingerprints(body: &str) -> Result<BTreeMap<String, Fingerprint>, wire::Unreadable> {
    let rows = wire::list::<wire::NodeEntry<'_>>(body)?;
    Ok(rows
        .iter()
        .filter_map(|row| Some((row.node.to_owned()?, Fingerprint::parse(row.ssl_fingerprint.as_str()?)?)))
        .collect())
}
