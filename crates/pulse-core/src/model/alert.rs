//! An alert as the state shows it. The engine that raises them is another crate's business.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertLevel {
    /// Worth knowing.
    Warning,
    /// Act now.
    Critical,
}

impl AlertLevel {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// An alert that is raised now.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its id.
    pub id: String,
    /// Its type, such as `cpu`.
    pub kind: String,
    /// How bad it is.
    pub level: AlertLevel,
    /// The resource it concerns.
    pub resource_id: String,
    /// Its name.
    pub resource_name: String,
    /// Node of the resource.
    pub node: String,
    /// Instance of the resource.
    pub instance: String,
    /// What is wrong.
    pub message: String,
    /// Value that raised it.
    pub value: f64,
    /// Threshold it passed.
    pub threshold: f64,
    /// Since when.
    pub started_at: Timestamp,
    /// When its condition was last seen to hold.
    pub last_seen_at: Timestamp,
    /// When somebody took note, and who.
    pub acknowledged: Option<(Timestamp, String)>,
    /// When a notice of it was last handed to the notifications.
    pub last_notified_at: Option<Timestamp>,
    /// The escalation level it has reached, counted from 1; 0 before the first.
    pub escalation_level: u32,
    /// When each escalation level was reached, in order.
    pub escalated_at: Vec<Timestamp>,
    /// What is particular to its type, under the names of the contract (B-06), such as `clearThreshold`.
    pub metadata: BTreeMap<String, Value>,
}
