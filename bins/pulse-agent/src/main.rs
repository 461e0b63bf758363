//! The agent daemon: reads its settings, starts one thread's worth of runtime, and stops on a signal.

mod args;
#[cfg(test)]
mod contract;
mod log;
#[cfg(windows)]
mod service;

use std::{io::Write, path::PathBuf, process::ExitCode, sync::OnceLock, time::Duration};

use anyhow::Context;
use clap::Parser;
use pulse_agent::{
    Agent, AgentIdentity, AgentSettings, DockerOptions, Engines, Exit, Hooks, HostCollector, HostOptions,
    settings::{Flags, Sources},
    upgrade,
};
use tokio_util::sync::CancellationToken;

use args::Args;
use log::Sink;

/// Name lookups are all that the runtime does on other threads; two are enough and keep the heap in one piece.
const BLOCKING_THREADS: usize = 2;
/// Between two times that free memory is given back.
const MEMORY_PERIOD: Duration = Duration::from_secs(15);
/// After the first of these, and then after so many, the pages of the program that do not run any more are let go.
const ROUNDS_PER_UNMAP: u32 = 40;

fn main() -> ExitCode {
    pulse_memory::keep_small();
    let args = match Args::try_parse_from(args::go_flags(std::env::args_os())) {
        Ok(args) => args,
        // A new version that does not know a flag of the old one's is a failed update like any other.
        Err(refused) if refused.use_stderr() && has_rolled_back() => {
            return fail(&start_anew().context(refused));
        }
        Err(refused) => refused.exit(),
    };
    if args.version {
        return say(env!("CARGO_PKG_VERSION"));
    }
    let is_self_test = args.self_test;
    let flags = args.into_flags();
    let outcome =
        if is_self_test { self_test(&flags).map(|()| Exit::Stopped) } else { run_for_whoever_started(flags) };
    let error = match outcome {
        Ok(Exit::Stopped) => return ExitCode::SUCCESS,
        Ok(Exit::Replaced) => start_anew(),
        Err(error) => error,
    };
    fail(&error)
}

/// The log may not be set up yet, and one plain sentence is what a person wants here.
fn fail(error: &anyhow::Error) -> ExitCode {
    drop(writeln!(std::io::stderr(), "pulse-agent: {error:#}"));
    ExitCode::FAILURE
}

/// Whether this is a new version that failed too often, and the one before lies in its place again.
fn has_rolled_back() -> bool {
    binary().is_some_and(|binary| {
        upgrade::on_start(&binary, env!("CARGO_PKG_VERSION")) == upgrade::Start::RolledBack
    })
}

/// Becomes the program that lies where this one was. Comes back only where that fails.
#[cfg(unix)]
fn start_anew() -> anyhow::Error {
    use std::os::unix::process::CommandExt;
    match binary() {
        Some(binary) => {
            let error = std::process::Command::new(&binary).args(std::env::args_os().skip(1)).exec();
            anyhow::Error::from(error).context(format!("cannot start {}", binary.display()))
        }
        None => anyhow::anyhow!("the program's own file is not known any more; start the agent again"),
    }
}

/// The service manager starts the new program when this one ends with a failure.
#[cfg(not(unix))]
fn start_anew() -> anyhow::Error {
    anyhow::anyhow!("the agent was replaced by a newer version and has to be started again")
}

/// Where this program lies, asked before it is replaced.
fn binary() -> Option<PathBuf> {
    static BINARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    BINARY.get_or_init(|| std::env::current_exe().ok()).clone()
}

fn say(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .context("cannot start the runtime")
}

#[cfg(not(windows))]
fn run_for_whoever_started(flags: Flags) -> anyhow::Result<Exit> {
    run(flags, CancellationToken::new(), Sink::StandardError)
}

/// As a service where the service manager started this program, which is then told how it ended.
#[cfg(windows)]
fn run_for_whoever_started(flags: Flags) -> anyhow::Result<Exit> {
    match service::run(flags) {
        Ok(()) => Ok(Exit::Stopped),
        Err(service::NotRun::StartedByHand(flags)) => {
            run(*flags, CancellationToken::new(), Sink::StandardError)
        }
        Err(service::NotRun::Failed(error)) => Err(error),
    }
}

/// Runs the agent until it is cancelled or told to stop by a signal.
fn run(flags: Flags, cancel: CancellationToken, sink: Sink) -> anyhow::Result<Exit> {
    let variable = |name: &str| std::env::var(name).ok();
    let log_level = flags.log_level.clone().or_else(|| variable("LOG_LEVEL"));
    let set_log_level = log::start(sink, log_level.as_deref());
    let binary = binary();
    if has_rolled_back() {
        tracing::error!("this version did not get as far as a report three times; the one before starts");
        return Ok(Exit::Replaced);
    }
    let settings = AgentSettings::resolve(
        flags,
        &Sources { env: &variable, read_file: &|path| std::fs::read_to_string(path) },
    )?;
    // An error means that one is set already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let hooks = Hooks { set_log_level: Some(set_log_level), binary };
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        cancel_on_signal(cancel.clone())?;
        tokio::spawn(give_memory_back());
        Agent::run_with(settings, cancel, hooks).await.map_err(anyhow::Error::from)
    });
    // A name lookup that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

/// Now and then, what reports needed and nobody needs any more goes back to the system; the program's own pages less
/// often, for what still runs is mapped again.
async fn give_memory_back() {
    for round in 0_u32.. {
        tokio::time::sleep(MEMORY_PERIOD).await;
        // Well below a millisecond with a heap as small as this one.
        pulse_memory::give_back();
        if round % ROUNDS_PER_UNMAP == 0
            && let Err(error) = pulse_memory::unmap_program()
        {
            tracing::debug!(%error, "the program's pages stay mapped");
        }
    }
}

#[cfg(unix)]
fn cancel_on_signal(cancel: CancellationToken) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancel.cancel();
    });
    Ok(())
}

#[cfg(not(unix))]
fn cancel_on_signal(cancel: CancellationToken) -> anyhow::Result<()> {
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel.cancel();
        }
    });
    Ok(())
}

/// Shows that this binary works on this machine: no server and no token are needed.
fn self_test(flags: &Flags) -> anyhow::Result<()> {
    let identity = AgentIdentity {
        agent_id: flags.agent_id.clone(),
        hostname: flags.hostname.clone(),
        ..AgentIdentity::default()
    };
    let lines = runtime()?.block_on(async {
        let mut host =
            HostCollector::new(HostOptions { identity: identity.clone(), ..HostOptions::default() });
        let report = host.collect().await;
        let percent =
            |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), |v| format!("{v:.1} %"));
        let mut lines = vec![
            format!("pulse-agent {}", env!("CARGO_PKG_VERSION")),
            format!("host {} (agent id {})", report.host.hostname, report.agent.id),
            format!("processor {}", percent(report.metrics.cpu_usage_percent)),
            format!("memory {}", percent(report.metrics.memory.map(|memory| memory.usage))),
            format!(
                "{} arrays and pools, {} disks with SMART{}",
                report.raid.len(),
                report.sensors.as_ref().map_or(0, |sensors| sensors.smart.len()),
                if report.ceph.is_some() { ", Ceph" } else { "" }
            ),
            format!(
                "{} file systems, {} disks, {} network interfaces",
                report.disks.len(),
                report.disk_io.len(),
                report.network.len()
            ),
        ];
        match Engines::discover(DockerOptions { identity, ..DockerOptions::default() }).await {
            Ok(mut engines) => {
                lines.extend(
                    engines.all().map(|engine| format!("{} at {}", engine.runtime(), engine.endpoint())),
                );
                match engines.collect().await {
                    Ok(report) => lines.push(format!("{} containers", report.containers.len())),
                    Err(error) => lines.push(error.to_string()),
                }
            }
            Err(error) => lines.push(error.to_string()),
        }
        lines.push("self-test passed".to_owned());
        lines
    });
    writeln!(std::io::stdout(), "{}", lines.join("\n")).context("cannot write")
}
