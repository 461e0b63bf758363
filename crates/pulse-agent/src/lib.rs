//! pulse-agent: measures this machine and its containers and reports them to a Pulse server.
//!
//! It is a library so that the server can watch its own machine with the same code. It must never stop its
//! process because something could not be read: what cannot be read is left out of the report, never sent as 0.

mod agent;
pub mod command;
pub mod docker;
pub mod exec;
pub mod go_duration;
pub mod host;
mod identity;
pub mod kubernetes;
pub mod link;
pub mod proxmox;
pub mod settings;
pub mod signature;
mod text;
pub mod upgrade;

pub use agent::{
    Agent, AgentError, ConfigSetupError, Exit, Hooks, SetLogLevel, docker_options, host_options,
};
pub use docker::{DockerCollector, DockerControl, DockerError, DockerOptions, Engines};
pub use host::{HostCollector, HostOptions};
pub use identity::AgentIdentity;
pub use kubernetes::{KubernetesCollector, KubernetesError};
pub use settings::AgentSettings;
