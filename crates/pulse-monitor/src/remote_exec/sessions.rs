//! The agents that are connected, and what each of them owes an answer to. One connection for each host: the newest.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use jiff::Timestamp;
use pulse_core::ids::HostId;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{ExecError, ExecRequest, ExecResult, MOST_OUTPUT_BYTES, RemoteExec};
use crate::intake::MOST_KNOWN;

/// Commands that one agent may have at one time; ours runs no more.
const MOST_OF_ONE: usize = 4;

/// An agent that takes commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedAgent {
    /// The host it is bound to.
    pub host: HostId,
    /// Its own id.
    pub agent_id: String,
    /// Name of the host, as the agent says it.
    pub hostname: String,
    /// Version of the agent.
    pub version: String,
    /// Its system.
    pub platform: String,
    /// Since when.
    pub connected_at: Timestamp,
}

/// Whether an agent may still be given commands: its token may be revoked and its host removed meanwhile.
#[derive(Clone)]
pub struct IsStillAllowed(pub Arc<dyn Fn() -> bool + Send + Sync>);

impl fmt::Debug for IsStillAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IsStillAllowed")
    }
}

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_host: BTreeMap<HostId, Session>,
    /// Numbers connections, so that an old one does not take a new one's place with it.
    next: u64,
}

#[derive(Debug)]
struct Session {
    number: u64,
    agent: ConnectedAgent,
    is_still_allowed: IsStillAllowed,
    requests: mpsc::Sender<ExecRequest>,
    waiting: HashMap<String, oneshot::Sender<ExecResult>>,
    end: CancellationToken,
}

/// What a new connection gets.
#[derive(Debug)]
pub(super) struct Seat {
    number: u64,
    requests: mpsc::Receiver<ExecRequest>,
    end: CancellationToken,
    is_still_allowed: IsStillAllowed,
}

/// A request on its way.
#[derive(Debug)]
pub(super) struct Submitted {
    pub(super) host: HostId,
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) answer: oneshot::Receiver<ExecResult>,
}

impl Sessions {
    pub(super) fn connect(
        &mut self,
        agent: ConnectedAgent,
        is_still_allowed: IsStillAllowed,
    ) -> Option<Seat> {
        if self.by_host.len() >= MOST_KNOWN && !self.by_host.contains_key(&agent.host) {
            return None;
        }
        self.next += 1;
        let (sender, requests) = mpsc::channel(MOST_OF_ONE);
        let end = CancellationToken::new();
        let session = Session {
            number: self.next,
            agent: agent.clone(),
            is_still_allowed: is_still_allowed.clone(),
            requests: sender,
            waiting: HashMap::new(),
            end: end.clone(),
        };
        if let Some(before) = self.by_host.insert(agent.host, session) {
            // Whoever waits for it learns that it is gone: its answers are dropped with it.
            before.end.cancel();
        }
        Some(Seat { number: self.next, requests, end, is_still_allowed })
    }

    pub(super) fn connected(&self) -> Vec<ConnectedAgent> {
        self.by_host.values().map(|session| session.agent.clone()).collect()
    }

    /// Hands a request to the connection of a host.
    pub(super) fn submit(
        &mut self,
        host: &HostId,
        hostname: &str,
        request: ExecRequest,
    ) -> Result<Submitted, ExecError> {
        let not_connected = || ExecError::NotConnected(hostname.to_owned());
        let session = self.by_host.get_mut(host).ok_or_else(not_connected)?;
        if !(session.is_still_allowed.0)() {
            session.end.cancel();
            return Err(not_connected());
        }
        if session.waiting.len() >= MOST_OF_ONE {
            return Err(ExecError::Busy);
        }
        let (sender, answer) = oneshot::channel();
        let id = request.id.clone();
        session.requests.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ExecError::Busy,
            mpsc::error::TrySendError::Closed(_) => not_connected(),
        })?;
        session.waiting.insert(id.clone(), sender);
        Ok(Submitted { host: host.clone(), number: session.number, id, answer })
    }

    /// Nobody waits for this any more.
    fn forget(&mut self, host: &HostId, number: u64, id: &str) {
        if let Some(session) = self.by_host.get_mut(host).filter(|session| session.number == number) {
            session.waiting.remove(id);
        }
    }

    /// Who waits for a result of this connection, once.
    fn take_waiting(&mut self, host: &HostId, number: u64, id: &str) -> Option<oneshot::Sender<ExecResult>> {
        self.by_host.get_mut(host).filter(|session| session.number == number)?.waiting.remove(id)
    }

    fn leave(&mut self, host: &HostId, number: u64) {
        if self.by_host.get(host).is_some_and(|session| session.number == number) {
            self.by_host.remove(host);
        }
    }
}

/// Somebody waits for an answer; when that ends, the request is forgotten.
pub(super) struct Waiting<'a> {
    pub(super) exec: &'a RemoteExec,
    pub(super) submitted: Submitted,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Submitted { host, number, id, .. } = &self.submitted;
        self.exec.sessions().forget(host, *number, id);
    }
}

/// A connected agent's side of its connection; the agent is connected as long as this lives.
#[derive(Debug)]
pub struct AgentSession {
    exec: RemoteExec,
    host: HostId,
    seat: Seat,
}

impl AgentSession {
    pub(super) fn new(exec: RemoteExec, host: HostId, seat: Seat) -> Self {
        Self { exec, host, seat }
    }

    /// The host it is bound to.
    pub fn host(&self) -> &HostId {
        &self.host
    }

    /// Cancelled when this connection is to end: another one took its place, or it may not go on.
    pub fn end(&self) -> CancellationToken {
        self.seat.end.clone()
    }

    /// Whether this agent may still be given commands.
    pub fn is_still_allowed(&self) -> bool {
        (self.seat.is_still_allowed.0)()
    }

    /// The next command for the agent. Safe to be cancelled.
    pub async fn next_request(&mut self) -> Option<ExecRequest> {
        self.seat.requests.recv().await
    }

    /// What the agent says of a command; false where nobody waits for that, because it never was asked, was answered
    /// already, or took too long.
    pub fn answer(&self, id: &str, mut result: ExecResult) -> bool {
        for text in [&mut result.stdout, &mut result.stderr] {
            text.truncate(text.floor_char_boundary(MOST_OUTPUT_BYTES));
        }
        let waiting = self.exec.sessions().take_waiting(&self.host, self.seat.number, id);
        waiting.is_some_and(|waiting| waiting.send(result).is_ok())
    }
}

impl Drop for AgentSession {
    fn drop(&mut self) {
        self.exec.sessions().leave(&self.host, self.seat.number);
    }
}
