//! `/api/logs/*`: the newest lines of the server's log as they come, its level, and a support bundle (contract A-11 §5).

mod bundle;
mod download;
mod level;
mod stream;
mod zip;

use crate::routing::{ApiRouter, routes};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(level::get_log_level, level::set_log_level))
        .routes(routes!(stream::stream_logs))
        .routes(routes!(download::download_logs))
}
