//! The shapes on the wire (contract B-01 and following), apart from the domain types they are made from.
//!
//! A shape borrows from the snapshot and is serialised once; what is unknown is left out, and the additive field
//! `missing` says why.

pub mod agents;
pub mod alert;
pub mod backup;
pub mod docker;
pub mod docker_command;
pub mod guest;
pub mod host;
pub mod kubernetes;
pub mod mail;
pub mod node;
pub mod pbs;
pub mod resource;
pub mod state;
pub mod storage;
pub mod time;
pub mod usage;
