//! The commands of the binary and their flags.

mod kubernetes;

use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use pulse_core::SystemClock;
use pulse_sim::{
    BackupServer, BackupServerOptions, Cluster, EstateOptions, MailGateway, MailGatewayOptions,
    NamespaceOptions, Preset, PveVersion, Scenario,
    load::{self, LoadOptions},
};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// What to do.
#[derive(Parser)]
#[command(name = "pulse-sim", version, about = "Simulated Proxmox VE clusters and agents, on loopback only")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve simulated clusters over HTTPS until interrupted, and a backup server and a mail gateway where asked for;
    /// prints one JSON line per cluster and machine when ready.
    Serve(Serve),
    /// Serve the API of a small Kubernetes cluster over HTTPS until interrupted; prints one JSON line when ready.
    Kubernetes(kubernetes::Kubernetes),
    /// Report to a server as many hosts and Docker hosts; prints a summary as one JSON line at the end.
    Load(Load),
}

#[derive(Debug, Args)]
struct Serve {
    /// Nodes of each cluster.
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// Guests of each cluster, templates included.
    #[arg(long, default_value_t = 40)]
    guests: usize,
    /// Where the first node of the first cluster listens; other nodes take the next addresses in 127.0.0.0/8.
    #[arg(long, default_value = "127.0.0.1:18006")]
    listen: SocketAddr,
    /// Everything follows from this number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Release to behave like: 7.4, 8.4, 9.1 or 9.2.
    #[arg(long = "version", id = "release", default_value = "9")]
    version: PveVersion,
    /// How many clusters, on consecutive ports.
    #[arg(long, default_value_t = 1)]
    clusters: u16,
    /// Where the control API of the first cluster listens; others take the next ports.
    #[arg(long)]
    control: Option<SocketAddr>,
    /// Serve all nodes of a cluster on one address.
    #[arg(long)]
    single_address: bool,
    /// Play a bad day on the first cluster, and on the backup server where it concerns that one, by its name: such as
    /// rolling-reboot, flapping-node or nfs-hang.
    #[arg(long)]
    preset: Option<Preset>,
    /// Add Ceph: a pool of disks for guests, and a file system.
    #[arg(long)]
    ceph: bool,
    /// Add a share on CIFS, which only the first two nodes of each cluster may use.
    #[arg(long)]
    cifs: bool,
    /// Add a ZFS pool, with guests on it that are replicated.
    #[arg(long)]
    zfs: bool,
    /// How much of the real daemons' waiting is done (1: a 401 takes 3 s).
    #[arg(long, default_value_t = 1.0)]
    delay_factor: f64,
    /// Serve a backup server there, with the backups of all clusters: the first one's in the root, the others' in
    /// namespaces of their own.
    #[arg(long)]
    pbs: Option<SocketAddr>,
    /// Where the control API of the backup server listens.
    #[arg(long, requires = "pbs")]
    pbs_control: Option<SocketAddr>,
    /// Backups that are kept of each guest.
    #[arg(long, default_value_t = 10)]
    snapshots: usize,
    /// So many more groups of backups on the backup server.
    #[arg(long, default_value_t = 4)]
    extra_groups: usize,
    /// Serve a mail gateway there.
    #[arg(long)]
    pmg: Option<SocketAddr>,
    /// Where the control API of the mail gateway listens.
    #[arg(long, requires = "pmg")]
    pmg_control: Option<SocketAddr>,
    /// Take all of it from a file instead: clusters, backup servers, mail gateways, faults, and a clock that may run fast,
    /// stand still and be steered.
    #[arg(long, exclusive = true)]
    scenario: Option<PathBuf>,
}

#[derive(Args)]
struct Load {
    /// URL of the server, on this machine.
    #[arg(long, visible_alias = "url", default_value = "http://127.0.0.1:7655")]
    server: String,
    /// API token that may report; with the right to make tokens where the server wants one per Docker host.
    #[arg(long, env = "PULSE_TOKEN", hide_env_values = true)]
    token: String,
    /// How many hosts.
    #[arg(long, default_value_t = 3)]
    hosts: usize,
    /// How many Docker hosts.
    #[arg(long, default_value_t = 3)]
    docker_hosts: usize,
    /// How many containers over all Docker hosts.
    #[arg(long, default_value_t = 30)]
    containers: usize,
    /// Seconds between two reports of one machine.
    #[arg(long, default_value_t = 10)]
    interval: u64,
    /// Ends after so many seconds instead of when interrupted.
    #[arg(long)]
    seconds: Option<u64>,
    /// Everything follows from this number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(tracing::Level::INFO)
        .init();
    // Somebody else may have installed one already: then that one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match arguments.command {
        Command::Serve(serve) => serve.run().await,
        Command::Kubernetes(kubernetes) => kubernetes.run().await,
        Command::Load(load) => load.run().await,
    }
}

impl Serve {
    fn options(&self, index: u16) -> anyhow::Result<EstateOptions> {
        let is_first = index == 0;
        Ok(EstateOptions {
            name: if is_first { "sim".into() } else { format!("sim{}", index + 1) },
            node_prefix: if is_first { "pve".into() } else { format!("site{}-pve", index + 1) },
            nodes: self.nodes,
            guests: self.guests,
            seed: self.seed,
            version: self.version,
            listen: nth_port(self.listen, index)?,
            single_address: self.single_address,
            ceph: self.ceph,
            cifs: self.cifs,
            zfs: self.zfs,
            delay_factor: self.delay_factor,
            ..EstateOptions::default()
        })
    }

    async fn run(self) -> anyhow::Result<()> {
        if let Some(path) = &self.scenario {
            return play(path).await;
        }
        let mut clusters = Vec::new();
        for index in 0..self.clusters.max(1) {
            let cluster = Cluster::start(self.options(index)?).await?;
            if let Some(control) = self.control {
                cluster.open_control(nth_port(control, index)?).await?;
            }
            announce(&cluster.access())?;
            clusters.push(cluster);
        }
        let backup_server = self.backup_server(&clusters).await?;
        let mail_gateway = self.mail_gateway().await?;
        if let Some(preset) = self.preset {
            if let Some(cluster) = clusters.first() {
                cluster.perform(preset);
            }
            if let (Preset::PbsUnmounted, Some(server)) = (preset, &backup_server) {
                server.machine().play(preset);
            }
        }
        interrupted().await?;
        if let Some(backup_server) = backup_server {
            backup_server.stop().await;
        }
        if let Some(mail_gateway) = mail_gateway {
            mail_gateway.stop().await;
        }
        for cluster in clusters {
            cluster.stop().await;
        }
        Ok(())
    }
}

/// Starts what a file describes, and serves it until interrupted.
async fn play(path: &Path) -> anyhow::Result<()> {
    let named = || format!("read {}", path.display());
    let text = tokio::fs::read_to_string(path).await.with_context(named)?;
    let running = Scenario::parse(&text).with_context(named)?.start().await?;
    running.access().iter().try_for_each(announce)?;
    interrupted().await?;
    running.stop().await;
    Ok(())
}

impl Serve {
    async fn backup_server(&self, clusters: &[Cluster]) -> anyhow::Result<Option<BackupServer>> {
        let Some(listen) = self.pbs else { return Ok(None) };
        let namespaces = clusters.iter().enumerate().map(|(index, cluster)| NamespaceOptions {
            path: if index == 0 { String::new() } else { cluster.options().name.clone() },
            owner: format!("pve@pbs!{}", cluster.options().name),
            guests: cluster.backed_up_guests(),
            extra_groups: if index == 0 { self.extra_groups } else { 0 },
        });
        let server = BackupServer::start(BackupServerOptions {
            seed: self.seed,
            listen,
            namespaces: namespaces.collect(),
            snapshots_per_group: self.snapshots,
            delay_factor: self.delay_factor,
            ..BackupServerOptions::default()
        })
        .await?;
        if let Some(control) = self.pbs_control {
            server.machine().open_control(control).await?;
        }
        announce(&server.machine().access())?;
        Ok(Some(server))
    }

    async fn mail_gateway(&self) -> anyhow::Result<Option<MailGateway>> {
        let Some(listen) = self.pmg else { return Ok(None) };
        let gateway = MailGateway::start(MailGatewayOptions {
            seed: self.seed,
            listen,
            delay_factor: self.delay_factor,
            ..MailGatewayOptions::default()
        })
        .await?;
        if let Some(control) = self.pmg_control {
            gateway.machine().open_control(control).await?;
        }
        announce(&gateway.machine().access())?;
        Ok(Some(gateway))
    }
}

impl Load {
    async fn run(self) -> anyhow::Result<()> {
        let options = LoadOptions {
            server: self.server,
            token: self.token,
            hosts: self.hosts,
            docker_hosts: self.docker_hosts,
            containers: self.containers,
            interval: Duration::from_secs(self.interval),
            seed: self.seed,
        };
        let stop = CancellationToken::new();
        let working = load::run(options, Arc::new(SystemClock), stop.clone());
        let ending = async {
            let result = match self.seconds {
                Some(seconds) => {
                    tokio::time::timeout(Duration::from_secs(seconds), interrupted()).await.unwrap_or(Ok(()))
                }
                None => interrupted().await,
            };
            stop.cancel();
            result
        };
        tokio::pin!(working);
        tokio::pin!(ending);
        let summary = tokio::select! {
            done = &mut working => done?,
            ended = &mut ending => {
                ended?;
                working.await?
            }
        };
        announce(&summary)
    }
}

/// The address `index` ports further; port 0 stays 0, which takes a free one.
fn nth_port(address: SocketAddr, index: u16) -> anyhow::Result<SocketAddr> {
    let port = match address.port() {
        0 => 0,
        port => port.checked_add(index).context("so many clusters do not fit behind that port")?,
    };
    Ok(SocketAddr::new(address.ip(), port))
}

fn announce(line: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, line)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Waits for Ctrl-C or SIGTERM.
async fn interrupted() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
