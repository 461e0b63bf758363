//! A simulated infrastructure for tests, demos and load: Proxmox VE clusters over real HTTPS, and agents that report.
//!
//! * [`Cluster`] starts a cluster from [`EstateOptions`] and steers it: faults, guests, request log, and
//!   [`Truth`], what a server that watches it ought to show.
//! * [`load`] reports to a server as many hosts and Docker hosts.
//! * [`kubernetes`] serves a Kubernetes API with watches, for the agent.
//!
//! Layers: `figures` (numbers from seed and time) → `estate` (what is true) → `pve` (how that product words it) → `net`
//! (listeners, TLS, faults). PBS and PMG will be further products beside `pve`.
//!
//! Invariants: every figure follows from (seed, thing, time) and nothing is stored per sample; only loopback addresses
//! are bound or called; no type is shared with the collectors that are tested against it.

mod cluster;
mod control;
mod error;
mod estate;
mod faults;
mod figures;
pub mod kubernetes;
pub mod load;
mod net;
mod options;
mod pve;
mod version;

pub use self::{
    cluster::{Access, Cluster, Endpoint},
    error::SimError,
    estate::{AgentState, GuestKind, GuestPlan, GuestStatus, GuestTruth, NodeTruth, StorageTruth, Truth},
    faults::{Effect, Fault, ListedFault},
    net::RequestRecord,
    options::EstateOptions,
    version::PveVersion,
};
