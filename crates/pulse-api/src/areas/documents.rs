//! `/api/openapi.json` and `/api/docs`: the API described, readable without the internet.

use std::sync::OnceLock;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header};

use crate::routing::{ApiRouter, routes};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(get_openapi))
        .routes(routes!(get_docs))
        .route("/docs-page/docs.js", axum::routing::get(|| async { file("text/javascript", SCRIPT) }))
        .route("/docs-page/docs.css", axum::routing::get(|| async { file("text/css", STYLE) }))
}

const PAGE: &str = include_str!("docs/index.html");
const SCRIPT: &str = include_str!("docs/docs.js");
const STYLE: &str = include_str!("docs/docs.css");

fn file(content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The OpenAPI document of everything this server serves.
#[utoipa::path(get, path = "/api/openapi.json", tag = "documents", security(()), responses((status = 200, body = Object)))]
async fn get_openapi() -> Response {
    // The document is the same for the whole life of the program, so it is made once.
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| crate::document_json().into());
    file("application/json", text.clone())
}

/// The document as a page to read.
#[utoipa::path(get, path = "/api/docs", tag = "documents", security(()), responses((status = 200, content_type = "text/html", body = String)))]
async fn get_docs() -> Response {
    file("text/html; charset=utf-8", PAGE)
}
