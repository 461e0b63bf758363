//! `/api/system/settings`, `/api/config/system`, `/api/config`, `/api/system/mock-mode`: the settings an administrator changes while the server
//! runs (contract A-11). The rules of each key stand in `pulse_config::schema::system`.

mod body;
mod mock_mode;
mod read;
mod update;

pub(super) use body::SettingsBody;

use crate::routing::{ApiRouter, routes};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(read::get_settings))
        .routes(routes!(read::get_config_system))
        .routes(routes!(read::get_config))
        .routes(routes!(update::update_settings))
        .routes(routes!(mock_mode::get_mock_mode, mock_mode::set_mock_mode, mock_mode::put_mock_mode))
}
