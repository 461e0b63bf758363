//! Who calls: credentials of a request become an `Identity`, and the gate in front of every route.

mod basic;
mod cookies;
mod gate;
mod identify;
mod peer;

pub use basic::BasicCache;
pub use cookies::{CSRF_COOKIE, CSRF_HEADER, SESSION_COOKIE, cookie};
pub(crate) use gate::{caller, csrf_cookie, features, session_cookie, verify_password};
pub use gate::{gate, is_public};
pub use identify::{identify, is_still_valid};
pub use peer::{Peer, client_address, is_proxied, is_secure};
