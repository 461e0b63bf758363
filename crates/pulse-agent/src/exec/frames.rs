//! The frames of the command socket (contract B-10 §6).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the agent sends.
#[derive(Debug, Serialize)]
pub(super) struct Outgoing<T> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<T>,
}

/// Who is there.
#[derive(Serialize)]
pub(super) struct Register<'a> {
    pub(super) agent_id: &'a str,
    pub(super) hostname: &'a str,
    pub(super) version: &'a str,
    pub(super) platform: &'a str,
    pub(super) tags: &'a [String],
    pub(super) token: &'a str,
}

/// What came of a command.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct CommandResult {
    pub(super) request_id: String,
    pub(super) success: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) exit_code: i32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) error: String,
    pub(super) duration_ms: u64,
}

/// What the server sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Incoming {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) payload: Option<serde_json::Value>,
}

/// What is to be run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Request {
    pub(super) request_id: String,
    pub(super) command: String,
    pub(super) target_type: String,
    pub(super) target_id: String,
    pub(super) timeout: u64,
}

/// Whether the server takes us.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Registered {
    pub(super) success: bool,
    pub(super) message: String,
}
