//! Who calls: credentials of a request become an `Identity`, and the gate in front of every route.

mod basic;
mod cookies;
mod gate;
mod identify;
mod oidc;
mod peer;

pub use basic::BasicCache;
pub(crate) use cookies::CookieRules;
pub use cookies::{CSRF_COOKIE, CSRF_HEADER, SESSION_COOKIE, cookie};
pub(crate) use gate::{caller, features, verify_password};
pub use gate::{gate, is_public};
pub use identify::{identify, is_still_valid};
pub use oidc::{LoggedIn, LoginError, Oidc};
pub use peer::{Peer, SecureTransport, client_address, is_proxied, is_secure};
pub(crate) use peer::{is_direct_loopback, request_origin};
