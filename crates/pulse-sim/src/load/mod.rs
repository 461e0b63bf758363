//! Reports to a server as many hosts and Docker hosts, each like an agent of its own.
//!
//! The report types are those of `pulse_core::report`: what agents send is one agreement, shared on purpose. Only
//! servers on this machine are reported to, because everything reported is invented.

mod docker;
mod host;
mod kubernetes;
mod tally;

use std::{
    io::Write as _,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use pulse_core::Clock;
use reqwest::{StatusCode, Url, header};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::kubernetes::{ClusterOptions, kubernetes_report};
pub use self::tally::LoadSummary;
use self::{docker::DockerMachine, host::HostMachine, tally::Tally};

/// More machines than this are not reported.
const MOST_MACHINES: usize = 20_000;
/// More containers than this are not reported.
const MOST_CONTAINERS: usize = 1_000_000;
/// No more of an answer is looked at.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Whom to report to, and as how many.
#[derive(Clone)]
pub struct LoadOptions {
    /// URL of the server, on loopback.
    pub server: String,
    /// API token. A server that wants a token of its own for every Docker host is asked for one with this.
    pub token: String,
    /// How many hosts.
    pub hosts: usize,
    /// How many Docker hosts.
    pub docker_hosts: usize,
    /// How many containers over all Docker hosts.
    pub containers: usize,
    /// Time between two reports of one machine.
    pub interval: Duration,
    /// From this everything else follows.
    pub seed: u64,
}

/// Why nothing can be reported.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The address makes no sense.
    #[error("`{0}` is not the URL of a server, such as http://127.0.0.1:7655")]
    Url(String),
    /// The server is somewhere else.
    #[error("{0} is not on this machine; invented reports go to loopback addresses only")]
    NotLoopback(String),
    /// The options make no sense.
    #[error("{0}")]
    Options(String),
    /// The HTTP client cannot be set up.
    #[error("set up the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Reports until `stop`, spreading the machines over the interval, and says how it went.
pub async fn run(
    options: LoadOptions,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> Result<LoadSummary, LoadError> {
    let server = check(&options)?;
    // Plain HTTP needs none, but the client insists on a provider; somebody else's is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(3))
        .timeout(Duration::from_secs(10))
        .build()
        .map_err(LoadError::Client)?;
    let shared = Arc::new(Shared {
        client,
        server,
        token: options.token.clone(),
        tally: Mutex::default(),
        clock,
        interval: options.interval,
        takes_gzip: AtomicBool::new(false),
    });
    let machines = machines(&options);
    let (count, begin, tasks) = (machines.len(), Instant::now(), TaskTracker::new());
    for (index, machine) in machines.into_iter().enumerate() {
        let first = begin + options.interval.mul_f64(index as f64 / count as f64);
        tasks.spawn(keep_reporting(Arc::clone(&shared), machine, first, stop.clone()));
    }
    tasks.close();
    tasks.wait().await;
    Ok(shared.tally().summary(begin.elapsed()))
}

fn check(options: &LoadOptions) -> Result<Url, LoadError> {
    let url = Url::parse(&options.server).map_err(|_| LoadError::Url(options.server.clone()))?;
    let host = url.host_str().filter(|_| url.scheme() == "http" || url.scheme() == "https");
    let host = host.ok_or_else(|| LoadError::Url(options.server.clone()))?.to_owned();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if !is_loopback {
        return Err(LoadError::NotLoopback(host));
    }
    let problem = if options.hosts + options.docker_hosts > MOST_MACHINES {
        format!("at most {MOST_MACHINES} machines can be reported")
    } else if options.containers > MOST_CONTAINERS {
        format!("at most {MOST_CONTAINERS} containers can be reported")
    } else if options.hosts + options.docker_hosts == 0 {
        "there is nothing to report: give --hosts or --docker-hosts".to_owned()
    } else if options.containers > 0 && options.docker_hosts == 0 {
        "containers need at least one Docker host".to_owned()
    } else if options.interval < Duration::from_millis(100) {
        "the interval is at least 100 ms".to_owned()
    } else {
        return Ok(url);
    };
    Err(LoadError::Options(problem))
}

/// One of the pretended machines.
enum Machine {
    Host(HostMachine),
    Docker(DockerMachine),
}

/// All machines, both kinds mixed evenly.
fn machines(options: &LoadOptions) -> Vec<Machine> {
    let seconds = options.interval.as_secs().max(1) as u32;
    let mut list: Vec<(f64, Machine)> = Vec::with_capacity(options.hosts + options.docker_hosts);
    for index in 0..options.hosts {
        let machine = HostMachine::new(options.seed, index, seconds);
        list.push(((index as f64 + 0.5) / options.hosts as f64, Machine::Host(machine)));
    }
    for index in 0..options.docker_hosts {
        // The first ones take what does not divide evenly.
        let extra = usize::from(index < options.containers % options.docker_hosts);
        let containers = options.containers / options.docker_hosts + extra;
        let machine = DockerMachine::new(options.seed, index, containers, seconds);
        list.push(((index as f64 + 0.5) / options.docker_hosts as f64, Machine::Docker(machine)));
    }
    list.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    list.into_iter().map(|(_, machine)| machine).collect()
}

impl Machine {
    fn path(&self) -> &'static str {
        match self {
            Self::Host(_) => "api/agents/host/report",
            Self::Docker(_) => "api/agents/docker/report",
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Host(host) => host.name(),
            Self::Docker(docker) => docker.name(),
        }
    }

    fn body(&self, now: jiff::Timestamp) -> serde_json::Result<Vec<u8>> {
        match self {
            Self::Host(host) => serde_json::to_vec(&host.report(now)),
            Self::Docker(docker) => serde_json::to_vec(&docker.report(now)),
        }
    }
}

struct Shared {
    client: reqwest::Client,
    server: Url,
    token: String,
    tally: Mutex<Tally>,
    clock: Arc<dyn Clock>,
    interval: Duration,
    /// The server said that it takes compressed reports; agents compress from then on.
    takes_gzip: AtomicBool,
}

impl Shared {
    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn keep_reporting(shared: Arc<Shared>, machine: Machine, first: Instant, stop: CancellationToken) {
    let mut tick = tokio::time::interval_at(first, shared.interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut own_token = None;
    let mut wish = None;
    loop {
        // As agents of ours do: sooner where the server says that somebody looks.
        let soon = async {
            match wish {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
            () = soon => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            next = report(&shared, &machine, &mut own_token) => wish = next,
        }
    }
}

/// Sends one report and counts how it went; gives how soon the server wants the next one, where it says so.
async fn report(shared: &Shared, machine: &Machine, own_token: &mut Option<String>) -> Option<Duration> {
    let body = match machine.body(shared.clock.now()) {
        Ok(body) => body,
        Err(error) => {
            shared.tally().failed(&format!("write the report: {error}"));
            return None;
        }
    };
    let (bytes, begin) = (body.len(), Instant::now());
    let token = own_token.as_deref().unwrap_or(&shared.token);
    match post(shared, machine.path(), token, body).await {
        Ok((status, answer)) if status.is_success() => {
            shared.tally().accepted(begin.elapsed(), bytes);
            return answer.next_report_seconds.map(|seconds| Duration::from_secs(u64::from(seconds.max(1))));
        }
        Ok((status, problem)) => {
            let wants_own_token = problem.error.contains("already in use by agent") && own_token.is_none();
            shared.tally().refused(status.as_u16(), &problem.code, &problem.error);
            if wants_own_token {
                // One token, one Docker host: as the contract has it.
                *own_token = mint(shared, machine.name()).await;
            }
        }
        Err(error) => shared.tally().failed(&without_url(error)),
    }
    None
}

/// What went wrong at the bottom of it: that groups, and shows no address.
fn without_url(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// What of the server's answers matters: an error as it words it, and how soon it wants the next report.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    code: String,
    error: String,
    #[serde(rename = "nextReportSeconds")]
    next_report_seconds: Option<u32>,
}

fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

async fn post(
    shared: &Shared,
    path: &str,
    token: &str,
    body: Vec<u8>,
) -> Result<(StatusCode, Answer), reqwest::Error> {
    let url = format!("{}/{path}", shared.server.as_str().trim_end_matches('/'));
    let mut request =
        shared.client.post(url).header("X-API-Token", token).header(header::CONTENT_TYPE, "application/json");
    request = match shared.takes_gzip.load(Ordering::Relaxed).then(|| gzip(&body)).flatten() {
        Some(packed) => request.header(header::CONTENT_ENCODING, "gzip").body(packed),
        None => request.body(body),
    };
    let mut response = request.send().await?;
    let status = response.status();
    let codings = response.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    if codings.is_some_and(|codings| codings.contains("gzip")) {
        shared.takes_gzip.store(true, Ordering::Relaxed);
    }
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if answer.len() + chunk.len() <= LARGEST_ANSWER {
            answer.extend_from_slice(&chunk);
        }
    }
    if status.is_success() {
        return Ok((status, serde_json::from_slice(&answer).unwrap_or_default()));
    }
    let problem = serde_json::from_slice(&answer).unwrap_or_else(|_| Answer {
        error: String::from_utf8_lossy(&answer).trim().chars().take(200).collect(),
        ..Answer::default()
    });
    Ok((status, problem))
}

/// Asks the server for a token of its own for one Docker host.
async fn mint(shared: &Shared, name: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Minted {
        token: String,
    }
    let url = format!("{}/api/security/tokens", shared.server.as_str().trim_end_matches('/'));
    let wish = json!({ "name": format!("pulse-sim {name}"), "scopes": ["docker:report"] });
    let request = shared.client.post(url).header("X-API-Token", &shared.token).json(&wish);
    let minted = async { request.send().await?.error_for_status()?.json::<Minted>().await };
    match minted.await {
        Ok(minted) => Some(minted.token),
        Err(error) => {
            let error = without_url(error);
            tracing::warn!(%error, host = name, "the server wants a token per Docker host and gives none");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> LoadOptions {
        LoadOptions {
            server: "http://127.0.0.1:7655".into(),
            token: "t".into(),
            hosts: 4,
            docker_hosts: 3,
            containers: 10,
            interval: Duration::from_secs(10),
            seed: 1,
        }
    }

    #[test]
    fn only_servers_on_this_machine_are_reported_to() {
        for (server, expect) in [
            ("http://127.0.0.1:7655", true),
            ("http://localhost:7655/", true),
            ("http://[::1]:7655", true),
            ("http://10.0.0.1:7655", false),
            ("http://localhost.example.net", false),
            ("ftp://127.0.0.1", false),
            ("127.0.0.1:7655", false),
        ] {
            assert_eq!(
                check(&LoadOptions { server: server.into(), ..options() }).is_ok(),
                expect,
                "{server}"
            );
        }
        assert!(check(&LoadOptions { docker_hosts: 0, ..options() }).is_err());
        assert!(check(&LoadOptions { interval: Duration::ZERO, ..options() }).is_err());
    }

    #[test]
    fn containers_are_shared_out_without_remainder() {
        let now = jiff::Timestamp::from_second(1_790_000_000).unwrap();
        let counts: Vec<_> = machines(&options())
            .iter()
            .filter_map(|machine| match machine {
                Machine::Docker(docker) => Some(docker.report(now).containers.len()),
                Machine::Host(_) => None,
            })
            .collect();
        assert_eq!(counts, [4, 3, 3]);
        assert_eq!(machines(&options()).len(), 7);
    }
}
