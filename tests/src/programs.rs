//! The three programs of Pulse, started the way a person starts them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::binaries;
use crate::http::Client;
use crate::process::{Process, eventually};

/// How long a program may take to be ready. Far above what it needs: a busy machine is no failure.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// The user that [`Server::set_up`] creates.
pub const USER: &str = "admin";
/// The password of that user.
pub const PASSWORD: &str = "correct horse battery";
/// The API token with all scopes that [`Server::set_up`] creates.
pub const TOKEN: &str = "e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0";

/// A program of the folder `bin`, without this process's settings in its environment.
pub fn command(bin: &Path, name: &str) -> Command {
    let mut command = Command::new(bin.join(name));
    command.env_clear();
    for kept in ["PATH", "HOME", "LANG", "TZ", "TMPDIR"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command
}

/// How a server is to be started.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    bin: PathBuf,
    data_dir: PathBuf,
    port: u16,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

impl ServerOptions {
    /// A server of the programs built for this test run.
    pub fn new(data_dir: &Path) -> Result<Self> {
        Ok(Self::of(binaries::folder()?, data_dir))
    }

    /// A server from the folder `bin`.
    pub fn of(bin: &Path, data_dir: &Path) -> Self {
        Self {
            bin: bin.to_owned(),
            data_dir: data_dir.to_owned(),
            port: 0,
            arguments: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// Listens on this port instead of one that the system picks when it listens.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// One more argument.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The command line, for tests in which the server is not to come up; port 0 is a free one.
    pub fn command(&self, port: u16) -> Command {
        let mut command = command(&self.bin, "pulse-server");
        command.arg("serve").arg("--data-dir").arg(&self.data_dir);
        command.arg("--listen").arg(format!("127.0.0.1:{port}"));
        command.args(&self.arguments);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it and waits until it says that it listens.
    pub fn start(&self) -> Result<Server> {
        let mut process = Process::start(&mut self.command(self.port))?;
        let url = process
            .line(START_PATIENCE, |line| Some(line.split_once("listening on ")?.1.trim().to_owned()))?;
        let address =
            url.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches('/').parse();
        let address = address.with_context(|| format!("the server says it listens on {url:?}"))?;
        Ok(Server { process, address })
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Its process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// A client without credentials.
    pub fn anonymous(&self) -> Client {
        Client::new(self.address)
    }

    /// A client with the token of [`Server::set_up`].
    pub fn admin(&self) -> Client {
        self.with_token(TOKEN)
    }

    /// A client with any API token.
    pub fn with_token(&self, token: &str) -> Client {
        self.anonymous().with("X-API-Token", token)
    }

    /// The token that a first start prints.
    pub fn bootstrap_token(&mut self) -> Result<String> {
        self.process
            .line(START_PATIENCE, |line| Some(line.split_once("Bootstrap token: ")?.1.trim().to_owned()))
    }

    /// Goes through the first-run setup with [`USER`], [`PASSWORD`] and [`TOKEN`].
    pub fn set_up(&mut self) -> Result<()> {
        let bootstrap = self.bootstrap_token()?;
        let answer = self
            .anonymous()
            .with("X-Setup-Token", &bootstrap)
            .post(
                "/api/security/quick-setup",
                &json!({"username": USER, "password": PASSWORD, "apiToken": TOKEN}),
            )?
            .expect_status(200)?
            .json()?;
        ensure!(answer["success"] == true, "quick-setup answered {answer}");
        Ok(())
    }

    /// Logs in with name and password; the client carries the session's cookies and CSRF header.
    pub fn log_in(&self) -> Result<Client> {
        let answer = self
            .anonymous()
            .post("/api/login", &json!({"username": USER, "password": PASSWORD}))?
            .expect_status(200)?;
        let session = answer.cookie("pulse_session").context("login set no session cookie")?;
        let csrf = answer.cookie("pulse_csrf").context("login set no CSRF cookie")?;
        let cookies = format!("pulse_session={session}; pulse_csrf={csrf}");
        Ok(self.anonymous().with("Cookie", &cookies).with("X-CSRF-Token", csrf))
    }

    /// The state as the API gives it.
    pub fn state(&self) -> Result<Value> {
        self.admin().get("/api/state")?.expect_status(200)?.json()
    }

    /// Waits until `wanted` finds its value in the state.
    pub fn state_with<T>(&self, patience: Duration, wanted: impl Fn(&Value) -> Option<T>) -> Result<T> {
        eventually(patience, || {
            let state = self.state()?;
            wanted(&state).with_context(|| {
                let mut text = state.to_string();
                text.truncate(text.floor_char_boundary(2000));
                format!("the state has not what was waited for: {text}")
            })
        })
    }
}

/// How big the simulated cluster is.
#[derive(Debug, Clone, Copy)]
pub struct SimOptions {
    /// Nodes of the cluster.
    pub nodes: u32,
    /// Guests of the cluster, virtual machines and containers together. From ten on a few of them are templates,
    /// which are not shown as guests.
    pub guests: u32,
}

/// A running simulated Proxmox cluster.
#[derive(Debug)]
pub struct Sim {
    /// Its process.
    pub process: Process,
    /// The address to add as a node.
    pub url: String,
    /// `user@realm!name` of the API token.
    pub token_name: String,
    /// Its secret.
    pub token_value: String,
    /// SHA-256 fingerprint of the certificate.
    pub fingerprint: String,
    control: SocketAddr,
    /// What the simulated backup server printed of itself.
    pub pbs: Value,
    /// What the simulated mail gateway printed of itself.
    pub pmg: Value,
}

impl Sim {
    /// Starts the simulator built for this test run.
    pub fn start(options: SimOptions) -> Result<Self> {
        Self::of(binaries::folder()?, options)
    }

    /// Starts the simulator of the folder `bin`.
    pub fn of(bin: &Path, options: SimOptions) -> Result<Self> {
        let mut command = command(bin, "pulse-sim");
        command.arg("serve").args([
            "--listen",
            "127.0.0.1:0",
            "--control",
            "127.0.0.1:0",
            "--delay-factor",
            "0",
            "--pbs",
            "127.0.0.1:0",
            "--pbs-control",
            "127.0.0.1:0",
            "--pmg",
            "127.0.0.1:0",
            "--pmg-control",
            "127.0.0.1:0",
        ]);
        command.args(["--nodes", &options.nodes.to_string(), "--guests", &options.guests.to_string()]);
        let mut process = Process::start(&mut command)?;
        let mut line_of = |kind: &str| -> Result<Value> {
            process.line(START_PATIENCE, |line| {
                serde_json::from_str::<Value>(line).ok().filter(|line| line["kind"] == kind)
            })
        };
        let (ready, pbs, pmg) = (line_of("pve")?, line_of("pbs")?, line_of("pmg")?);
        let text = |key: &str| -> Result<String> {
            Ok(ready[key]
                .as_str()
                .with_context(|| format!("pulse-sim printed no {key}: {ready}"))?
                .to_owned())
        };
        Ok(Self {
            url: text("url")?,
            token_name: text("tokenName")?,
            token_value: text("tokenValue")?,
            fingerprint: text("fingerprint")?,
            control: text("control")?.trim_start_matches("http://").parse().context("the control address")?,
            pbs,
            pmg,
            process,
        })
    }

    /// Its control API: what happens to the simulated cluster while it runs.
    pub fn control(&self) -> Client {
        Client::new(self.control)
    }

    /// Where that is.
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    /// The control API of the simulated backup server.
    pub fn pbs_control(&self) -> Result<Client> {
        let control = self.pbs["control"].as_str().context("the backup server has no control address")?;
        let address = control.trim_start_matches("http://").parse();
        Ok(Client::new(address.context("the control address of the backup server")?))
    }

    /// The body that adds the simulated backup server over `/api/config/nodes`.
    pub fn as_backup_server(&self, name: &str) -> Value {
        json!({"type": "pbs", "name": name, "host": self.pbs["url"], "tokenName": self.pbs["tokenName"],
               "tokenValue": self.pbs["tokenValue"], "fingerprint": self.pbs["fingerprint"], "verifySSL": true,
               "monitorDatastores": true, "monitorSyncJobs": true, "monitorVerifyJobs": true,
               "monitorPruneJobs": true, "monitorGarbageJobs": true})
    }

    /// The body that adds the simulated mail gateway over `/api/config/nodes`.
    pub fn as_mail_gateway(&self, name: &str) -> Value {
        json!({"type": "pmg", "name": name, "host": self.pmg["url"], "user": self.pmg["user"],
               "password": self.pmg["password"], "fingerprint": self.pmg["fingerprint"], "verifySSL": true,
               "monitorMailStats": true, "monitorQueues": true, "monitorQuarantine": true,
               "monitorDomainStats": true})
    }

    /// Lets something go wrong from now on; the effect is worded as in the control API.
    pub fn break_with(&self, fault: &Value) -> Result<()> {
        self.control().post("/faults", fault)?.expect_status(201).map(drop)
    }

    /// Ends everything that goes wrong.
    pub fn mend(&self) -> Result<()> {
        self.control().send("DELETE", "/faults", &[], &[])?.expect_status(204).map(drop)
    }

    /// The body that adds this cluster over `/api/config/nodes`.
    pub fn as_node(&self, name: &str) -> Value {
        json!({"type": "pve", "name": name, "host": self.url, "tokenName": self.token_name,
               "tokenValue": self.token_value, "fingerprint": self.fingerprint, "verifySSL": true})
    }
}
