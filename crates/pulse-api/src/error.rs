//! What goes wrong, as clients see it: the contract's two error shapes, decided in one place.
//!
//! What the client reads and what the log keeps are two things: the cause of an internal error never reaches a body.

use std::collections::BTreeMap;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use pulse_auth::{Denied, LicenseRequired};
use pulse_monitor::KeeperClosed;
use pulse_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request is not answered as wished.
#[derive(Debug)]
pub enum ApiError {
    /// Plain text, as about half of the contract's routes answer.
    Text {
        /// Status.
        status: StatusCode,
        /// One sentence.
        message: String,
    },
    /// The error envelope, as the other half answers.
    Envelope {
        /// Status.
        status: StatusCode,
        /// Code for programs.
        code: &'static str,
        /// One sentence.
        message: String,
        /// More for programs.
        details: BTreeMap<String, String>,
    },
    /// A JSON body of the route's own.
    Json {
        /// Status.
        status: StatusCode,
        /// Body.
        body: serde_json::Value,
    },
    /// The caller may not.
    Denied(Denied),
    /// The licence does not include it.
    License(LicenseRequired),
    /// Our own fault; the cause goes to the log.
    Internal(String),
}

impl ApiError {
    /// A plain-text error.
    pub fn text(status: StatusCode, message: impl Into<String>) -> Self {
        Self::Text { status, message: message.into() }
    }

    /// An error in the envelope.
    pub fn envelope(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self::Envelope { status, code, message: message.into(), details: BTreeMap::new() }
    }

    /// An internal error: `doing` says what was being done; neither reaches the client.
    pub fn internal(doing: &str, cause: impl std::fmt::Display) -> Self {
        Self::Internal(format!("{doing}: {cause}"))
    }

    /// Adds a detail for programs to an envelope; other errors stay as they are.
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<String>) -> Self {
        if let Self::Envelope { details, .. } = &mut self {
            details.insert(key.to_owned(), value.into());
        }
        self
    }
}

/// The error envelope.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorBody {
    /// One sentence.
    pub error: String,
    /// Code for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The status once more.
    pub status_code: u16,
    /// When, Unix seconds.
    pub timestamp: i64,
    /// More for programs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

impl ErrorBody {
    /// An envelope of now.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: String,
        details: BTreeMap<String, String>,
    ) -> Self {
        // An error is stamped when it is written, not when it was thought of: the wall clock is right here.
        let timestamp = jiff::Timestamp::now().as_second();
        Self { error: message, code: Some(code), status_code: status.as_u16(), timestamp, details }
    }
}

/// The answer to a token without the scope.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissingScopeBody {
    /// Always `missing_scope`.
    pub error: &'static str,
    /// The scope it would need.
    pub required_scope: &'static str,
}

/// The answer to a caller without credentials.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UnauthenticatedBody {
    /// Always `Authentication required`.
    pub error: &'static str,
}

/// A plain-text body as the contract has it: one line, never sniffed.
pub fn plain(status: StatusCode, message: &str) -> Response {
    let mut response = (status, format!("{message}\n")).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Text { status, message } => plain(status, &message),
            Self::Envelope { status, code, message, details } => {
                (status, Json(ErrorBody::new(status, code, message, details))).into_response()
            }
            Self::Json { status, body } => (status, Json(body)).into_response(),
            Self::Denied(Denied::Unauthenticated) => {
                let body = UnauthenticatedBody { error: "Authentication required" };
                (StatusCode::UNAUTHORIZED, Json(body)).into_response()
            }
            Self::Denied(Denied::NotAdmin) => {
                let body = UnauthenticatedBody { error: "Admin privileges required" };
                (StatusCode::FORBIDDEN, Json(body)).into_response()
            }
            Self::Denied(Denied::Forbidden { permission }) => {
                let body = serde_json::json!({
                    "error": "forbidden", "message": Denied::Forbidden { permission }.to_string(),
                    "action": permission.action.name(), "resource": permission.resource.name(),
                });
                (StatusCode::FORBIDDEN, Json(body)).into_response()
            }
            Self::Denied(Denied::License(license)) => Self::License(license).into_response(),
            Self::Denied(Denied::MissingScope { required }) => {
                let body = MissingScopeBody { error: "missing_scope", required_scope: required.name() };
                (StatusCode::FORBIDDEN, Json(body)).into_response()
            }
            Self::License(license) => {
                let body = serde_json::json!({
                    "error": "license_required", "feature": license.feature.key(),
                    "message": license.to_string(), "upgrade_url": LicenseRequired::UPGRADE_URL,
                });
                (StatusCode::PAYMENT_REQUIRED, Json(body)).into_response()
            }
            Self::Internal(cause) => {
                tracing::error!(%cause, "a request failed");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                let message = "Internal server error; the server's log says more".to_owned();
                let body = ErrorBody::new(status, "internal_error", message, BTreeMap::new());
                (status, Json(body)).into_response()
            }
        }
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<LicenseRequired> for ApiError {
    fn from(license: LicenseRequired) -> Self {
        Self::License(license)
    }
}

impl From<KeeperClosed> for ApiError {
    fn from(closed: KeeperClosed) -> Self {
        Self::envelope(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", closed.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::internal("read the history", error)
    }
}
