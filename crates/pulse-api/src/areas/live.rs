//! `/ws`: the live channel (contract B-03).

use axum::{
    extract::{Query, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use pulse_auth::AuthMethod;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    auth::is_still_valid,
    error::plain,
    extract::{Allowed, MonitoringRead},
    routing::{ApiRouter, routes},
    state::AppState,
    ws::{self, StreamKind},
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new().routes(routes!(open_live_channel))
}

/// What a client sends us is small.
const LARGEST_REQUEST: usize = 64 * 1024;

/// What to be sent.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LiveParams {
    /// `delta` for a snapshot and differences; whole states otherwise.
    stream: Option<String>,
}

/// The live channel: `welcome`, then the state again and again, or with `stream=delta` a snapshot and differences.
///
/// Our own page may send a `watch` message with `data.ids` in a stream of differences: it then gets `watched` messages
/// with the figures of these guests and nodes every second, until it names others or none.
///
/// Unlike the original, a token needs `monitoring:read`: the channel shows the whole state.
#[utoipa::path(
    get, path = "/ws", tag = "websocket", params(LiveParams),
    responses((status = 101, description = "Text frames of JSON; binary frames are gzip of the same")),
)]
async fn open_live_channel(
    allowed: Allowed<MonitoringRead>,
    State(state): State<AppState>,
    Query(params): Query<LiveParams>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else { return plain(StatusCode::BAD_REQUEST, "Bad Request") };
    // All but a token is sent by a browser without its page's doing.
    let rides_on_cookie = allowed.identity.method != AuthMethod::ApiToken;
    if !is_origin_allowed(&headers, &state.system.current().allowed_origin_list(), rides_on_cookie) {
        return plain(StatusCode::FORBIDDEN, "Origin not allowed");
    }
    let kind = if params.stream.as_deref() == Some("delta") { StreamKind::Delta } else { StreamKind::Raw };
    let (identity, book) = (allowed.identity, state.roles.book());
    upgrade
        .max_message_size(LARGEST_REQUEST)
        .on_upgrade(move |socket| async move {
            let (hub, clock, watcher) = (state.hub.clone(), state.clock.clone(), state.watcher.clone());
            ws::serve(socket, hub, kind, clock, watcher, move || is_still_valid(&state, &identity, &book))
                .await;
        })
        .into_response()
}

/// A browser must come from our own page or a configured origin; other programs send no origin. `*` lets pages from
/// anywhere in that bring a token, never one that rides on the cookie of somebody's session.
fn is_origin_allowed(headers: &HeaderMap, allowed: &[String], rides_on_cookie: bool) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN.as_str()) else { return true };
    if allowed.iter().any(|entry| (entry == "*" && !rides_on_cookie) || entry.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let origin_host = origin.split_once("://").map_or("", |(_, host)| host.trim_end_matches('/'));
    let own = [text("x-forwarded-host"), text(header::HOST.as_str())];
    own.into_iter().flatten().any(|host| host.eq_ignore_ascii_case(origin_host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origin: Option<&str>, allowed: &[&str], expect: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "pulse.lan:7655".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        assert_eq!(is_origin_allowed(&headers, &allowed, false), expect, "{origin:?}");
        let is_any = allowed.iter().any(|entry| entry == "*");
        assert_eq!(
            is_origin_allowed(&headers, &allowed, true),
            expect && !is_any,
            "{origin:?} with a session"
        );
    }

    #[test]
    fn a_browser_comes_from_our_page_or_a_configured_origin() {
        check(None, &[], true);
        check(Some("http://pulse.lan:7655"), &[], true);
        check(Some("http://evil.example"), &[], false);
        check(Some("http://192.168.1.9"), &[], false);
        check(Some("https://dash.example"), &["https://dash.example"], true);
        check(Some("https://dash.example"), &["*"], true);
        check(Some("null"), &[], false);
    }
}
