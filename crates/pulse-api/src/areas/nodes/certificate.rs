//! `POST /api/config/nodes/certificate`: which certificate an address shows now, for a person to compare.

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use pulse_config::host;
use pulse_core::model::InstanceKind;
use pulse_monitor::probe::Probe;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{LIMIT, PROBE_TIME, bad_body, refused};
use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsWriteAdmin},
};

/// Whose certificate.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = CertificateQuestion)]
pub(super) struct Question {
    /// `pve`, `pbs` or `pmg`, for the port where the address has none.
    #[serde(rename = "type")]
    kind: String,
    /// Address.
    host: String,
}

/// The certificate that an address shows now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ShownCertificate)]
pub(super) struct Shown {
    /// The address that was asked.
    host: String,
    /// Its SHA-256 fingerprint.
    fingerprint: String,
}

/// Look at the certificate of an address.
///
/// Nothing is sent to it and nothing is stored: a person compares the fingerprint with the one on the host (`pvenode cert
/// info`, `proxmox-backup-manager cert info`) and then sets it. Ours, beside the contract.
#[utoipa::path(
    post, path = "/api/config/nodes/certificate", tag = "nodes", request_body = Question,
    responses(
        (status = 200, body = Shown),
        (status = 400, description = "What is wrong with the address, or that it shows none", body = String),
        (status = 403, body = MissingScopeBody),
    )
)]
pub(super) async fn shown_certificate(
    _: Allowed<SettingsWriteAdmin>,
    State(probe): State<Probe>,
    request: Request,
) -> Result<Json<Shown>, ApiError> {
    let question: Question = read_object(request.into_body(), LIMIT).await.map_err(bad_body)?;
    let kind = InstanceKind::from_name(question.kind.trim())
        .ok_or_else(|| refused(pulse_config::NodeError::KindUnknown))?;
    let host = host::normalise(&question.host, kind).map_err(|error| refused(error.into()))?;
    let fingerprint = probe.fingerprint(&host, PROBE_TIME).await.ok_or_else(|| {
        let text = format!(
            "{host} shows no certificate: nothing answers there, or it does not speak TLS; check address and port"
        );
        ApiError::text(StatusCode::BAD_REQUEST, text)
    })?;
    Ok(Json(Shown { host, fingerprint }))
}
