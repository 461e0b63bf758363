//! `GET /api/logs/stream`: server-sent events, the newest lines first.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    response::Response,
};
use futures_util::stream;
use http::{HeaderName, HeaderValue, StatusCode, header};
use pulse_auth::{Identity, RoleBook};
use pulse_log::{Logs, Next, Reading};

use crate::{
    auth::is_still_valid,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsReadAdmin},
    state::AppState,
};

/// A comment is sent this often where nothing is logged: proxies keep the connection, and a reader whose session ended is
/// seen. Pulse v5 sends none; clients ignore comments.
const PULSE: Duration = Duration::from_secs(15);

struct Reader {
    state: AppState,
    identity: Identity,
    book: Arc<RoleBook>,
    reading: Reading,
}

/// The log as it is written: the newest lines that are kept (a thousand at most), then each one as it comes.
///
/// Every event is one line: a JSON object with `level`, `time`, `target`, `message` and the line's own fields. It ends when
/// the session or token it came with does.
#[utoipa::path(
    get, path = "/api/logs/stream", tag = "logs",
    responses(
        (status = 200, description = "`data: <line>` for each line", body = String, content_type = "text/event-stream"),
        (status = 403, body = MissingScopeBody),
        (status = 503, description = "Too many are reading", body = String),
    )
)]
pub(super) async fn stream_logs(
    allowed: Allowed<SettingsReadAdmin>,
    State(state): State<AppState>,
    State(logs): State<Logs>,
) -> Result<Response, ApiError> {
    let reading = logs
        .book()
        .read()
        .map_err(|error| ApiError::text(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    let book = state.roles.book();
    let reader = Reader { state, identity: allowed.identity, book, reading };
    let events = stream::unfold(reader, |mut reader| async move {
        let event = next(&mut reader.reading).await?;
        // Whoever was shut out meanwhile reads no more.
        is_still_valid(&reader.state, &reader.identity, &reader.book)
            .then_some((Ok::<_, std::convert::Infallible>(event), reader))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx would wait for more.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

async fn next(reading: &mut Reading) -> Option<Bytes> {
    match tokio::time::timeout(PULSE, reading.next()).await {
        Ok(None) => None,
        Ok(Some(Next::Line(line))) => Some(format!("data: {line}\n\n").into()),
        Ok(Some(Next::Lost(lines))) => {
            Some(format!("data: {{\"level\":\"warn\",\"message\":\"{lines} lines were left out: the reader is too slow\"}}\n\n").into())
        }
        Err(_) => Some(Bytes::from_static(b": still here\n\n")),
    }
}
