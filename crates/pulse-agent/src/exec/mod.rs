//! The command socket: runs commands of the server, where the owner of this machine allows that.
//!
//! Off unless it was switched on here; the server can switch it off and never on. What is run is bounded by the
//! list of its owner, in time, in output and in number.

mod frames;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use jiff::Timestamp;
use pulse_core::command_policy::{AllowedCommand, CommandPolicy, RefusedCommand};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, mpsc, watch},
    time::{Instant, interval, sleep, timeout},
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    client_async_with_config,
    tungstenite::{Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

use crate::{
    command::{Call, CommandError, RunCommand, SystemCommands},
    link,
    settings::{AgentSettings, Token},
};
use frames::{CommandResult, Incoming, Outgoing, Register, Registered, Request};

/// Between a loss and the next try (contract B-10 §6); doubled from try to try up to the second value, and each time up to
/// half shorter or longer: all agents of a server lose it in the same moment, and must not come back in the same one.
const REDIAL: Duration = Duration::from_secs(10);
const LONGEST_REDIAL: Duration = Duration::from_mins(2);
/// A connection that lasted so long was a good one.
const STEADY: Duration = Duration::from_mins(1);
/// Between two signs of life (contract B-10 §6).
const PING: Duration = Duration::from_secs(30);
/// A connection on which nothing came for so long is dead: the server pings every 5 s.
const SILENCE: Duration = Duration::from_secs(60);
/// A frame that is not taken for so long is never taken.
const WRITE_LIMIT: Duration = Duration::from_secs(15);
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
const REGISTER_LIMIT: Duration = Duration::from_secs(30);
const DEFAULT_COMMAND_LIMIT: Duration = Duration::from_secs(60);
const LONGEST_COMMAND: Duration = Duration::from_mins(10);
/// Of each of a command's outputs (contract B-10 §6).
const MAX_OUTPUT_BYTES: usize = 1024 * 1024;
const MAX_FRAME_BYTES: usize = 256 * 1024;
/// A result is no longer, however its characters are escaped: our server takes 4 MiB.
const MAX_RESULT_BYTES: usize = 3 * 1024 * 1024;
/// Commands at one time; further ones are refused.
const MAX_COMMANDS: usize = 4;
/// Requests that are answered at one time, refusals included; what comes beyond them is no server's doing.
const MAX_REQUESTS: usize = 64;
/// Requests whose ids are remembered, so that none is run twice.
const REMEMBERED_REQUESTS: usize = 256;

/// The socket for one state of the settings.
pub(crate) struct Socket {
    is_allowed: bool,
    url: String,
    token: Token,
    is_insecure: bool,
    runner: Arc<Runner>,
    hostname: String,
    agent_id: String,
    version: String,
    tags: Vec<String>,
}

/// Why a connection ended.
type Ended = String;

impl Socket {
    pub(crate) fn new(settings: &AgentSettings, hostname: String, agent_id: String) -> Self {
        Self {
            is_allowed: settings.are_commands_allowed,
            url: settings.url.clone(),
            token: settings.token.clone(),
            is_insecure: settings.is_insecure,
            runner: Arc::new(Runner::new(
                CommandPolicy::new(&settings.command_allow),
                Arc::new(SystemCommands),
                MAX_COMMANDS,
            )),
            hostname,
            agent_id,
            version: settings.identity.version.clone(),
            tags: settings.tags.clone(),
        }
    }

    /// Stays connected while that is allowed here and not forbidden by the server. Ends never.
    pub(crate) async fn run(&self, mut server_says: watch::Receiver<Option<bool>>) {
        if !self.is_allowed {
            // Pulse v5: the server can switch this on, too.
            return std::future::pending().await;
        }
        let mut told = Ended::new();
        let mut pause = REDIAL;
        loop {
            let begun = Instant::now();
            let is_forbidden = *server_says.borrow_and_update() == Some(false);
            if is_forbidden {
                if server_says.changed().await.is_err() {
                    return std::future::pending().await;
                }
                continue;
            }
            tokio::select! {
                ended = self.connect() => {
                    // With every try the same is said once.
                    if ended == told {
                        tracing::debug!(reason = %ended, "the command socket ended");
                    } else {
                        tracing::info!(reason = %ended, "no commands of the server at this time");
                        told = ended;
                    }
                    if begun.elapsed() >= STEADY {
                        pause = REDIAL;
                    }
                    sleep(scattered(pause, random())).await;
                    pause = (pause * 2).min(LONGEST_REDIAL);
                }
                changed = server_says.changed() => {
                    if changed.is_err() {
                        return std::future::pending().await;
                    }
                    tracing::info!("the server changed whether commands may be run");
                }
            }
        }
    }

    async fn connect(&self) -> Ended {
        match self.converse().await {
            Ok(()) => "the server closed it".to_owned(),
            Err(reason) => reason,
        }
    }

    async fn converse(&self) -> Result<(), Ended> {
        // Pulse v5: replaces the path of the address, so that a server below a path is never reached.
        let base = link::server_url(&self.url).map_err(|error| error.to_string())?;
        let mut url = base.join("api/agent/ws").map_err(|error| error.to_string())?;
        let is_tls = url.scheme() == "https";
        url.set_scheme(if is_tls { "wss" } else { "ws" }).map_err(|()| "no WebSocket address".to_owned())?;
        let host = url.host_str().ok_or("no host")?.to_owned();
        let port = url.port_or_known_default().ok_or("no port")?;
        let address = (host.trim_matches(['[', ']']).to_owned(), port);
        let tcp = timeout(CONNECT_LIMIT, TcpStream::connect(address))
            .await
            .map_err(|_| "no connection in time".to_owned())?
            .map_err(|error| error.to_string())?;
        let mut request = url.as_str().into_client_request().map_err(|error| error.to_string())?;
        // Checked by our own server before anything is said; the original looks at the first frame only.
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {}", self.token.expose())).map_err(|_| "a bad token")?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(http::header::AUTHORIZATION, bearer);
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_FRAME_BYTES))
            .max_frame_size(Some(MAX_FRAME_BYTES));
        if is_tls {
            let tls = link::tls_config(Some(&base), self.is_insecure).map_err(|error| error.to_string())?;
            let name = rustls::pki_types::ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                .map_err(|error| error.to_string())?;
            let stream = timeout(CONNECT_LIMIT, TlsConnector::from(Arc::new(tls)).connect(name, tcp))
                .await
                .map_err(|_| "no TLS in time".to_owned())?
                .map_err(|error| error.to_string())?;
            let shaken =
                timeout(CONNECT_LIMIT, client_async_with_config(request, stream, Some(config))).await;
            let (socket, _) =
                shaken.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())?;
            self.talk(socket).await
        } else {
            let shaken = timeout(CONNECT_LIMIT, client_async_with_config(request, tcp, Some(config))).await;
            let (socket, _) =
                shaken.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())?;
            self.talk(socket).await
        }
    }

    async fn talk<S>(&self, socket: tokio_tungstenite::WebSocketStream<S>) -> Result<(), Ended>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let (mut sink, mut stream) = socket.split();
        let register = Register {
            agent_id: &self.agent_id,
            hostname: &self.hostname,
            version: &self.version,
            platform: std::env::consts::OS,
            tags: &self.tags,
            token: self.token.expose(),
        };
        send(&mut sink, frame("agent_register", None, Some(register))?).await?;
        let (done, mut results) = mpsc::channel::<CommandResult>(MAX_COMMANDS);
        let mut ping = interval(PING);
        ping.tick().await;
        let mut heard = Instant::now();
        let begin = Instant::now();
        let mut is_registered = false;
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            if !is_registered && begin.elapsed() > REGISTER_LIMIT {
                return Err("the server did not register this agent".to_owned());
            }
            tokio::select! {
                message = timeout(SILENCE.saturating_sub(heard.elapsed()).max(Duration::from_secs(1)), stream.next()) => {
                    let message = match message {
                        Err(_) if heard.elapsed() >= SILENCE => return Err("the server is silent".to_owned()),
                        Err(_) => continue,
                        Ok(None) => return Ok(()),
                        Ok(Some(message)) => message.map_err(|error| error.to_string())?,
                    };
                    heard = Instant::now();
                    let Message::Text(text) = message else { continue };
                    let Ok(incoming) = serde_json::from_str::<Incoming>(text.as_str()) else { continue };
                    match incoming.kind.as_str() {
                        "registered" => {
                            let answer: Registered = payload(incoming.payload);
                            if !answer.success {
                                return Err(format!("the server refuses this agent: {}", answer.message));
                            }
                            is_registered = true;
                            tracing::info!("ready for commands of the server");
                        }
                        "execute_command" | "read_file" if is_registered && tasks.len() < MAX_REQUESTS => {
                            let (runner, done) = (Arc::clone(&self.runner), done.clone());
                            tasks.spawn(async move { drop(done.send(runner.perform(incoming).await).await) });
                        }
                        _ => {}
                    }
                }
                Some(result) = results.recv() => {
                    send(&mut sink, result_frame(result)?).await?;
                }
                _ = ping.tick() => {
                    send(&mut sink, frame("agent_ping", None, None::<()>)?).await?;
                }
                Some(_) = tasks.join_next() => {}
            }
        }
    }
}

/// Sends a frame. To a peer that takes nothing any more it would be sent for ever.
async fn send<S>(sink: &mut S, message: Message) -> Result<(), Ended>
where
    S: futures_util::Sink<Message> + Unpin,
    S::Error: std::fmt::Display,
{
    match timeout(WRITE_LIMIT, sink.send(message)).await {
        Ok(sent) => sent.map_err(|error| error.to_string()),
        Err(_) => Err("the server takes no frames".to_owned()),
    }
}

/// A pause, up to half of it shorter or longer; `random` says where in between.
fn scattered(pause: Duration, random: u16) -> Duration {
    pause / 2 + pause * u32::from(random) / u32::from(u16::MAX)
}

/// Two bytes that no other agent has at this moment; the middle, where the system has none to give.
fn random() -> u16 {
    let mut bytes = [0x7f, 0xff];
    if ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes).is_err() {
        bytes = [0x7f, 0xff];
    }
    u16::from_be_bytes(bytes)
}

fn payload<T: serde::de::DeserializeOwned + Default>(value: Option<serde_json::Value>) -> T {
    value.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
}

fn frame<T: serde::Serialize>(
    kind: &'static str,
    id: Option<String>,
    payload: Option<T>,
) -> Result<Message, Ended> {
    let outgoing = Outgoing { kind, id, timestamp: Timestamp::now(), payload };
    serde_json::to_string(&outgoing).map(Message::text).map_err(|error| error.to_string())
}

/// The frame of a result. Control characters take six bytes each: what would get too long is cut further.
fn result_frame(mut result: CommandResult) -> Result<Message, Ended> {
    loop {
        let message = frame("command_result", Some(result.request_id.clone()), Some(&result))?;
        if message.len() <= MAX_RESULT_BYTES {
            return Ok(message);
        }
        for text in [&mut result.stdout, &mut result.stderr] {
            text.truncate(text.floor_char_boundary(text.len() / 2));
        }
    }
}

/// Runs what is allowed.
struct Runner {
    policy: CommandPolicy,
    commands: Arc<dyn RunCommand>,
    slots: Semaphore,
    /// Ids of the newest requests, oldest first.
    seen: Mutex<VecDeque<String>>,
}

impl Runner {
    fn new(policy: CommandPolicy, commands: Arc<dyn RunCommand>, at_once: usize) -> Self {
        Self { policy, commands, slots: Semaphore::new(at_once), seen: Mutex::default() }
    }

    /// Whether a request was not seen before; it is from now on.
    fn is_new(&self, id: &str) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if id.is_empty() || seen.iter().any(|before| before == id) {
            return false;
        }
        if seen.len() >= REMEMBERED_REQUESTS {
            seen.pop_front();
        }
        seen.push_back(id.to_owned());
        true
    }

    async fn perform(&self, incoming: Incoming) -> CommandResult {
        let begin = Instant::now();
        let is_file = incoming.kind == "read_file";
        let mut request: Request = payload(incoming.payload);
        if request.request_id.is_empty() {
            request.request_id = incoming.id;
        }
        let id = request.request_id.clone();
        let outcome = if is_file {
            // Pulse v5: answers with an empty success.
            Err("this agent does not read files for the server".to_owned())
        } else if !self.is_new(&id) {
            // Pulse v5: what is sent twice is run twice.
            Err("a request of this id was run before".to_owned())
        } else {
            self.run(request).await
        };
        let duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        match outcome {
            Ok(result) => CommandResult { request_id: id, duration_ms, ..result },
            Err(error) => CommandResult {
                request_id: id,
                duration_ms,
                exit_code: -1,
                error,
                ..CommandResult::default()
            },
        }
    }

    async fn run(&self, request: Request) -> Result<CommandResult, String> {
        let allowed = self.policy.judge(&request.command).map_err(|refused| {
            tracing::warn!(reason = %refused, "a command of the server was refused");
            match refused {
                RefusedCommand::NotListed => {
                    "the owner of this machine does not allow this command (--command-allow)".to_owned()
                }
                other => other.to_string(),
            }
        })?;
        let Ok(_slot) = self.slots.try_acquire() else {
            return Err("too many commands run at this time".to_owned());
        };
        let call = call(&request, allowed)?;
        tracing::info!(program = %call, target = %request.target_type, "running a command of the server");
        match self.commands.run(call).await {
            Ok(done) => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                Ok(CommandResult {
                    success: done.is_success(),
                    stdout: text(&done.stdout),
                    stderr: text(&done.stderr),
                    exit_code: done.code.unwrap_or(-1),
                    ..CommandResult::default()
                })
            }
            Err(CommandError::Timeout { .. }) => Err("command timed out".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The call for a command: on the host, or in one of its guests.
fn call(request: &Request, allowed: AllowedCommand) -> Result<Call, String> {
    let limit = match request.timeout {
        0 => DEFAULT_COMMAND_LIMIT,
        seconds => Duration::from_secs(seconds).min(LONGEST_COMMAND),
    };
    let target = request.target_id.as_str();
    let is_id =
        !target.is_empty() && target.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let prefix: Vec<&str> = match request.target_type.as_str() {
        "container" if !target.is_empty() => vec!["pct", "exec", target, "--"],
        "vm" if !target.is_empty() => vec!["qm", "guest", "exec", target, "--"],
        _ => Vec::new(),
    };
    if !prefix.is_empty() && (!is_id || target.starts_with('-')) {
        return Err("the target has no valid id".to_owned());
    }
    let mut words: Vec<String> = prefix.into_iter().map(str::to_owned).collect();
    match allowed {
        AllowedCommand::Words(more) => words.extend(more),
        AllowedCommand::Shell(text) if cfg!(windows) => {
            words.extend(["cmd".to_owned(), "/C".to_owned(), text]);
        }
        AllowedCommand::Shell(text) => words.extend(["sh".to_owned(), "-c".to_owned(), text]),
    }
    let program = words.remove(0);
    Ok(Call { max_bytes: MAX_OUTPUT_BYTES, ..Call::new(&program, words).within(limit) })
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite;

    use super::*;
    use crate::command::fake::{FakeCommands, printed};

    fn runner(fake: Arc<FakeCommands>) -> Runner {
        Runner::new(CommandPolicy::new(&[]), fake, 1)
    }

    fn asked(json: &str) -> Incoming {
        serde_json::from_str(json).unwrap()
    }

    #[tokio::test]
    async fn an_allowed_command_runs_and_its_output_comes_back() {
        let fake = Arc::new(FakeCommands::new(|_| Some(printed("ok"))));
        let result = runner(Arc::clone(&fake))
            .perform(asked(
                r#"{"type":"execute_command","id":"r1","payload":{"request_id":"r1","command":"df -h","target_type":"host"}}"#,
            ))
            .await;
        assert_eq!((result.request_id.as_str(), result.success, result.stdout.as_str()), ("r1", true, "ok"));
        assert_eq!(fake.calls(), ["df -h"]);
    }

    #[tokio::test]
    async fn a_request_is_run_once_however_often_it_comes() {
        let fake = Arc::new(FakeCommands::new(|_| Some(printed("ok"))));
        let runner = runner(Arc::clone(&fake));
        let ask = || asked(r#"{"type":"execute_command","id":"r1","payload":{"command":"df -h"}}"#);
        assert!(runner.perform(ask()).await.success);
        let again = runner.perform(ask()).await;
        assert!(!again.success && again.error.contains("run before"), "{again:?}");
        let nameless = asked(r#"{"type":"execute_command","payload":{"command":"df -h"}}"#);
        assert!(!runner.perform(nameless).await.success, "nobody could tell its result from another");
        assert_eq!(fake.calls(), ["df -h"]);
    }

    #[test]
    fn agents_that_lose_their_server_at_once_do_not_come_back_at_once() {
        assert_eq!(scattered(REDIAL, 0), REDIAL / 2);
        assert_eq!(scattered(REDIAL, u16::MAX), REDIAL + REDIAL / 2);
        assert_eq!(scattered(LONGEST_REDIAL, u16::MAX), LONGEST_REDIAL + LONGEST_REDIAL / 2);
        let seconds: std::collections::BTreeSet<u64> =
            (0..1000).map(|_| scattered(REDIAL, random()).as_secs()).collect();
        assert!(seconds.len() >= 9, "{seconds:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_takes_no_frames_is_left() {
        let (near, _far) = tokio::io::duplex(16);
        let socket = tokio_tungstenite::WebSocketStream::from_raw_socket(
            near,
            tungstenite::protocol::Role::Client,
            None,
        );
        let (mut sink, _stream) = socket.await.split();
        let ended = send(&mut sink, Message::text("x".repeat(100))).await.unwrap_err();
        assert_eq!(ended, "the server takes no frames");
    }

    #[test]
    fn a_result_fits_whatever_is_in_it() {
        let result = CommandResult {
            request_id: "r".into(),
            stdout: "\u{1}".repeat(MAX_OUTPUT_BYTES),
            stderr: "\u{1}".repeat(MAX_OUTPUT_BYTES),
            ..CommandResult::default()
        };
        let length = result_frame(result).unwrap().len();
        assert!(length <= MAX_RESULT_BYTES && length > MAX_RESULT_BYTES / 3, "{length}");
    }

    #[tokio::test]
    async fn guests_are_reached_by_their_id_and_by_nothing_else() {
        let fake = Arc::new(FakeCommands::new(|_| Some(printed(""))));
        let runner = runner(Arc::clone(&fake));
        let ask = |kind: &str, id: &str| {
            asked(&format!(
                r#"{{"type":"execute_command","id":"{kind}{id}","payload":{{"command":"uptime","target_type":"{kind}","target_id":"{id}"}}}}"#
            ))
        };
        assert!(runner.perform(ask("container", "101")).await.success);
        assert!(runner.perform(ask("vm", "102")).await.success);
        assert_eq!(fake.calls(), ["pct exec 101 -- uptime", "qm guest exec 102 -- uptime"]);
        for id in ["1;x", "--help", "a b"] {
            let result = runner.perform(ask("container", id)).await;
            assert!(!result.success && result.error.contains("id"), "{result:?}");
        }
        assert_eq!(fake.calls().len(), 2);
    }

    #[tokio::test]
    async fn what_is_not_allowed_and_files_are_refused_and_nothing_runs() {
        let fake = Arc::new(FakeCommands::new(|_| Some(printed(""))));
        let runner = runner(Arc::clone(&fake));
        let refused = asked(r#"{"type":"execute_command","id":"r2","payload":{"command":"reboot"}}"#);
        let result = runner.perform(refused).await;
        assert_eq!((result.request_id.as_str(), result.success, result.exit_code), ("r2", false, -1));
        let file =
            asked(r#"{"type":"read_file","id":"r3","payload":{"request_id":"r3","path":"/etc/shadow"}}"#);
        assert!(!runner.perform(file).await.success);
        assert!(fake.calls().is_empty());
    }
}
