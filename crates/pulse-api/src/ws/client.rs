//! One connected client.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use pulse_core::{Clock, Snapshot};
use pulse_monitor::Watcher;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{
    sync::broadcast,
    time::{Instant, MissedTickBehavior, timeout_at},
};

use super::{
    hub::{DeltaSeat, Hub, pack_value},
    watched::Looking,
};
use crate::{published::RenderError, wire::state::StateShape};

/// What a client wants to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// Whole states, as clients of the original expect.
    Raw,
    /// A snapshot, then differences.
    Delta,
}

/// The application ping goes out this often.
const PING_PERIOD: Duration = Duration::from_secs(30);

/// A client that takes no frame for this long is dropped.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);

/// A client that sends nothing at all for this long, not even a pong, is dropped.
const READ_DEADLINE: Duration = Duration::from_secs(120);

/// Close code that tells our page to go to the login.
const SESSION_ENDED: u16 = 4401;

/// Why a client's service ends.
enum End {
    /// It went, or is too slow.
    Gone,
    /// Its session or token is no longer valid.
    SessionEnded,
    /// The server stops.
    Stopping,
}

/// Serves one client until it goes; `is_still_allowed` is asked before each thing that it is told, and now
/// and then.
pub async fn serve(
    mut socket: WebSocket,
    hub: Hub,
    kind: StreamKind,
    clock: Arc<dyn Clock>,
    watcher: Watcher,
    is_still_allowed: impl Fn() -> bool + Send,
) {
    let end = match kind {
        StreamKind::Raw => serve_raw(&mut socket, &hub, &*clock, &is_still_allowed).await,
        StreamKind::Delta => serve_delta(&mut socket, &hub, &*clock, watcher, &is_still_allowed).await,
    };
    let close = match end {
        End::Gone => return,
        End::SessionEnded => {
            CloseFrame { code: SESSION_ENDED, reason: Utf8Bytes::from_static("session ended") }
        }
        End::Stopping => CloseFrame { code: 1001, reason: Utf8Bytes::from_static("the server restarts") },
    };
    // A client that is gone already cannot be told.
    let _ = tokio::time::timeout(Duration::from_secs(1), socket.send(Message::Close(Some(close)))).await;
}

async fn serve_raw(
    socket: &mut WebSocket,
    hub: &Hub,
    clock: &dyn Clock,
    is_still_allowed: &(impl Fn() -> bool + Send),
) -> End {
    let _seat = hub.sit_raw();
    let mut frames = hub.raw();
    let mut events = hub.events();
    if send(socket, welcome("raw")).await.is_err() || send_state(socket, hub, "initialState").await.is_err() {
        return End::Gone;
    }
    let mut ping = pings();
    let mut heard = Instant::now();
    loop {
        let outcome = tokio::select! {
            () = hub.stop().cancelled() => return End::Stopping,
            incoming = timeout_at(heard + READ_DEADLINE, socket.recv()) => match heard_now(&mut heard, request(incoming)) {
                Request::Gone => return End::Gone,
                Request::Nothing | Request::Resync | Request::Look(_) => Ok(()),
                Request::Ping => send(socket, stamped("pong", clock)).await,
                Request::Data if !is_still_allowed() => return End::SessionEnded,
                Request::Data => send_state(socket, hub, "rawData").await,
            },
            changed = frames.changed() => {
                if changed.is_err() {
                    return End::Stopping;
                }
                let frame = frames.borrow_and_update().clone();
                match frame {
                    Some(_) if !is_still_allowed() => return End::SessionEnded,
                    Some(frame) => send(socket, frame).await,
                    None => Ok(()),
                }
            }
            event = events.recv() => match event {
                Ok(_) if !is_still_allowed() => return End::SessionEnded,
                Ok(event) => send(socket, event.message()).await,
                Err(broadcast::error::RecvError::Lagged(_)) => Ok(()),
                Err(broadcast::error::RecvError::Closed) => return End::Stopping,
            },
            _ = ping.tick() => {
                if !is_still_allowed() {
                    return End::SessionEnded;
                }
                beat(socket, clock).await
            }
        };
        if outcome.is_err() {
            return End::Gone;
        }
    }
}

async fn serve_delta(
    socket: &mut WebSocket,
    hub: &Hub,
    clock: &dyn Clock,
    watcher: Watcher,
    is_still_allowed: &(impl Fn() -> bool + Send),
) -> End {
    let _seat = hub.sit_delta();
    let mut events = hub.events();
    if send(socket, welcome("delta")).await.is_err() {
        return End::Gone;
    }
    let Some(mut seat) = hub.join_deltas().await else { return End::Stopping };
    let mut version = seat.base.version;
    // Gone with the client: what nobody looks at any more is no longer asked for.
    let mut looking = Looking::new(watcher);
    if send_snapshot(socket, &seat.base).await.is_err() {
        return End::Gone;
    }
    let mut ping = pings();
    let mut heard = Instant::now();
    loop {
        let mut start_over = false;
        let outcome = tokio::select! {
            () = hub.stop().cancelled() => return End::Stopping,
            incoming = timeout_at(heard + READ_DEADLINE, socket.recv()) => match heard_now(&mut heard, request(incoming)) {
                Request::Gone => return End::Gone,
                Request::Nothing => Ok(()),
                Request::Look(_) | Request::Data | Request::Resync if !is_still_allowed() => {
                    return End::SessionEnded;
                }
                Request::Look(ids) => {
                    looking.look_at(&ids);
                    Ok(())
                }
                Request::Ping => send(socket, stamped("pong", clock)).await,
                Request::Data | Request::Resync => {
                    start_over = true;
                    Ok(())
                }
            },
            frame = looking.next() => {
                if !is_still_allowed() {
                    return End::SessionEnded;
                }
                send(socket, frame).await
            }
            frame = seat.frames.recv() => match frame {
                Ok(_) if !is_still_allowed() => return End::SessionEnded,
                Ok(frame) if frame.version > version => {
                    version = frame.version;
                    send(socket, frame.message).await
                }
                Ok(_) => Ok(()),
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    start_over = true;
                    Ok(())
                }
                Err(broadcast::error::RecvError::Closed) => return End::Stopping,
            },
            event = events.recv() => match event {
                Ok(_) if !is_still_allowed() => return End::SessionEnded,
                Ok(event) => send(socket, event.message()).await,
                Err(broadcast::error::RecvError::Lagged(_)) => Ok(()),
                Err(broadcast::error::RecvError::Closed) => return End::Stopping,
            },
            _ = ping.tick() => {
                if !is_still_allowed() {
                    return End::SessionEnded;
                }
                beat(socket, clock).await
            }
        };
        if outcome.is_err() {
            return End::Gone;
        }
        if start_over {
            let Some(DeltaSeat { frames, base }) = hub.join_deltas().await else { return End::Stopping };
            seat = DeltaSeat { frames, base };
            version = seat.base.version;
            if send_snapshot(socket, &seat.base).await.is_err() {
                return End::Gone;
            }
        }
    }
}

/// What a frame from the client asks for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Gone,
    Nothing,
    Ping,
    Data,
    Resync,
    /// Of our own page: the figures of these every second, and of nothing else.
    Look(Vec<String>),
}

/// Notes that something came, whatever else went on meanwhile: a deadline that begins anew with each turn of the loop
/// would never come.
fn heard_now(heard: &mut Instant, request: Request) -> Request {
    *heard = Instant::now();
    request
}

fn request(incoming: Result<Option<Result<Message, axum::Error>>, tokio::time::error::Elapsed>) -> Request {
    match incoming {
        Ok(Some(Ok(Message::Text(text)))) => match serde_json::from_str::<Value>(&text) {
            Ok(message) => match message.get("type").and_then(Value::as_str) {
                Some("ping") => Request::Ping,
                Some("requestData") => Request::Data,
                Some("resync") => Request::Resync,
                Some("watch") => Request::Look(ids_of(&message)),
                Some(_) | None => Request::Nothing,
            },
            Err(_) => Request::Nothing,
        },
        Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => Request::Gone,
        Ok(Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_)))) => Request::Nothing,
    }
}

/// The ids in a `watch` message; what is no text counts for nothing.
fn ids_of(message: &Value) -> Vec<String> {
    let ids = message.pointer("/data/ids").and_then(Value::as_array);
    ids.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn pings() -> tokio::time::Interval {
    let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + PING_PERIOD, PING_PERIOD);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping
}

/// The application ping that clients of the original expect, and the protocol's own, whose pong shows life.
async fn beat(socket: &mut WebSocket, clock: &dyn Clock) -> Result<(), Slow> {
    send(socket, stamped("ping", clock)).await?;
    send(socket, Message::Ping(bytes::Bytes::new())).await
}

fn welcome(stream: &str) -> Message {
    let mut data = json!({"message": "Connected to Pulse WebSocket", "orgId": "default"});
    if let (true, Some(object)) = (stream == "delta", data.as_object_mut()) {
        object.insert("stream".into(), stream.into());
    }
    Message::Text(json!({"type": "welcome", "data": data}).to_string().into())
}

fn stamped(kind: &str, clock: &dyn Clock) -> Message {
    let text = json!({"type": kind, "data": {"timestamp": clock.now().as_second()}}).to_string();
    Message::Text(text.into())
}

/// The client does not take its frames, or is gone.
struct Slow;

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Slow> {
    match tokio::time::timeout(WRITE_DEADLINE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Slow),
    }
}

async fn send_state(socket: &mut WebSocket, hub: &Hub, kind: &str) -> Result<(), Slow> {
    let frame = async {
        let rendered = hub.state().get().await?;
        let kind = kind.to_owned();
        let frame = tokio::task::spawn_blocking(move || {
            let mut text = format!("{{\"type\":\"{kind}\",\"data\":").into_bytes();
            text.reserve(rendered.length() + 1);
            rendered.append_to(&mut text)?;
            text.truncate(text.trim_ascii_end().len());
            text.push(b'}');
            Utf8Bytes::try_from(text).map_err(std::io::Error::other)
        });
        Ok::<_, RenderError>(frame.await.map_err(|_| RenderError::Stopped)??)
    };
    match frame.await {
        Ok(text) => send(socket, Message::Text(text)).await,
        Err(error) => {
            tracing::error!(%error, "the state could not be sent");
            Err(Slow)
        }
    }
}

/// The frame that begins a stream of differences.
#[derive(Serialize)]
struct SnapshotMessage<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    data: SnapshotData<'a>,
}

#[derive(Serialize)]
struct SnapshotData<'a> {
    version: u64,
    state: StateShape<'a>,
}

async fn send_snapshot(socket: &mut WebSocket, base: &Arc<Snapshot>) -> Result<(), Slow> {
    let base = base.clone();
    let frame = tokio::task::spawn_blocking(move || {
        // Compressed while it is written: as a tree of values the state would take ten times its size.
        let data = SnapshotData { version: base.version, state: StateShape::from(&*base) };
        pack_value(&SnapshotMessage { kind: "snapshot", data })
    });
    match frame.await {
        Ok(Ok(frame)) => send(socket, frame).await,
        Ok(Err(_)) | Err(_) => Err(Slow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(text: &str) -> Request {
        request(Ok(Some(Ok(Message::Text(text.to_owned().into())))))
    }

    #[test]
    fn requests_are_known_words_and_everything_else_is_ignored() {
        assert_eq!(asks(r#"{"type":"ping"}"#), Request::Ping);
        assert_eq!(asks(r#"{"type":"requestData"}"#), Request::Data);
        assert_eq!(asks(r#"{"type":"resync"}"#), Request::Resync);
        let looks = |ids: &[&str]| Request::Look(ids.iter().map(ToString::to_string).collect());
        assert_eq!(asks(r#"{"type":"watch","data":{"ids":["a",7,"b"]}}"#), looks(&["a", "b"]));
        assert_eq!(asks(r#"{"type":"watch","data":5}"#), looks(&[]));
        assert_eq!(asks(r#"{"type":7}"#), Request::Nothing);
        assert_eq!(asks("no json"), Request::Nothing);
        assert_eq!(request(Ok(None)), Request::Gone);
    }
}
