//! `activeAlerts[]` of the state.

use jiff::Timestamp;
use pulse_core::model::Alert;
use serde::Serialize;
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
