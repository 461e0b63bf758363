//! `GET /api/agents/host/lookup`: the agent asks under which id it is kept.

use axum::{
    Json,
    extract::{Query, State},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_core::scope::Scope;
use pulse_monitor::{Keeper, fleet::roster};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{bad, speaker};
use crate::{
    error::{ApiError, ErrorBody},
    extract::{Allowed, HostAgentReport},
};

/// Which host is meant.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(super) struct Which {
    /// Its id.
    id: Option<String>,
    /// Its host name, whole or up to the first dot, or the name it is shown by.
    hostname: Option<String>,
}

/// A host that was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundHost {
    /// Id.
    id: String,
    /// Host name.
    hostname: String,
    /// Name to show.
    display_name: String,
    /// `online` or `offline`.
    status: &'static str,
    /// Whether reports come.
    connected: bool,
    /// When the last report came.
    #[schema(value_type = String, format = DateTime)]
    last_seen: Timestamp,
    /// Version of the agent.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    agent_version: String,
}

/// Answer to a lookup.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LookupReply {
    /// Always true.
    success: bool,
    /// The host.
    host: FoundHost,
}

/// Ask under which id a host is kept. A token that may only report finds what it reports.
#[utoipa::path(
    get, path = "/api/agents/host/lookup", tag = "agents", params(Which),
    responses(
        (status = 200, body = LookupReply), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(super) async fn look_up_host(
    allowed: Allowed<HostAgentReport>,
    State(keeper): State<Keeper>,
    Query(which): Query<Which>,
) -> Result<Json<LookupReply>, ApiError> {
    let given =
        |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let (id, hostname) = (given(which.id), given(which.hostname));
    if id.is_none() && hostname.is_none() {
        return Err(bad("missing_lookup_param", "Provide either id or hostname to look up a host"));
    }
    let asker = speaker(&allowed.identity, Scope::HostAgentManage);
    let found =
        roster::find_host(&keeper.snapshot(), id.as_deref(), hostname.as_deref(), asker.as_ref()).cloned();
    let Some(host) = found else {
        let text = "Host has not registered with Pulse yet";
        return Err(ApiError::envelope(StatusCode::NOT_FOUND, "host_not_found", text));
    };
    if asker.is_some() && host.link.as_ref().map(|link| &link.token_id) != asker.as_ref() {
        let text = "Host does not belong to this API token";
        return Err(ApiError::envelope(StatusCode::FORBIDDEN, "host_lookup_forbidden", text));
    }
    let status = host.liveness.name();
    Ok(Json(LookupReply {
        success: true,
        host: FoundHost {
            id: host.id.to_string(),
            hostname: host.info.hostname.clone(),
            display_name: host.display_name().to_owned(),
            status,
            connected: status == "online",
            last_seen: host.last_seen,
            agent_version: host.agent.version.clone(),
        },
    }))
}
