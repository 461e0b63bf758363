//! The kinds of reports, and where each goes.

/// What kind of report goes over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// The host module's.
    Host,
    /// The Docker module's.
    Docker,
    /// The Kubernetes module's.
    Kubernetes,
}

impl ReportKind {
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Host => "api/agents/host/report",
            Self::Docker => "api/agents/docker/report",
            Self::Kubernetes => "api/agents/kubernetes/report",
        }
    }

    pub(super) const fn user_agent(self) -> &'static str {
        match self {
            Self::Host => "pulse-host-agent",
            Self::Docker => "pulse-docker-agent",
            Self::Kubernetes => "pulse-kubernetes-agent",
        }
    }

    /// The word for it in names of files.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Docker => "docker",
            Self::Kubernetes => "kubernetes",
        }
    }

    pub(super) const fn scope(self) -> &'static str {
        match self {
            Self::Host => "host-agent:report",
            Self::Docker => "docker:report",
            Self::Kubernetes => "kubernetes:report",
        }
    }
}
