//! What things are: the domain types that every other crate of Pulse shares.
//!
//! * [`model`]: the state of the monitored world, product by product.
//! * [`snapshot`]: one immutable picture of all of it, cheap to share.
//! * [`report`]: the wire types of agent reports, shared by agent and server.
//! * [`metric`]: names of time series and the samples that go into them.
//! * [`coverage`]: whose backup it is, and which guests have none.
//! * [`command_policy`]: which commands may be run on other machines.
//! * [`credential`]: API tokens and sessions as they are kept.
//! * [`net_guard`]: which addresses the server may connect to on somebody's word.
//! * [`notice`]: what the alert engine hands to the notifications.
//! * [`reading`]: a measured value, or the reason why there is none.
//!
//! Invariant: nothing here does I/O, spawns, reads a clock or knows HTTP.

pub mod clock;
pub mod command_policy;
pub mod coverage;
pub mod credential;
pub mod ids;
pub mod lenient;
pub mod metric;
pub mod model;
pub mod net_guard;
pub mod notice;
pub mod reading;
pub mod report;
pub mod roles;
pub mod scope;
pub mod snapshot;

pub use clock::{Clock, ManualClock, SystemClock};
pub use reading::{Missing, Reading};
pub use snapshot::Snapshot;
