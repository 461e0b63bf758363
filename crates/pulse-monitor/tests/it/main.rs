//! The running world from the outside: sources that misbehave, settings that change.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod alerting;
mod day;
mod hanging;
mod late;
mod members;
mod scheduler;
mod stand_in;
mod truth;
mod upheaval;
