//! What is decided about the machines that agents report, beside what they report: which machine has which id, what is
//! removed, hidden and linked, and the commands on their way to agents.
//!
//! The world holds the decisions ([`pulse_config::store::fleet::FleetRecord`]) and every rule is a function over it;
//! [`Fleet`] runs them in the keeper and writes down what they decided.

mod binding;
pub mod commands;
pub mod config;
pub(crate) mod identity;
pub mod links;
pub mod project;
pub mod roster;
mod service;
pub mod signed;
pub mod text;

pub use binding::{BindError, may_run_commands};
pub use identity::KnownTokens;
pub use service::{Fleet, FleetError};
