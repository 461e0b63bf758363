//! How to ask Proxmox: clients that turn the APIs of VE, Backup Server and Mail Gateway into the domain types of
//! `pulse-core`.
//!
//! ```no_run
//! # async fn example(instance: pulse_config::PveInstance, now: jiff::Timestamp) -> Result<(), pulse_collectors::PollError> {
//! use pulse_collectors::{Connect, HttpConnect, Timeouts};
//!
//! let api = HttpConnect.pve(&instance, Timeouts::default())?;
//! let cycle = api.poll(now).await?;
//! for guest in cycle.guests.iter().flatten() {
//!     tracing::info!(guest.name, ?guest.memory, "a guest");
//! }
//! # Ok(()) }
//! ```
//!
//! * [`Connect`], [`PveApi`], [`PbsApi`] and [`PmgApi`]: the edge of the world, and [`HttpConnect`], which really goes there.
//! * [`PveDetails`]: what is read of Proxmox VE beside the polls, one question at a time.
//! * [`discover`]: looking for servers in networks that somebody named.
//! * [`http`]: one HTTPS client per address, with certificate pinning and errors in words.
//! * [`PollError`]: everything that can go wrong, classified and with advice.
//!
//! Invariants: nothing is kept between polls beyond what belongs to the connection (tickets, which endpoint answers,
//! fingerprints, calls that hang); one bad item never fails its list, one failed call never fails the poll, and an
//! empty list always means that there is nothing.

mod api;
pub mod details;
pub mod discover;
pub mod dns;
mod envelope;
mod error;
pub mod http;
mod issues;
mod lenient;
mod link;
mod once;
mod pbs;
mod pmg;
mod polled;
mod pve;
pub mod rights;
mod session;

pub use api::{Connect, ConnectionTest, HttpConnect, PveApi, PveCycle};
pub use details::PveDetails;
pub use error::PollError;
pub use http::Timeouts;
pub use pbs::{MadeToken, PbsApi, PbsBackups, PbsConnection, PbsCycle, PbsTest};
pub use pmg::{PmgApi, PmgBackups, PmgConnection, PmgCycle, PmgTest};
pub use polled::Polled;
pub use pve::PveConnection;
