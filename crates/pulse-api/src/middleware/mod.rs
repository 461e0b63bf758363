//! What every answer gets: an id of the request, security headers, the path it is hosted under, and an answer even when a handler panics; and what
//! requests may bring: compressed bodies.

mod base_path;
mod headers;
mod packed_body;
mod perimeter;
mod request_id;

pub(crate) use base_path::request_address;
pub use base_path::{BasePath, base_path};
pub use headers::security_headers;
pub use packed_body::packed_body;
pub use perimeter::{RequestLimits, perimeter};
pub use request_id::request_id;
