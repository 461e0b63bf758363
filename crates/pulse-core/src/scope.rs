//! What an API token may do.

use std::fmt;

/// One scope of an API token. A check is exact; only [`Scope::All`] implies others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Everything.
    All,
    /// Send Docker reports.
    DockerReport,
    /// Act on Docker hosts.
    DockerManage,
    /// Fetch an agent's remote configuration.
    HostAgentConfigRead,
    /// Act on host agents.
    HostAgentManage,
    /// Send host reports.
    HostAgentReport,
    /// Act on Kubernetes clusters.
    KubernetesManage,
    /// Send Kubernetes reports.
    KubernetesReport,
    /// Read state and history.
    MonitoringRead,
    /// Change alerts, notifications and metadata.
    MonitoringWrite,
    /// Read settings.
    SettingsRead,
    /// Change settings.
    SettingsWrite,
}

impl Scope {
    /// All scopes, sorted by their names.
    pub const EVERY: [Self; 12] = [
        Self::All,
        Self::DockerManage,
        Self::DockerReport,
        Self::HostAgentConfigRead,
        Self::HostAgentManage,
        Self::HostAgentReport,
        Self::KubernetesManage,
        Self::KubernetesReport,
        Self::MonitoringRead,
        Self::MonitoringWrite,
        Self::SettingsRead,
        Self::SettingsWrite,
    ];

    /// The scope's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "*",
            Self::DockerManage => "docker:manage",
            Self::DockerReport => "docker:report",
            Self::HostAgentConfigRead => "host-agent:config:read",
            Self::HostAgentManage => "host-agent:manage",
            Self::HostAgentReport => "host-agent:report",
            Self::KubernetesManage => "kubernetes:manage",
            Self::KubernetesReport => "kubernetes:report",
            Self::MonitoringRead => "monitoring:read",
            Self::MonitoringWrite => "monitoring:write",
            Self::SettingsRead => "settings:read",
            Self::SettingsWrite => "settings:write",
        }
    }

    /// The scope of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|scope| scope.name() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
