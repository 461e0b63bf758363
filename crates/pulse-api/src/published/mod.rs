//! The state as bytes: serialised and compressed once per change, not once per request, and of that only the part
//! that changed.
//!
//! A small estate is rendered anew for each version, at the first request that wants it. A large one takes tens
//! of milliseconds to render, so its readers get the last rendering, at most `STALE` old, while a new one is
//! made beside them. Nobody renders while nobody reads.

mod packer;
mod pieces;
mod segment;

use std::{
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use bytes::{Buf, Bytes};
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use pulse_core::Snapshot;
use pulse_monitor::Keeper;
use tokio::sync::Mutex;

pub use packer::Packer;
use pieces::Pieces;

/// A rendering that took longer than this is not waited for when an older one is at hand.
const CHEAP: Duration = Duration::from_millis(4);

/// So much of a long text is unpacked at once for a reader who takes no compressed one.
const CHUNK: usize = 64 << 10;

/// How old a rendering may be that is served while a new one is made.
const STALE: Duration = Duration::from_millis(1_500);

/// One rendering of the state.
#[derive(Debug)]
pub struct Rendered {
    /// Version of the snapshot.
    pub version: u64,
    /// The JSON text, unless it is so long that only the compressed form is kept.
    json: Option<Bytes>,
    /// The same, gzip.
    pub gzip: Bytes,
    /// Length of the text.
    length: usize,
    /// Entity tag of the JSON text.
    pub etag: String,
    made_at: Instant,
    took: Duration,
}

impl Rendered {
    /// How many bytes the JSON text has.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The JSON text, piece by piece: where only the compressed form is kept, no reader holds more of it at once than one
    /// piece, however slow.
    pub fn chunks(&self) -> impl Iterator<Item = std::io::Result<Bytes>> + Send + 'static {
        let mut whole = self.json.clone();
        let mut packed = whole.is_none().then(|| GzDecoder::new(self.gzip.clone().reader()));
        std::iter::from_fn(move || {
            let Some(decoder) = &mut packed else { return whole.take().map(Ok) };
            let mut piece = Vec::with_capacity(CHUNK);
            let read = decoder.by_ref().take(CHUNK as u64).read_to_end(&mut piece);
            let is_over = !matches!(read, Ok(1..));
            if is_over {
                packed = None;
            }
            match read {
                Ok(0) => None,
                Ok(_) => Some(Ok(piece.into())),
                Err(error) => Some(Err(error)),
            }
        })
    }

    /// Appends the JSON text.
    pub fn append_to(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        out.reserve(self.length);
        for piece in self.chunks() {
            out.extend_from_slice(&piece?);
        }
        Ok(())
    }
}

/// Renders the state and keeps the last rendering.
#[derive(Debug)]
pub struct StateCache {
    keeper: Keeper,
    last: ArcSwapOption<Rendered>,
    /// Whoever renders has the pieces; they are the lock, too.
    rendering: Arc<Mutex<Pieces>>,
    /// Tells two runs of the server apart, so that a tag of the last run never matches.
    run: u64,
    renderings: AtomicU64,
    /// When the cache was made; reads are counted in milliseconds from here.
    began: Instant,
    /// When somebody last asked, in milliseconds since `began`.
    read_at_milliseconds: AtomicU64,
}

/// The state could not be serialised.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The serialiser refused.
    #[error("serialise the state")]
    Serialise(#[from] serde_json::Error),
    /// The compressor refused.
    #[error("compress the state")]
    Compress(#[from] std::io::Error),
    /// The rendering task was stopped.
    #[error("the server is shutting down")]
    Stopped,
}

impl StateCache {
    /// A cache without a rendering; `run` is any number that differs from the last run's.
    pub fn new(keeper: Keeper, run: u64) -> Self {
        Self {
            keeper,
            last: ArcSwapOption::empty(),
            rendering: Arc::default(),
            run,
            renderings: AtomicU64::new(0),
            began: Instant::now(),
            read_at_milliseconds: AtomicU64::new(0),
        }
    }

    /// Drops the last rendering and its pieces if nobody asked for the state for as long as `unread_for`: they hold a
    /// second copy of the estate as it was then. Whether anything was dropped.
    pub fn forget(&self, unread_for: Duration) -> bool {
        let read_at = Duration::from_millis(self.read_at_milliseconds.load(Ordering::Relaxed));
        let is_unread = self.began.elapsed().saturating_sub(read_at) >= unread_for;
        // Whoever renders right now is a reader.
        let Some(mut pieces) = self.rendering.try_lock().ok().filter(|_| is_unread) else { return false };
        *pieces = Pieces::default();
        self.last.swap(None).is_some()
    }

    fn note_reader(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.read_at_milliseconds.store(now, Ordering::Relaxed);
    }

    /// How often the state was rendered; for the statistics and the test of "once per change".
    pub fn renderings(&self) -> u64 {
        self.renderings.load(Ordering::Relaxed)
    }

    /// The state as bytes.
    pub async fn get(self: &Arc<Self>) -> Result<Arc<Rendered>, RenderError> {
        self.note_reader();
        let world = self.keeper.snapshot();
        if let Some(last) = self.last.load_full() {
            if last.version == world.version {
                return Ok(last);
            }
            if last.took > CHEAP && last.made_at.elapsed() < STALE {
                self.refresh_beside(world);
                return Ok(last);
            }
        }
        self.render(world).await
    }

    /// The state as bytes, not older than `world`.
    pub async fn get_fresh(self: &Arc<Self>, world: Arc<Snapshot>) -> Result<Arc<Rendered>, RenderError> {
        self.note_reader();
        match self.last.load_full() {
            Some(last) if last.version >= world.version => Ok(last),
            Some(_) | None => self.render(world).await,
        }
    }

    /// Starts a rendering unless one is under way. At most one per [`STALE`] / 3: with a hundred agents reporting,
    /// the world changes many times a second.
    fn refresh_beside(self: &Arc<Self>, world: Arc<Snapshot>) {
        let is_recent = self.last.load().as_ref().is_some_and(|last| last.made_at.elapsed() < STALE / 3);
        if is_recent || self.rendering.try_lock().is_err() {
            return;
        }
        let cache = self.clone();
        tokio::spawn(async move {
            if let Err(error) = cache.render(world).await {
                tracing::error!(%error, "the state could not be rendered");
            }
        });
    }

    async fn render(self: &Arc<Self>, world: Arc<Snapshot>) -> Result<Arc<Rendered>, RenderError> {
        let mut pieces = self.rendering.clone().lock_owned().await;
        if let Some(last) = self.last.load_full()
            && last.version >= world.version
        {
            return Ok(last);
        }
        let run = self.run;
        let rendered = tokio::task::spawn_blocking(move || render(&mut pieces, &world, run)).await;
        let rendered = Arc::new(rendered.map_err(|_| RenderError::Stopped)??);
        self.renderings.fetch_add(1, Ordering::Relaxed);
        self.last.store(Some(rendered.clone()));
        Ok(rendered)
    }
}

fn render(pieces: &mut Pieces, world: &Snapshot, run: u64) -> Result<Rendered, RenderError> {
    let began = Instant::now();
    let body = pieces.render(world)?;
    Ok(Rendered {
        version: world.version,
        json: body.text.map(Into::into),
        gzip: body.gzip.into(),
        length: body.length,
        etag: format!("\"{run:x}-{:x}\"", world.version),
        made_at: Instant::now(),
        took: began.elapsed(),
    })
}

/// What compresses into `out` as it is written to.
pub fn gzip_encoder(out: Vec<u8>) -> GzEncoder<Vec<u8>> {
    GzEncoder::new(out, segment::LEVEL)
}

/// Compresses at a level that costs little: a loopback or LAN reader is served, not an archive.
pub fn gzip(bytes: &[u8]) -> std::io::Result<Bytes> {
    gzip_at(bytes, segment::LEVEL)
}

/// Compresses with more care: for what is made once and sent again and again.
pub fn gzip_well(bytes: &[u8]) -> std::io::Result<Bytes> {
    gzip_at(bytes, Compression::default())
}

fn gzip_at(bytes: &[u8], level: Compression) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 8 + 64), level);
    encoder.write_all(bytes)?;
    let mut out = encoder.finish()?;
    out.shrink_to_fit();
    Ok(out.into())
}

/// Unpacks what [`gzip`] made.
pub fn gunzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len() * 8);
    GzDecoder::new(bytes).read_to_end(&mut out)?;
    Ok(out)
}
