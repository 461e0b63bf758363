//! Why reports do not get through, in words that say what to do.

use std::{error::Error as _, time::Duration};

use http::StatusCode;
use serde::Deserialize;

/// Why a link cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address is no web address.
    #[error(
        "the server's address {url:?} is not usable: {reason}; set --url to something like https://pulse.example:7655"
    )]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The token cannot stand in a header.
    #[error("the API token has characters that cannot be sent; copy it again from the server's settings")]
    Token,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[source] reqwest::Error),
}

/// Why one report did not get through.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The server refused the token.
    #[error(
        "the server does not accept the API token (401); make a new token in its settings and start the agent with it"
    )]
    Unauthorized,
    /// The token may not do this.
    #[error(
        "the API token may not report here (403): {message}; give it the scope {scope} in the server's settings"
    )]
    Forbidden {
        /// The scope that is needed.
        scope: &'static str,
        /// The server's words.
        message: String,
    },
    /// The server sends elsewhere.
    #[error("the server redirects to {location}; set --url to the address that answers itself")]
    Redirect {
        /// Where to.
        location: String,
    },
    /// The server does not want this report.
    #[error("the server refuses the report ({status}): {message}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// The server's words.
        message: String,
    },
    /// Too many reports.
    #[error("the server asks to wait {} s (429)", after.as_secs())]
    Busy {
        /// How long.
        after: Duration,
    },
    /// The server cannot be reached or broke off.
    #[error("{0}")]
    Unreachable(String),
}

impl SendError {
    /// Whether sending the same again would meet the same answer; such a report must not block those behind it.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Forbidden { .. } => true,
            Self::Refused { status, .. } => matches!(status.as_u16(), 400 | 413 | 415 | 422),
            Self::Unauthorized | Self::Redirect { .. } | Self::Busy { .. } | Self::Unreachable(_) => false,
        }
    }
}

/// The reason at the end of reqwest's chain, which alone says what happened, without the address (it may hold a password).
pub(crate) fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "there was no answer in time".to_owned();
    }
    let mut reason = None;
    let mut source = error.source();
    while let Some(inner) = source {
        reason = Some(inner.to_string());
        source = inner.source();
    }
    reason.unwrap_or_else(|| "the connection failed".to_owned())
}

pub(super) fn unreachable(error: &reqwest::Error) -> SendError {
    if error.is_timeout() {
        return SendError::Unreachable("the server did not answer in time".to_owned());
    }
    let reason = reason(error);
    let hint = if reason.contains("certificate") {
        "; let this machine trust the certificate's issuer, or start the agent with --insecure"
    } else {
        ""
    };
    SendError::Unreachable(format!("the server cannot be reached: {reason}{hint}"))
}

/// The server's own words for a refusal, short.
pub(crate) fn error_text(answer: &[u8]) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        error: String,
        message: String,
    }
    let text = match serde_json::from_slice::<Refusal>(answer) {
        Ok(refusal) if !refusal.error.is_empty() => refusal.error,
        Ok(refusal) if !refusal.message.is_empty() => refusal.message,
        _ => String::from_utf8_lossy(answer).into_owned(),
    };
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(200).collect();
    if text.is_empty() { "no reason given".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_reason_is_found_in_both_error_shapes() {
        assert_eq!(
            error_text(br#"{"error":"missing hostname","code":"invalid_report"}"#),
            "missing hostname"
        );
        assert_eq!(error_text(br#"{"message":"m"}"#), "m");
        assert_eq!(error_text(b"plain\ntext"), "plaintext");
        assert_eq!(error_text(b""), "no reason given");
    }
}
