//! Reads a Proxmox Backup Server and prints its datastores, jobs and the newest backup of each guest.
//!
//! ```text
//! PBS_TOKEN='monitor@pbs!pulse:SECRET' cargo run -p pulse-collectors --example backup_server -- https://pbs.example:8007 [FINGERPRINT]
//! ```
//!
//! Without a fingerprint any certificate is accepted.

use std::{fmt::Write, process::ExitCode};

use pulse_collectors::{Connect, HttpConnect, PollError, Timeouts};
use pulse_config::{PbsInstance, Secret};
use pulse_core::{Clock, SystemClock};

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for a terminal")
)]
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let token = std::env::var("PBS_TOKEN").unwrap_or_default();
    let (Some(host), Some((name, value))) = (arguments.next(), token.split_once(':')) else {
        eprintln!("usage: PBS_TOKEN='user@realm!name:secret' backup_server https://host:8007 [fingerprint]");
        return ExitCode::FAILURE;
    };
    let instance = PbsInstance {
        token_name: Some(name.to_owned()),
        token_value: Some(Secret::new(value)),
        fingerprint: arguments.next(),
        monitor_datastores: true,
        monitor_sync_jobs: true,
        monitor_verify_jobs: true,
        monitor_prune_jobs: true,
        monitor_garbage_jobs: true,
        ..PbsInstance::new("example".into(), host)
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
pub async fn show(instance: &PbsInstance) -> Result<String, PollError> {
    let mut out = String::new();
    let api = HttpConnect.pbs(instance, Timeouts::default())?;
    let now = SystemClock.now();
    let cycle = api.poll(now).await?;
    _ = writeln!(out, "{}, version {}", cycle.host_url, cycle.version.as_deref().unwrap_or("unknown"));
    for store in cycle.datastores.read().unwrap_or_default() {
        let used = store
            .space
            .known()
            .map_or("unknown".to_owned(), |space| format!("{:.1} %", space.used_percent()));
        let factor =
            store.deduplication_factor.map_or(String::new(), |factor| format!(", deduplication {factor:.1}"));
        _ = writeln!(out, "{}: {}, used {used}{factor}", store.name, store.state.name());
    }
    let jobs = [cycle.sync_jobs, cycle.verify_jobs, cycle.prune_jobs, cycle.garbage_jobs];
    for job in jobs.into_iter().filter_map(pulse_collectors::Polled::read).flatten() {
        _ = writeln!(out, "job {} on {}: {}", job.id, job.datastore, job.failure().unwrap_or(job.status()));
    }
    let backups = api.backups(&[], now).await?;
    for group in &backups.groups {
        let newest = group.newest().map_or("none".to_owned(), |snapshot| snapshot.made_at.to_string());
        let key = &group.key;
        _ = writeln!(
            out,
            "{}/{} {}/{}: {} backups, the newest {newest}",
            key.datastore,
            key.namespace,
            key.backup_type,
            key.backup_id,
            group.snapshots.len()
        );
    }
    for issue in cycle.issues.iter().chain(&backups.issues) {
        _ = writeln!(out, "issue: {}", issue.message);
    }
    Ok(out)
}
