//! Login by an OpenID Connect provider (contract A-03): discovery, the authorization code flow with PKCE, verified ID
//! tokens, and the rules of who is let in with which roles.
//!
//! * [`Provider`]: what a provider says of itself, and asking it for tokens.
//! * [`Pending`]: logins that have begun, each bound to the browser that began it.
//! * [`jwt`]: signatures and claims of ID tokens. [`claims`]: user name, restrictions, roles.
//! * [`preflight`]: tries a configuration out and names the exact mismatch.
//!
//! Written on ring and reqwest, which are here anyway: the crate `openidconnect` would bring a second RSA, elliptic curves,
//! and another time library for the 400 lines it saves.
//!
//! Invariant: nobody is let in by a token whose signature, issuer, audience, time and nonce were not all checked, nor by an
//! answer of another provider than the one that was asked.

pub mod claims;
mod encoding;
mod http;
pub mod jwt;
mod pending;
pub mod preflight;
mod provider;

pub use claims::{Denied, Person};
pub use http::{ClientError, HttpClient};
pub use jwt::TokenError;
pub use pending::{Begun, Pending, PendingLogin, return_path};
pub use provider::{OidcError, Provider, Tokens};
