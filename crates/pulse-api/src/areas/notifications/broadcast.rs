//! `POST /api/test-notification`: tries the live channel, not a destination.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::{
    extract::{Allowed, MonitoringWrite},
    state::AppState,
    ws::Event,
};

/// Show every live client a node that does not exist, to try the live channel out.
///
/// Unlike v5, a token needs `monitoring:write`: everybody who watches sees it.
#[utoipa::path(
    post, path = "/api/test-notification", tag = "notifications",
    responses((status = 200, description = "`{\"status\":\"notification sent\"}` as plain text", body = String))
)]
pub(super) async fn test_broadcast(_: Allowed<MonitoringWrite>, State(state): State<AppState>) -> Response {
    let data = json!({
        "type": "pve", "host": "test-node.example.com", "name": "Test Node", "tokenId": "test-token", "hasToken": true,
    });
    state.hub.emit(Event::new("node_auto_registered", &data, Some(state.now())));
    let mut response = (StatusCode::OK, r#"{"status":"notification sent"}"#).into_response();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
