//! What can go wrong between this server and a Proxmox API, in words for the person who can mend it.
//!
//! A message names the host, says what happened and what to do, and never holds a secret or a body.

use std::{sync::Arc, time::Duration};

use pulse_config::AuthorityError;
use pulse_core::model::FailureClass;

use crate::http::{Fingerprint, TrustError};

/// Why a call, a poll or a test of a connection failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PollError {
    /// The address in the configuration is no address.
    #[error("{host:?} is not a usable address: {detail}; write it as https://host:8006")]
    Address {
        /// The address as configured.
        host: String,
        /// What is wrong with it.
        detail: String,
    },
    /// There is neither a complete token nor a user with password.
    #[error(
        "no credentials for {host}: set a token (user@realm!name and its secret) or a user and a password"
    )]
    NoCredentials {
        /// The host.
        host: String,
    },
    /// A token for a product that knows none.
    #[error("{host} is a mail gateway, and that knows no API tokens: set a user (user@pmg) and a password")]
    NoTokens {
        /// The host.
        host: String,
    },
    /// The configured fingerprint is no fingerprint.
    #[error(
        "the fingerprint set for {host} is not a SHA-256 fingerprint: it must be 64 hexadecimal digits, \
         with or without colons"
    )]
    BadFingerprint {
        /// The host.
        host: String,
    },
    /// The configured authority is none.
    #[error("the certificate authority set for {host} cannot be used: {source}")]
    BadAuthority {
        /// The host.
        host: String,
        /// What is wrong with it.
        source: AuthorityError,
    },
    /// The rule for certificates cannot be set up.
    #[error("cannot check the certificate of {host}: {source}")]
    Trust {
        /// The host.
        host: String,
        /// Why not.
        source: TrustError,
    },
    /// No connection, or it broke.
    #[error("cannot reach {host}: {detail}")]
    Unreachable {
        /// The host.
        host: String,
        /// What happened and what to look at.
        detail: String,
    },
    /// No answer in time.
    #[error("{host} did not answer {call} within {}; it is overloaded, hangs, or a firewall drops the packets",
            spelled(*limit))]
    Timeout {
        /// The host.
        host: String,
        /// The call.
        call: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The answer began and did not come to its end in time.
    #[error("{host} sent only {received_bytes} bytes of its answer to {call} within {}; its API or the network to it \
             is overloaded", spelled(*limit))]
    TooSlow {
        /// The host.
        host: String,
        /// The call.
        call: String,
        /// How long it was waited for.
        limit: Duration,
        /// What had come until then.
        received_bytes: usize,
    },
    /// The certificate is not the pinned one.
    #[error(
        "{host} shows another certificate: expected SHA-256 fingerprint {expected}, got {presented}; if the \
         certificate was renewed, put the new fingerprint into the node's settings, otherwise somebody stands in \
         the middle"
    )]
    OtherCertificate {
        /// The host.
        host: String,
        /// The pinned fingerprint.
        expected: Fingerprint,
        /// The fingerprint of what the host shows.
        presented: Fingerprint,
    },
    /// The certificate is not believed by authority.
    #[error(
        "the certificate of {host} is not trusted: {detail}; put the certificate of the authority that signed it \
         into the node's settings, or its own SHA-256 fingerprint {presented} once you have compared it"
    )]
    UntrustedCertificate {
        /// The host.
        host: String,
        /// What is wrong with it.
        detail: String,
        /// Its fingerprint.
        presented: Fingerprint,
    },
    /// The credentials are refused.
    #[error("{host} refuses {credentials}: {detail}")]
    Authentication {
        /// The host.
        host: String,
        /// Which credentials, without the secret.
        credentials: String,
        /// What the host says.
        detail: String,
    },
    /// The account asks for a second factor.
    #[error(
        "{host} asks {user} for a second factor, which a poller cannot give: make an API token for the user and \
         use that"
    )]
    SecondFactor {
        /// The host.
        host: String,
        /// The user.
        user: String,
    },
    /// The credentials lack a right.
    #[error("{host} does not allow {call}: {detail}")]
    Permission {
        /// The host.
        host: String,
        /// The call.
        call: String,
        /// Which right on which path, and how to give it.
        detail: String,
    },
    /// A web page or a redirection where the API should be.
    #[error(
        "{host} answers {call} with {what} instead of the Proxmox API: wrong port, plain HTTP instead of HTTPS, or \
         a proxy in front of it"
    )]
    NotTheApi {
        /// The host.
        host: String,
        /// The call.
        call: String,
        /// What came.
        what: String,
    },
    /// The answer cannot be read.
    #[error("cannot read the answer of {host} to {call}: {detail}")]
    Decode {
        /// The host.
        host: String,
        /// The call.
        call: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The answer is larger than any real one.
    #[error(
        "{host} answers {call} with more than {limit_mebibytes} MiB, as no Proxmox API does; nothing of it is used: \
         check the address, and what stands between it and this server"
    )]
    TooLarge {
        /// The host.
        host: String,
        /// The call.
        call: String,
        /// The limit.
        limit_mebibytes: usize,
    },
    /// The host answered with an error.
    #[error("{host} answers {call} with {status} {text}{}", advice(*status))]
    Status {
        /// The host.
        host: String,
        /// The call.
        call: String,
        /// Status code.
        status: u16,
        /// What the host says, from the body or the reason phrase.
        text: String,
    },
    /// The call hung a moment ago and is not repeated yet.
    #[error("{why}; it is asked again within a minute")]
    LeftOut {
        /// What came of it then.
        why: Arc<PollError>,
    },
    /// The host answered for another node, which it cannot reach.
    #[error(
        "{host} cannot reach node {node}: {text} ({status}); look at that node and at the cluster's network"
    )]
    NodeUnreachable {
        /// The host that answered.
        host: String,
        /// The node it could not reach.
        node: String,
        /// 595 to 599.
        status: u16,
        /// The reason phrase, which is all there is.
        text: String,
    },
}

/// A time as a person says it.
fn spelled(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

/// What to do about a status that says something about the host and not about the call.
fn advice(status: u16) -> &'static str {
    match status {
        429 => "; something in front of it limits requests",
        502..=504 => "; a proxy in front of it does not reach the API: look at what runs there",
        595..=599 => {
            "; the service it passes calls on to does not answer: look at its services and at the cluster's network"
        }
        500..=599 => "; the log of its API service says more",
        _ => "",
    }
}

/// What the form for nodes shows when no client can be made from its fields (the wire contract's words).
const FORM_NOT_INITIALISED: &str = "Failed to initialize connection";
/// What the form for nodes shows when the connection fails (the wire contract's words).
const FORM_FAILED: &str = "Connection failed. Please check your credentials and network settings";

impl PollError {
    /// What kind of failure it is; decides whether trying again may help.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Address { .. } | Self::Unreachable { .. } | Self::NodeUnreachable { .. } => {
                FailureClass::Connection
            }
            Self::Timeout { .. } | Self::TooSlow { .. } => FailureClass::Timeout,
            Self::LeftOut { why } => why.class(),
            Self::BadFingerprint { .. }
            | Self::BadAuthority { .. }
            | Self::Trust { .. }
            | Self::OtherCertificate { .. }
            | Self::UntrustedCertificate { .. } => FailureClass::Certificate,
            Self::NoCredentials { .. }
            | Self::NoTokens { .. }
            | Self::Authentication { .. }
            | Self::SecondFactor { .. } => FailureClass::Authentication,
            Self::Permission { .. } => FailureClass::Permission,
            Self::NotTheApi { .. } | Self::Decode { .. } | Self::TooLarge { .. } => FailureClass::Decode,
            Self::Status { .. } => FailureClass::Server,
        }
    }

    /// The text the form for nodes answers with; the precise message belongs into the log and the node's issues.
    pub fn form_text(&self) -> &'static str {
        match self {
            Self::Address { .. }
            | Self::NoCredentials { .. }
            | Self::NoTokens { .. }
            | Self::BadFingerprint { .. }
            | Self::BadAuthority { .. }
            | Self::Trust { .. } => FORM_NOT_INITIALISED,
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::TooSlow { .. }
            | Self::OtherCertificate { .. }
            | Self::UntrustedCertificate { .. }
            | Self::Authentication { .. }
            | Self::SecondFactor { .. }
            | Self::Permission { .. }
            | Self::NotTheApi { .. }
            | Self::Decode { .. }
            | Self::TooLarge { .. }
            | Self::Status { .. }
            | Self::LeftOut { .. }
            | Self::NodeUnreachable { .. } => FORM_FAILED,
        }
    }

    /// Whether the host itself did not answer, so that another member of the cluster may.
    ///
    /// Another certificate is deliberately not in it: a person has to look at that, and going around it would hide
    /// somebody in the middle.
    pub(crate) fn is_transport(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::TooSlow { .. } => true,
            // A proxy in front of a dead API.
            Self::Status { status, .. } => matches!(status, 502..=504),
            Self::Address { .. }
            | Self::NoCredentials { .. }
            | Self::NoTokens { .. }
            | Self::BadFingerprint { .. }
            | Self::BadAuthority { .. }
            | Self::Trust { .. }
            | Self::OtherCertificate { .. }
            | Self::UntrustedCertificate { .. }
            | Self::Authentication { .. }
            | Self::SecondFactor { .. }
            | Self::Permission { .. }
            | Self::NotTheApi { .. }
            | Self::Decode { .. }
            | Self::TooLarge { .. }
            | Self::LeftOut { .. }
            | Self::NodeUnreachable { .. } => false,
        }
    }

    /// Whether the call took too long, so that repeating it at once would only add load.
    pub(crate) fn is_timeout(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::TooSlow { .. } => true,
            // Proxmox gives up on another node after 30 s.
            Self::NodeUnreachable { status, .. } => *status >= 596,
            Self::Address { .. }
            | Self::NoCredentials { .. }
            | Self::NoTokens { .. }
            | Self::BadFingerprint { .. }
            | Self::BadAuthority { .. }
            | Self::Trust { .. }
            | Self::Unreachable { .. }
            | Self::OtherCertificate { .. }
            | Self::UntrustedCertificate { .. }
            | Self::Authentication { .. }
            | Self::SecondFactor { .. }
            | Self::Permission { .. }
            | Self::NotTheApi { .. }
            | Self::Decode { .. }
            | Self::TooLarge { .. }
            | Self::LeftOut { .. }
            | Self::Status { .. } => false,
        }
    }
}
