//! Who a report comes from. The same for every module of one agent.

use std::time::Duration;

use pulse_core::report::AgentInfo;

/// How an agent names itself in its reports.
#[derive(Debug, Clone)]
pub struct AgentIdentity {
    /// Id of the agent; without one the machine id stands in, then the host name.
    pub agent_id: Option<String>,
    /// Host name to report instead of the system's.
    pub hostname: Option<String>,
    /// Version of the agent.
    pub version: String,
    /// Time between two reports.
    pub interval: Duration,
    /// Whether the agent runs commands of the server.
    pub are_commands_enabled: bool,
}

impl Default for AgentIdentity {
    fn default() -> Self {
        Self {
            agent_id: None,
            hostname: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            interval: Duration::from_secs(30),
            are_commands_enabled: false,
        }
    }
}

impl AgentIdentity {
    /// The head of a report, with what the machine calls itself where nothing was set.
    pub(crate) fn describe(&self, machine_id: Option<&str>, hostname: &str) -> AgentInfo {
        let id = self.agent_id.as_deref().or(machine_id).unwrap_or(hostname);
        AgentInfo {
            id: id.to_owned(),
            version: self.version.clone(),
            kind: "unified".to_owned(),
            interval_seconds: u32::try_from(self.interval.as_secs()).unwrap_or(u32::MAX),
            hostname: Some(hostname.to_owned()),
            commands_enabled: self.are_commands_enabled,
            ..AgentInfo::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_one_set_then_the_machine_id_then_the_host_name() {
        let mut identity = AgentIdentity::default();
        assert_eq!(identity.describe(None, "nas1").id, "nas1");
        assert_eq!(identity.describe(Some("m"), "nas1").id, "m");
        identity.agent_id = Some("mine".into());
        assert_eq!(identity.describe(Some("m"), "nas1").id, "mine");
    }
}
