//! `/api/version`, `/api/agent/version`, `/api/server/info`: what the server is.

use std::{path::Path, sync::Arc};

use axum::{Json, extract::State};
use pulse_config::Settings;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    mock::MockMode,
    routing::{ApiRouter, routes},
    state::About,
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(get_version))
        .routes(routes!(get_agent_version))
        .routes(routes!(get_server_info))
}

/// What the server is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Version {
    /// Plain semver.
    version: &'static str,
    /// `release` or `development`; not a date, as in the original.
    build_time: &'static str,
    /// `release` or `development`.
    build: &'static str,
    /// The contract's name for the version of the language; ours is Rust.
    go_version: &'static str,
    /// The language.
    runtime: &'static str,
    /// `stable` or `rc`.
    channel: &'static str,
    /// Whether it runs in Docker.
    is_docker: bool,
    /// Whether it was built on this machine.
    is_source_build: bool,
    /// Whether it is a development build.
    is_development: bool,
    /// `docker`, `systemd` or `manual`; `mock` while an invented installation is shown.
    deployment_type: &'static str,
    /// Whether a newer version is known.
    update_available: bool,
    /// Whether it runs in a container.
    containerized: bool,
}

/// What the server is.
#[utoipa::path(get, path = "/api/version", tag = "version", security(()), responses((status = 200, body = Version)))]
async fn get_version(
    State(about): State<Arc<About>>,
    State(settings): State<Arc<Settings>>,
    State(mock): State<Arc<MockMode>>,
) -> Json<Version> {
    let build = if cfg!(debug_assertions) { "development" } else { "release" };
    let is_docker = settings.is_docker || Path::new("/.dockerenv").exists();
    Json(Version {
        version: about.version,
        build_time: build,
        build,
        go_version: "",
        runtime: "rust",
        channel: if about.version.contains('-') { "rc" } else { "stable" },
        is_docker,
        is_source_build: false,
        is_development: cfg!(debug_assertions),
        deployment_type: match (mock.current().0, is_docker, settings.is_systemd) {
            (true, ..) => "mock",
            (false, true, _) => "docker",
            (false, false, true) => "systemd",
            (false, false, false) => "manual",
        },
        update_available: false,
        containerized: Path::new("/run/systemd/container").exists(),
    })
}

/// The version agents compare theirs with.
#[derive(Debug, Serialize, ToSchema)]
struct AgentVersion {
    /// Plain semver.
    version: &'static str,
}

/// The version agents compare theirs with.
#[utoipa::path(
    get, path = "/api/agent/version", tag = "version", security(()),
    responses((status = 200, body = AgentVersion))
)]
async fn get_agent_version(State(about): State<Arc<About>>) -> Json<AgentVersion> {
    Json(AgentVersion { version: about.version })
}

/// The server in short.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ServerInfo {
    /// Whether it is a development build.
    is_development: bool,
    /// Plain semver.
    version: &'static str,
}

/// The server in short.
#[utoipa::path(
    get, path = "/api/server/info", tag = "version", security(()),
    responses((status = 200, body = ServerInfo))
)]
async fn get_server_info(State(about): State<Arc<About>>) -> Json<ServerInfo> {
    Json(ServerInfo { is_development: cfg!(debug_assertions), version: about.version })
}
