//! A simulated infrastructure for tests, demos and load: Proxmox VE clusters over real HTTPS, and agents that report.
//!
//! * [`Cluster`] starts a cluster from [`EstateOptions`] and steers it: faults, guests, request log, and
//!   [`Truth`], what a server that watches it ought to show.
//! * [`BackupServer`] and [`MailGateway`] are machines that stand for themselves; the first one has the backups of the
//!   clusters' guests.
//! * [`Scenario`] starts all of that from one file, with a [`SimClock`] that may run fast, stand still and leap.
//! * [`load`] reports to a server as many hosts and Docker hosts.
//! * [`kubernetes`] serves a Kubernetes API with watches, for the agent.
//!
//! Layers: `figures` (numbers from seed and time) → `estate` (what is true) → `pve` (how that product words it) → `net`
//! (listeners, TLS, faults). `appliance` has two more products, PBS and PMG.
//!
//! Invariants: every figure follows from (seed, thing, time) and nothing is stored per sample; only loopback addresses
//! are bound or called; no type is shared with the collectors that are tested against it.

mod appliance;
mod clock;
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
mod presets;
mod pve;
mod scenario;
mod version;

pub use self::{
    appliance::{
        Appliance, BackedUpGuest, BackupServer, BackupServerOptions, GroupTruth, MailGateway,
        MailGatewayOptions, MailTruth, NamespaceOptions, PbsBackupTruth, PbsTruth, PmgNodeTruth, PmgTruth,
        StoreTruth,
    },
    clock::{ClockFace, SimClock, Steering},
    cluster::{Access, Cluster, Endpoint},
    error::SimError,
    estate::{
        AgentState, BackupTruth, CephTruth, DiskTruth, FileSystemLayout, GuestKind, GuestPlan, GuestStatus,
        GuestTruth, NodeTruth, ReplicationTruth, SnapshotTruth, StorageTruth, TaskTruth, Truth,
    },
    faults::{Effect, Fault, ListedFault},
    net::RequestRecord,
    options::{EstateOptions, GuestMix, Rights},
    presets::{Play, Preset},
    scenario::{BackupServerScenario, ClusterScenario, MailGatewayScenario, Running, Scenario},
    version::PveVersion,
};
