//! Polls one Proxmox VE host or cluster and prints what is on it.
//!
//! ```text
//! PVE_TOKEN='monitor@pve!pulse=SECRET' cargo run -p pulse-collectors --example poll -- https://pve.example:8006 [FINGERPRINT [POLLS]]
//! ```
//!
//! Without a fingerprint any certificate is accepted. With a number of polls they follow each other and only their
//! times are printed before the last one is shown.

use std::{fmt::Write, process::ExitCode};

use pulse_collectors::{Connect, HttpConnect, PollError, PveApi, PveCycle, Timeouts};
use pulse_config::{PveInstance, Secret};
use pulse_core::{Clock, Reading, SystemClock};

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for a terminal")
)]
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let token = std::env::var("PVE_TOKEN").unwrap_or_default();
    let (Some(host), Some((name, value))) = (arguments.next(), token.split_once('=')) else {
        eprintln!("usage: PVE_TOKEN='user@realm!name=secret' poll https://host:8006 [fingerprint]");
        return ExitCode::FAILURE;
    };
    let instance = PveInstance {
        token_name: Some(name.to_owned()),
        token_value: Some(Secret::new(value)),
        fingerprint: arguments.next(),
        ..PveInstance::new("example".into(), host)
    };
    let polls = arguments.next().and_then(|polls| polls.parse().ok()).unwrap_or(1);
    match show(&instance, polls).await {
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
pub async fn show(instance: &PveInstance, polls: u32) -> Result<String, PollError> {
    let mut out = String::new();
    let api = HttpConnect.pve(instance, Timeouts::default())?;
    let test = api.test().await?;
    _ = writeln!(out, "{}, version {}", test.nodes_message(), test.version.as_deref().unwrap_or("unknown"));
    let mut cycle = timed_poll(&*api, &mut out).await?;
    for _ in 1..polls {
        cycle = timed_poll(&*api, &mut out).await?;
    }
    for node in &cycle.nodes {
        _ = writeln!(
            out,
            "{:<16} {:<8} memory {}",
            node.name,
            node.status.name(),
            percent(node.memory.map(|m| m.used_percent()))
        );
    }
    for guest in cycle.guests.iter().flatten() {
        _ = writeln!(
            out,
            "{:>6} {:<24} {:<4} {:<9} on {:<16} cpu {:>6}  memory {}",
            guest.vmid,
            guest.name,
            guest.kind.name(),
            guest.status.name(),
            guest.node,
            percent(guest.cpu_fraction.map(|cpu| cpu * 100.0)),
            percent(guest.memory.map(|memory| memory.used_percent())),
        );
    }
    for storage in cycle.storages.iter().flatten() {
        let space = storage.space.map(|space| space.used_percent());
        _ = writeln!(
            out,
            "{:<16} {:<16} {:<10} {}",
            storage.node,
            storage.name,
            storage.status.name(),
            percent(space)
        );
    }
    for issue in &cycle.issues {
        _ = writeln!(out, "! {}", issue.message);
    }
    Ok(out)
}

async fn timed_poll(api: &dyn PveApi, out: &mut String) -> Result<PveCycle, PollError> {
    let started = std::time::Instant::now();
    let cycle = api.poll(SystemClock.now()).await?;
    _ = writeln!(out, "polled in {} ms, {}", started.elapsed().as_millis(), cycle.health.name());
    Ok(cycle)
}

/// A figure, or why there is none.
fn percent(reading: Reading<f64>) -> String {
    match reading {
        Reading::Known(value) => format!("{value:.1} %"),
        Reading::Unknown(why) => format!("({})", why.explanation()),
    }
}
