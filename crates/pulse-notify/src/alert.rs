//! An alert as it stands in the queue, in webhooks and in the API: the contract's object (B-07).

use std::collections::BTreeMap;

use jiff::Timestamp;
use pulse_core::model::{Alert, AlertLevel};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The contract's alert object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertRecord {
    /// Id.
    pub id: String,
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// `warning` or `critical`.
    pub level: String,
    /// Resource.
    pub resource_id: String,
    /// Its name.
    pub resource_name: String,
    /// Node.
    pub node: String,
    /// Instance.
    pub instance: String,
    /// What is wrong.
    pub message: String,
    /// Value that raised it.
    pub value: f64,
    /// Threshold it passed.
    pub threshold: f64,
    /// Since when.
    pub start_time: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// Whether somebody took note.
    pub acknowledged: bool,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack_time: Option<Timestamp>,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack_user: Option<String>,
    /// What is particular to its type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, Value>,
}

impl From<&Alert> for AlertRecord {
    fn from(it: &Alert) -> Self {
        // JSON knows no NaN; nothing that is shown depends on it.
        let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
        Self {
            id: it.id.clone(),
            kind: it.kind.clone(),
            level: it.level.name().to_owned(),
            resource_id: it.resource_id.clone(),
            resource_name: it.resource_name.clone(),
            node: it.node.clone(),
            instance: it.instance.clone(),
            message: it.message.clone(),
            value: finite(it.value),
            threshold: finite(it.threshold),
            start_time: it.started_at,
            last_seen: it.last_seen_at,
            acknowledged: it.acknowledged.is_some(),
            ack_time: it.acknowledged.as_ref().map(|(at, _)| *at),
            ack_user: it.acknowledged.as_ref().map(|(_, who)| who.clone()),
            metadata: it.metadata.clone(),
        }
    }
}

impl AlertRecord {
    /// Whether it is critical.
    pub fn is_critical(&self) -> bool {
        self.level == AlertLevel::Critical.name()
    }

    /// A field of the metadata that is text.
    pub fn metadata_text(&self, key: &str) -> &str {
        self.metadata.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it is about a figure: a node that is down has none, and `0.0 (threshold 0)` says nothing.
    pub fn has_value(&self) -> bool {
        self.threshold != 0.0
    }

    /// The value with its unit, as people read it.
    pub fn value_text(&self) -> String {
        format!("{:.1}{}", self.value, self.unit())
    }

    /// The threshold with its unit.
    pub fn threshold_text(&self) -> String {
        format!("{:.0}{}", self.threshold, self.unit())
    }

    /// The unit of value and threshold.
    pub fn unit(&self) -> &'static str {
        match self.kind.to_ascii_lowercase().as_str() {
            "diskread" | "diskwrite" | "networkin" | "networkout" => " MB/s",
            // Pulse v5: disk temperatures have no unit.
            "temperature" | "disktemperature" => "°C",
            "cpu" | "memory" | "disk" | "usage" => "%",
            _ => "",
        }
    }

    /// How long it has lasted.
    pub fn duration_text(&self, now: Timestamp) -> String {
        let seconds = now.duration_since(self.start_time).as_secs().max(0);
        match seconds {
            0..60 => format!("{seconds}s"),
            60..3600 => format!("{}m", seconds / 60),
            3600..86_400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
            _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
        }
    }

    /// The alert of test messages.
    pub fn example(now: Timestamp, value: f64, threshold: f64) -> Self {
        Self {
            id: "test-alert".into(),
            kind: "cpu".into(),
            level: "warning".into(),
            resource_id: "test-resource".into(),
            resource_name: "Test Resource".into(),
            node: "test-node".into(),
            instance: "Test Instance".into(),
            message: "This is a test message of Pulse: it shows that notifications arrive here.".into(),
            value,
            threshold,
            start_time: now,
            last_seen: now,
            acknowledged: false,
            ack_time: None,
            ack_user: None,
            metadata: BTreeMap::from([("resourceType".into(), Value::from("VM"))]),
        }
    }
}
