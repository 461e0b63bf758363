//! Install scripts and agent programs (contract A-14). All comes from this server: nothing is fetched from the
//! internet and nobody is sent there.

mod files;
mod scripts;
mod targets;

use axum::{
    extract::{RawQuery, Request, State},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};

use crate::{
    auth::client_address,
    error::{ApiError, plain},
    routing::{ApiRouter, routes},
    state::AppState,
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    let router = ApiRouter::new()
        .routes(routes!(get_agent))
        .routes(routes!(get_docker_agent))
        .routes(routes!(get_host_agent))
        .routes(routes!(get_host_agent_checksum));
    scripts::SCRIPTS
        .iter()
        .fold(router, |router, script| {
            let get = async move |State(state): State<AppState>, request: Request| {
                if script.is_limited {
                    limit(&state, &request.into_parts().0)?;
                }
                Ok::<_, ApiError>(script.answer())
            };
            router.route(script.path, axum::routing::get(get))
        })
        .layer(from_fn(read_only))
}

/// GET and HEAD only, and nothing on the way keeps an old program.
async fn read_only(request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("0"));
    response
}

fn limit(state: &AppState, parts: &Parts) -> Result<(), ApiError> {
    let address = client_address(&parts.extensions, &parts.headers, &state.settings);
    state.access.download_limiter.check(&address, state.now()).map(drop).map_err(|_| {
        ApiError::text(StatusCode::TOO_MANY_REQUESTS, "Too many downloads from this address: wait a minute")
    })
}

/// A value of the query, decoded as far as any valid value needs it.
fn parameter(query: Option<&str>, name: &str) -> String {
    let pairs = query.unwrap_or_default().split('&');
    let value = pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    value.map(|(_, value)| value.to_owned()).unwrap_or_default()
}

async fn serve(state: &AppState, headers: &HeaderMap, names: &[String]) -> Response {
    let folders = files::folders(&state.settings.bin_dir);
    match files::find(&folders, names).await {
        Some(found) => files::answer(found, headers).await.unwrap_or_else(IntoResponse::into_response),
        None => plain(StatusCode::NOT_FOUND, &files::missing(&folders, names)),
    }
}

/// The agent for a processor.
#[utoipa::path(
    get, path = "/download/pulse-agent", tag = "downloads", security(()),
    params(("arch" = Option<String>, Query, description = "Such as linux-amd64, aarch64 or armv7l")),
    responses((status = 200, description = "With X-Checksum-Sha256", body = Vec<u8>), (status = 404, body = String), (status = 429, body = String))
)]
async fn get_agent(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    limit(&state, &parts)?;
    let arch = parameter(query.as_deref(), "arch");
    Ok(serve(&state, &parts.headers, &targets::agent(&arch)).await)
}

/// The former agent for containers.
#[utoipa::path(
    get, path = "/download/pulse-docker-agent", tag = "downloads", security(()),
    params(("arch" = Option<String>, Query, description = "Such as linux-amd64")),
    responses((status = 200, body = Vec<u8>), (status = 404, body = String), (status = 429, body = String))
)]
async fn get_docker_agent(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    limit(&state, &parts)?;
    let arch = parameter(query.as_deref(), "arch");
    Ok(serve(&state, &parts.headers, &targets::docker_agent(&arch)).await)
}

/// The former agent for hosts.
#[utoipa::path(
    get, path = "/download/pulse-host-agent", tag = "downloads", security(()),
    params(("platform" = Option<String>, Query), ("arch" = Option<String>, Query)),
    responses((status = 200, body = Vec<u8>), (status = 400, body = String), (status = 404, body = String), (status = 429, body = String))
)]
async fn get_host_agent(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    limit(&state, &parts)?;
    let names = host_agent(query.as_deref())?;
    Ok(serve(&state, &parts.headers, &names).await)
}

/// The checksum of the former agent for hosts.
#[utoipa::path(
    get, path = "/download/pulse-host-agent.sha256", tag = "downloads",
    params(("platform" = Option<String>, Query), ("arch" = Option<String>, Query)),
    responses((status = 200, body = String), (status = 400, body = String), (status = 404, body = String), (status = 429, body = String))
)]
async fn get_host_agent_checksum(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    limit(&state, &parts)?;
    let names = host_agent(query.as_deref())?;
    let folders = files::folders(&state.settings.bin_dir);
    let Some(found) = files::find(&folders, &names).await else {
        return Ok(plain(StatusCode::NOT_FOUND, &files::missing(&folders, &names)));
    };
    Ok(plain(StatusCode::OK, &files::checksum(&found).await?))
}

fn host_agent(query: Option<&str>) -> Result<Vec<String>, ApiError> {
    let (platform, arch) = (parameter(query, "platform"), parameter(query, "arch"));
    targets::host_agent(&platform, &arch).map_err(|text| ApiError::text(StatusCode::BAD_REQUEST, text))
}
