//! Compressed request bodies: agents send their reports so once an answer says that they may.
//!
//! What is unpacked is bounded like what is sent; the route's own limit holds for the unpacked body.

use std::io::Read;

use axum::{
    body::{Body, Bytes},
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use flate2::read::GzDecoder;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::error::ApiError;

/// The largest report that any route takes; both the packed and the unpacked body stay below.
const LIMIT_BYTES: usize = 2 * 1024 * 1024;

/// Unpacks a body sent with `Content-Encoding: gzip`, and says in every answer that such bodies are taken
/// (RFC 9110 §12.5.3).
pub async fn packed_body(request: Request, next: Next) -> Response {
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    let mut response = match encoding.map(HeaderValue::as_bytes) {
        None | Some(b"identity") => next.run(request).await,
        Some(b"gzip") => match unpack(request).await {
            Ok(request) => next.run(request).await,
            Err(error) => error.into_response(),
        },
        Some(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
    };
    response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    response
}

async fn unpack(request: Request) -> Result<Request, ApiError> {
    let (mut head, body) = request.into_parts();
    let packed = match Limited::new(body, LIMIT_BYTES).collect().await {
        Ok(packed) => packed.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
        Err(_) => return Err(refused("the body ended too early")),
    };
    let unpacked = gunzip(&packed)?;
    head.headers.remove(header::CONTENT_ENCODING);
    head.headers.remove(header::CONTENT_LENGTH);
    Ok(Request::from_parts(head, Body::from(unpacked)))
}

fn gunzip(packed: &[u8]) -> Result<Bytes, ApiError> {
    let mut unpacked = Vec::new();
    let limit = LIMIT_BYTES as u64 + 1;
    let read = GzDecoder::new(packed).take(limit).read_to_end(&mut unpacked);
    match read {
        Ok(length) if length <= LIMIT_BYTES => Ok(Bytes::from(unpacked)),
        Ok(_) => Err(too_large()),
        Err(_) => Err(refused("the body is no gzip")),
    }
}

fn refused(reason: &str) -> ApiError {
    ApiError::envelope(StatusCode::BAD_REQUEST, "invalid_json", "Failed to decode request body")
        .detail("error", reason.to_owned())
}

/// Agents of Pulse v5 compress nothing, so that their contract (400 whatever is wrong) does not bind here.
fn too_large() -> ApiError {
    let text = format!("the unpacked body is larger than {LIMIT_BYTES} bytes");
    ApiError::envelope(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", text)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::{Router, middleware::from_fn};
    use flate2::{Compression, write::GzEncoder};
    use tower::ServiceExt;

    use super::*;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn send(encoding: Option<&str>, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
        let echo = |body: Bytes| async move { body };
        let app = Router::new().fallback(echo).layer(from_fn(packed_body));
        let mut request = Request::post("/");
        if let Some(encoding) = encoding {
            request = request.header(header::CONTENT_ENCODING, encoding);
        }
        let response = app.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        assert_eq!(response.headers()[header::ACCEPT_ENCODING], "gzip");
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn packed_bodies_arrive_unpacked_and_plain_ones_as_they_are() {
        assert_eq!(send(Some("gzip"), pack(b"{}")).await, (StatusCode::OK, b"{}".to_vec()));
        assert_eq!(send(None, b"{}".to_vec()).await, (StatusCode::OK, b"{}".to_vec()));
    }

    #[tokio::test]
    async fn bombs_garbage_and_other_codings_are_refused() {
        let bomb = pack(&vec![b' '; LIMIT_BYTES + 1]);
        assert!(bomb.len() < LIMIT_BYTES / 100);
        assert_eq!(send(Some("gzip"), bomb).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        let raw = vec![b' '; LIMIT_BYTES + 1];
        assert_eq!(send(Some("gzip"), raw).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(send(Some("gzip"), b"no gzip".to_vec()).await.0, StatusCode::BAD_REQUEST);
        assert_eq!(send(Some("br"), Vec::new()).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}
