//! The hub: makes each frame once and hands the same bytes to every client.

use std::{
    io::{BufWriter, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::extract::ws::{Message, Utf8Bytes};
use bytes::Bytes;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use pulse_core::Snapshot;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::MissedTickBehavior,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::delta::difference;
use crate::{
    published::{RenderError, Rendered, StateCache, gzip, gzip_encoder, gzip_well},
    wire::resource,
};

/// Frames that wait for one slow client; behind that it starts over with a whole snapshot.
const DELTA_QUEUE: usize = 16;

/// Events that wait for one slow client; behind that the oldest are dropped.
const EVENT_QUEUE: usize = 128;

/// Differences are sent at most this often.
const DELTA_PERIOD: Duration = Duration::from_secs(1);

/// Text frames larger than this are sent to our own page compressed.
const COMPRESS_FROM: usize = 1_024;

/// The compressor is handed so much at once.
const WRITTEN_AT_ONCE: usize = 16 << 10;

/// A state smaller than this is sent to clients of the original soon after each change, not only at the tick.
const SMALL_STATE: usize = 256 * 1024;

/// Something that happened, for every client.
#[derive(Debug, Clone)]
pub struct Event(Utf8Bytes);

impl Event {
    /// An event of a type with its data; `at` becomes the envelope's time stamp.
    pub fn new(kind: &str, data: &Value, at: Option<Timestamp>) -> Self {
        let mut envelope = json!({"type": kind, "data": data});
        if let (Some(at), Some(object)) = (at, envelope.as_object_mut()) {
            object.insert("timestamp".into(), at.to_string().into());
        }
        Self(envelope.to_string().into())
    }

    /// The event as a frame.
    pub fn message(&self) -> Message {
        Message::Text(self.0.clone())
    }
}

/// One frame of differences.
#[derive(Debug, Clone)]
pub(super) struct DeltaFrame {
    /// Version it leads to.
    pub version: u64,
    /// The frame.
    pub message: Message,
}

/// A client's part in the stream of differences.
#[derive(Debug)]
pub(super) struct DeltaSeat {
    /// Frames to come; the first leads on from `base`.
    pub frames: broadcast::Receiver<DeltaFrame>,
    /// The snapshot to start with.
    pub base: Arc<Snapshot>,
}

/// Reaches the hub task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub {
    events: broadcast::Sender<Event>,
    raw: watch::Receiver<Option<Message>>,
    seats: mpsc::Sender<oneshot::Sender<DeltaSeat>>,
    raw_clients: Arc<AtomicUsize>,
    delta_clients: Arc<AtomicUsize>,
    state: Arc<StateCache>,
    stop: CancellationToken,
}

/// Counts a client for as long as it lives.
#[derive(Debug)]
pub(super) struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hub {
    /// Starts the hub. `period` is the broadcast period of whole states: the polling interval.
    pub fn start(
        world: watch::Receiver<Arc<Snapshot>>,
        state: Arc<StateCache>,
        period: Duration,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let (events, _) = broadcast::channel(EVENT_QUEUE);
        let (raw_frames, raw) = watch::channel(None);
        let (seats, seat_requests) = mpsc::channel(64);
        let hub = Self {
            events,
            raw,
            seats,
            raw_clients: Arc::default(),
            delta_clients: Arc::default(),
            state,
            stop: stop.clone(),
        };
        tasks.spawn(send_raw(
            world.clone(),
            hub.state.clone(),
            hub.raw_clients.clone(),
            raw_frames,
            period,
            stop.clone(),
        ));
        tasks.spawn(send_deltas(world, seat_requests, stop));
        hub
    }

    /// Tells every client.
    pub fn emit(&self, event: Event) {
        // No client is no error.
        let _ = self.events.send(event);
    }

    /// How many clients are connected: of whole states, of differences.
    pub fn clients(&self) -> (usize, usize) {
        (self.raw_clients.load(Ordering::Relaxed), self.delta_clients.load(Ordering::Relaxed))
    }

    pub(super) fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    pub(super) fn raw(&self) -> watch::Receiver<Option<Message>> {
        let mut frames = self.raw.clone();
        // The client has just got the state; the last frame is none of its business.
        frames.mark_unchanged();
        frames
    }

    pub(super) fn sit_raw(&self) -> Seat {
        self.raw_clients.fetch_add(1, Ordering::Relaxed);
        Seat(self.raw_clients.clone())
    }

    pub(super) fn sit_delta(&self) -> Seat {
        self.delta_clients.fetch_add(1, Ordering::Relaxed);
        Seat(self.delta_clients.clone())
    }

    pub(super) async fn join_deltas(&self) -> Option<DeltaSeat> {
        let (answer, wait) = oneshot::channel();
        self.seats.send(answer).await.ok()?;
        wait.await.ok()
    }

    pub(super) fn state(&self) -> &Arc<StateCache> {
        &self.state
    }

    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

/// Broadcasts whole states to clients of the original, while there are any.
async fn send_raw(
    mut world: watch::Receiver<Arc<Snapshot>>,
    state: Arc<StateCache>,
    clients: Arc<AtomicUsize>,
    frames: watch::Sender<Option<Message>>,
    period: Duration,
    stop: CancellationToken,
) {
    let mut tick = tokio::time::interval(period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut soon = tokio::time::interval(DELTA_PERIOD);
    soon.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_size = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
            _ = soon.tick(), if last_size < SMALL_STATE => {
                if !world.has_changed().unwrap_or(false) {
                    continue;
                }
            }
        }
        if clients.load(Ordering::Relaxed) == 0 {
            if frames.borrow().is_some() {
                frames.send_replace(None);
            }
            last_size = 0;
            continue;
        }
        let snapshot = world.borrow_and_update().clone();
        match raw_frame(&state, snapshot).await {
            Ok(frame) => {
                last_size = frame.len();
                frames.send_replace(Some(Message::Text(frame)));
            }
            Err(error) => tracing::error!(%error, "the state could not be broadcast"),
        }
    }
}

async fn raw_frame(state: &Arc<StateCache>, snapshot: Arc<Snapshot>) -> Result<Utf8Bytes, RenderError> {
    let rendered = state.get_fresh(snapshot.clone()).await?;
    let resources = tokio::task::spawn_blocking(move || with_resources(&rendered, &snapshot));
    Ok(resources.await.map_err(|_| RenderError::Stopped)??)
}

/// `rawData` of the ticker: the state plus the unified resources, one by one: as a tree of values all of them would
/// take many times their size.
fn with_resources(rendered: &Rendered, snapshot: &Snapshot) -> std::io::Result<Utf8Bytes> {
    let mut text = b"{\"type\":\"rawData\",\"data\":".to_vec();
    text.reserve(rendered.length() * 2);
    rendered.append_to(&mut text)?;
    // The state is an object that ends in `}`: the resources go in before that.
    let end = text.trim_ascii_end();
    text.truncate(end.strip_suffix(b"}").unwrap_or(end).len());
    text.extend_from_slice(b",\"resources\":[");
    let mut outcome = Ok(());
    let mut comma = "";
    resource::each(snapshot, &mut |resource| match live_resource(&resource) {
        Ok(resource) => {
            text.extend_from_slice(comma.as_bytes());
            text.extend_from_slice(resource.as_bytes());
            comma = ",";
        }
        Err(error) => outcome = Err(error),
    });
    outcome?;
    text.extend_from_slice(b"]}}");
    text.shrink_to_fit();
    Utf8Bytes::try_from(text).map_err(std::io::Error::other)
}

/// A resource as the live channel shows it: times in milliseconds, without the version of the shape.
fn live_resource(resource: &resource::Resource) -> Result<String, serde_json::Error> {
    let mut value = serde_json::to_value(resource)?;
    if let Some(object) = value.as_object_mut() {
        object.remove("schemaVersion");
        to_millis(object, "lastSeen");
        for alert in object.get_mut("alerts").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(alert) = alert.as_object_mut() {
                to_millis(alert, "startTime");
            }
        }
    }
    serde_json::to_string(&value)
}

fn to_millis(object: &mut serde_json::Map<String, Value>, field: &str) {
    let at = object.get(field).and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
    if let Some(at) = at {
        object.insert(field.to_owned(), at.as_millisecond().into());
    }
}

/// Broadcasts differences to our own pages, while there are any.
async fn send_deltas(
    mut world: watch::Receiver<Arc<Snapshot>>,
    mut seats: mpsc::Receiver<oneshot::Sender<DeltaSeat>>,
    stop: CancellationToken,
) {
    let (frames, _) = broadcast::channel(DELTA_QUEUE);
    // Held only while somebody follows: what it shows is soon a whole estate that nobody else needs any more.
    let mut base: Option<Arc<Snapshot>> = None;
    let mut pace = tokio::time::interval(DELTA_PERIOD);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            request = seats.recv() => {
                let Some(answer) = request else { return };
                if frames.receiver_count() == 0 {
                    base = None;
                }
                let base = base.get_or_insert_with(|| world.borrow_and_update().clone()).clone();
                // The client may be gone again.
                let _ = answer.send(DeltaSeat { frames: frames.subscribe(), base });
            }
            _ = pace.tick() => {
                if frames.receiver_count() == 0 {
                    base = None;
                }
                let Some(before) = base.clone() else { continue };
                if !world.has_changed().unwrap_or(false) {
                    continue;
                }
                let next = world.borrow_and_update().clone();
                let after = next.clone();
                let frame = tokio::task::spawn_blocking(move || delta_frame(&before, &after)).await;
                match frame {
                    Ok(Ok(Some(frame))) => {
                        base = Some(next);
                        let _ = frames.send(frame);
                    }
                    // Nothing that is shown changed: the next difference starts from the same base.
                    Ok(Ok(None)) => {}
                    Ok(Err(error)) => tracing::error!(%error, "differences could not be compressed"),
                    Err(error) => tracing::error!(%error, "differences could not be computed"),
                }
            }
        }
    }
}

fn delta_frame(before: &Snapshot, after: &Snapshot) -> std::io::Result<Option<DeltaFrame>> {
    let Some(data) = difference(before, after) else { return Ok(None) };
    let text = json!({"type": "delta", "data": data}).to_string();
    Ok(Some(DeltaFrame { version: after.version, message: pack_with(text, gzip_well)? }))
}

/// A value as text when it is small, as a binary frame of gzip when it is large: compressed while it is written, so that
/// the text of a large estate never is in memory.
pub(super) fn pack_value(value: &impl Serialize) -> std::io::Result<Message> {
    let mut out = BufWriter::with_capacity(WRITTEN_AT_ONCE, Growing::Text(Vec::new()));
    serde_json::to_writer(&mut out, value)?;
    match out.into_inner().map_err(std::io::IntoInnerError::into_error)? {
        Growing::Text(text) => Ok(Message::Text(Utf8Bytes::try_from(text).map_err(std::io::Error::other)?)),
        Growing::Packed(encoder) => Ok(Message::Binary(encoder.finish()?.into())),
    }
}

/// What is written: as it is at first, and compressed once it has become long.
enum Growing {
    Text(Vec<u8>),
    Packed(Box<GzEncoder<Vec<u8>>>),
}

impl Write for Growing {
    fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Text(text) if text.len() + part.len() < COMPRESS_FROM => text.extend_from_slice(part),
            Self::Text(text) => {
                let mut encoder = gzip_encoder(Vec::new());
                encoder.write_all(text)?;
                encoder.write_all(part)?;
                *self = Self::Packed(Box::new(encoder));
            }
            Self::Packed(encoder) => encoder.write_all(part)?,
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Text as it is when small, a binary frame of gzip when large.
pub(super) fn pack(text: String) -> std::io::Result<Message> {
    pack_with(text, gzip)
}

fn pack_with(text: String, gzip: fn(&[u8]) -> std::io::Result<Bytes>) -> std::io::Result<Message> {
    if text.len() < COMPRESS_FROM {
        return Ok(Message::Text(text.into()));
    }
    Ok(Message::Binary(gzip(text.as_bytes())?))
}
