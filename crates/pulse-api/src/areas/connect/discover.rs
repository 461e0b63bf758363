//! `/api/discover`: Proxmox servers in the network.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use pulse_core::model::InstanceKind;
use pulse_monitor::discovery::{FoundServer, Scan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsReadAdmin, SettingsWriteAdmin},
    state::AppState,
};

const LIMIT: usize = 8 * 1024;

/// Where to look.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = DiscoverWish)]
pub(super) struct Wish {
    /// IPv4 networks such as `192.0.2.0/24`, separated by commas; `auto` or nothing for this machine's own private ones.
    subnet: String,
    /// Whether what the background search found last is enough.
    use_cache: bool,
}

/// A server that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiscoveredServer)]
struct ServerBody {
    /// Its address.
    ip: String,
    /// The port of its API.
    port: u16,
    /// `pve`, `pbs` or `pmg`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Always `Unknown`: nobody tells it without a login.
    version: &'static str,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    /// SHA-256 fingerprint of the certificate it shows.
    fingerprint: String,
}

impl From<&FoundServer> for ServerBody {
    fn from(it: &FoundServer) -> Self {
        let kind: InstanceKind = it.kind;
        Self {
            ip: it.address.ip().to_string(),
            port: it.address.port(),
            kind: kind.name(),
            version: "Unknown",
            hostname: it.hostname.clone(),
            fingerprint: it.fingerprint.clone(),
        }
    }
}

/// What was searched.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiscoverEnvironment)]
struct Environment {
    /// Always `native`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Always 1.
    confidence: f64,
    /// The networks.
    phases: Vec<Phase>,
    /// Always empty.
    warnings: Vec<String>,
    /// How many addresses were tried.
    metadata: Metadata,
}

/// Networks that were searched together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiscoverPhase)]
struct Phase {
    /// Name.
    name: &'static str,
    /// Networks.
    subnets: Vec<String>,
    /// Always 1.
    confidence: f64,
}

/// Figures of a search.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiscoverMetadata)]
struct Metadata {
    /// Addresses that were tried.
    hosts: String,
}

/// What was found.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Discovered)]
pub(super) struct Body {
    /// Whether it is from the background search.
    cached: bool,
    /// Always false, and only for a search that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    scanning: Option<bool>,
    /// Servers that are not configured yet.
    servers: Vec<ServerBody>,
    /// What was not searched, and why.
    errors: Vec<String>,
    /// What was searched; null where nothing was.
    environment: Option<Environment>,
    /// Age in seconds, only of the background search.
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<f64>,
    /// When, Unix seconds, only of the background search.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<i64>,
}

fn found(scan: &Scan, networks: Vec<String>) -> Body {
    Body {
        servers: scan.servers.iter().map(ServerBody::from).collect(),
        errors: scan.errors.clone(),
        environment: Some(Environment {
            kind: "native",
            confidence: 1.0,
            phases: vec![Phase { name: "networks", subnets: networks, confidence: 1.0 }],
            warnings: Vec::new(),
            metadata: Metadata { hosts: scan.hosts.to_string() },
        }),
        ..Body::default()
    }
}

fn cached(state: &AppState) -> Body {
    let last = state.discovery.last().map(|last| {
        let age = state.now().duration_since(last.at).as_secs_f64().max(0.0);
        (age, last)
    });
    match last {
        Some((age, last)) => Body {
            cached: true,
            age: Some(age),
            updated: Some(last.at.as_second()),
            ..found(&last.scan, last.networks.clone())
        },
        None => Body { age: Some(0.0), updated: Some(0), ..Body::default() },
    }
}

/// What the search in the background found last. It is off until the settings want it.
#[utoipa::path(
    get, path = "/api/discover", tag = "connect",
    responses((status = 200, body = Body), (status = 403, body = MissingScopeBody)),
)]
pub(super) async fn get_discovered(
    _: Allowed<SettingsReadAdmin>,
    State(state): State<AppState>,
) -> Json<Body> {
    Json(cached(&state))
}

/// Search networks for Proxmox servers, for at most half a minute.
///
/// Only hosts in the named networks are touched, at most as many as the settings allow, and what is configured already is
/// left alone. The networks have to be private, or among the allowed ones where the settings name those. It makes this server knock at other machines, so it needs the right to change settings; Pulse v5 lets
/// every caller do it.
#[utoipa::path(
    post, path = "/api/discover", tag = "connect", request_body = Wish,
    responses(
        (status = 200, body = Body), (status = 400, description = "No JSON, or no network", body = String),
        (status = 403, body = MissingScopeBody),
        (status = 409, description = "A search is under way", body = String),
    )
)]
pub(super) async fn discover(
    allowed: Allowed<SettingsWriteAdmin>,
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<Body>, ApiError> {
    let bad = |text: &str| ApiError::text(StatusCode::BAD_REQUEST, text);
    let wish: Wish =
        read_object(request.into_body(), LIMIT).await.map_err(|_| bad("Invalid request body"))?;
    if wish.use_cache && state.discovery.last().is_some() {
        return Ok(Json(cached(&state)));
    }
    tracing::info!(by = %allowed.identity, subnet = wish.subnet, "a search for Proxmox servers was asked for");
    let settings = state.system.current();
    let nodes = state.nodes.subscribe();
    let outcome = state.discovery.scan(&wish.subnet, &Arc::clone(&settings), &nodes).await;
    match outcome {
        Ok((scan, networks)) => Ok(Json(Body { scanning: Some(false), ..found(&scan, networks) })),
        Err(error @ pulse_monitor::discovery::DiscoveryError::Busy) => {
            Err(ApiError::text(StatusCode::CONFLICT, format!("Discovery failed: {error}")))
        }
        Err(error) => Err(bad(&format!("Discovery failed: {error}"))),
    }
}
