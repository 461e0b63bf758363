//! How people are told: destinations, messages, and a queue that loses nothing.
//!
//! * [`Notifier`] takes notices of the alert engine ([`pulse_core::notice::NoticeSink`]) and answers what the API asks.
//! * [`channel`]: mail, Apprise and webhooks; each turns a [`Message`] into what its service documents.
//! * [`egress`]: the way out for HTTP, with a guard over every address, redirects included.
//! * [`audit_hooks`]: events of the audit log, told as they are written.
//! * `queue`: what is to be sent, in the ledger: grouped, capped, retried, and cancelled when the alert is over first.
//!
//! ```text
//! notice ─► who wants it? ─► item per destination ──window──► sending ─► sent ─► recovery may follow
//!           (filters)          │  alert over: cancelled          │ fails: due again, later and later; at last a dead letter
//!                              └─ over the hour's cap: digest
//! ```
//!
//! Invariants: nothing is sent before it is in the ledger; an item is marked as being sent before its first byte goes out, and
//! as sent before anything else happens to it; the ledger holds no secret of a destination; nothing is sent to an address that
//! the guard has not passed.

pub mod alert;
pub mod audit_hooks;
pub mod catalog;
pub mod channel;
pub mod data;
pub mod destination;
pub mod egress;
mod error;
pub mod message;
mod notifier;
mod queue;
mod trouble;
mod worker;

pub use audit_hooks::AuditHooks;
pub use error::{SendError, Sent};
pub use message::{Event, Message};
pub use notifier::{Grouping, Health, Notifier, NotifierOptions, TestError};
pub use queue::{DeadLetter, LogEntry, QueueError, QueueStats};
