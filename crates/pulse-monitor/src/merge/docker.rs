//! A Docker or Podman report becomes a Docker host: its identity, the rates of its containers, its removal.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use pulse_config::store::fleet::AgentKind;
use pulse_core::{
    Missing, Reading,
    ids::DockerHostId,
    model::{DockerContainer, DockerHost, Liveness},
    report::docker::{Container, DockerReport},
};

use super::arrival::{Arrival, Verdict, counted_milliseconds, is_gap, is_redundant, judge};
use crate::{
    fleet::{
        identity::{Claim, first_id, hardware, identify, plain},
        project,
        text::tidy,
    },
    intake::{DockerAccepted, IntakeError, Reporter, check_room},
    late::Before,
    pipeline, rates,
    world::World,
};

/// The longest host name there is.
const LONGEST_HOSTNAME: usize = 253;

/// Longer is no version.
const LONGEST_WORD: usize = 64;

/// At most so many containers of one host are taken.
const CONTAINER_CAP: usize = 10_000;

/// Takes a report into the world.
pub fn merge(
    world: &mut World,
    mut report: DockerReport,
    reporter: &Reporter,
    now: Timestamp,
) -> Result<DockerAccepted, IntakeError> {
    tidy(&mut report.host.hostname, LONGEST_HOSTNAME);
    tidy(&mut report.agent.version, LONGEST_WORD);
    if let Some(name) = &mut report.host.name {
        tidy(name, LONGEST_HOSTNAME);
    }
    if report.host.hostname.is_empty() {
        return Err(IntakeError::MissingHostname("docker"));
    }
    let id = DockerHostId::from(identify(world, claim(&report, reporter)?, reporter, now)?);
    world.check_not_removed(AgentKind::Docker, id.as_str(), reporter, now)?;
    if report.host.runtime.as_deref() != Some("podman") {
        report.host.runtime = Some("docker".into());
    }
    let version = report.host.runtime_version.clone().or_else(|| report.host.docker_version.clone());
    report.host.runtime_version.clone_from(&version);
    report.host.docker_version = report.host.docker_version.or(version);

    let previous = world.snapshot.docker_hosts.get(&id).cloned();
    check_room("docker host", previous.is_some(), world.snapshot.docker_hosts.len())?;
    report.containers.truncate(CONTAINER_CAP);
    let key = (AgentKind::Docker, id.to_string());
    let measured = world.reported_at.get(&key).copied().zip(report.timestamp);
    if let Some(old) = &previous {
        let accepted = DockerAccepted {
            id: id.clone(),
            containers: report.containers.len(),
            last_seen: old.last_seen,
            command: None,
        };
        let arrival = Arrival {
            kind: AgentKind::Docker,
            id: id.as_str(),
            measured_at: report.timestamp,
            last_seen: old.last_seen,
            interval_seconds: report.agent.interval_seconds,
            is_same: is_same(old, &report),
        };
        if is_redundant(reporter, old.link.as_ref(), old.liveness) {
            return Ok(accepted);
        }
        match judge(world, &arrival, now) {
            Verdict::Nothing => return Ok(accepted),
            Verdict::Late(at) => {
                let before = world.late.docker_before(&key);
                let before =
                    before.as_deref().map(|old| (old, counted_milliseconds(None, (old.last_seen, at))));
                let host = host_of(id, report, before, at);
                let mut samples = Vec::new();
                pipeline::docker_host(&host, &mut samples);
                world.late.put(samples, at, host.agent.interval_seconds);
                world.late.follows(&key, Before::Docker(Arc::new(host)), now);
                return Ok(accepted);
            }
            Verdict::News if is_gap(&arrival, now) => {
                world.late.follows(&key, Before::Docker(Arc::clone(old)), now);
            }
            Verdict::News => {}
        }
    } else if let Some(measured_at) = report.timestamp {
        world.reported_at.insert(key, measured_at);
    }
    if reporter == &Reporter::Local {
        world.local_docker_host = Some(id.to_string());
    }
    let before = previous.as_deref().map(|old| (old, counted_milliseconds(measured, (old.last_seen, now))));
    let mut host = host_of(id.clone(), report, before, now);
    host.link = reporter.link().cloned();
    let containers = host.containers.len();
    project::into_docker_host(world, &mut host);
    world.snapshot.docker_hosts.insert(id.clone(), Arc::new(host));
    Ok(DockerAccepted { id, containers, last_seen: now, command: None })
}

/// What a report says of its Docker host at the time `at`. Rates are since the report before, which came so many milliseconds
/// earlier.
fn host_of(
    id: DockerHostId,
    report: DockerReport,
    before: Option<(&DockerHost, i64)>,
    at: Timestamp,
) -> DockerHost {
    let elapsed = before.map(|(_, elapsed)| elapsed);
    let before: HashMap<&str, &DockerContainer> = before
        .iter()
        .map(|(host, _)| host)
        .flat_map(|host| host.containers.iter())
        .map(|container| (container.report.id.as_str(), container))
        .collect();
    let containers: Vec<_> = report
        .containers
        .into_iter()
        .map(|mut container| {
            container.env = Vec::new();
            let old = before.get(container.id.as_str()).map(|old| &old.report);
            let is_running = container.state == "running";
            let rate = |now: Option<u64>, before: Option<u64>| match (is_running, now, before, elapsed) {
                (false, ..) => Reading::Unknown(Missing::Stopped),
                (_, Some(now), Some(before), Some(elapsed)) => {
                    rates::per_second(now, before, elapsed).map(|rate| rate as f64)
                }
                (_, Some(_), ..) => Reading::Unknown(Missing::FirstSample),
                (_, None, ..) => Reading::Unknown(Missing::NotReported),
            };
            let block = |of: fn(&pulse_core::report::docker::BlockIo) -> Option<u64>| {
                rate(
                    container.block_io.as_ref().and_then(of),
                    old.and_then(|old| old.block_io.as_ref()).and_then(of),
                )
            };
            let network = |of: fn(&pulse_core::report::docker::NetworkIo) -> Option<u64>| {
                rate(
                    container.network_io.as_ref().and_then(of),
                    old.and_then(|old| old.network_io.as_ref()).and_then(of),
                )
            };
            DockerContainer {
                read_bytes_per_second: block(|io| io.read_bytes),
                write_bytes_per_second: block(|io| io.write_bytes),
                network_in_bytes_per_second: network(|io| io.rx_bytes),
                network_out_bytes_per_second: network(|io| io.tx_bytes),
                report: container,
            }
        })
        .collect();
    DockerHost {
        id,
        agent: report.agent,
        custom_display_name: None,
        is_hidden: false,
        host: report.host,
        containers,
        services: report.services,
        tasks: report.tasks,
        liveness: Liveness::Online,
        last_seen: at,
        link: None,
        is_pending_uninstall: false,
        command: None,
    }
}

/// Whether a report was taken already; what counts upwards tells two reports apart.
fn is_same(old: &DockerHost, report: &DockerReport) -> bool {
    let same = |a: &DockerContainer, b: &Container| {
        a.report.id == b.id
            && a.report.state == b.state
            && a.report.status == b.status
            && a.report.cpu_percent == b.cpu_percent
            && a.report.block_io == b.block_io
            && a.report.network_io == b.network_io
            && a.report.memory_usage_bytes == b.memory_usage_bytes
    };
    old.host.uptime_seconds == report.host.uptime_seconds
        && old.containers.len() == report.containers.len()
        && old.containers.iter().zip(&report.containers).all(|(a, b)| same(a, b))
}

/// Who the report is of: its agent, its machine or its host name.
fn claim(report: &DockerReport, reporter: &Reporter) -> Result<Claim, IntakeError> {
    let machine_id = report.host.machine_id.as_deref().map(plain).filter(|id| !id.is_empty());
    if report.agent.id.trim().is_empty() && machine_id.is_none() && reporter == &Reporter::Anonymous {
        return Err(IntakeError::MissingIdentifier("docker"));
    }
    let hostname = report.host.hostname.as_str();
    let candidates = [Some(report.agent.id.as_str()), machine_id.as_deref(), Some(hostname)];
    Ok(Claim {
        kind: AgentKind::Docker,
        id: first_id(candidates, plain, hostname),
        hostname: hostname.to_owned(),
        mac_addresses: hardware(
            report.host.network.iter().map(|nic| (nic.name.as_str(), nic.mac.as_deref())),
        ),
        machine_id,
    })
}

#[cfg(test)]
mod tests {
    use pulse_core::report::{
        AgentInfo,
        docker::{BlockIo, DockerHostInfo},
    };

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn report(agent: &str, hostname: &str, state: &str, read_bytes: u64) -> DockerReport {
        DockerReport {
            agent: AgentInfo { id: agent.into(), ..AgentInfo::default() },
            host: DockerHostInfo { hostname: hostname.into(), ..DockerHostInfo::default() },
            containers: vec![Container {
                id: "c1".into(),
                state: state.into(),
                env: vec!["SECRET=1".into()],
                block_io: Some(BlockIo { read_bytes: Some(read_bytes), write_bytes: None }),
                ..Container::default()
            }],
            ..DockerReport::default()
        }
    }

    fn host(world: &World) -> &DockerHost {
        world.snapshot.docker_hosts.values().next().unwrap()
    }

    #[test]
    fn rates_come_from_consecutive_reports_and_the_environment_is_never_kept() {
        let mut world = World::new(at(0));
        merge(&mut world, report("a", "dock", "running", 1_000), &Reporter::Local, at(0)).unwrap();
        assert_eq!(host(&world).containers[0].read_bytes_per_second, Reading::Unknown(Missing::FirstSample));
        merge(&mut world, report("a", "dock", "running", 6_000), &Reporter::Local, at(10)).unwrap();
        assert_eq!(host(&world).containers[0].read_bytes_per_second, Reading::Known(500.0));
        assert_eq!(host(&world).containers[0].write_bytes_per_second, Reading::Unknown(Missing::NotReported));
        assert!(host(&world).containers[0].report.env.is_empty());
        merge(&mut world, report("a", "dock", "exited", 6_000), &Reporter::Local, at(20)).unwrap();
        assert_eq!(host(&world).containers[0].read_bytes_per_second, Reading::Unknown(Missing::Stopped));
    }

    #[test]
    fn a_removed_host_may_not_report_for_a_day_and_then_may() {
        let mut world = World::new(at(0));
        let id = merge(&mut world, report("a", "dock", "running", 0), &Reporter::Local, at(0)).unwrap().id;
        assert!(world.remove_docker_host(&id, at(1)));
        assert!(!world.remove_docker_host(&id, at(1)));
        let refused = merge(&mut world, report("a", "dock", "running", 0), &Reporter::Local, at(3600));
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("was removed at") && text.contains("cannot report again"), "{text}");
        merge(&mut world, report("a", "dock", "running", 0), &Reporter::Local, at(24 * 3600 + 2)).unwrap();
        assert!(world.snapshot.removed_docker_hosts.is_empty());
    }

    #[test]
    fn two_hosts_with_one_agent_id_stay_two_and_keep_their_ids() {
        let mut world = World::new(at(0));
        let mut id = |hostname: &str, second| {
            merge(&mut world, report("clone", hostname, "running", 0), &Reporter::Local, at(second))
                .unwrap()
                .id
        };
        let (first, second) = (id("a", 0), id("b", 0));
        assert_ne!(first, second);
        assert_eq!((id("a", 10), id("b", 10)), (first, second));
    }

    #[test]
    fn what_names_no_host_is_refused() {
        let mut world = World::new(at(0));
        let refused = merge(&mut world, report("a", " ", "running", 0), &Reporter::Local, at(0));
        assert_eq!(refused, Err(IntakeError::MissingHostname("docker")));
        let refused = merge(&mut world, report("", "h", "running", 0), &Reporter::Anonymous, at(0));
        assert_eq!(refused, Err(IntakeError::MissingIdentifier("docker")));
    }
}
