//! `activeAlerts[]` of the state.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pulse_alerts::AlertRecord;
use pulse_core::model::Alert;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An alert that is raised now.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Type.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// `warning` or `critical`.
    pub level: &'static str,
    /// Resource.
    pub resource_id: &'a str,
    /// Its name.
    pub resource_name: &'a str,
    /// Node.
    pub node: &'a str,
    /// Instance.
    pub instance: &'a str,
    /// What is wrong.
    pub message: &'a str,
    /// Value that raised it.
    pub value: f64,
    /// Threshold it passed.
    pub threshold: f64,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub start_time: Timestamp,
    /// Whether somebody took note.
    pub acknowledged: bool,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ack_time: Option<Timestamp>,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack_user: Option<&'a str>,
}

impl<'a> From<&'a Alert> for AlertShape<'a> {
    fn from(it: &'a Alert) -> Self {
        Self {
            id: &it.id,
            kind: &it.kind,
            level: it.level.name(),
            resource_id: &it.resource_id,
            resource_name: &it.resource_name,
            node: &it.node,
            instance: &it.instance,
            message: &it.message,
            value: it.value,
            threshold: it.threshold,
            start_time: it.started_at,
            acknowledged: it.acknowledged.is_some(),
            ack_time: it.acknowledged.as_ref().map(|(at, _)| *at),
            ack_user: it.acknowledged.as_ref().map(|(_, who)| who.as_str()),
        }
    }
}

/// An alert with everything that is known of it (contract B-07).
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FullAlert)]
pub struct FullAlert {
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
    /// Value.
    pub value: f64,
    /// Threshold.
    pub threshold: f64,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub start_time: Timestamp,
    /// When it was last seen.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Timestamp,
    /// Whether somebody took note.
    pub acknowledged: bool,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ack_time: Option<Timestamp>,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack_user: Option<String>,
    /// What is particular to its type. `snoozedUntil`, `maintenance` and `flapping` stand here too.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    pub metadata: BTreeMap<String, Value>,
    /// When people were last told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_notified: Option<Timestamp>,
    /// The escalation level it reached, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_escalation: Option<u32>,
    /// When each level was reached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub escalation_times: Vec<Timestamp>,
}

impl From<AlertRecord> for FullAlert {
    fn from(it: AlertRecord) -> Self {
        Self {
            id: it.id,
            kind: it.kind,
            level: it.level,
            resource_id: it.resource_id,
            resource_name: it.resource_name,
            node: it.node,
            instance: it.instance,
            message: it.message,
            value: it.value,
            threshold: it.threshold,
            start_time: it.start_time,
            last_seen: it.last_seen,
            acknowledged: it.acknowledged,
            ack_time: it.ack_time,
            ack_user: it.ack_user,
            metadata: it.metadata,
            last_notified: it.last_notified,
            last_escalation: (it.last_escalation > 0).then_some(it.last_escalation),
            escalation_times: it.escalation_times,
        }
    }
}

impl From<&Alert> for FullAlert {
    fn from(it: &Alert) -> Self {
        Self::from(AlertRecord::from(it))
    }
}
