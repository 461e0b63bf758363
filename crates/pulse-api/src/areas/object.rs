//! Bodies that must be a JSON object. Serde takes a list for a struct as well, member by member: where everything is
//! optional, `[]` would be a valid request that says nothing.

use axum::body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::extract::{JsonError, read_json};

/// Reads a body of at most `limit_bytes` as a JSON object; nothing at all gives `None`.
pub async fn read_optional_object<T: DeserializeOwned>(
    body: Body,
    limit_bytes: usize,
) -> Result<Option<T>, JsonError> {
    let bytes = match Limited::new(body, limit_bytes).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(JsonError::TooLarge { limit_bytes }),
        Err(_) => return Err(JsonError::Incomplete),
    };
    match bytes.trim_ascii_start().first() {
        None => Ok(None),
        Some(b'{') => read_json(Body::from(bytes), limit_bytes).await.map(Some),
        Some(_) => Err(not_an_object()),
    }
}

/// The same, but nothing at all is an error.
pub async fn read_object<T: DeserializeOwned>(body: Body, limit_bytes: usize) -> Result<T, JsonError> {
    read_optional_object(body, limit_bytes).await?.ok_or_else(not_an_object)
}

fn not_an_object() -> JsonError {
    JsonError::Invalid { path: String::new(), message: "a JSON object is expected".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Anything {
        name: Option<String>,
    }

    #[tokio::test]
    async fn only_an_object_is_one() {
        let read = |text: &'static str| read_object::<Anything>(Body::from(text), 64);
        assert_eq!(read(" {\"name\":\"a\"}").await.unwrap().name.as_deref(), Some("a"));
        for text in ["[]", "null", "\"x\"", "1", "", "{", "{}x"] {
            assert!(matches!(read(text).await, Err(JsonError::Invalid { .. })), "{text}");
        }
        let field = read("{\"name\":5}").await.unwrap_err().to_string();
        assert!(field.starts_with("field name: "), "{field}");
    }

    #[tokio::test]
    async fn nothing_may_be_allowed_and_too_much_never_is() {
        let nothing = read_optional_object::<Anything>(Body::from(" \n"), 64).await.unwrap();
        assert_eq!(nothing, None);
        let large = read_object::<Anything>(Body::from(vec![b' '; 65]), 64).await;
        assert_eq!(large.unwrap_err(), JsonError::TooLarge { limit_bytes: 64 });
    }
}
