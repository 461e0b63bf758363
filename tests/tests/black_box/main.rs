//! Black-box tests: the real server, agent and simulator on loopback, used only as anybody can use them.
//!
//! What can be tested inside a crate is tested there. These tests see that the parts are wired together, and what
//! happens to the whole when something around it goes wrong.

mod access;
mod appliances;
mod cluster;
mod command_line;
mod commands;
mod containers;
mod fault;
mod first_run;
mod history;
mod install;
mod install_elsewhere;
mod kubernetes;
mod live;
mod log_secrets;
mod machine;
mod oidc;
mod outage;
mod refusal;
mod remote_config;
mod requests;
mod restart;
mod self_update;
mod service;
mod watch;

use std::time::Duration;

/// How long something may take that happens on its own: far above what it needs, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
