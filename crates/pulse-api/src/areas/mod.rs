//! One module per area of the contract. Each endpoint stands with its shapes, its document and its tests.

mod agents;
mod alerts;
mod audit;
mod backups;
pub(crate) mod charts;
mod connect;
mod documents;
mod downloads;
mod health;
mod history;
mod infra_updates;
mod license;
mod live;
mod logs;
pub(crate) mod metadata;
mod nodes;
mod notifications;
mod object;
mod oidc;
mod profiles;
pub(crate) mod prometheus;
mod rbac;
mod remote_exec;
mod reports;
mod resources;
mod scheduler;
mod security;
mod snapshots;
mod state;
mod storage;
mod system;
mod tokens;
mod transfer;
mod version;

use axum::{middleware::from_fn, response::Response};

use crate::{middleware::packed_body, routing::ApiRouter};

/// All areas.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .merge(health::router())
        .merge(version::router())
        .merge(state::router())
        .merge(resources::router())
        .merge(charts::router())
        .merge(history::router())
        .merge(storage::router())
        .merge(snapshots::router())
        .merge(prometheus::router())
        .merge(agents::router().layer(from_fn(packed_body)))
        .merge(remote_exec::router())
        .merge(profiles::router())
        .merge(infra_updates::router())
        .merge(alerts::router())
        .merge(scheduler::router())
        .merge(live::router())
        .merge(security::router())
        .merge(tokens::router())
        .merge(nodes::router())
        .merge(backups::router())
        .merge(connect::router())
        .merge(metadata::router())
        .merge(notifications::router())
        .merge(system::router())
        .merge(logs::router())
        .merge(license::router())
        .merge(audit::router())
        .merge(rbac::router())
        .merge(reports::router())
        .merge(transfer::router())
        .merge(oidc::router())
        .merge(documents::router())
        .merge(downloads::router())
        .route("/api", axum::routing::any(unknown))
        .route("/api/", axum::routing::any(unknown))
        .route("/api/{*path}", axum::routing::any(unknown))
}

/// A path of the API that is not served; the page's fallback never answers for the API.
async fn unknown() -> Response {
    crate::router::not_found()
}
