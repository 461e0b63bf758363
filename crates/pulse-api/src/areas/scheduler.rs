//! `/api/monitoring/scheduler/health`: how polling goes (contract A-07 §4). The queue, breakers and dead letters come
//! with the scheduler; what is known of each instance is told now.

use axum::{Json, extract::State};
use jiff::Timestamp;
use pulse_config::NodeStore;
use pulse_core::model::{ConnectionHealth, InstanceKey, InstanceKind, InstanceView};
use pulse_monitor::Keeper;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{Allowed, Authenticated},
    state::AppState,
};

/// Routes of this area.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_scheduler_health))
}

/// How polling goes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SchedulerHealth {
    /// When the state last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Whether polling adapts its pace.
    enabled: bool,
    /// One per configured instance.
    instances: Vec<InstanceHealth>,
}

/// How polling of one instance goes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InstanceHealth {
    /// `<type>::<name>`.
    key: String,
    /// `pve`, `pbs` or `pmg`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Name to show.
    display_name: String,
    /// Name.
    instance: String,
    /// URL.
    connection: String,
    /// Successes and failures.
    poll_status: PollStatus,
}

/// Successes and failures.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PollStatus {
    /// When a poll last succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_success: Option<Timestamp>,
    /// What the last poll complained of.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<LastError>,
}

/// What a poll complained of.
#[derive(Debug, Serialize, ToSchema)]
struct LastError {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What went wrong and what to do.
    message: String,
    /// `transient` or `permanent`.
    category: &'static str,
}

/// How polling goes.
#[utoipa::path(
    get, path = "/api/monitoring/scheduler/health", tag = "scheduler",
    responses((status = 200, body = SchedulerHealth))
)]
async fn get_scheduler_health(
    _: Allowed<Authenticated>,
    State(keeper): State<Keeper>,
    State(nodes): State<Arc<NodeStore>>,
) -> Json<SchedulerHealth> {
    let world = keeper.snapshot();
    let config = nodes.current();
    let host_of = |key: &InstanceKey| match key.kind {
        InstanceKind::Pve => config.pve.iter().find(|i| i.name == key.name).map(|i| i.host.clone()),
        InstanceKind::Pbs => config.pbs.iter().find(|i| i.name == key.name).map(|i| i.host.clone()),
        InstanceKind::Pmg => config.pmg.iter().find(|i| i.name == key.name).map(|i| i.host.clone()),
    };
    let instances = world.instances.iter().map(|(key, view)| InstanceHealth {
        key: format!("{}::{}", key.kind, key.name),
        kind: key.kind.name(),
        display_name: key.name.to_string(),
        instance: key.name.to_string(),
        connection: host_of(key).unwrap_or_default(),
        poll_status: poll_status(view),
    });
    Json(SchedulerHealth { updated_at: world.changed_at, enabled: false, instances: instances.collect() })
}

fn poll_status(view: &InstanceView) -> PollStatus {
    let failed = view.health == ConnectionHealth::Error;
    let issue = view.issues.first().filter(|_| failed);
    PollStatus {
        last_success: view.last_success,
        last_error: issue.map(|issue| LastError {
            at: issue.at,
            message: issue.message.clone(),
            category: if issue.class.is_transient() { "transient" } else { "permanent" },
        }),
    }
}
