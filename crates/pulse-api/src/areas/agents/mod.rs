//! `/api/agents/*`: what agents send, and what people do with what agents report (contract B-09).

mod clusters;
mod commands;
mod config;
mod decisions;
mod docker_hosts;
mod hosts;
mod lookup;
mod report;

use std::sync::Arc;

use axum::body::Body;
use http::StatusCode;
use pulse_auth::Identity;
use pulse_core::{credential::ScopeSet, ids::TokenId, scope::Scope};
use pulse_monitor::fleet::{FleetError, roster::NotKnown};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{
    areas::object::read_object,
    error::ApiError,
    routing::{ApiRouter, routes},
    state::Access,
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(report::report_host))
        .routes(routes!(report::report_docker))
        .routes(routes!(report::report_kubernetes))
        .routes(routes!(lookup::look_up_host))
        .routes(routes!(hosts::uninstall_host))
        .routes(routes!(hosts::link_host))
        .routes(routes!(hosts::unlink_host))
        .routes(routes!(hosts::remove_host))
        .routes(routes!(hosts::allow_host_reenrolment))
        .routes(routes!(config::get_host_config, config::patch_host_config))
        .routes(routes!(commands::acknowledge_command))
        .routes(routes!(commands::check_updates))
        .routes(routes!(commands::update_container))
        .routes(routes!(docker_hosts::remove_docker_host))
        .routes(routes!(docker_hosts::allow_docker_reenrolment))
        .routes(routes!(docker_hosts::unhide_docker_host))
        .routes(routes!(docker_hosts::mark_docker_pending_uninstall))
        .routes(routes!(docker_hosts::name_docker_host))
        .routes(routes!(clusters::remove_cluster))
        .routes(routes!(clusters::allow_cluster_reenrolment))
        .routes(routes!(clusters::unhide_cluster))
        .routes(routes!(clusters::mark_cluster_pending_uninstall))
        .routes(routes!(clusters::name_cluster))
        .routes(routes!(decisions::list_agent_decisions))
}

/// What people send is short.
const SMALL_LIMIT: usize = 8 * 1024;

/// Ids in a path are no longer than those that reports may have.
const LONGEST_ID: usize = 512;

/// Something was done with a host.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HostDone {
    /// Always true.
    success: bool,
    /// Which one.
    host_id: String,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

impl HostDone {
    fn new(host_id: String, message: &'static str) -> Self {
        Self { success: true, host_id, message: Some(message) }
    }
}

/// A name that a person gives.
#[derive(Debug, Default, serde::Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
struct DisplayName {
    /// The name; empty takes it away.
    display_name: String,
}

/// The contract answers unreadable and oversized bodies alike.
async fn object<T: DeserializeOwned>(body: Body, limit_bytes: usize) -> Result<T, ApiError> {
    read_object(body, limit_bytes).await.map_err(|error| {
        ApiError::envelope(StatusCode::BAD_REQUEST, "invalid_json", "Failed to decode request body")
            .detail("error", error.to_string())
    })
}

fn bad(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::envelope(StatusCode::BAD_REQUEST, code, message)
}

/// A field that must say something.
fn required(value: &str, code: &'static str, what: &str) -> Result<String, ApiError> {
    let value = value.trim();
    if value.is_empty() || value.len() > LONGEST_ID {
        return Err(bad(code, format!("{what} must have 1 to {LONGEST_ID} bytes")));
    }
    Ok(value.to_owned())
}

fn not_known(code: &'static str) -> impl Fn(NotKnown) -> ApiError {
    move |error| ApiError::envelope(StatusCode::NOT_FOUND, code, error.to_string())
}

impl From<FleetError> for ApiError {
    fn from(error: FleetError) -> Self {
        match error {
            FleetError::Closed(closed) => closed.into(),
            FleetError::Keep(cause) => {
                tracing::error!(error = %cause, "a decision about an agent could not be written down");
                let text = "It is done, but could not be written to the disk and will be forgotten at the next start; \
                            the server's log says why";
                Self::envelope(StatusCode::INTERNAL_SERVER_ERROR, "not_kept", text)
            }
            FleetError::Task(cause) => Self::internal("write down a decision about an agent", cause),
        }
    }
}

/// Whether a token is an agent's: it can report and fetch its configuration, and nothing else.
fn is_agents_own(scopes: &ScopeSet) -> bool {
    let is_agents = |scope| match scope {
        Scope::HostAgentReport
        | Scope::DockerReport
        | Scope::KubernetesReport
        | Scope::HostAgentConfigRead => true,
        Scope::All
        | Scope::DockerManage
        | Scope::HostAgentManage
        | Scope::KubernetesManage
        | Scope::MonitoringRead
        | Scope::MonitoringWrite
        | Scope::SettingsRead
        | Scope::SettingsWrite => false,
    };
    scopes.scopes().all(is_agents)
}

/// Takes away the token of an agent that is gone, where nothing else uses it.
///
/// Pulse v5: the token of a removed Docker host or cluster goes whoever else uses it, also where it is the
/// administrator's own.
async fn revoke(access: Arc<Access>, token: Option<TokenId>, by: &Identity) -> Result<(), ApiError> {
    let Some(id) = token else { return Ok(()) };
    let is_own =
        access.tokens.current().by_id(id.as_str()).is_some_and(|token| is_agents_own(&token.record().scopes));
    if !is_own {
        return Ok(());
    }
    let doing = "revoke the token of a removed agent";
    let removed = tokio::task::spawn_blocking(move || access.tokens.remove(id.as_str())).await;
    let removed = removed
        .map_err(|error| ApiError::internal(doing, error))?
        .map_err(|error| ApiError::internal(doing, error))?;
    if let Some(record) = removed {
        tracing::info!(%by, token.id = %record.id, "the token of a removed agent was revoked");
    }
    Ok(())
}

/// The token on whose behalf somebody speaks: none for people and for tokens that may manage what they speak of.
fn speaker(identity: &Identity, manage: Scope) -> Option<TokenId> {
    identity.token_id.clone().filter(|_| !identity.scopes.allows(manage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_that_can_do_nothing_but_report_are_an_agents_own() {
        assert!(is_agents_own(&ScopeSet::from_names(["docker:report", "host-agent:config:read"])));
        for names in [&["*"][..], &[], &["docker:report", "settings:read"], &["host-agent:manage"]] {
            assert!(!is_agents_own(&ScopeSet::from_names(names)), "{names:?}");
        }
    }
}
