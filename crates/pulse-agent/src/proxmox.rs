//! Proxmox mode: makes a user and a token that may only look, and registers this machine with the server.
//!
//! Done once for each product on the machine; a mark in the agent's folder says that it was. A token whose registration
//! fails is removed again, so that repeated tries leave nothing behind.

use std::{net::UdpSocket, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::Client;
use serde::Deserialize;
use tokio::time::sleep;

use crate::{
    command::{Call, CommandError, Finished, RunCommand, SystemCommands},
    link::{MAX_ANSWER_BYTES, body_within, error_text, headers, reason, server_url},
    settings::{AgentSettings, ProxmoxType},
};

const FIRST_PAUSE: Duration = Duration::from_mins(1);
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
const ROLE: &str = "PulseMonitor";
/// What the role adds to PVEAuditor: asking guest agents. The right's name changed with version 9.
const ROLE_RIGHTS: &[&str] = &["VM.GuestAgent.Audit", "VM.Monitor"];

/// A product of Proxmox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Product {
    Pve,
    Pbs,
}

impl Product {
    const fn word(self) -> &'static str {
        match self {
            Self::Pve => "pve",
            Self::Pbs => "pbs",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Pve => 8006,
            Self::Pbs => 8007,
        }
    }

    const fn user(self) -> &'static str {
        match self {
            Self::Pve => "pulse-monitor@pam",
            Self::Pbs => "pulse-monitor@pbs",
        }
    }

    /// The program whose presence tells of the product.
    const fn program(self) -> &'static str {
        match self {
            Self::Pve => "pveum",
            Self::Pbs => "proxmox-backup-manager",
        }
    }
}

/// Why a product was not registered.
#[derive(Debug, thiserror::Error)]
enum SetupError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("{what} failed: {complaint}")]
    Refused { what: &'static str, complaint: String },
    #[error("{0} printed no token")]
    NoToken(&'static str),
    #[error("the server did not register this machine: {0}")]
    Server(String),
}

struct MadeToken {
    id: String,
    value: String,
}

/// Registers what is to be registered, as often as it takes. Ends never.
pub(crate) async fn watch(settings: &AgentSettings, client: &Client, hostname: &str) {
    if settings.is_proxmox_enabled {
        let setup = Setup { settings, client, hostname, runner: Arc::new(SystemCommands) };
        setup.run().await;
    }
    std::future::pending::<()>().await;
}

struct Setup<'a> {
    settings: &'a AgentSettings,
    client: &'a Client,
    hostname: &'a str,
    runner: Arc<dyn RunCommand>,
}

impl Setup<'_> {
    async fn run(&self) {
        let wanted = match self.settings.proxmox_type {
            ProxmoxType::Auto => vec![Product::Pve, Product::Pbs],
            ProxmoxType::Pve => vec![Product::Pve],
            ProxmoxType::Pbs => vec![Product::Pbs],
        };
        let mut left: Vec<Product> =
            wanted.into_iter().filter(|product| self.runner.has(product.program())).collect();
        if left.is_empty() {
            tracing::warn!("--enable-proxmox: neither Proxmox VE nor Backup Server is on this machine");
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let mut failed = Vec::new();
            for product in left {
                if self.mark(product).exists() {
                    continue;
                }
                match self.register(product).await {
                    Ok(()) => {
                        tracing::info!(
                            product = product.word(),
                            "this Proxmox machine is registered with the server"
                        );
                        self.write_mark(product).await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, product = product.word(), retry_in = ?pause, "this Proxmox machine is not registered");
                        failed.push(product);
                    }
                }
            }
            if failed.is_empty() {
                return;
            }
            left = failed;
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn mark(&self, product: Product) -> PathBuf {
        self.settings.state_dir.join(format!("proxmox-{}-registered", product.word()))
    }

    async fn write_mark(&self, product: Product) {
        let path = self.mark(product);
        let write = async {
            tokio::fs::create_dir_all(&self.settings.state_dir).await?;
            tokio::fs::write(&path, format!("{}\n", self.settings.url)).await
        };
        if let Err(error) = write.await {
            tracing::warn!(path = %path.display(), %error, "it cannot be noted that this machine is registered; it will be again after a restart");
        }
    }

    async fn register(&self, product: Product) -> Result<(), SetupError> {
        let name = format!("pulse-{}", Timestamp::now().as_second());
        let token = match product {
            Product::Pve => self.make_pve_token(&name).await?,
            Product::Pbs => self.make_pbs_token(&name).await?,
        };
        let told = self.tell_server(product, &token).await;
        if told.is_err() {
            self.remove_token(product, &name).await;
        }
        told
    }

    async fn call(&self, program: &'static str, args: &[&str]) -> Result<Finished, SetupError> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Ok(self.runner.run(Call::new(program, args).within(COMMAND_LIMIT)).await?)
    }

    /// A call that may find its work done already.
    async fn ensure(
        &self,
        program: &'static str,
        what: &'static str,
        args: &[&str],
    ) -> Result<(), SetupError> {
        let done = self.call(program, args).await?;
        let complaint = done.complaint();
        if done.is_success() || complaint.contains("already exists") {
            return Ok(());
        }
        Err(SetupError::Refused { what, complaint })
    }

    async fn make_pve_token(&self, name: &str) -> Result<MadeToken, SetupError> {
        let (pveum, user) = ("pveum", Product::Pve.user());
        self.ensure(pveum, "making the user", &["user", "add", user, "--comment", "Pulse monitoring"])
            .await?;
        let mut roles = "PVEAuditor".to_owned();
        let mut has_role = false;
        for right in ROLE_RIGHTS {
            has_role =
                self.ensure(pveum, "making the role", &["role", "add", ROLE, "--privs", right]).await.is_ok();
            if has_role {
                break;
            }
        }
        if has_role {
            roles.push(',');
            roles.push_str(ROLE);
        } else {
            tracing::warn!("the role {ROLE} cannot be made; guest agents will not be asked");
        }
        let acl = ["acl", "modify", "/", "--users", user, "--roles", &roles];
        self.ensure(pveum, "giving the user its rights", &acl).await?;
        // Without separation: the token may do what the user may, which is to look.
        let add = ["user", "token", "add", user, name, "--privsep", "0", "--output-format", "json"];
        let done = self.call(pveum, &add).await?;
        if !done.is_success() {
            return Err(SetupError::Refused { what: "making the token", complaint: done.complaint() });
        }
        #[derive(Deserialize)]
        struct Printed {
            value: String,
        }
        let printed: Printed =
            serde_json::from_slice(&done.stdout).map_err(|_| SetupError::NoToken(pveum))?;
        Ok(MadeToken { id: format!("{user}!{name}"), value: printed.value })
    }

    async fn make_pbs_token(&self, name: &str) -> Result<MadeToken, SetupError> {
        let (manager, user) = ("proxmox-backup-manager", Product::Pbs.user());
        let comment = ["user", "create", user, "--comment", "Pulse monitoring"];
        self.ensure(manager, "making the user", &comment).await?;
        let acl = ["acl", "update", "/", "Audit", "--auth-id", user];
        self.ensure(manager, "giving the user its rights", &acl).await?;
        let done = self.call(manager, &["user", "generate-token", user, name]).await?;
        if !done.is_success() {
            return Err(SetupError::Refused { what: "making the token", complaint: done.complaint() });
        }
        #[derive(Deserialize)]
        struct Printed {
            value: String,
        }
        // `Result: { "tokenid": …, "value": … }`
        let text = done.text();
        let json = text.find('{').map(|at| &text[at..]).ok_or(SetupError::NoToken(manager))?;
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<Printed>();
        let printed = values.next().and_then(Result::ok).ok_or(SetupError::NoToken(manager))?;
        let id = format!("{user}!{name}");
        // A token of Backup Server has no more rights than it is given itself.
        let acl = ["acl", "update", "/", "Audit", "--auth-id", &id];
        if let Err(error) = self.ensure(manager, "giving the token its rights", &acl).await {
            self.remove_token(Product::Pbs, name).await;
            return Err(error);
        }
        Ok(MadeToken { id, value: printed.value })
    }

    async fn remove_token(&self, product: Product, name: &str) {
        let user = product.user();
        let done = match product {
            Product::Pve => self.call("pveum", &["user", "token", "remove", user, name]).await,
            Product::Pbs => self.call("proxmox-backup-manager", &["user", "delete-token", user, name]).await,
        };
        match done {
            Ok(done) if done.is_success() => {}
            Ok(done) => {
                tracing::warn!(token = name, reason = %done.complaint(), "an unused token could not be removed");
            }
            Err(error) => tracing::warn!(token = name, %error, "an unused token could not be removed"),
        }
    }

    async fn tell_server(&self, product: Product, token: &MadeToken) -> Result<(), SetupError> {
        let server = |text: String| SetupError::Server(text);
        let url = server_url(&self.settings.url)
            .map_err(|error| server(error.to_string()))?
            .join("api/auto-register")
            .map_err(|error| server(error.to_string()))?;
        let address = match self.settings.report_ip.clone().or_else(|| address_towards(&self.settings.url)) {
            Some(address) if address.contains(':') => format!("[{}]", address.trim_matches(['[', ']'])),
            Some(address) => address,
            None => self.hostname.to_owned(),
        };
        let body = serde_json::json!({
            "type": product.word(),
            "host": format!("https://{address}:{}", product.port()),
            "serverName": self.hostname,
            "tokenId": token.id,
            "tokenValue": token.value,
            "source": "agent",
        });
        let agent = format!("pulse-host-agent/{}", self.settings.identity.version);
        let headers = headers(&self.settings.token, &agent).map_err(|error| server(error.to_string()))?;
        let sent = self.client.post(url).headers(headers).body(body.to_string()).send().await;
        let answer = sent.map_err(|error| server(reason(&error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let text = body_within(answer, MAX_ANSWER_BYTES).await.unwrap_or_default();
        Err(server(format!("{status}: {}", error_text(&text))))
    }
}

/// The address from which this machine talks to the server. Nothing is sent for that.
fn address_towards(url: &str) -> Option<String> {
    let url = server_url(url).ok()?;
    let target = (url.host_str()?.trim_matches(['[', ']']).to_owned(), url.port_or_known_default()?);
    let local = std::net::ToSocketAddrs::to_socket_addrs(&target).ok()?.find_map(|target| {
        let any = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(target).ok()?;
        Some(socket.local_addr().ok()?.ip())
    })?;
    // A server on this very machine says nothing about how others reach it.
    (!local.is_loopback() && !local.is_unspecified()).then(|| local.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::{
        command::fake::{FakeCommands, failed, printed},
        link,
        settings::{Flags, tests::resolve, tests::with_token},
    };

    /// A server that answers each request with the next of these statuses and keeps the bodies.
    async fn server(statuses: &'static [&'static str]) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        tokio::spawn(async move {
            for status in statuses {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut text = String::new();
                while !text.contains("\"type\"") {
                    let mut part = [0; 4096];
                    let count = stream.read(&mut part).await.unwrap();
                    text.push_str(&String::from_utf8_lossy(&part[..count]));
                }
                kept.lock().unwrap().push(text);
                let answer =
                    format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (url, bodies)
    }

    fn pve(call: &Call) -> Option<Finished> {
        let words = call.args.join(" ");
        (call.program == "pveum").then(|| {
            if words.starts_with("user add") {
                failed(255, "create user failed: user 'pulse-monitor@pam' already exists")
            } else if words.contains("VM.GuestAgent.Audit") {
                failed(255, "invalid privilege 'VM.GuestAgent.Audit'")
            } else if words.starts_with("user token add") {
                printed(
                    r#"{"full-tokenid":"pulse-monitor@pam!x","info":{"privsep":"0"},"value":"secret-value"}"#,
                )
            } else {
                printed("")
            }
        })
    }

    fn settings(url: &str, dir: &tempfile::TempDir) -> AgentSettings {
        let flags = Flags { url: Some(url.into()), report_ip: Some("10.0.0.7".into()), ..with_token() };
        let settings = resolve(flags, &[], &[]).unwrap();
        AgentSettings { state_dir: dir.path().join("state"), ..settings }
    }

    #[tokio::test]
    async fn a_node_gets_a_user_that_may_look_and_is_registered_once() {
        let (url, bodies) = server(&["200 OK"]).await;
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(&url, &dir);
        let client = link::client(&url, false).unwrap();
        let fake = Arc::new(FakeCommands::new(pve));
        let setup =
            Setup { settings: &settings, client: &client, hostname: "pve1", runner: Arc::clone(&fake) as _ };
        setup.run().await;
        let calls = fake.calls();
        assert!(calls.iter().any(|call| call.contains("--roles PVEAuditor,PulseMonitor")), "{calls:?}");
        assert!(
            calls.iter().any(|call| call.contains("role add PulseMonitor --privs VM.Monitor")),
            "{calls:?}"
        );
        assert!(calls.iter().any(|call| call.contains("--privsep 0")), "{calls:?}");
        let body = bodies.lock().unwrap()[0].clone();
        for part in [
            "POST /api/auto-register",
            "\"host\":\"https://10.0.0.7:8006\"",
            "secret-value",
            "\"source\":\"agent\"",
            "x-api-token: flag",
        ] {
            assert!(body.contains(part), "{part} is not in {body}");
        }
        // Marked as done: nothing is made a second time.
        setup.run().await;
        assert_eq!(fake.calls().len(), calls.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_the_server_does_not_take_is_removed_and_it_is_tried_again() {
        let (url, _) = server(&["401 Unauthorized", "200 OK"]).await;
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(&url, &dir);
        let client = link::client(&url, false).unwrap();
        let fake = Arc::new(FakeCommands::new(pve));
        let setup =
            Setup { settings: &settings, client: &client, hostname: "pve1", runner: Arc::clone(&fake) as _ };
        setup.run().await;
        let calls = fake.calls();
        let count = |words: &str| calls.iter().filter(|call| call.contains(words)).count();
        assert_eq!((count("user token add"), count("user token remove")), (2, 1), "{calls:?}");
    }

    #[tokio::test]
    async fn backup_servers_tokens_are_given_their_own_right() {
        let (url, bodies) = server(&["200 OK"]).await;
        let dir = tempfile::tempdir().unwrap();
        let settings = AgentSettings { proxmox_type: ProxmoxType::Pbs, ..settings(&url, &dir) };
        let client = link::client(&url, false).unwrap();
        let fake = Arc::new(FakeCommands::new(|call| {
            (call.program == "proxmox-backup-manager").then(|| {
                let is_token = call.args.iter().any(|arg| arg == "generate-token");
                printed(if is_token {
                    "Result: {\n \"tokenid\": \"t\",\n \"value\": \"v-1\"\n}\n"
                } else {
                    ""
                })
            })
        }));
        let setup =
            Setup { settings: &settings, client: &client, hostname: "pbs1", runner: Arc::clone(&fake) as _ };
        setup.run().await;
        assert!(fake.calls().iter().any(|call| call.contains("Audit --auth-id pulse-monitor@pbs!pulse-")));
        assert!(bodies.lock().unwrap()[0].contains("https://10.0.0.7:8007"));
    }
}
