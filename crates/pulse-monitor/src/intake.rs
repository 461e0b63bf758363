//! Agent reports as they come in: who sends them, and what can be wrong with them.

use jiff::Timestamp;
use pulse_config::store::fleet::CommandRecord;
use pulse_core::{
    ids::{DockerHostId, HostId, KubernetesClusterId},
    model::AgentLink,
};

/// Who sends a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reporter {
    /// The server itself, for the machine it runs on.
    Local,
    /// An agent or person without a token (a session, for instance).
    Anonymous,
    /// An agent with a token.
    Token(AgentLink),
}

impl Reporter {
    pub(crate) fn link(&self) -> Option<&AgentLink> {
        match self {
            Self::Token(link) => Some(link),
            Self::Local | Self::Anonymous => None,
        }
    }
}

/// Why a report is refused. The text is what the agent logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// The report names no host.
    #[error("{0} report missing hostname")]
    MissingHostname(&'static str),
    /// The report names neither agent nor cluster.
    #[error("{0} report missing agent identifier")]
    MissingIdentifier(&'static str),
    /// So many are known that another one is refused: a token that invents names must not fill the memory.
    #[error("the server already knows {limit} {what}s; remove some before another one can report")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The host was removed and may not come back yet.
    #[error(
        "{what} {id} was removed at {removed_at} and cannot report again; allow it to re-enrol first, or give its agent a new token"
    )]
    Removed {
        /// What was removed.
        what: &'static str,
        /// Its id.
        id: String,
        /// When.
        removed_at: Timestamp,
    },
}

/// At most so many hosts, Docker hosts and Kubernetes clusters each.
pub(crate) const MOST_KNOWN: usize = 10_000;

/// Refuses a newcomer where there are too many already; what is known goes on reporting.
pub(crate) fn check_room(what: &'static str, is_known: bool, count: usize) -> Result<(), IntakeError> {
    if is_known || count < MOST_KNOWN {
        Ok(())
    } else {
        Err(IntakeError::TooMany { what, limit: MOST_KNOWN })
    }
}

/// What a host agent is told after its report was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAccepted {
    /// The id under which the host is kept.
    pub id: HostId,
    /// The server's time of the report.
    pub last_seen: Timestamp,
    /// A stored override of whether the agent runs commands.
    pub commands_override: Option<bool>,
}

/// What a Docker agent is told after its report was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerAccepted {
    /// The id under which the host is kept.
    pub id: DockerHostId,
    /// How many containers it has.
    pub containers: usize,
    /// The server's time of the report.
    pub last_seen: Timestamp,
    /// The command it is given with the answer.
    pub command: Option<CommandRecord>,
}

/// What a Kubernetes agent is told after its report was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesAccepted {
    /// The id under which the cluster is kept.
    pub id: KubernetesClusterId,
    /// Nodes in the report.
    pub nodes: usize,
    /// Pods in the report.
    pub pods: usize,
    /// Deployments in the report.
    pub deployments: usize,
    /// The server's time of the report.
    pub last_seen: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_is_refused_when_full_and_a_known_host_never() {
        assert_eq!(check_room("host", false, MOST_KNOWN - 1), Ok(()));
        assert_eq!(check_room("host", true, MOST_KNOWN), Ok(()));
        let refused = check_room("host", false, MOST_KNOWN).unwrap_err().to_string();
        assert!(refused.contains("already knows 10000 hosts"), "{refused}");
    }
}
