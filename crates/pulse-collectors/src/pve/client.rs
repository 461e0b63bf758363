//! The calls to one instance: credentials, the limit of calls at once, decoding.

use std::sync::Arc;

use pulse_config::PveInstance;
use pulse_core::ids::InstanceName;
use tokio::sync::Semaphore;

use super::{
    endpoints::{self, Endpoints},
    lanes::Lanes,
    membership::Membership,
    session::Session,
    wire::Unreadable,
};
use crate::{
    error::PollError,
    http::{HttpClient, Payload, Timeouts, node_of},
};

/// So many calls run at once for one instance, through one node of it; that node passes most of them on.
const CALLS_AT_ONCE: usize = 16;

/// The same for questions beside the polls.
const CALLS_BESIDE: usize = 8;

/// A connection to one PVE instance.
pub(super) struct PveClient {
    pub(super) instance: InstanceName,
    pub(super) guest_url: Option<String>,
    pub(super) known_cluster_name: Option<String>,
    is_namesake: bool,
    pub(super) wants: Wants,
    pub(super) endpoints: Endpoints,
    pub(super) lanes: Lanes,
    session: Session,
    gate: Semaphore,
    gate_beside: Semaphore,
}

/// What the operator wants to see.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wants {
    pub(super) vms: bool,
    pub(super) containers: bool,
    pub(super) storage: bool,
}

impl PveClient {
    /// A client; nothing is sent yet.
    pub(super) fn new(instance: &PveInstance, timeouts: Timeouts) -> Result<Self, PollError> {
        let session = Session::new(instance)?;
        let endpoints = endpoints::build(instance, timeouts)?;
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Ok(Self {
            instance: instance.name.clone(),
            guest_url: filled(&instance.guest_url),
            known_cluster_name: filled(&instance.cluster_name),
            is_namesake: instance.is_namesake,
            wants: Wants {
                vms: instance.monitor_vms,
                containers: instance.monitor_containers,
                storage: instance.monitor_storage,
            },
            endpoints,
            lanes: Lanes::default(),
            session,
            gate: Semaphore::new(CALLS_AT_ONCE),
            gate_beside: Semaphore::new(CALLS_BESIDE),
        })
    }

    /// The cluster that nodes are named by in their ids; `None` where that is the instance.
    pub(super) fn named_by<'a>(&self, membership: &'a Membership) -> Option<&'a str> {
        membership.cluster_name.as_deref().filter(|_| !self.is_namesake)
    }

    /// The body of a `GET` of a poll.
    pub(super) async fn get(&self, http: &Arc<HttpClient>, path: &str) -> Result<String, PollError> {
        self.get_through(&self.gate, http, path).await
    }

    /// The body of a `GET` beside the polls. Those have a gate of their own: slow guest agents all over a large
    /// cluster must not keep its polls waiting.
    pub(super) async fn get_beside(&self, http: &Arc<HttpClient>, path: &str) -> Result<String, PollError> {
        self.get_through(&self.gate_beside, http, path).await
    }

    /// A ticket that is refused is renewed once; refused credentials are not tried again.
    async fn get_through(
        &self,
        gate: &Semaphore,
        http: &Arc<HttpClient>,
        path: &str,
    ) -> Result<String, PollError> {
        // The semaphores are never closed; without a permit the call would merely be one too many. First the node's
        // own: a call that waits for a slow node must not keep others from theirs.
        let lane = self.lanes.any(node_of(path).unwrap_or(http.name()));
        let _of_node = lane.acquire().await.ok();
        let _permit = gate.acquire().await.ok();
        let pass = self.session.pass(http).await?;
        let first = http.send(path, Payload::None, pass.to_read()).await;
        let refused = match first {
            Err(PollError::Authentication { .. }) if self.session.expire(&pass).await => {
                let pass = self.session.pass(http).await?;
                http.send(path, Payload::None, pass.to_read()).await
            }
            other => other,
        };
        refused.map_err(|error| self.session.name_in(error))
    }

    /// Logs in where a ticket is needed, so that calls sent together do not all find none.
    pub(super) async fn prepare(&self, http: &Arc<HttpClient>) -> Result<(), PollError> {
        self.session.pass(http).await.map(|_| ())
    }

    /// The error for a body that cannot be read.
    pub(super) fn unreadable(http: &HttpClient, path: &str, detail: Unreadable) -> PollError {
        PollError::Decode { host: http.name().to_owned(), call: path.to_owned(), detail }
    }
}

/// Whether a node's name can stand in a path as it is. Names come from the network.
pub(super) fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        && !name.starts_with('.')
}
