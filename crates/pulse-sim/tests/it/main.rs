//! The simulator as its users meet it: over real HTTPS, with the printed certificate pinned.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod access;
mod appliances;
mod binary;
mod client;
mod control;
mod estate;
mod faults;
mod independent;
mod load;
mod schema;
mod shapes;
mod upheaval;
mod vendor;
mod versions;
