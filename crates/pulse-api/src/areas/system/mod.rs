//! `/api/system/settings`, `/api/config/system`, `/api/config`: the settings an administrator changes while the server
//! runs (contract A-11). The rules of each key stand in `pulse_config::schema::system`.

mod body;
mod read;
mod update;

pub(super) use body::SettingsBody;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// Routes of this area.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(read::get_settings))
        .routes(routes!(read::get_config_system))
        .routes(routes!(read::get_config))
        .routes(routes!(update::update_settings))
}
