//! pulse-agent: measures this machine and its containers and reports them to a Pulse server.
//!
//! It is a library so that the server can watch its own machine with the same code. It must never stop its
//! process because something could not be read: what cannot be read is left out of the report, never sent as 0.

mod agent;
pub mod docker;
pub mod go_duration;
mod health;
pub mod host;
mod identity;
pub mod link;
pub mod settings;

pub use agent::{Agent, AgentError, docker_options, host_options};
pub use docker::{DockerCollector, DockerError, DockerOptions};
pub use host::{HostCollector, HostOptions};
pub use identity::AgentIdentity;
pub use settings::AgentSettings;
