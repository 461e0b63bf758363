//! How a delivery went.

use std::time::Duration;

/// It was delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// HTTP status, where there is one.
    pub status: Option<u16>,
    /// What the receiver said, cut.
    pub response: String,
    /// Bytes of what was sent.
    pub payload_bytes: usize,
}

/// It was not delivered. The text holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SendError {
    /// What went wrong.
    pub message: String,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// What the receiver said, cut.
    pub response: String,
    /// Whether trying again, with nothing changed, may help.
    pub is_transient: bool,
    /// When the receiver wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl SendError {
    /// Trying again may help.
    pub fn transient(message: impl Into<String>) -> Self {
        Self { is_transient: true, ..Self::permanent(message) }
    }

    /// Somebody has to change something first.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            status: None,
            response: String::new(),
            is_transient: false,
            retry_after: None,
        }
    }
}
