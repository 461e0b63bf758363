//! The id of a request: the client's own or a fresh one, in the log and in the answer. A handler that panics is
//! answered with the contract's `internal_error`, and everything else goes on.

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use axum::{
    Json,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::error::ErrorBody;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Middleware: names the request and catches panics.
pub async fn request_id(request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(&HEADER)
        .filter(|value| value.len() <= 128 && value.to_str().is_ok())
        .cloned()
        .or_else(|| HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()).ok());
    let path = request.uri().path().to_owned();
    let mut response = if let Ok(response) = AssertUnwindSafe(next.run(request)).catch_unwind().await {
        response
    } else {
        tracing::error!(request.id = ?id, path, "a handler panicked; this is a defect of the server");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let message = "Internal server error; the server's log says more".to_owned();
        (status, Json(ErrorBody::new(status, "internal_error", message, BTreeMap::new()))).into_response()
    };
    if let Some(id) = id {
        response.headers_mut().insert(HEADER, id);
    }
    response
}
