//! `/api/state`: everything that is monitored, as one object; the same bytes for everybody.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    error::{ApiError, MissingScopeBody, UnauthenticatedBody},
    extract::{Allowed, MonitoringRead},
    published::{Rendered, StateCache},
    routing::{ApiRouter, routes},
    wire::state::StateShape,
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new().routes(routes!(get_state))
}

/// Everything that is monitored.
///
/// Send the entity tag of the last answer in `If-None-Match`: an unchanged state costs a 304 without a body.
#[utoipa::path(
    get, path = "/api/state", tag = "state",
    responses(
        (status = 200, body = StateShape),
        (status = 304, description = "Unchanged since the tag in If-None-Match"),
        (status = 401, body = UnauthenticatedBody),
        (status = 403, body = MissingScopeBody),
    ),
)]
async fn get_state(
    _: Allowed<MonitoringRead>,
    State(published): State<Arc<StateCache>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let failed = |error| ApiError::internal("render the state", error);
    let rendered = published.get().await.map_err(failed)?;
    Ok(answer(&rendered, &headers))
}

/// The rendering in the encoding the client takes, or nothing when it has it already.
fn answer(rendered: &Rendered, headers: &HeaderMap) -> Response {
    let is_known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == rendered.etag));
    let takes_gzip = accepts_gzip(headers);
    let mut response = match (is_known, takes_gzip) {
        (true, _) => StatusCode::NOT_MODIFIED.into_response(),
        (false, true) => Body::from(rendered.gzip.clone()).into_response(),
        (false, false) => Body::from_stream(stream::iter(rendered.chunks())).into_response(),
    };
    let out = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&rendered.etag) {
        out.insert(header::ETAG, tag);
    }
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if !is_known {
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if takes_gzip {
            out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        } else {
            out.insert(header::CONTENT_LENGTH, HeaderValue::from(rendered.length()));
        }
    }
    response
}

pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let is_refused =
                weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0_f32));
            (name.trim().eq_ignore_ascii_case("gzip") || name.trim() == "*") && !is_refused
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, expect: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, accept.parse().unwrap());
        assert_eq!(accepts_gzip(&headers), expect, "{accept}");
    }

    #[test]
    fn gzip_is_sent_only_to_who_takes_it() {
        check("gzip", true);
        check("br, gzip;q=0.5", true);
        check("*", true);
        check("br", false);
        check("gzip;q=0", false);
        check("identity, gzip; q=0.0", false);
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
