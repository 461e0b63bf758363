//! The store on real files: what it answers, what survives, what is set aside.
#![expect(clippy::unwrap_used, reason = "helpers of tests are not tests to clippy")]

mod durability;
mod history;
mod ledger;
mod model;
mod support;
