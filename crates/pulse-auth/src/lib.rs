//! Who may do what: passwords, tokens, sessions, lockout, limits, and the one decision about access.
//!
//! * [`authorize`]: whether an [`Identity`] meets a [`Requirement`].
//! * [`password`], [`token`], [`bootstrap`], [`proxy`]: whether a credential is right.
//! * [`Sessions`], [`Csrf`], [`Lockout`], [`RateLimiter`]: what is remembered of callers, always bounded.
//! * [`features`], [`license`]: what the licence includes. [`rbac`]: what roles grant.
//!
//! Invariant: it decides and never reads or writes a file; records come in and go out. Time is a parameter.

pub mod access;
pub mod bootstrap;
pub mod compare;
pub mod csrf;
pub mod features;
pub mod identity;
pub mod license;
pub mod lockout;
pub mod password;
pub mod presented;
pub mod proxy;
pub mod rate_limit;
pub mod rbac;
pub mod recovery;
pub mod role_book;
pub mod session;
pub mod setup_tokens;
pub mod token;

pub use access::{Denied, Requirement, authorize};
pub use csrf::Csrf;
pub use features::{Feature, FeatureSet, LicenseRequired};
pub use identity::{AuthMethod, Identity};
pub use license::{License, LicenseError};
pub use lockout::{Failure, Lockout};
pub use pulse_core::{
    credential::{ScopeSet, SessionRecord, TokenRecord},
    scope::Scope,
};
pub use rate_limit::{Limited, RateLimiter};
pub use rbac::{Action, Grants, Permission, Resource};
pub use recovery::RecoveryTokens;
pub use role_book::{RoleBook, RoleError};
pub use session::{NewSession, Session, Sessions};
pub use setup_tokens::{SetupToken, SetupTokens};
pub use token::{ScopesError, generate_token, hash_token, parse_scopes};

/// The system has no random numbers: nothing secret can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandom;

/// Fresh random bytes.
fn random<const N: usize>() -> Result<[u8; N], NoRandom> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(bytes)
}

/// Bytes as lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
