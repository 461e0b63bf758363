//! A measured value, or the reason why there is none. Unknown is never 0.

/// A value that was measured, or why it was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading<T> {
    /// The value, as measured.
    Known(T),
    /// There is no value, for this reason.
    Unknown(Missing),
}

/// Why a value is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// The source does not send this value at all.
    NotReported,
    /// It has not been asked for yet.
    NotAskedYet,
    /// A rate needs two samples and only one has come so far.
    FirstSample,
    /// The guest or container is not running.
    Stopped,
    /// The node, host or source cannot be reached.
    Offline,
    /// The credentials lack the right to read it.
    PermissionDenied,
    /// The guest agent is switched off in the guest's configuration.
    AgentDisabled,
    /// The guest agent is configured but does not answer.
    AgentNotRunning,
    /// The guest agent took too long.
    AgentTimeout,
    /// The guest agent answered with an error.
    AgentError,
    /// The guest agent names no file systems.
    NoFilesystems,
    /// Only read-only or virtual file systems are there.
    SpecialFilesystemsOnly,
    /// The source's answer could not be read.
    Unreadable,
    /// It is switched off in its settings.
    Disabled,
    /// It is not in use there at the moment: not mounted, in maintenance, or its server does not answer.
    Inactive,
}

impl Missing {
    /// The word of the wire contract's `diskStatusReason` for this reason.
    pub fn disk_status_reason(self) -> &'static str {
        match self {
            Self::Stopped => "vm-stopped",
            Self::AgentDisabled => "agent-disabled",
            Self::AgentNotRunning => "agent-not-running",
            Self::AgentTimeout => "agent-timeout",
            Self::AgentError | Self::Unreadable => "agent-error",
            Self::PermissionDenied => "permission-denied",
            Self::NoFilesystems => "no-filesystems",
            Self::SpecialFilesystemsOnly => "special-filesystems-only",
            Self::NotReported => "no-agent",
            Self::NotAskedYet | Self::FirstSample | Self::Offline | Self::Disabled | Self::Inactive => {
                "no-status"
            }
        }
    }

    /// What a person should read in place of the value.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::NotReported => "the source does not report this value",
            Self::NotAskedYet => "it has not been asked for yet; it comes within minutes",
            Self::FirstSample => "a rate needs a second sample; it comes with the next poll",
            Self::Stopped => "it is not running",
            Self::Offline => "the source cannot be reached",
            Self::PermissionDenied => "the credentials lack the right to read it",
            Self::AgentDisabled => "the guest agent is switched off for this guest",
            Self::AgentNotRunning => "the guest agent does not run in this guest",
            Self::AgentTimeout => "the guest agent did not answer in time",
            Self::AgentError => "the guest agent answered with an error",
            Self::NoFilesystems => "the guest agent reports no file systems",
            Self::SpecialFilesystemsOnly => "only read-only or virtual file systems are mounted",
            Self::Unreadable => "the source's answer could not be read",
            Self::Disabled => "it is switched off in its settings",
            Self::Inactive => {
                "it is not active there: not mounted, in maintenance, or its server does not answer"
            }
        }
    }
}

impl<T> Reading<T> {
    /// The value, where there is one.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// A reading of a reference to the value.
    pub fn as_ref(&self) -> Reading<&T> {
        match self {
            Self::Known(value) => Reading::Known(value),
            Self::Unknown(why) => Reading::Unknown(*why),
        }
    }

    /// Why there is no value, where there is none.
    pub fn missing(&self) -> Option<Missing> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(why) => Some(*why),
        }
    }

    /// Applies `f` to the value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Self::Known(value) => Reading::Known(f(value)),
            Self::Unknown(why) => Reading::Unknown(why),
        }
    }

    /// A reading from an option, with the reason for its absence.
    pub fn from_option(value: Option<T>, otherwise: Missing) -> Self {
        match value {
            Some(value) => Self::Known(value),
            None => Self::Unknown(otherwise),
        }
    }
}

impl<T> Default for Reading<T> {
    fn default() -> Self {
        Self::Unknown(Missing::NotReported)
    }
}
