//! Whether the configured host answers with these credentials, for the form where a node is added.

use tokio::time::Instant;

use super::{
    client::PveClient,
    membership::{self, Membership},
    poll::{NODES, STATUS},
    wire,
};
use crate::{
    ConnectionTest, PollError,
    rights::{PERMISSIONS, granted, hidden_on_pve},
};

const VERSION: &str = "/version";

impl PveClient {
    /// Asks the configured host and no other: the form is about that one.
    pub(super) async fn test_primary(&self) -> Result<ConnectionTest, PollError> {
        let http = self.endpoints.primary();
        self.prepare(http).await?;
        let started = Instant::now();
        let nodes = self.get(http, NODES).await?;
        let latency = started.elapsed();
        let node_count = wire::list::<wire::NodeEntry<'_>>(&nodes)
            .map_err(|detail| Self::unreadable(http, NODES, detail))?
            .iter()
            .filter(|row| row.node.as_str().is_some())
            .count();
        let fingerprints =
            membership::fingerprints(&nodes).map_err(|detail| Self::unreadable(http, NODES, detail))?;
        // The rest is welcome and not needed: a token may see the nodes and not the cluster.
        let (status, version, rights) =
            tokio::join!(self.get(http, STATUS), self.get(http, VERSION), self.get(http, PERMISSIONS));
        let rights = rights.ok().and_then(|body| granted(&body).ok());
        let membership = status.ok().and_then(|body| Membership::read(&body).ok()).unwrap_or_default();
        let version = version.ok().and_then(|body| {
            wire::object::<wire::Version<'_>>(&body).ok().and_then(|version| version.version.to_owned())
        });
        let is_cluster = membership.cluster_name.is_some() || node_count > 1;
        let mut cluster_nodes = if is_cluster { membership.members } else { Vec::new() };
        for member in &mut cluster_nodes {
            let is_primary = membership.local.as_ref() == Some(&member.node_name);
            member.host = self.endpoints.member_url(member, is_primary);
            member.fingerprint = fingerprints.get(&member.node_name).map(ToString::to_string);
        }
        Ok(ConnectionTest {
            node_count: node_count.max(cluster_nodes.len()),
            is_cluster,
            cluster_name: membership.cluster_name,
            cluster_nodes,
            latency,
            version,
            warnings: rights.map(|rights| hidden_on_pve(&rights)).unwrap_or_default(),
        })
    }
}
