//! `GET /api/notifications/webhook-templates` and `…/email-providers`.

use std::collections::BTreeMap;

use axum::Json;
use pulse_notify::catalog;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::MissingScopeBody,
    extract::{Allowed, NotificationsRead},
};

/// A service that webhooks are made for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookTemplate)]
pub(super) struct TemplateBody {
    /// Its name in webhooks.
    service: &'static str,
    /// Its name for people.
    name: &'static str,
    /// What its URLs look like; placeholders in braces.
    url_pattern: &'static str,
    /// Method.
    method: &'static str,
    /// Headers.
    headers: BTreeMap<&'static str, &'static str>,
    /// Template of the body, in Go's syntax.
    payload_template: &'static str,
    /// What to fill in.
    instructions: &'static str,
}

/// The services and their templates.
#[utoipa::path(
    get, path = "/api/notifications/webhook-templates", tag = "notifications",
    responses((status = 200, body = Vec<TemplateBody>), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn list_webhook_templates(_: Allowed<NotificationsRead>) -> Json<Vec<TemplateBody>> {
    let bodies = catalog::webhook_templates().into_iter().map(|it| TemplateBody {
        service: it.service,
        name: it.name,
        url_pattern: it.url_pattern,
        method: it.method,
        headers: it.headers,
        payload_template: it.payload_template,
        instructions: it.instructions,
    });
    Json(bodies.collect())
}

/// A mail provider.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EmailProvider)]
pub(super) struct ProviderBody {
    /// Name.
    name: &'static str,
    /// SMTP server.
    smtp_host: &'static str,
    /// Its port.
    smtp_port: u16,
    /// TLS from the first byte.
    tls: bool,
    /// TLS after a greeting.
    #[serde(rename = "startTLS")]
    start_tls: bool,
    /// Whether it wants a login.
    auth_required: bool,
    /// What to fill in.
    instructions: &'static str,
}

/// Mail providers and their servers.
#[utoipa::path(
    get, path = "/api/notifications/email-providers", tag = "notifications",
    responses((status = 200, body = Vec<ProviderBody>), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn list_email_providers(_: Allowed<NotificationsRead>) -> Json<Vec<ProviderBody>> {
    let bodies = catalog::EMAIL_PROVIDERS.iter().map(|it| ProviderBody {
        name: it.name,
        smtp_host: it.smtp_host,
        smtp_port: it.smtp_port,
        tls: it.tls,
        start_tls: it.start_tls,
        auth_required: it.auth_required,
        instructions: it.instructions,
    });
    Json(bodies.collect())
}
