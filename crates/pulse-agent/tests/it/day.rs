//! A simulated day: the host module and twenty containers, measured and reported a thousand times in a row, and the
//! memory stays flat.
//!
//! The test starts itself a second time, alone in its process, so that no other test's memory is counted.
//! `PULSE_TEST_DAY_ROUNDS=8640` plays a whole day of reports every ten seconds.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use pulse_agent::{Agent, AgentIdentity, AgentSettings};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{fake_engine::Engine, reports::settings, server::Server};

const INSIDE: &str = "PULSE_TEST_DAY";
const ROUNDS: &str = "PULSE_TEST_DAY_ROUNDS";
/// Enough to tell a kilobyte per report from the noise of an allocator.
const DEFAULT_ROUNDS: usize = 800;
/// Until then buffers find their sizes.
const WARM_UP_ROUNDS: usize = 200;
const MOST_GROWTH_KIB: u64 = 1024;

#[test]
fn a_day_of_reports_leaves_the_memory_as_it_was() {
    if std::env::var_os(INSIDE).is_some() {
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "day::inside", "--nocapture"])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("KiB after"), "{said}");
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Twenty containers, of which one is restarted now and then.
fn fill(engine: &Engine, round: usize) {
    let list: Vec<serde_json::Value> = (0..20)
        .map(|n| {
            let status = if n == 7 { format!("Up {} seconds", round % 50) } else { "Up 2 hours".to_owned() };
            let labels = json!({"com.docker.compose.project": "shop", "com.docker.compose.service": format!("s{n}")});
            json!({"Id": format!("{n:064x}"), "Names": [format!("/service-{n}")], "Image": format!("shop/service-{n}:1"),
                   "State": "running", "Status": status, "Labels": labels, "Ports": [{"PrivatePort": 80, "Type": "tcp"}]})
        })
        .collect();
    engine.set("/containers/json", &json!(list).to_string());
    for n in 0..20 {
        let id = format!("{n:064x}");
        let inspect = json!({"RestartCount": round / 50, "State": {"StartedAt": "2026-03-02T08:15:30Z"},
                             "Config": {"Env": ["PATH=/bin", "PASSWORD=hunter2", "LEVEL=info"]}});
        engine.set(&format!("/containers/{id}/json"), &inspect.to_string());
        let stats = json!({"cpu_stats": {"cpu_usage": {"total_usage": round * 1_000_000}},
                           "memory_stats": {"usage": 1_000_000 + round, "limit": 8_000_000},
                           "networks": {"eth0": {"rx_bytes": round, "tx_bytes": 2 * round}}});
        engine.set(&format!("/containers/{id}/stats"), &stats.to_string());
    }
}

/// What runs alone in its process.
#[test]
fn inside() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let rounds = std::env::var(ROUNDS).ok().map_or(DEFAULT_ROUNDS, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (before, after) = runtime.block_on(async {
        let mut server = Server::start().await;
        let (engine, options) = Engine::start().await;
        fill(&engine, 0);
        let settings = AgentSettings {
            // As fast as it can: the clock that this asks for is not the machine's.
            identity: AgentIdentity { interval: Duration::from_millis(1), ..AgentIdentity::default() },
            is_docker_enabled: Some(true),
            are_update_checks_disabled: true,
            docker_host: options.host,
            ..settings(server.url())
        };
        let cancel = CancellationToken::new();
        let agent = tokio::spawn(Agent::run(settings, cancel.clone()));
        let mut before = None;
        let mut round = 0;
        while round < WARM_UP_ROUNDS + rounds {
            let arrived = server.next().await;
            if arrived.path != "/api/agents/docker/report" {
                continue;
            }
            round += 1;
            assert_eq!(arrived.json["containers"].as_array().map(Vec::len), Some(20));
            if round % 10 == 0 {
                fill(&engine, round);
                engine.forget();
            }
            if round == WARM_UP_ROUNDS {
                before = Some(resident_kib());
            }
        }
        let after = resident_kib();
        cancel.cancel();
        agent.await.unwrap().unwrap();
        (before.unwrap(), after)
    });
    println!("{before} KiB before, {after} KiB after {rounds} rounds");
    assert!(after <= before + MOST_GROWTH_KIB, "{before} KiB before, {after} KiB after {rounds} rounds");
}
