//! `POST /api/security/apply-restart`. Nothing here needs a restart: security settings count at once.

use axum::Json;

use super::Done;
use crate::{
    error::{MissingScopeBody, UnauthenticatedBody},
    extract::{Allowed, SettingsWriteAdmin},
};

/// Ask for a restart that applies security settings.
///
/// They are in force already, so nothing is restarted. Pulse v5 restarted its service here and opened the server to
/// everybody on the machine meanwhile.
#[utoipa::path(
    post, path = "/api/security/apply-restart", tag = "security",
    responses(
        (status = 200, body = Done), (status = 401, body = UnauthenticatedBody),
        (status = 403, body = MissingScopeBody),
    )
)]
pub(super) async fn apply_restart(_: Allowed<SettingsWriteAdmin>) -> Json<Done> {
    Json(Done {
        success: false,
        message: "Security settings are active already; no restart is needed. \
                  To restart Pulse all the same, restart its service on the machine."
            .to_owned(),
    })
}
