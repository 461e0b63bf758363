//! The HTTP and WebSocket API: routes, their documents, and the gate in front of them.
//!
//! * [`router`]: everything under `/api`, `/ws` and what belongs to it; the page is handed in as a fallback.
//! * `areas`: one folder or file per area of the contract, each endpoint with its shapes and its document.
//! * [`wire`]: the shapes of the state. [`published`]: the state as bytes, made once per change. [`ws`]: the live
//!   channel. [`auth`]: who calls. [`serve`]: the listener.
//!
//! Invariant: a handler reads the request, calls a service and maps the result. No rule of the domain stands here, and
//! nothing here knows collectors, the agent or the simulator.

mod areas;
pub mod auditing;
pub mod auth;
mod document;
pub mod error;
pub mod extract;
pub mod licensing;
mod middleware;
pub mod mock;
pub mod published;
pub mod roles;
mod router;
mod routing;
pub mod serve;
pub mod state;
pub mod wire;
pub mod ws;

pub use areas::{charts::ChartCache, prometheus::metrics_router};
pub use auditing::Audit;
pub use document::document_json;
pub use licensing::Licensing;
pub use middleware::BasePath;
pub use roles::Roles;
pub use router::router;
pub use state::{About, Access, AccessTokens, AppState, Services};
