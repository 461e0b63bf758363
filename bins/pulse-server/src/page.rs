//! The page behind the routes of the API: a file of it, or its first file for every address it knows itself.

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use pulse_api::BasePath;
use pulse_web::{Accept, Asset};

/// Answers whatever is no path of the API.
pub fn router() -> Router {
    Router::new().fallback(serve)
}

async fn serve(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let headers = request.headers();
    let accept =
        headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accept = Accept::parse(accept);
    let path = request.uri().path();
    let base = request.extensions().get::<BasePath>().cloned().unwrap_or_default();
    let is_index = matches!(path, "/" | "/index.html");
    let asset = if is_index && !base.0.is_empty() { None } else { pulse_web::asset(path, accept) };
    match asset {
        Some(asset) => answer(asset, headers),
        // A missing file of the page is missing; an address without a file name is one of the page's own.
        None if !is_index && path.rsplit('/').next().is_some_and(|name| name.contains('.')) => {
            StatusCode::NOT_FOUND.into_response()
        }
        None if base.0.is_empty() => answer(pulse_web::index_for(accept), headers),
        None => answer(pulse_web::index_under(&base.0), headers),
    }
}

fn answer(asset: Asset, headers: &HeaderMap) -> Response {
    let is_known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == asset.etag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(match asset.body {
            std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
            std::borrow::Cow::Owned(bytes) => Body::from(bytes),
        })
    };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    let cache = if asset.is_immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(encoding) = asset.encoding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
    }
    if let Ok(tag) = HeaderValue::from_str(&asset.etag) {
        out.insert(header::ETAG, tag);
    }
    response
}
