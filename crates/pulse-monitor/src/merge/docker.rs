//! A Docker or Podman report becomes a Docker host: its identity, the rates of its containers, its removal.

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use pulse_core::{
    Missing, Reading,
    ids::DockerHostId,
    model::{DockerContainer, DockerHost, Liveness, RemovedDockerHost},
    report::docker::DockerReport,
};

use crate::{
    intake::{DockerAccepted, IntakeError, Reporter, check_room},
    rates,
    world::World,
};

/// A removed host may not report for this long, unless a person allows it.
pub const REMOVAL_BLOCK: SignedDuration = SignedDuration::from_hours(24);

/// At most so many containers of one host are taken.
const CONTAINER_CAP: usize = 10_000;

/// Takes a report into the world.
pub fn merge(
    world: &mut World,
    mut report: DockerReport,
    reporter: &Reporter,
    now: Timestamp,
) -> Result<DockerAccepted, IntakeError> {
    report.host.hostname = String::from(report.host.hostname.trim());
    if report.host.hostname.is_empty() {
        return Err(IntakeError::MissingHostname("docker"));
    }
    let id = identify(world, &report, reporter)?;
    if let Some(removed) = world.snapshot.removed_docker_hosts.get(&id) {
        if now.duration_since(removed.removed_at) < REMOVAL_BLOCK {
            return Err(IntakeError::Removed {
                what: "docker host",
                id: id.to_string(),
                removed_at: removed.removed_at,
            });
        }
        world.snapshot.removed_docker_hosts.remove(&id);
    }
    if report.host.runtime.as_deref() != Some("podman") {
        report.host.runtime = Some("docker".into());
    }
    let version = report.host.runtime_version.clone().or_else(|| report.host.docker_version.clone());
    report.host.runtime_version.clone_from(&version);
    report.host.docker_version = report.host.docker_version.or(version);

    let previous = world.snapshot.docker_hosts.get(&id).cloned();
    check_room("docker host", previous.is_some(), world.snapshot.docker_hosts.len())?;
    let elapsed = previous.as_ref().map(|old| now.as_millisecond() - old.last_seen.as_millisecond());
    let before: HashMap<&str, &DockerContainer> = previous
        .iter()
        .flat_map(|host| host.containers.iter())
        .map(|container| (container.report.id.as_str(), container))
        .collect();
    report.containers.truncate(CONTAINER_CAP);
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
    let count = containers.len();
    let host = DockerHost {
        id: id.clone(),
        agent: report.agent,
        custom_display_name: previous.as_ref().and_then(|old| old.custom_display_name.clone()),
        host: report.host,
        containers,
        services: report.services,
        tasks: report.tasks,
        liveness: Liveness::Online,
        last_seen: now,
        link: reporter.link().cloned(),
        is_pending_uninstall: previous.as_ref().is_some_and(|old| old.is_pending_uninstall),
        command: previous.as_ref().and_then(|old| old.command.clone()),
    };
    world.snapshot.docker_hosts.insert(id.clone(), Arc::new(host));
    Ok(DockerAccepted { id, containers: count, last_seen: now })
}

/// The id under which a Docker host is kept: the agent's, the machine's or the host's name; an existing host with
/// the same agent, or the same machine and name, is the same host.
fn identify(world: &World, report: &DockerReport, reporter: &Reporter) -> Result<DockerHostId, IntakeError> {
    let machine = report.host.machine_id.as_deref().map(str::trim).unwrap_or_default();
    let agent = report.agent.id.trim();
    let hostname = report.host.hostname.as_str();
    if agent.is_empty() && machine.is_empty() && reporter == &Reporter::Anonymous {
        return Err(IntakeError::MissingIdentifier("docker"));
    }
    let same = |host: &&Arc<DockerHost>| {
        (!agent.is_empty() && host.agent.id == agent && host.host.hostname == hostname)
            || (!machine.is_empty()
                && host.host.machine_id.as_deref() == Some(machine)
                && host.host.hostname == hostname)
    };
    if let Some(known) = world.snapshot.docker_hosts.values().find(same) {
        return Ok(known.id.clone());
    }
    let base = [agent, machine, hostname].into_iter().find(|text| !text.is_empty()).unwrap_or(hostname);
    // Another machine holds the id (a cloned disk): this one gets its host name behind it.
    let id = if world.snapshot.docker_hosts.contains_key(base) {
        format!("{base}::{hostname}")
    } else {
        base.into()
    };
    Ok(DockerHostId::from(id))
}

/// Forgets a host and keeps it from reporting for a day; returns whether it was known.
pub fn remove(world: &mut World, id: &DockerHostId, now: Timestamp) -> bool {
    let Some(host) = world.snapshot.docker_hosts.remove(id) else { return false };
    let removed = RemovedDockerHost {
        id: id.clone(),
        hostname: Some(host.host.hostname.clone()),
        display_name: Some(host.display_name().to_owned()),
        removed_at: now,
    };
    world.snapshot.removed_docker_hosts.insert(id.clone(), Arc::new(removed));
    true
}

#[cfg(test)]
mod tests {
    use pulse_core::report::{
        AgentInfo,
        docker::{BlockIo, Container, DockerHostInfo},
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
        assert!(remove(&mut world, &id, at(1)));
        assert!(!remove(&mut world, &id, at(1)));
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
