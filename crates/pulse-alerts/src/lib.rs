//! When to raise an alert, and when to tell people of it (contract B-06).
//!
//! * [`config`]: what the operator wants, as it stands in `alerts.json`.
//! * [`Rules`]: a configuration compiled, with what holds for each resource and where that came from.
//! * [`EngineState`]: what the engine remembers; [`EngineState::evaluate`] looks at a world and says what changed.
//! * [`Action`]: what people do with alerts.
//!
//! The engine is a function of state, rules, world and time. Its laws, stated as properties in its tests: one opening
//! gives at most one firing notice, and exactly one unless it closes or is acknowledged while something holds notices
//! back; one closing gives at most one recovery, and only after a firing; no alert outlives its resource; a restart
//! loses and repeats nothing; ids are unique and stay as long as the alert is raised.
//!
//! Invariant: nothing here awaits, logs, stores or reads a clock.

pub mod config;
mod engine;
mod kind;
mod observe;
mod quiet;
mod rules;

pub use config::{ActivationState, AlertConfig};
pub use engine::{
    Action, AlertRecord, Change, Changes, CloseReason, EngineState, NoSuchAlert, SavedMemory, SavedNotice,
    SavedTrack,
};
pub use kind::{Category, Kind, Metric};
pub use observe::{ResourceThresholds, effective_thresholds};
pub use rules::{Effective, EffectiveMetric, Origin, ResourceClass, Rule, Rules, Skip};
