//! Notifications with real files, real receivers on loopback, a real SMTP server, the real Apprise, and processes that are
//! killed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests are not tests to clippy"
)]

mod apprise;
mod egress;
mod kill;
mod mail_server;
mod python;
mod queue;
#[cfg(test)]
mod services;
mod smtp;
mod storm;
mod support;
