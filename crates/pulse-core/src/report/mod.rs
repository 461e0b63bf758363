//! What agents send to the server, field by field as on the wire (contract B-09).
//!
//! The same types write the report in the agent and read it in the server. Fields that an agent may be unable
//! to measure are `Option`: absent on the wire, never 0. Unknown keys are ignored, `null` reads as empty.

mod ceph;
pub mod docker;
pub mod host;
pub mod kubernetes;

use serde::{Deserialize, Serialize};

/// The agent that sends a report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentInfo {
    /// Its id, usually the machine id.
    #[serde(default)]
    pub id: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// `unified` for today's agent; anything else is a legacy one.
    #[serde(rename = "type", default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Seconds between reports.
    #[serde(default)]
    pub interval_seconds: u32,
    /// Host name as the agent sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Version before the last self-update, sent once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_from: Option<String>,
    /// Whether it runs commands from the server.
    #[serde(default)]
    pub commands_enabled: bool,
}
