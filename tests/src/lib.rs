//! Starts the real binaries of Pulse on loopback and talks to them as anybody could.
//!
//! The black-box tests beside this library use it, and so do `cargo xtask demo`, `bench` and the browser tests.
//! It knows the programs by their command lines and their HTTP answers only: no crate of Pulse may be used here,
//! or a wrong name would agree with itself.

pub mod binaries;
pub mod dockerd;
pub mod http;
pub mod oidc;
pub mod process;
pub mod programs;
pub mod registry;
