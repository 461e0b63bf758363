//! What the nodes themselves say. Whatever fails marks its node and nothing else.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use pulse_core::model::{ConnectionHealth, FailureClass, Guest, GuestKind, GuestStatus, Node, NodeStatus};

use super::{
    client::{PveClient, is_plain_name},
    endpoints::Pausable,
    guest::{self, VmRuntime},
    membership::{Membership, is_up},
    node::{self, Listed},
    poll::worse,
    storage::Seen,
    wire,
};
use crate::{error::PollError, http::HttpClient};

/// Nodes asked at once; two calls each at most, the limit of calls at once does the rest.
const NODES_AT_ONCE: usize = 12;

/// What one node answered.
pub(super) struct Answers {
    pub(super) node: Node,
    pub(super) vms: HashMap<u32, VmRuntime>,
    pub(super) storages: Option<Vec<Seen>>,
    pub(super) failures: Vec<(PollError, &'static str)>,
    /// Whether the node's own status call failed; then this is why.
    pub(super) status_error: Option<String>,
}

impl PveClient {
    /// Asks all nodes, some at once. Sorted by name.
    pub(super) async fn ask_nodes(
        &self,
        http: &Arc<HttpClient>,
        membership: &Membership,
        mut listed: Vec<Listed>,
        guests: Option<&[Guest]>,
        now: Timestamp,
    ) -> Vec<Answers> {
        let names: BTreeSet<&str> = listed.iter().map(|node| node.name.as_str()).collect();
        let unlisted: Vec<Listed> = membership
            .members
            .iter()
            .filter(|member| !names.contains(member.node_name.as_str()))
            .map(|member| Listed::unlisted(&member.node_name))
            .collect();
        listed.extend(unlisted);
        let with_vms: BTreeSet<&str> = guests
            .unwrap_or_default()
            .iter()
            .filter(|guest| guest.kind == GuestKind::Vm && may_run(guest.status))
            .map(|guest| guest.node.as_str())
            .collect();
        let context = node::Context {
            instance: &self.instance,
            guest_url: self.guest_url.as_deref(),
            cluster_name: membership.cluster_name.as_deref(),
            named_by: self.named_by(membership),
            now,
        };
        let context = &context;
        let asked: Vec<(Node, bool)> = listed
            .iter()
            .map(|listed| {
                let mut node = node::from_listing(listed, is_up(listed, membership), context);
                node.host_url = match membership.members.iter().find(|member| member.node_name == listed.name)
                {
                    Some(member) if !member.host.is_empty() => Some(member.host.clone()),
                    _ => Some(self.endpoints.primary().address().origin()),
                };
                (node, with_vms.contains(listed.name.as_str()))
            })
            .collect();
        let calls = asked.into_iter().map(|(node, has_vms)| self.ask_node(http, node, has_vms));
        let mut answers: Vec<Answers> = stream::iter(calls).buffer_unordered(NODES_AT_ONCE).collect().await;
        answers.sort_by(|a, b| a.node.name.cmp(&b.node.name));
        answers
    }

    /// Asks one node, if it is up. Whatever fails marks this node and nothing else.
    async fn ask_node(&self, http: &Arc<HttpClient>, node: Node, has_vms: bool) -> Answers {
        let mut answers =
            Answers { node, vms: HashMap::new(), storages: None, failures: Vec::new(), status_error: None };
        let name = answers.node.name.clone();
        if answers.node.status == NodeStatus::Offline || !is_plain_name(&name) {
            return answers;
        }
        if let Err(error) = self.node_status(http, &mut answers.node).await {
            let is_refused = error.class() == FailureClass::Permission;
            answers.node.health =
                if is_refused { ConnectionHealth::Degraded } else { ConnectionHealth::Error };
            answers.status_error = Some(error.to_string());
            answers.failures.push((error, "figures of the node come from the cluster's listing"));
            if is_refused {
                node::deny(&mut answers.node);
            } else {
                // What hangs or refuses once will do so twice more.
                return answers;
            }
        }
        let (vms, storages) = tokio::join!(
            async { if has_vms { self.vms(http, &name).await } else { Ok(HashMap::new()) } },
            async { if self.wants.storage { self.storages(http, &name).await.map(Some) } else { Ok(None) } },
        );
        match vms {
            Ok(vms) => answers.vms = vms,
            Err(error) => {
                answers.node.health = worse(answers.node.health, ConnectionHealth::Degraded);
                answers.failures.push((error, "figures of its VMs come from the cluster's listing"));
            }
        }
        match storages {
            Ok(storages) => answers.storages = storages,
            Err(error) => {
                answers.node.health = worse(answers.node.health, ConnectionHealth::Degraded);
                answers.failures.push((error, "figures of its storages come from the cluster's listing"));
            }
        }
        answers
    }

    async fn node_status(&self, http: &Arc<HttpClient>, node: &mut Node) -> Result<(), PollError> {
        let path = format!("/nodes/{}/status", node.name);
        let body = self.get_unless_paused(http, &path, &node.name, Pausable::Status).await?;
        let status: wire::NodeStatus<'_> =
            wire::object(&body).map_err(|detail| Self::unreadable(http, &path, detail))?;
        node::apply(node, &status);
        Ok(())
    }

    async fn vms(&self, http: &Arc<HttpClient>, node: &str) -> Result<HashMap<u32, VmRuntime>, PollError> {
        let path = format!("/nodes/{node}/qemu?full=1");
        let body = self.get_unless_paused(http, &path, node, Pausable::Vms).await?;
        let rows =
            wire::list::<wire::Vm<'_>>(&body).map_err(|detail| Self::unreadable(http, &path, detail))?;
        Ok(guest::runtimes(&rows))
    }

    async fn storages(&self, http: &Arc<HttpClient>, node: &str) -> Result<Vec<Seen>, PollError> {
        let path = format!("/nodes/{node}/storage");
        let body = self.get_unless_paused(http, &path, node, Pausable::Storage).await?;
        let rows = wire::list::<wire::NodeStorage<'_>>(&body)
            .map_err(|detail| Self::unreadable(http, &path, detail))?;
        Ok(rows.iter().filter_map(|row| Seen::reported(row, node)).collect())
    }

    /// A call that hung is not repeated for a while: it would take a third of the node's API again, and the poll of
    /// all the others would wait for it.
    async fn get_unless_paused(
        &self,
        http: &Arc<HttpClient>,
        path: &str,
        node: &str,
        call: Pausable,
    ) -> Result<String, PollError> {
        if let Some(why) = self.endpoints.paused_for(node, call) {
            return Err(PollError::LeftOut { why });
        }
        self.get(http, path).await.inspect_err(|error| {
            if error.is_timeout() {
                self.endpoints.pause(node, call, error.clone());
            }
        })
    }
}

/// Whether its node may have something to add.
fn may_run(status: GuestStatus) -> bool {
    match status {
        GuestStatus::Running | GuestStatus::Paused | GuestStatus::Unknown => true,
        GuestStatus::Stopped | GuestStatus::Suspended => false,
    }
}
