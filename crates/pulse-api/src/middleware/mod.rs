//! What every answer gets: an id of the request, security headers, and an answer even when a handler panics.

mod headers;
mod perimeter;
mod request_id;

pub use headers::security_headers;
pub use perimeter::{RequestLimits, perimeter};
pub use request_id::request_id;
