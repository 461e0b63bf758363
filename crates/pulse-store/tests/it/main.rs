//! The store on real files: what it answers, what survives, what is set aside.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests are not tests to clippy"
)]

mod disks;
mod durability;
mod exports;
mod fuzz;
mod history;
mod imports;
mod ledger;
mod model;
mod support;
