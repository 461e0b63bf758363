//! Reads a Proxmox Mail Gateway and prints its nodes, queues and the mail of the last day.
//!
//! ```text
//! PMG_LOGIN='monitor@pmg:PASSWORD' cargo run -p pulse-collectors --example mail_gateway -- https://pmg.example:8006 [FINGERPRINT]
//! ```
//!
//! A mail gateway knows no tokens. Without a fingerprint any certificate is accepted.

use std::{fmt::Write, process::ExitCode};

use pulse_collectors::{Connect, HttpConnect, PollError, Timeouts};
use pulse_config::{PmgInstance, Secret};
use pulse_core::{Clock, SystemClock};

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for a terminal")
)]
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let login = std::env::var("PMG_LOGIN").unwrap_or_default();
    let (Some(host), Some((user, password))) = (arguments.next(), login.split_once(':')) else {
        eprintln!("usage: PMG_LOGIN='user@pmg:password' mail_gateway https://host:8006 [fingerprint]");
        return ExitCode::FAILURE;
    };
    let instance = PmgInstance {
        user: Some(user.to_owned()),
        password: Some(Secret::new(password)),
        fingerprint: arguments.next(),
        monitor_queues: true,
        monitor_quarantine: true,
        ..PmgInstance::new("example".into(), host)
    };
    match show(&instance).await {
        Ok(shown) => {
            print!("{shown}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What is there, in lines.
pub async fn show(instance: &PmgInstance) -> Result<String, PollError> {
    let mut out = String::new();
    let api = HttpConnect.pmg(instance, Timeouts::default())?;
    let cycle = api.poll(SystemClock.now()).await?;
    _ = writeln!(out, "{}, version {}", cycle.host_url, cycle.version.as_deref().unwrap_or("unknown"));
    for node in cycle.nodes.read().unwrap_or_default() {
        let queue = node.queue.map_or("queues unknown".to_owned(), |queue| {
            format!("{} active, {} deferred, {} held", queue.active, queue.deferred, queue.hold)
        });
        _ = writeln!(out, "{}: {}, {queue}", node.name, node.error.as_deref().unwrap_or("online"));
    }
    if let Some(mail) = cycle.mail.read() {
        _ = writeln!(out, "last day: {} in, {} out, {} spam", mail.count_in, mail.count_out, mail.spam_in);
    }
    for issue in &cycle.issues {
        _ = writeln!(out, "issue: {}", issue.message);
    }
    Ok(out)
}
