//! The agent daemon: reads its settings, starts one thread's worth of runtime, and stops on a signal.

mod args;

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::Parser;
use pulse_agent::{
    Agent, AgentIdentity, AgentSettings, DockerCollector, DockerOptions, HostCollector, HostOptions,
    settings::{Flags, Sources},
};
use tokio_util::sync::CancellationToken;
use tracing::Level;

use args::Args;

/// Name lookups are all that the runtime does on other threads; two are enough and keep the heap in one piece.
const BLOCKING_THREADS: usize = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    if args.version {
        return say(env!("CARGO_PKG_VERSION"));
    }
    let is_self_test = args.self_test;
    let (flags, missing) = args.into_flags();
    let outcome = if is_self_test { self_test(&flags) } else { run(flags, &missing) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The log may not be set up yet, and one plain sentence is what a person wants here.
            drop(writeln!(std::io::stderr(), "pulse-agent: {error:#}"));
            ExitCode::FAILURE
        }
    }
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

fn run(flags: Flags, missing: &[&str]) -> anyhow::Result<()> {
    let variable = |name: &str| std::env::var(name).ok();
    start_log(flags.log_level.clone().or_else(|| variable("LOG_LEVEL")).as_deref());
    let settings = AgentSettings::resolve(
        flags,
        &Sources { env: &variable, read_file: &|path| std::fs::read_to_string(path) },
    )?;
    for flag in missing {
        tracing::warn!("{flag} is not in this version of the agent yet and is ignored");
    }
    // An error means that one is set already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let cancel = CancellationToken::new();
        cancel_on_signal(cancel.clone())?;
        Agent::run(settings, cancel).await.map_err(anyhow::Error::from)
    });
    // A name lookup that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
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

fn start_log(level: Option<&str>) {
    let level = match level.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "error" => Level::ERROR,
        "warn" | "warning" => Level::WARN,
        "debug" => Level::DEBUG,
        "trace" => Level::TRACE,
        _ => Level::INFO,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
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
                "{} file systems, {} disks, {} network interfaces",
                report.disks.len(),
                report.disk_io.len(),
                report.network.len()
            ),
        ];
        match DockerCollector::discover(DockerOptions { identity, ..DockerOptions::default() }).await {
            Ok(mut engine) => match engine.collect().await {
                Ok(report) => lines.push(format!(
                    "{} at {}: {} containers",
                    engine.runtime(),
                    engine.endpoint(),
                    report.containers.len()
                )),
                Err(error) => lines.push(error.to_string()),
            },
            Err(error) => lines.push(error.to_string()),
        }
        lines.push("self-test passed".to_owned());
        lines
    });
    writeln!(std::io::stdout(), "{}", lines.join("\n")).context("cannot write")
}
