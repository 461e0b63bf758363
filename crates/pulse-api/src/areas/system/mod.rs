//! `/api/system/settings`, `/api/config/system`, `/api/config`: the settings an administrator changes while the server
//! runs (contract A-11). The rules of each key stand in `pulse_config::schema::system`.

mod body;
mod read;
mod update;

use crate::routing::{ApiRouter, routes};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(read::get_settings))
        .routes(routes!(read::get_config_system))
        .routes(routes!(read::get_config))
        .routes(routes!(update::update_settings))
}
