//! The engine: what it remembers, how it looks at the world, what it tells, what people do with it.

mod act;
mod change;
mod deliver;
mod evaluate;
mod saved;
mod state;
pub(crate) mod step;
pub(crate) mod visit;

pub use act::{Action, NoSuchAlert};
pub use change::{Change, Changes, CloseReason};
pub use saved::{AlertRecord, SavedMemory, SavedNotice, SavedTrack};
pub use state::EngineState;
pub(crate) use state::{Restarts, Source};
