//! The live channel (contract B-03): `welcome`, `initialState`, `rawData` for every client of the original, and
//! a stream of differences for our own page, asked for with `?stream=delta`.

pub mod agent;
pub mod alerts;
mod client;
mod delta;
mod hub;
mod instance_lists;
mod parts;
mod watched;

pub use client::{StreamKind, serve};
pub use delta::difference;
pub use hub::{Event, Hub};
