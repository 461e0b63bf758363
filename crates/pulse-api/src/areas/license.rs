//! `/api/license/*`: what the licence includes, activating one, and forgetting it (contract A-04).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_auth::{Feature, LicenseRequired, license::Standing};
use pulse_config::Secret;
use pulse_core::Clock;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Admin, Allowed, Authenticated, SettingsWriteAdmin},
    licensing::{ActivateError, Licensing},
    routing::{ApiRouter, routes},
};

const LIMIT_BYTES: usize = 32 * 1024;

/// Features that clients are told of, by name.
const LISTED: [Feature; 11] = [
    Feature::AdvancedReporting,
    Feature::AdvancedSso,
    Feature::AgentProfiles,
    Feature::AiAlerts,
    Feature::AiAutofix,
    Feature::AiPatrol,
    Feature::AuditLogging,
    Feature::KubernetesAi,
    Feature::Rbac,
    Feature::Sso,
    Feature::UpdateAlerts,
];

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(get_license_status))
        .routes(routes!(get_license_features))
        .routes(routes!(activate_license))
        .routes(routes!(clear_license))
}

/// What the licence says.
#[derive(Debug, Serialize, ToSchema)]
struct LicenseStatus {
    /// Whether there is one that counts.
    valid: bool,
    /// What was bought; `free` without a licence.
    tier: String,
    /// Whose it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    email: String,
    /// When it ends; absent for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Whether it never ends.
    is_lifetime: bool,
    /// Whole days until its end; -1 for never.
    days_remaining: i64,
    /// What it includes.
    features: Vec<&'static str>,
    /// Nodes it is meant for.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    max_nodes: u64,
    /// Guests it is meant for.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    max_guests: u64,
    /// Whether it has ended and goes on for a while.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    in_grace_period: bool,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    grace_period_end: Option<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl LicenseStatus {
    fn new(licensing: &Licensing, now: Timestamp) -> Self {
        let has = licensing.features(now);
        let names = |features: &[Feature]| {
            features.iter().filter(|feature| has.has(**feature)).map(|feature| feature.key()).collect()
        };
        let Some(license) = licensing.current() else {
            return Self {
                valid: false,
                tier: "free".to_owned(),
                email: String::new(),
                expires_at: None,
                is_lifetime: false,
                days_remaining: 0,
                features: names(&[Feature::UpdateAlerts, Feature::Sso, Feature::AiPatrol]),
                max_nodes: 0,
                max_guests: 0,
                in_grace_period: false,
                grace_period_end: None,
            };
        };
        let standing = license.standing(now);
        let grace_period_end = match standing {
            Standing::Grace { until } => Some(until),
            Standing::Active | Standing::Expired => None,
        };
        let days = license.expires_at.map_or(-1, |end| (end.duration_since(now).as_hours() / 24).max(0));
        Self {
            valid: standing != Standing::Expired,
            tier: license.tier.clone(),
            email: license.email.clone(),
            expires_at: license.expires_at,
            is_lifetime: license.expires_at.is_none(),
            days_remaining: days,
            features: names(&Feature::EVERY),
            max_nodes: license.max_nodes,
            max_guests: license.max_guests,
            in_grace_period: grace_period_end.is_some(),
            grace_period_end,
        }
    }
}

/// What the licence of this server says.
#[utoipa::path(get, path = "/api/license/status", tag = "license", responses((status = 200, body = LicenseStatus)))]
async fn get_license_status(
    _: Allowed<Admin>,
    State(licensing): State<Arc<Licensing>>,
    State(clock): State<Arc<dyn Clock>>,
) -> Json<LicenseStatus> {
    Json(LicenseStatus::new(&licensing, clock.now()))
}

/// What is included.
#[derive(Debug, Serialize, ToSchema)]
struct LicenseFeatures {
    /// `none`, `active`, `grace_period` or `expired`.
    license_status: &'static str,
    /// Each feature that can be licensed, and whether it is.
    features: BTreeMap<&'static str, bool>,
    /// Where a licence can be had.
    upgrade_url: &'static str,
}

/// What the licence includes, feature by feature.
#[utoipa::path(
    get, path = "/api/license/features", tag = "license", responses((status = 200, body = LicenseFeatures))
)]
async fn get_license_features(
    _: Allowed<Authenticated>,
    State(licensing): State<Arc<Licensing>>,
    State(clock): State<Arc<dyn Clock>>,
) -> Json<LicenseFeatures> {
    let now = clock.now();
    let has = licensing.features(now);
    Json(LicenseFeatures {
        license_status: licensing.status(now),
        features: LISTED.into_iter().map(|feature| (feature.key(), has.has(feature))).collect(),
        upgrade_url: LicenseRequired::UPGRADE_URL,
    })
}

/// A licence key.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
struct ActivateRequest {
    /// The key.
    #[schema(value_type = String)]
    license_key: Secret,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
struct Activated {
    /// Always `true`.
    success: bool,
    /// In words.
    message: &'static str,
    /// What the licence says.
    status: LicenseStatus,
}

/// Activate a licence. It counts at once.
#[utoipa::path(
    post, path = "/api/license/activate", tag = "license", request_body = ActivateRequest,
    responses(
        (status = 200, body = Activated), (status = 403, body = MissingScopeBody),
        (status = 400, description = "`success` is false, `message` says why"),
    )
)]
async fn activate_license(
    allowed: Allowed<SettingsWriteAdmin>,
    State(licensing): State<Arc<Licensing>>,
    State(clock): State<Arc<dyn Clock>>,
    request: Request,
) -> Result<Json<Activated>, ApiError> {
    let refuse = |message: &str| ApiError::Json {
        status: StatusCode::BAD_REQUEST,
        body: json!({"success": false, "message": message}),
    };
    let body: ActivateRequest =
        read_object(request.into_body(), LIMIT_BYTES).await.map_err(|_| refuse("Invalid request body"))?;
    if body.license_key.expose().trim().is_empty() {
        return Err(refuse("License key is required"));
    }
    let doing = "keep the licence";
    let now = clock.now();
    let activated = {
        let licensing = Arc::clone(&licensing);
        tokio::task::spawn_blocking(move || licensing.activate(&body.license_key, now)).await
    };
    match activated.map_err(|error| ApiError::internal(doing, error))? {
        Ok(license) => {
            tracing::info!(by = %allowed.identity, tier = license.tier, "a licence was activated");
            let status = LicenseStatus::new(&licensing, now);
            Ok(Json(Activated { success: true, message: "License activated successfully", status }))
        }
        Err(ActivateError::Refused(error)) => Err(refuse(&error.to_string())),
        Err(ActivateError::Config(error)) => Err(ApiError::internal(doing, error)),
    }
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
struct Cleared {
    /// In words.
    message: &'static str,
    /// Always `true`.
    success: bool,
}

/// Forget the licence. It is no error when there is none.
#[utoipa::path(
    post, path = "/api/license/clear", tag = "license",
    responses((status = 200, body = Cleared), (status = 403, body = MissingScopeBody))
)]
async fn clear_license(
    allowed: Allowed<SettingsWriteAdmin>,
    State(licensing): State<Arc<Licensing>>,
) -> Result<Json<Cleared>, ApiError> {
    let doing = "forget the licence";
    tokio::task::spawn_blocking(move || licensing.clear())
        .await
        .map_err(|error| ApiError::internal(doing, error))?
        .map_err(|error| ApiError::internal(doing, error))?;
    tracing::info!(by = %allowed.identity, "the licence was removed");
    Ok(Json(Cleared { message: "License cleared", success: true }))
}
