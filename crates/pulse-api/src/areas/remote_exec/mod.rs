//! Commands run by agents (contract B-10 §6, B-12): the socket on which agents wait for them, who is connected, having one
//! run, and the trail of all.

mod connected;
mod run;
mod socket;
mod trail;

use crate::routing::{ApiRouter, routes};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(socket::open_command_socket))
        .routes(routes!(connected::list_connected_agents))
        .routes(routes!(run::run_command))
        .routes(routes!(trail::list_agent_commands))
}
