//! The running world: who polls, who keeps the state, what becomes history.
//!
//! ```text
//! pollers (one task per instance) ─┐
//! agent reports ─► Keeper::report ─┼─► mpsc<Update> ─► keeper task ─► watch<Arc<Snapshot>> ─► everybody
//! local host                      ─┘      (bounded)     (pure merge)                      └─► history pipeline
//! ```
//!
//! Invariant: only the keeper task changes the snapshot; nobody else holds anything but an `Arc` of it. The merge
//! rules are pure functions of (world, update, now) and are tested as such.

pub mod alerting;
mod appliances;
mod details;
pub mod discovery;
mod facts;
pub mod fleet;
mod heartbeat;
pub mod infra_updates;
pub mod intake;
pub mod keeper;
pub mod late;
mod liveness;
pub mod members;
mod merge;
pub mod pipeline;
mod poller;
pub mod probe;
mod rates;
pub mod remote_exec;
pub mod reports;
pub mod schedule;
mod source;
pub mod supervisor;
pub mod view;
pub mod watch;
pub mod world;

pub use alerting::Alerts;
pub use intake::{IntakeError, Reporter};
pub use keeper::{Keeper, KeeperClosed};
pub use remote_exec::RemoteExec;
pub use schedule::{PollSettings, Scheduler};
pub use supervisor::Supervisor;
pub use view::View;
pub use watch::{Reporting, Watcher};
