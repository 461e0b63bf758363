//! From the engine's answers to a container of the report.

use jiff::Timestamp;
use pulse_core::report::docker::{Container, ContainerMount, ContainerNetwork, ContainerPort, PodmanInfo};

use super::{
    api::{Inspect, Mount, Port, Stats, Summary},
    environment::mask,
    stats,
};

/// A time as Go writes it; the year 1 stands for "never".
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().filter(|at| at.as_second() > 0)
}

/// Text that says something.
pub(super) fn word(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// What is known of a container.
pub(super) struct Known<'a> {
    pub(super) summary: Summary,
    pub(super) inspect: Option<&'a Inspect>,
    pub(super) stats: Option<&'a Stats>,
    pub(super) cpu_percent: Option<f64>,
    pub(super) host_memory: Option<u64>,
    pub(super) is_podman: bool,
    pub(super) now: Timestamp,
}

/// A container as reported, with the secrets of its environment masked.
pub(super) fn container(known: Known<'_>) -> Container {
    let Known { summary, inspect, stats, cpu_percent, host_memory, is_podman, now } = known;
    let state = inspect.and_then(|inspect| inspect.state.as_ref());
    let is_running = summary.state == "running" || summary.state == "paused";
    let started_at = state.and_then(|state| timestamp(state.started_at.as_deref()?));
    let finished_at = state.and_then(|state| timestamp(state.finished_at.as_deref()?));
    let (memory_usage, memory_limit) = stats.map_or((None, None), |stats| stats::memory(stats, host_memory));
    let podman = is_podman.then(|| podman_info(&summary));
    Container {
        name: name(&summary),
        image_digest: word(summary.image_id),
        created_at: inspect
            .and_then(|inspect| timestamp(inspect.created.as_deref()?))
            .or_else(|| Timestamp::from_second(summary.created.filter(|at| *at > 0)?).ok()),
        health: health(state, &summary.status),
        cpu_percent,
        memory_usage_bytes: memory_usage,
        memory_limit_bytes: memory_limit,
        memory_percent: memory_usage
            .zip(memory_limit.filter(|limit| *limit > 0))
            .map(|(usage, limit)| usage as f64 / limit as f64 * 100.0),
        uptime_seconds: started_at
            .filter(|_| is_running)
            .and_then(|at| u64::try_from(now.as_second().saturating_sub(at.as_second())).ok()),
        restart_count: inspect.and_then(|inspect| inspect.restart_count),
        exit_code: state
            .and_then(|state| state.exit_code)
            .filter(|_| !is_running && summary.state != "created"),
        // Of a run that is over: a container that runs again is not out of memory any more.
        oom_killed: state.and_then(|state| state.is_oom_killed).filter(|_| !is_running),
        started_at,
        finished_at,
        ports: ports(summary.ports),
        labels: summary.labels,
        env: inspect
            .and_then(|inspect| inspect.config.as_ref())
            .map(|config| mask(&config.env))
            .unwrap_or_default(),
        networks: summary
            .network_settings
            .unwrap_or_default()
            .networks
            .into_iter()
            .map(|(name, network)| ContainerNetwork {
                name,
                ipv4: word(network.ipv4),
                ipv6: word(network.ipv6),
            })
            .collect(),
        writable_layer_bytes: None,
        root_filesystem_bytes: None,
        block_io: stats.and_then(stats::block_io),
        network_io: stats.and_then(stats::network),
        mounts: summary.mounts.into_iter().map(mount).collect(),
        podman,
        update_status: None,
        id: summary.id,
        image: image(summary.image, inspect),
        state: summary.state,
        status: summary.status,
    }
}

/// The name without the slash; a link from another container (`/other/alias`) is not the name.
fn name(summary: &Summary) -> String {
    let names = || summary.names.iter().map(|name| name.trim_start_matches('/'));
    names()
        .find(|name| !name.contains('/'))
        .or_else(|| names().next())
        .map_or_else(|| summary.id.chars().take(12).collect(), str::to_owned)
}

/// The name of the image. As soon as a name belongs to another image, pulled since then, the list gives the former one's
/// id in its place; the inspection still knows by which name the container was made.
fn image(listed: String, inspect: Option<&Inspect>) -> String {
    if !listed.starts_with("sha256:") {
        return listed;
    }
    inspect.and_then(|inspect| word(inspect.config.as_ref()?.image.clone())).unwrap_or(listed)
}

/// Health as the inspection tells it; the status text knows it too.
fn health(state: Option<&super::api::State>, status: &str) -> Option<String> {
    if let Some(health) = state.and_then(|state| state.health.as_ref()) {
        // `none` is what Podman says of containers without a check.
        return word(health.status.clone()).filter(|health| health != "none");
    }
    let known = [("(healthy)", "healthy"), ("(unhealthy)", "unhealthy"), ("(health: starting)", "starting")];
    known.iter().find(|(mark, _)| status.contains(mark)).map(|(_, health)| (*health).to_owned())
}

fn ports(ports: Vec<Port>) -> Vec<ContainerPort> {
    let mut ports: Vec<ContainerPort> = ports
        .into_iter()
        .map(|port| ContainerPort {
            private_port: port.private,
            public_port: port.public.filter(|port| *port > 0),
            protocol: port.protocol,
            ip: word(port.ip),
        })
        .collect();
    // The engine's order changes from call to call.
    ports.sort_by(|a, b| {
        (a.private_port, &a.protocol, a.public_port, &a.ip).cmp(&(
            b.private_port,
            &b.protocol,
            b.public_port,
            &b.ip,
        ))
    });
    ports
}

fn mount(mount: Mount) -> ContainerMount {
    ContainerMount {
        kind: word(mount.kind),
        source: word(mount.source),
        destination: word(mount.destination),
        mode: word(mount.mode),
        rw: mount.is_writable,
        propagation: word(mount.propagation),
        name: word(mount.name),
        driver: word(mount.driver),
    }
}

fn podman_info(summary: &Summary) -> PodmanInfo {
    let label = |keys: &[&str]| keys.iter().find_map(|key| word(summary.labels.get(*key).cloned()));
    PodmanInfo {
        pod_name: label(&["io.podman.annotations.pod.name", "io.kubernetes.pod.name"]),
        pod_id: label(&["io.podman.annotations.pod.id"]),
        infra: summary.image.contains("podman-pause"),
        compose_project: label(&["io.podman.compose.project", "com.docker.compose.project"]),
        compose_service: label(&["io.podman.compose.service", "com.docker.compose.service"]),
        compose_workdir: label(&["com.docker.compose.project.working_dir"]),
        compose_config_hash: label(&["io.podman.compose.config-hash", "com.docker.compose.config-hash"]),
        auto_update_policy: label(&["io.containers.autoupdate"]),
        auto_update_restart: label(&["PODMAN_SYSTEMD_UNIT"]),
        user_namespace: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known<'a>(summary: &str, inspect: Option<&'a Inspect>) -> Known<'a> {
        Known {
            summary: serde_json::from_str(summary).unwrap(),
            inspect,
            stats: None,
            cpu_percent: None,
            host_memory: None,
            is_podman: false,
            now: "2026-03-02T10:15:30Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_stopped_container_keeps_its_exit_code_and_times() {
        let inspect: Inspect = serde_json::from_str(
            r#"{"Created":"2026-03-01T00:00:00.123456789Z","RestartCount":4,"State":{"ExitCode":3,
                "StartedAt":"2026-03-02T10:00:00Z","FinishedAt":"2026-03-02T10:10:00.5Z"}}"#,
        )
        .unwrap();
        let seen = container(known(
            r#"{"Id":"abc","Names":["/db/web-link","/web"],"Image":"nginx:1","State":"exited",
                "Status":"Exited (3) 5 minutes ago","Labels":{"com.docker.compose.project":"shop"}}"#,
            Some(&inspect),
        ));
        assert_eq!(seen.name, "web");
        assert_eq!((seen.exit_code, seen.restart_count), (Some(3), Some(4)));
        assert_eq!(seen.uptime_seconds, None);
        assert_eq!(seen.finished_at.unwrap().to_string(), "2026-03-02T10:10:00.5Z");
        assert_eq!(seen.labels["com.docker.compose.project"], "shop");
        assert!(seen.env.is_empty() && seen.podman.is_none());
    }

    #[test]
    fn a_running_container_has_an_uptime_no_exit_code_and_no_year_one() {
        let inspect: Inspect = serde_json::from_str(
            r#"{"State":{"ExitCode":0,"StartedAt":"2026-03-02T10:15:00Z",
                "FinishedAt":"0001-01-01T00:00:00Z","Health":{"Status":"starting"}}}"#,
        )
        .unwrap();
        let seen = container(known(
            r#"{"Id":"abc","Names":["/web"],"State":"running","Status":"Up 30 seconds (health: starting)",
                "Ports":[{"PrivatePort":80,"PublicPort":8080,"Type":"tcp","IP":"::"},
                         {"PrivatePort":80,"PublicPort":8080,"Type":"tcp","IP":"0.0.0.0"}],
                "NetworkSettings":{"Networks":{"bridge":{"IPAddress":"172.17.0.2","GlobalIPv6Address":""}}}}"#,
            Some(&inspect),
        ));
        assert_eq!((seen.uptime_seconds, seen.exit_code, seen.finished_at), (Some(30), None, None));
        assert_eq!(seen.health.as_deref(), Some("starting"));
        assert_eq!(seen.ports[0].ip.as_deref(), Some("0.0.0.0"));
        assert_eq!(seen.networks[0].ipv4.as_deref(), Some("172.17.0.2"));
        assert_eq!(seen.networks[0].ipv6, None);
    }

    #[test]
    fn a_container_keeps_the_name_of_its_image_though_the_name_belongs_to_a_newer_one() {
        let listed = |inspect| container(known(r#"{"Id":"abc","Image":"sha256:0123"}"#, inspect)).image;
        let inspect: Inspect = serde_json::from_str(r#"{"Config":{"Image":"nginx:1"}}"#).unwrap();
        assert_eq!(listed(Some(&inspect)), "nginx:1");
        assert_eq!(listed(None), "sha256:0123");
        let inspect: Inspect = serde_json::from_str(r#"{"Config":{"Image":"sha256:0123"}}"#).unwrap();
        assert_eq!(listed(Some(&inspect)), "sha256:0123", "it was made by its id");
    }

    #[test]
    fn oddities_of_one_field_do_not_hide_the_container() {
        // States that Docker does not know, `null` for lists, numbers as text: all seen from Podman.
        let seen = container(known(
            r#"{"Id":"0123456789abcdef","Names":null,"State":"initialized","Status":"Up (unhealthy)",
                "Labels":null,"Mounts":[{"Type":"devpts","RW":"yes"}],"Created":"2026-01-01T00:00:00Z","Ports":{}}"#,
            None,
        ));
        assert_eq!((seen.name.as_str(), seen.state.as_str()), ("0123456789ab", "initialized"));
        assert_eq!(seen.health.as_deref(), Some("unhealthy"));
        assert_eq!(seen.mounts[0].kind.as_deref(), Some("devpts"));
        assert_eq!(seen.created_at, None);
    }
}
