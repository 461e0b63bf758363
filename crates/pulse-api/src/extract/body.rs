//! JSON bodies: capped, and with an error that names the field.

use axum::body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

/// Why a body is not what the route wants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is larger than the route takes.
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge {
        /// What the route takes.
        limit_bytes: usize,
    },
    /// The client broke off.
    #[error("the body ended too early")]
    Incomplete,
    /// It is no JSON of the right shape.
    #[error("{}{message}", if path.is_empty() { String::new() } else { format!("field {path}: ") })]
    Invalid {
        /// The field, as a path; empty for the body as a whole.
        path: String,
        /// What is wrong with it.
        message: String,
    },
}

/// Reads a body of at most `limit_bytes` as JSON.
pub async fn read_json<T: DeserializeOwned>(body: Body, limit_bytes: usize) -> Result<T, JsonError> {
    let bytes = match Limited::new(body, limit_bytes).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(JsonError::TooLarge { limit_bytes }),
        Err(_) => return Err(JsonError::Incomplete),
    };
    parse(&bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        JsonError::Invalid {
            path: if path == "." { String::new() } else { path },
            message: error.into_inner().to_string(),
        }
    })?;
    deserializer
        .end()
        .map_err(|error| JsonError::Invalid { path: String::new(), message: error.to_string() })?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use pulse_core::report::host::HostReport;

    use super::*;

    #[tokio::test]
    async fn the_field_is_named() {
        let body = Body::from(r#"{"host":{"hostname":7}}"#);
        let error = read_json::<HostReport>(body, 1024).await.unwrap_err();
        assert!(error.to_string().starts_with("field host.hostname: invalid type"), "{error}");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_before_it_is_whole() {
        let error = read_json::<HostReport>(Body::from(vec![b' '; 1025]), 1024).await.unwrap_err();
        assert_eq!(error, JsonError::TooLarge { limit_bytes: 1024 });
    }

    #[tokio::test]
    async fn text_behind_the_value_is_an_error() {
        let error = read_json::<Vec<u8>>(Body::from("[1] x"), 1024).await.unwrap_err();
        assert!(matches!(error, JsonError::Invalid { .. }), "{error}");
    }
}
