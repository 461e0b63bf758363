//! A server with a simulated cluster beside it, for tasks that need the whole of it running.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use pulse_e2e::programs::{Server, ServerOptions, Sim, SimOptions};
use serde_json::Value;
use tempfile::TempDir;

/// How long a server may take to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// Both programs; ended when dropped.
pub struct Estate {
    pub server: Server,
    pub sim: Sim,
    /// How the server was started.
    options: ServerOptions,
    /// The server's data, removed with it.
    data: TempDir,
}

impl Estate {
    /// Starts both from the folder `bin`, on free ports, with data of their own; `change` may adjust the server.
    pub fn start(
        bin: &Path,
        size: SimOptions,
        change: impl FnOnce(ServerOptions) -> ServerOptions,
    ) -> Result<Self> {
        let data = pulse_e2e::process::scratch()?;
        let sim = Sim::of(bin, size)?;
        let options = change(ServerOptions::of(bin, data.path()));
        let server = options.start()?;
        Ok(Self { server, sim, options, data })
    }

    /// Stops the server, lets `work` at its data, and starts it again.
    pub fn while_stopped(&mut self, work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        self.server.process.terminate(STOP_PATIENCE)?;
        work(self.data.path())?;
        self.server = self.options.start()?;
        Ok(())
    }

    /// Goes through the first-run setup and adds the simulated cluster, as a person would in the settings.
    pub fn set_up(&mut self, name: &str) -> Result<()> {
        self.server.set_up()?;
        let answer = self.server.admin().post("/api/config/nodes", &self.sim.as_node(name))?;
        ensure!(answer.status == 201, "adding the simulated cluster: {} {}", answer.status, answer.text());
        Ok(())
    }

    /// Adds the simulated backup server and mail gateway too.
    pub fn add_appliances(&self) -> Result<()> {
        for node in [self.sim.as_backup_server("vault"), self.sim.as_mail_gateway("mail")] {
            let answer = self.server.admin().post("/api/config/nodes", &node)?;
            ensure!(answer.status == 201, "adding {}: {} {}", node["name"], answer.status, answer.text());
        }
        Ok(())
    }
}

/// Virtual machines and containers in a state.
pub fn guests(state: &Value) -> usize {
    ["vms", "containers"].iter().filter_map(|kind| state[kind].as_array()).map(Vec::len).sum()
}
