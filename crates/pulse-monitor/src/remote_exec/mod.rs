//! Commands that people have run by agents: which agents are connected for that, and each command's way from who asks to
//! what came of it.
//!
//! Least power: nothing runs unless whoever runs this server switched it on, the command is on the server's list, the agent
//! is still bound to its host and token, and its own owner allows the command (that is the agent's word). Every command is
//! in the trail before it is sent. All is bounded: agents, commands at once, time, output.

mod sessions;
pub mod target;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use pulse_config::AgentCommandSettings;
use pulse_core::{
    Clock,
    command_policy::{CommandPolicy, LONGEST_COMMAND, RefusedCommand},
    ids::HostId,
};
use pulse_store::{
    CommandTrail, Ledger, LedgerError,
    agent_commands::{AskedCommand, CommandEntry, EndedCommand},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use sessions::{AgentSession, ConnectedAgent, IsStillAllowed};
use sessions::{Sessions, Waiting};
use target::ExecTarget;

use crate::fleet::text::clean;

/// Commands on their way at one time; each may bring its whole output.
const MOST_AT_ONCE: usize = 16;

/// Connections that may be open without having said who they are: of strangers, and of those that showed a token that is
/// valid, for whom strangers must leave room.
const MOST_STRANGERS: usize = 16;
const MOST_WITH_TOKEN: usize = 64;

/// Kept of each of a command's outputs (contract B-10 §6).
const MOST_OUTPUT_BYTES: usize = 1024 * 1024;

/// An agent ends a command by itself; this is for the way there and back.
const GRACE: Duration = Duration::from_secs(5);

/// What a command gets unless somebody says otherwise, and at most.
pub const USUAL_LIMIT: Duration = Duration::from_secs(60);
/// See [`USUAL_LIMIT`].
pub const LONGEST_LIMIT: Duration = Duration::from_mins(5);

/// Characters of a command that go into the log.
const LOGGED_CHARACTERS: usize = 500;

/// What an agent is asked to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecRequest {
    /// Its id; the result comes back under it.
    pub id: String,
    /// The command.
    pub command: String,
    /// Where on the host.
    pub target: ExecTarget,
    /// How long it may run.
    pub timeout_seconds: u64,
}

/// What an agent says of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecResult {
    /// Whether it ran and ended well.
    pub success: bool,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
    /// Its exit status; negative where it did not run to its end.
    pub exit_code: i32,
    /// Why it did not run, or not to its end.
    pub error: String,
    /// How long it took.
    pub duration_ms: u64,
}

/// A command that somebody wants to be run.
#[derive(Debug, Clone)]
pub struct ExecOrder {
    /// An id that no other command ever had.
    pub id: String,
    /// Who wants it.
    pub by: String,
    /// The host.
    pub host: HostId,
    /// Its name.
    pub hostname: String,
    /// Where on it.
    pub target: ExecTarget,
    /// The command.
    pub command: String,
    /// How long it may run.
    pub limit: Duration,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// Nobody switched it on.
    #[error(
        "commands are switched off on this server; whoever runs it can switch them on (PULSE_ENABLE_AGENT_COMMANDS)"
    )]
    Off,
    /// It is not on this server's list.
    #[error("{0}; whoever runs this server can add to the list (PULSE_AGENT_COMMAND_ALLOW)")]
    NotAllowed(RefusedCommand),
    /// No agent of that host takes commands now.
    #[error("the agent of {0} is not connected to take commands; it must run with --enable-commands")]
    NotConnected(String),
    /// Too many are under way.
    #[error("too many commands are under way; wait until one is done")]
    Busy,
    /// What is not in the trail is not run.
    #[error("the command is not run: it could not be written down: {0}")]
    NotRecorded(LedgerError),
    /// The connection ended.
    #[error("the agent was lost before it told what came of the command; it may have run")]
    Lost,
    /// No answer came.
    #[error("the agent did not answer within {0} s; the command may have run")]
    TimedOut(u64),
}

impl ExecError {
    /// The word for the trail.
    fn outcome(&self) -> &'static str {
        match self {
            Self::Off | Self::NotAllowed(_) => "refused",
            Self::NotConnected(_) | Self::Busy | Self::NotRecorded(_) => "not_sent",
            Self::Lost => "lost",
            Self::TimedOut(_) => "timed_out",
        }
    }
}

/// Runs commands by agents. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RemoteExec {
    inner: Arc<Inner>,
}

struct Inner {
    is_enabled: bool,
    policy: CommandPolicy,
    trail: CommandTrail,
    clock: Arc<dyn Clock>,
    at_once: Semaphore,
    strangers: Arc<Semaphore>,
    with_token: Arc<Semaphore>,
    sessions: Mutex<Sessions>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteExec").field("is_enabled", &self.is_enabled).finish_non_exhaustive()
    }
}

impl RemoteExec {
    /// As whoever runs the server allows it.
    pub fn new(settings: &AgentCommandSettings, ledger: Ledger, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner: Arc::new(Inner {
                is_enabled: settings.is_enabled,
                policy: CommandPolicy::new(&settings.allow),
                trail: CommandTrail::new(ledger),
                clock,
                at_once: Semaphore::new(MOST_AT_ONCE),
                strangers: Arc::new(Semaphore::new(MOST_STRANGERS)),
                with_token: Arc::new(Semaphore::new(MOST_WITH_TOKEN)),
                sessions: Mutex::default(),
            }),
        }
    }

    /// Whether commands can be run at all.
    pub fn is_enabled(&self) -> bool {
        self.inner.is_enabled
    }

    /// A place for a connection that has not said yet who it is; `None` where too many have not.
    pub fn admit(&self, has_token: bool) -> Option<OwnedSemaphorePermit> {
        let places = if has_token { &self.inner.with_token } else { &self.inner.strangers };
        Arc::clone(places).try_acquire_owned().ok()
    }

    /// Takes an agent in; the one before of the same host goes. `None` where there are too many.
    pub fn connect(&self, agent: ConnectedAgent, is_still_allowed: IsStillAllowed) -> Option<AgentSession> {
        let host = agent.host.clone();
        let seat = self.sessions().connect(agent, is_still_allowed)?;
        Some(AgentSession::new(self.clone(), host, seat))
    }

    /// The agents that are connected, by host.
    pub fn connected(&self) -> Vec<ConnectedAgent> {
        self.sessions().connected()
    }

    /// The newest commands of one host or all, newest first.
    pub async fn trail(&self, host: Option<String>, most: usize) -> Result<Vec<CommandEntry>, LedgerError> {
        self.inner.trail.newest(host, most).await
    }

    /// Runs a command, in a task of its own: who asked may go, and the trail still tells what came of it.
    pub async fn run(&self, order: ExecOrder) -> Result<ExecResult, ExecError> {
        let task = tokio::spawn(self.clone().run_to_the_end(order));
        task.await.unwrap_or(Err(ExecError::Lost))
    }

    async fn run_to_the_end(self, order: ExecOrder) -> Result<ExecResult, ExecError> {
        if !self.inner.is_enabled {
            return Err(ExecError::Off);
        }
        let asked = AskedCommand {
            id: order.id.clone(),
            at: self.now(),
            by: order.by.clone(),
            host_id: order.host.to_string(),
            hostname: order.hostname.clone(),
            target: order.target.to_string(),
            // What is longer is refused, and need not be kept whole.
            command: order.command[..order.command.floor_char_boundary(LONGEST_COMMAND)].to_owned(),
        };
        self.inner.trail.ask(asked).await.map_err(ExecError::NotRecorded)?;
        let (by, host, id) = (&order.by, &order.host, &order.id);
        let command = clean(&order.command, LOGGED_CHARACTERS);
        tracing::info!(event = "agent_command", %by, %host, id, target = %order.target, command, "a command is asked for");
        let outcome = self.send_and_wait(&order).await;
        let ended = ended(self.now(), &outcome);
        tracing::info!(event = "agent_command", %by, %host, id, outcome = ended.outcome, exit_code = ?ended.exit_code, error = ?ended.error, "a command ended");
        if let Err(error) = self.inner.trail.end(order.id.clone(), ended).await {
            tracing::error!(%error, id, "what came of a command could not be written down");
        }
        outcome
    }

    async fn send_and_wait(&self, order: &ExecOrder) -> Result<ExecResult, ExecError> {
        self.inner.policy.judge(&order.command).map_err(ExecError::NotAllowed)?;
        let _slot = self.inner.at_once.try_acquire().map_err(|_| ExecError::Busy)?;
        let limit = order.limit.min(LONGEST_LIMIT);
        let request = ExecRequest {
            id: order.id.clone(),
            command: order.command.trim().to_owned(),
            target: order.target.clone(),
            timeout_seconds: limit.as_secs().max(1),
        };
        let submitted = self.sessions().submit(&order.host, &order.hostname, request)?;
        // Forgets the request when this ends, so that a late result finds nobody.
        let mut waiting = Waiting { exec: self, submitted };
        match tokio::time::timeout(limit + GRACE, &mut waiting.submitted.answer).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) => Err(ExecError::Lost),
            Err(_) => Err(ExecError::TimedOut((limit + GRACE).as_secs())),
        }
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.inner.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ended(at: Timestamp, outcome: &Result<ExecResult, ExecError>) -> EndedCommand {
    let text = |text: &str| Some(clean(text, LOGGED_CHARACTERS)).filter(|text| !text.is_empty());
    match outcome {
        Ok(result) => EndedCommand {
            at,
            outcome: if result.success { "completed" } else { "failed" }.to_owned(),
            exit_code: Some(result.exit_code),
            error: text(&result.error),
        },
        Err(error) => EndedCommand {
            at,
            outcome: error.outcome().to_owned(),
            exit_code: None,
            error: text(&error.to_string()),
        },
    }
}
