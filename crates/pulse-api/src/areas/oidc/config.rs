//! `GET`, `PUT` and `POST /api/security/oidc`, and trying a configuration out.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use pulse_auth::Identity;
use pulse_config::{OidcConfig, Secret};
use pulse_oidc::preflight;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{offered_redirect, redirect_uri};
use crate::{
    areas::object::{read_object, read_optional_object},
    error::{ApiError, ErrorBody, MissingScopeBody},
    extract::{Allowed, JsonError, SettingsWriteAdmin},
    state::AppState,
};

const LIMIT_BYTES: usize = 64 * 1024;

/// The provider as it is shown; its secret never is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OidcSettings)]
pub(super) struct OidcView {
    /// Whether people may log in by it.
    enabled: bool,
    /// Its name for itself.
    issuer_url: String,
    /// Our name at it.
    client_id: String,
    /// Where it sends the browser back to, as configured or as it would be.
    redirect_url: String,
    /// Where the page goes to log out there.
    logout_url: String,
    /// What is asked for.
    scopes: Vec<String>,
    /// The claim of the user name.
    username_claim: String,
    /// The claim of the address.
    email_claim: String,
    /// The claim of the groups; empty for none.
    groups_claim: String,
    /// Who is let in by group; empty: everybody.
    allowed_groups: Vec<String>,
    /// Who is let in by domain; empty: everybody.
    allowed_domains: Vec<String>,
    /// Who is let in by address; empty: everybody.
    allowed_emails: Vec<String>,
    /// Which group has which role; empty: everybody administers.
    group_role_mappings: BTreeMap<String, String>,
    /// Path of a PEM file with the authorities of its certificate.
    ca_bundle: String,
    /// Whether there is a secret.
    client_secret_set: bool,
    /// What the redirect address is where none is configured.
    default_redirect: String,
    /// What the server's environment holds: it cannot be changed here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    env_overrides: BTreeMap<&'static str, bool>,
}

/// The provider as it is to be: a replacement of all but the fields that say otherwise.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
#[schema(as = OidcSettingsChange)]
pub(super) struct OidcRequest {
    enabled: bool,
    issuer_url: String,
    client_id: String,
    /// Absent: the old one stays. Empty: none.
    #[schema(value_type = Option<String>)]
    client_secret: Option<Secret>,
    /// Whether the old one goes.
    clear_client_secret: bool,
    redirect_url: String,
    logout_url: String,
    scopes: Vec<String>,
    username_claim: String,
    email_claim: String,
    groups_claim: String,
    allowed_groups: Vec<String>,
    allowed_domains: Vec<String>,
    allowed_emails: Vec<String>,
    /// Absent: the old ones stay. Pulse v5 does not take them and loses them here.
    group_role_mappings: Option<BTreeMap<String, String>>,
    /// Absent: the old one stays.
    ca_bundle: Option<String>,
}

impl OidcRequest {
    fn over(self, before: &OidcConfig) -> OidcConfig {
        let client_secret = match (self.client_secret, self.clear_client_secret) {
            (Some(secret), _) => secret,
            (None, true) => Secret::default(),
            (None, false) => before.client_secret.clone(),
        };
        OidcConfig {
            enabled: self.enabled,
            issuer_url: self.issuer_url,
            client_id: self.client_id,
            client_secret,
            redirect_url: self.redirect_url,
            logout_url: self.logout_url,
            scopes: self.scopes,
            username_claim: self.username_claim,
            email_claim: self.email_claim,
            groups_claim: self.groups_claim,
            allowed_groups: self.allowed_groups,
            allowed_domains: self.allowed_domains,
            allowed_emails: self.allowed_emails,
            group_role_mappings: self
                .group_role_mappings
                .unwrap_or_else(|| before.group_role_mappings.clone()),
            ca_bundle: self.ca_bundle.unwrap_or_else(|| before.ca_bundle.clone()),
        }
        .tidied()
    }
}

fn view(state: &AppState, default_redirect: String) -> OidcView {
    let config = state.oidc.store.current();
    OidcView {
        enabled: config.enabled,
        issuer_url: config.issuer_url.clone(),
        client_id: config.client_id.clone(),
        redirect_url: if config.redirect_url.is_empty() {
            default_redirect.clone()
        } else {
            config.redirect_url.clone()
        },
        logout_url: config.logout_url.clone(),
        scopes: config.scope_list(),
        username_claim: config.username_claim().to_owned(),
        email_claim: config.email_claim().to_owned(),
        groups_claim: config.groups_claim.clone(),
        allowed_groups: config.allowed_groups.clone(),
        allowed_domains: config.allowed_domains.clone(),
        allowed_emails: config.allowed_emails.clone(),
        group_role_mappings: config.group_role_mappings.clone(),
        ca_bundle: config.ca_bundle.clone(),
        client_secret_set: !config.client_secret.is_empty(),
        default_redirect,
        env_overrides: state.oidc.store.overrides().names().map(|name| (name, true)).collect(),
    }
}

fn default_redirect(state: &AppState, parts: &http::request::Parts) -> String {
    offered_redirect(&state.settings, &state.system.current(), &parts.headers, &parts.extensions)
}

/// The OIDC provider.
#[utoipa::path(
    get, path = "/api/security/oidc", tag = "oidc",
    responses((status = 200, body = OidcView), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn get_oidc(
    _: Allowed<SettingsWriteAdmin>,
    State(state): State<AppState>,
    request: Request,
) -> Json<OidcView> {
    let (parts, _) = request.into_parts();
    let redirect = default_redirect(&state, &parts);
    Json(view(&state, redirect))
}

/// Set the OIDC provider. It counts at once.
#[utoipa::path(
    put, path = "/api/security/oidc", tag = "oidc", request_body = OidcRequest,
    responses(
        (status = 200, body = OidcView), (status = 400, body = ErrorBody), (status = 403, body = MissingScopeBody),
        (status = 409, description = "The server's environment holds it", body = ErrorBody),
    )
)]
pub(super) async fn set_oidc(
    allowed: Allowed<SettingsWriteAdmin>,
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<OidcView>, ApiError> {
    set(allowed.identity, state, request).await
}

/// The same as PUT, as the reference of Pulse v5 has it.
#[utoipa::path(
    post, path = "/api/security/oidc", tag = "oidc", request_body = OidcRequest,
    responses(
        (status = 200, body = OidcView), (status = 400, body = ErrorBody), (status = 403, body = MissingScopeBody),
        (status = 409, description = "The server's environment holds it", body = ErrorBody),
    )
)]
pub(super) async fn set_oidc_by_post(
    allowed: Allowed<SettingsWriteAdmin>,
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<OidcView>, ApiError> {
    set(allowed.identity, state, request).await
}

async fn set(identity: Identity, state: AppState, request: Request) -> Result<Json<OidcView>, ApiError> {
    let refuse = |status, code, text: &str| ApiError::envelope(status, code, text);
    if !state.oidc.store.overrides().is_empty() {
        let text = "OIDC is set by the server's environment (OIDC_*); change it there";
        return Err(refuse(StatusCode::CONFLICT, "oidc_locked", text));
    }
    let (parts, body) = request.into_parts();
    let body: OidcRequest = read_object(body, LIMIT_BYTES).await.map_err(bad_body)?;
    let mut next = body.over(&state.oidc.store.current());
    let redirect = default_redirect(&state, &parts);
    if next.enabled && redirect_uri(&next, &state.system.current()).is_none() {
        // The administrator's own address of this server becomes the configured one; they see it in the answer.
        next.redirect_url.clone_from(&redirect);
    }
    if next.enabled {
        next.check().map_err(|problem| refuse(StatusCode::BAD_REQUEST, "validation_error", &problem))?;
    }
    if let Some(role) = next.group_role_mappings.values().find(|role| state.roles.book().role(role).is_none())
    {
        let text =
            format!("there is no role {role:?}; choose admin, operator, viewer, auditor or one of your own");
        return Err(refuse(StatusCode::BAD_REQUEST, "validation_error", &text));
    }
    let oidc = Arc::clone(&state.oidc);
    let kept = tokio::task::spawn_blocking(move || oidc.store.update(|_| next)).await;
    let doing = "keep the OIDC provider";
    kept.map_err(|error| ApiError::internal(doing, error))?.map_err(|error| {
        tracing::error!(%error, "the OIDC provider could not be saved");
        refuse(StatusCode::INTERNAL_SERVER_ERROR, "save_failed", "The OIDC settings could not be saved")
    })?;
    tracing::info!(by = %identity, "the OIDC provider was changed");
    Ok(Json(view(&state, redirect)))
}

/// One thing that was looked at.
#[derive(Debug, Serialize, ToSchema)]
struct OidcCheck {
    /// What.
    name: &'static str,
    /// Whether it is right.
    ok: bool,
    /// What was found, or what to do.
    detail: String,
}

/// What a provider looks like from here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OidcPreflight)]
pub(super) struct Preflight {
    /// Whether a login could work.
    success: bool,
    /// In the order they were looked at; nothing follows what is wrong at the bottom.
    checks: Vec<OidcCheck>,
}

/// Try an OIDC provider out without keeping anything: the one that is sent, or the one that is configured.
///
/// Says exactly what does not fit: the issuer's own name, a certificate, scopes, the redirect address to register.
#[utoipa::path(
    post, path = "/api/security/oidc/test", tag = "oidc", request_body = Option<OidcRequest>,
    responses((status = 200, body = Preflight), (status = 400, body = ErrorBody), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn test_oidc(
    _: Allowed<SettingsWriteAdmin>,
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<Preflight>, ApiError> {
    let (parts, body) = request.into_parts();
    let before = state.oidc.store.current();
    let config = match read_optional_object::<OidcRequest>(body, LIMIT_BYTES).await.map_err(bad_body)? {
        Some(body) => body.over(&before),
        None => OidcConfig::clone(&before),
    };
    let redirect =
        redirect_uri(&config, &state.system.current()).unwrap_or_else(|| default_redirect(&state, &parts));
    let checks = preflight::run(&config, &redirect, state.now()).await;
    Ok(Json(Preflight {
        success: checks.iter().all(|check| check.is_right),
        checks: checks
            .into_iter()
            .map(|check| OidcCheck { name: check.name, ok: check.is_right, detail: check.detail })
            .collect(),
    }))
}

fn bad_body(error: JsonError) -> ApiError {
    ApiError::envelope(StatusCode::BAD_REQUEST, "invalid_request", "Invalid request body")
        .detail("error", error.to_string())
}
