//! One agent that waits for commands: it says who it is, then gets commands and tells what came of them.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use jiff::Timestamp;
use pulse_auth::{hash_token, token::MAX_VALUE};
use pulse_core::{ids::TokenId, lenient::null_default, scope::Scope};
use pulse_monitor::{
    fleet::{may_run_commands, text::clean},
    remote_exec::{AgentSession, ConnectedAgent, ExecRequest, ExecResult, IsStillAllowed},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, MissedTickBehavior, interval, timeout, timeout_at},
};

use crate::state::AppState;

/// The first message must come so soon (contract B-10 §6).
const REGISTER_LIMIT: Duration = Duration::from_secs(30);

/// Nobody introduces itself at greater length.
const LARGEST_REGISTRATION: usize = 16 * 1024;

/// Longest text of a registration that is kept.
const LONGEST_WORD: usize = 256;

/// The protocol's ping goes out this often (contract B-10 §6), and whether the agent may stay is looked at.
const BEAT: Duration = Duration::from_secs(5);

/// An agent that sends nothing at all for so long is gone. Pulse v5 keeps a silent one for ever.
const SILENCE: Duration = Duration::from_secs(60);

/// A frame that is not taken for so long is never taken.
const WRITE_LIMIT: Duration = Duration::from_secs(15);

/// Messages between two beats; an agent that has four commands at one time sends a handful.
const MOST_MESSAGES: u32 = 64;

/// A message, either way.
#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Outgoing<'a, T> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<T>,
}

/// Who an agent says it is. Not to be logged: there is its token in it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Registration {
    #[serde(deserialize_with = "null_default")]
    agent_id: String,
    #[serde(deserialize_with = "null_default")]
    hostname: String,
    #[serde(deserialize_with = "null_default")]
    version: String,
    #[serde(deserialize_with = "null_default")]
    platform: String,
    #[serde(deserialize_with = "null_default")]
    token: String,
}

#[derive(Serialize)]
struct Registered {
    success: bool,
    message: String,
}

#[derive(Serialize)]
struct Execute<'a> {
    request_id: &'a str,
    command: &'a str,
    target_type: &'static str,
    target_id: String,
    timeout: u64,
}

/// What came of a command.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    #[serde(deserialize_with = "null_default")]
    request_id: String,
    #[serde(deserialize_with = "null_default")]
    success: bool,
    #[serde(deserialize_with = "null_default")]
    stdout: String,
    #[serde(deserialize_with = "null_default")]
    stderr: String,
    #[serde(deserialize_with = "null_default")]
    exit_code: i32,
    #[serde(deserialize_with = "null_default")]
    error: String,
    #[serde(deserialize_with = "null_default")]
    duration_ms: u64,
}

/// Why a conversation ends.
enum End {
    /// The agent went, or sends what no agent sends.
    Gone(&'static str),
    /// It may not stay: its host or token is gone, it is switched off, or a newer connection took its place.
    Dismissed,
    /// The server stops.
    Stopping,
}

/// Serves one connection; `place` is held until the agent has said who it is.
pub async fn serve(mut socket: WebSocket, state: AppState, place: OwnedSemaphorePermit) {
    let stop = state.hub.stop().clone();
    let registered = tokio::select! {
        () = stop.cancelled() => return,
        registered = timeout(REGISTER_LIMIT, register(&mut socket, &state)) => registered,
    };
    drop(place);
    let Ok(Some(mut session)) = registered else { return };
    let host = session.host().clone();
    let end = talk(&mut socket, &state, &mut session).await;
    drop(session);
    let (code, reason) = match end {
        End::Gone(reason) => {
            tracing::info!(%host, reason, "an agent takes no more commands");
            return;
        }
        End::Dismissed => (4401, "this agent may take no commands any more"),
        End::Stopping => (1001, "the server restarts"),
    };
    tracing::info!(%host, reason, "an agent takes no more commands");
    let close = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
    // One that is gone already cannot be told.
    drop(timeout(Duration::from_secs(1), socket.send(Message::Close(Some(close)))).await);
}

/// Finds out who connects. `None` where it is nobody who may, who was told so.
async fn register(socket: &mut WebSocket, state: &AppState) -> Option<AgentSession> {
    let text = loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => break text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => return None,
        }
    };
    let registration = registration(&text)?;
    let (outcome, message) = match admit(registration, state).await {
        Ok(session) => (Some(session), "Registered".to_owned()),
        Err(refusal) => (None, refusal),
    };
    let answer = Registered { success: outcome.is_some(), message };
    send(socket, &frame("registered", None, state.now(), Some(answer))).await.ok()?;
    if outcome.is_none() {
        drop(timeout(Duration::from_secs(1), socket.send(Message::Close(None))).await);
    }
    outcome
}

fn registration(text: &str) -> Option<Registration> {
    if text.len() > LARGEST_REGISTRATION {
        return None;
    }
    let incoming: Incoming<'_> = serde_json::from_str(text).ok()?;
    (incoming.kind == "agent_register").then(|| payload(incoming.payload)).flatten()
}

fn payload<T: serde::de::DeserializeOwned>(payload: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(payload?.get()).ok()
}

/// Takes an agent in, or says why not.
async fn admit(registration: Registration, state: &AppState) -> Result<AgentSession, String> {
    let Registration { agent_id, hostname, version, platform, token } = registration;
    let now = state.now();
    let is_token = !token.is_empty() && token.len() <= MAX_VALUE;
    let token = is_token.then(|| state.access.tokens.authenticate(&hash_token(&token), now)).flatten();
    let Some(token) = token else {
        tracing::warn!(
            hostname = clean(&hostname, LONGEST_WORD),
            "an agent without a valid token asks for commands"
        );
        return Err("Invalid token".to_owned());
    };
    let id = token.record().id.clone();
    if !token.record().scopes.allows(Scope::HostAgentReport) {
        // Pulse v5 takes any token.
        return Err(format!("The token lacks the scope {}", Scope::HostAgentReport.name()));
    }
    let (of, name, with) = (agent_id.clone(), hostname.clone(), id.clone());
    let bound = state.fleet.change(move |world, _| world.command_host(&of, &name, &with)).await;
    let host = bound.map_err(|error| error.to_string())?.map_err(|error| {
        let hostname = clean(&hostname, LONGEST_WORD);
        tracing::warn!(hostname, token.id = %id, reason = %error, "an agent is given no commands");
        error.to_string()
    })?;
    let agent = ConnectedAgent {
        host: host.clone(),
        agent_id: clean(&agent_id, LONGEST_WORD),
        hostname: clean(&hostname, LONGEST_WORD),
        version: clean(&version, LONGEST_WORD),
        platform: clean(&platform, LONGEST_WORD),
        connected_at: now,
    };
    let is_still_allowed = {
        let (state, host) = (state.clone(), host.clone());
        IsStillAllowed(Arc::new(move || {
            is_allowed(&state, &id) && may_run_commands(&state.fleet.snapshot(), &host, &id)
        }))
    };
    let session = state.exec.connect(agent, is_still_allowed);
    let session = session.ok_or("Too many agents are connected")?;
    tracing::info!(%host, "an agent takes commands");
    Ok(session)
}

/// Whether a token still exists and may still report.
fn is_allowed(state: &AppState, id: &TokenId) -> bool {
    state.access.tokens.current().by_id(id.as_str()).is_some_and(|token| {
        !token.is_expired(state.now()) && token.record().scopes.allows(Scope::HostAgentReport)
    })
}

async fn talk(socket: &mut WebSocket, state: &AppState, session: &mut AgentSession) -> End {
    let (stop, end) = (state.hub.stop().clone(), session.end());
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    let mut messages = 0;
    loop {
        let sent = tokio::select! {
            () = stop.cancelled() => return End::Stopping,
            () = end.cancelled() => return End::Dismissed,
            incoming = timeout_at(heard + SILENCE, socket.recv()) => {
                let message = match incoming {
                    Err(_) => return End::Gone("it was silent"),
                    Ok(None | Some(Err(_) | Ok(Message::Close(_)))) => return End::Gone("it disconnected"),
                    Ok(Some(Ok(message))) => message,
                };
                heard = Instant::now();
                messages += 1;
                if messages > MOST_MESSAGES {
                    return End::Gone("it sent too many messages");
                }
                match take(&message, session) {
                    Some("pong") => send(socket, &frame("pong", None, state.now(), None::<()>)).await,
                    Some(_) | None => Ok(()),
                }
            }
            request = session.next_request() => match request {
                Some(request) => send(socket, &execute(&request, state.now())).await,
                None => return End::Dismissed,
            },
            _ = beat.tick() => {
                messages = 0;
                if !session.is_still_allowed() {
                    return End::Dismissed;
                }
                send(socket, &Ok(Message::Ping(bytes::Bytes::new()))).await
            }
        };
        if sent.is_err() {
            return End::Gone("it takes no frames");
        }
    }
}

/// Takes a message of an agent; gives the kind of answer it wants.
fn take(message: &Message, session: &AgentSession) -> Option<&'static str> {
    let Message::Text(text) = message else { return None };
    let incoming: Incoming<'_> = serde_json::from_str(text).ok()?;
    match incoming.kind.as_str() {
        "agent_ping" => Some("pong"),
        "command_result" => {
            let told: Told = payload(incoming.payload)?;
            let result = ExecResult {
                success: told.success,
                stdout: told.stdout,
                stderr: told.stderr,
                exit_code: told.exit_code,
                error: told.error,
                duration_ms: told.duration_ms,
            };
            if !session.answer(&told.request_id, result) {
                let id = clean(&told.request_id, LONGEST_WORD);
                tracing::warn!(host = %session.host(), id, "an agent tells of a command that nobody waits for");
            }
            None
        }
        _ => None,
    }
}

fn execute(request: &ExecRequest, now: Timestamp) -> Result<Message, serde_json::Error> {
    let (target_type, target_id) = request.target.wire();
    let payload = Execute {
        request_id: &request.id,
        command: &request.command,
        target_type,
        target_id,
        timeout: request.timeout_seconds,
    };
    frame("execute_command", Some(&request.id), now, Some(payload))
}

fn frame<T: Serialize>(
    kind: &'static str,
    id: Option<&str>,
    timestamp: Timestamp,
    payload: Option<T>,
) -> Result<Message, serde_json::Error> {
    let outgoing = Outgoing { kind, id, timestamp, payload };
    serde_json::to_string(&outgoing).map(|text| Message::Text(text.into()))
}

/// The agent does not take its frames, or is gone.
struct Slow;

async fn send(socket: &mut WebSocket, message: &Result<Message, serde_json::Error>) -> Result<(), Slow> {
    let Ok(message) = message else { return Err(Slow) };
    match timeout(WRITE_LIMIT, socket.send(message.clone())).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Slow),
    }
}
