//! `GET /api/alerts/thresholds`: what holds for each resource in the end, and why. Ours, beside the contract.

use axum::{
    Json,
    extract::{Query, State},
};
use pulse_alerts::{
    EffectiveMetric, Origin, ResourceClass, ResourceThresholds, Rules, Skip, effective_thresholds,
};
use pulse_monitor::{Alerts, Keeper};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::ApiError,
    extract::{Allowed, MonitoringRead},
};

/// Which resources.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub(super) struct Params {
    /// Only that one.
    resource_id: Option<String>,
}

/// What holds for a resource.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EffectiveThresholds)]
pub(super) struct Resource {
    /// Its id, which is its key among the overrides.
    id: String,
    name: String,
    /// `guest`, `node`, `host`, `docker`, `storage`, `pbs`.
    #[serde(rename = "type")]
    kind: &'static str,
    node: String,
    instance: String,
    /// Whether it raises anything at all.
    is_watched: bool,
    /// Why it raises nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_watched_because: Option<&'static str>,
    /// Whether nobody is told (tag `pulse-monitor-only`).
    is_monitor_only: bool,
    /// Whether an override names it.
    has_override: bool,
    /// `warning` or `critical` where being switched off raises an alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    powered_off_severity: Option<&'static str>,
    metrics: Vec<MetricThreshold>,
}

/// What holds for one figure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EffectiveMetricThreshold)]
pub(super) struct MetricThreshold {
    metric: &'static str,
    /// Whether it raises anything.
    is_on: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clear: Option<f64>,
    /// From where on it is critical.
    #[serde(skip_serializing_if = "Option::is_none")]
    critical: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_seconds: Option<i64>,
    /// `default`, `customRule`, `override` or `tag`.
    origin: &'static str,
    /// Name of the custom rule, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_name: Option<String>,
}

fn metric(it: &EffectiveMetric, rules: &Rules) -> MetricThreshold {
    let (origin, origin_name) = match it.origin {
        Origin::Default => ("default", None),
        Origin::Override => ("override", None),
        Origin::Tag => ("tag", Some("pulse-relaxed".to_owned())),
        Origin::CustomRule(index) => {
            ("customRule", rules.config.custom_rules.get(index).map(|rule| rule.name.clone()))
        }
    };
    MetricThreshold {
        metric: it.metric.name(),
        is_on: it.rule.is_some(),
        trigger: it.rule.map(|rule| rule.trigger),
        clear: it.rule.map(|rule| rule.clear),
        critical: it.rule.map(|rule| rule.critical),
        delay_seconds: it.rule.map(|rule| rule.delay_seconds),
        origin,
        origin_name,
    }
}

fn resource(it: ResourceThresholds, rules: &Rules) -> Resource {
    let because = it.skip.map(|skip| match skip {
        Skip::AlertsOff => "alerts are switched off",
        Skip::KindOff => "this kind of resource is switched off",
        Skip::IgnoredPrefix => "its name begins with an ignored prefix",
        Skip::NoAlertsTag => "it has the tag pulse-no-alerts",
        Skip::TagBlacklist => "one of its tags is left out",
        Skip::TagWhitelist => "it has none of the tags that are wanted",
        Skip::Override => "its override switches it off",
    });
    let kind = match it.class {
        ResourceClass::Guest => "guest",
        ResourceClass::Node => "node",
        ResourceClass::Host | ResourceClass::HostDisk => "host",
        ResourceClass::DockerContainer => "docker",
        ResourceClass::Storage => "storage",
        ResourceClass::Pbs => "pbs",
    };
    Resource {
        metrics: it.metrics.iter().map(|entry| metric(entry, rules)).collect(),
        id: it.id,
        name: it.name,
        kind,
        node: it.node,
        instance: it.instance,
        is_watched: because.is_none(),
        not_watched_because: because,
        is_monitor_only: it.is_monitor_only,
        has_override: it.has_override,
        powered_off_severity: it.powered_off.map(pulse_core::model::AlertLevel::name),
    }
}

/// What holds for every resource in the end: each figure with its trigger, clear, delay, and where they came from.
#[utoipa::path(
    get, path = "/api/alerts/thresholds", tag = "alerts", params(Params), responses((status = 200, body = Vec<Resource>))
)]
pub(super) async fn get_effective_thresholds(
    _: Allowed<MonitoringRead>,
    State(alerts): State<Alerts>,
    State(keeper): State<Keeper>,
    Query(params): Query<Params>,
) -> Result<Json<Vec<Resource>>, ApiError> {
    let (rules, world) = (alerts.rules(), keeper.snapshot());
    // Thousands of resources take a moment.
    let made = tokio::task::spawn_blocking(move || {
        let found = effective_thresholds(&rules, &world, params.resource_id.as_deref());
        found.into_iter().map(|it| resource(it, &rules)).collect()
    });
    made.await.map(Json).map_err(|error| ApiError::internal("compute thresholds", error))
}
