//! Docker and Podman hosts, their containers and the services of a swarm.

use jiff::SignedDuration;
use pulse_core::model::{AlertLevel, DockerContainer, DockerHost, Liveness, percent};
use pulse_core::report::docker::SwarmService;

use super::Facts;
use crate::{
    config::ThresholdBlock,
    engine::{
        step::{Confirm, Sight},
        visit::{Finding, Look, Subject, Visit, Words},
    },
    kind::{Kind, Metric},
    rules::ResourceClass,
};

/// Restarts that are remembered per container.
const MOST_RESTARTS: usize = 64;

pub(crate) fn look(look: &mut Look<'_>, host: &DockerHost, facts: &Facts) {
    host_itself(look, host, facts);
    let instance = format!("Docker:{}", host.display_name());
    for container in &host.containers {
        one(look, host, container, &instance);
    }
    for service in &host.services {
        one_service(look, host, service, &instance);
    }
}

fn host_itself(look: &mut Look<'_>, host: &DockerHost, facts: &Facts) {
    let rules = look.rules;
    let config = &rules.config;
    super::key(look, "docker", host.id.as_str());
    let id = format!("docker:{}", host.id);
    let instance = format!("Docker:{}", host.display_name());
    let subject = Subject {
        id: &id,
        name: host.display_name(),
        node: &host.host.hostname,
        instance: &instance,
        what: "Docker Host",
        tags: &[],
        is_monitor_only: false,
    };
    look.resource(subject, |visit| {
        let over = rules.override_of(host.id.as_str());
        if !config.enabled
            || config.disable_all_docker_hosts
            || config.disable_all_docker_hosts_offline
            || over.is_some_and(|over| over.is_disabled() || over.is_connectivity_disabled())
        {
            return;
        }
        let is_silent = host.liveness == Liveness::Offline;
        // One machine, one alert: its host agent is silent as well.
        let is_host_silent = is_silent
            && (facts.silent_hosts.contains(host.id.as_str())
                || host.host.machine_id.as_ref().is_some_and(|id| facts.silent_hosts.contains(id)));
        let finding = if is_host_silent {
            Finding::HELD
        } else {
            Finding::maybe(is_silent.then_some(AlertLevel::Critical), 0.0, 0.0)
        };
        visit.check(Kind::DockerHostOffline, "", finding, super::SILENCE, |subject| {
            let message = format!(
                "Docker host '{}' is offline: its agent is silent since {}",
                subject.name, host.last_seen
            );
            Words::new(format!("docker-host-offline-{}", host.id), message)
                .with("hostId", host.id.to_string())
                .with("lastSeen", host.last_seen.to_string())
        });
    });
}

fn one(look: &mut Look<'_>, host: &DockerHost, container: &DockerContainer, instance: &str) {
    let rules = look.rules;
    let config = &rules.config;
    let report = &container.report;
    look.key.clear();
    for part in ["docker:", host.id.as_str(), "/", &report.id] {
        look.key.push_str(part);
    }
    let id = look.key.clone();
    let subject = Subject {
        id: &id,
        name: &report.name,
        node: &host.host.hostname,
        instance,
        what: "Docker Container",
        tags: &[],
        is_monitor_only: false,
    };
    look.resource(subject, |visit| {
        let is_ignored = config.docker_ignored_container_prefixes.iter().any(|prefix| {
            !prefix.is_empty() && report.name.to_lowercase().starts_with(&prefix.to_lowercase())
        });
        let effective = rules.resource(ResourceClass::DockerContainer, &id);
        let is_on = config.enabled && !config.disable_all_docker_containers && !is_ignored;
        let (true, Some(effective)) = (is_on, effective) else { return };
        // A silent host says nothing of its containers: its own alert is the one that matters.
        if host.liveness == Liveness::Offline {
            visit.hold_all();
            return;
        }
        state(visit, container, effective.powered_off);
        health(visit, container);
        restart_loop(visit, container);
        oom_kill(visit, container);
        update(visit, container);
        if report.state != "running" {
            return;
        }
        visit.plain_metric(Metric::Cpu, report.cpu_percent, effective.get(Metric::Cpu));
        visit.plain_metric(Metric::Memory, report.memory_percent, effective.get(Metric::Memory));
        let disk = match (report.writable_layer_bytes, report.root_filesystem_bytes) {
            (Some(own), Some(all)) if all > 0 => Some(percent(own, all)),
            _ => None,
        };
        visit.plain_metric(Metric::Disk, disk, effective.get(Metric::Disk));
        memory_limit(visit, container);
    });
}

fn words(subject: &Subject<'_>, prefix: &str, message: String, container: &DockerContainer) -> Words {
    let report = &container.report;
    Words::new(format!("{prefix}-{}", subject.id), message)
        .with("containerId", report.id.clone())
        .with("containerName", report.name.clone())
        .with("image", report.image.clone())
        .with("state", report.state.clone())
        .with("status", report.status.clone())
}

fn state(visit: &mut Visit<'_>, container: &DockerContainer, level: Option<AlertLevel>) {
    let Some(level) = level else { return };
    let state = container.report.state.as_str();
    let finding = match state {
        "running" => Finding::FINE,
        // On its way from one state to another, or held on purpose.
        "" | "created" | "restarting" | "removing" => Finding::HELD,
        _ => Finding::bad(level, 0.0, 0.0),
    };
    if visit.is_idle() && !finding.is_bad() {
        return;
    }
    visit.check(Kind::DockerContainerState, "", finding, Confirm::checks(2), |subject| {
        let message = format!("container '{}' is {state}", subject.name);
        words(subject, "docker-container-state", message, container)
            .with_maybe("exitCode", container.report.exit_code)
    });
}

fn health(visit: &mut Visit<'_>, container: &DockerContainer) {
    let health = container.report.health.as_deref().unwrap_or_default().trim().to_lowercase();
    let finding = match health.as_str() {
        "" | "none" | "healthy" => Finding::FINE,
        "starting" => Finding::HELD,
        "unhealthy" => Finding::bad(AlertLevel::Critical, 0.0, 0.0),
        _ => Finding::bad(AlertLevel::Warning, 0.0, 0.0),
    };
    if visit.is_idle() && !finding.is_bad() {
        return;
    }
    visit.check(Kind::DockerContainerHealth, "", finding, Confirm::AT_ONCE, |subject| {
        let message = format!("container '{}' is {health}", subject.name);
        words(subject, "docker-container-health", message, container).with("health", health.clone())
    });
}

fn restart_loop(visit: &mut Visit<'_>, container: &DockerContainer) {
    let limits = &visit.rules.config.docker_defaults;
    let count = container.report.restart_count.unwrap_or_default();
    let key = visit.subject.id;
    if count == 0 && visit.is_idle() && visit.memory.restarts.is_empty() {
        return;
    }
    let window = SignedDuration::from_secs(limits.restart_window);
    let (now, generation) = (visit.now, visit.generation());
    let recent = match visit.memory.restarts.get_mut(key) {
        Some(known) => {
            known.generation = generation;
            // A count that fell belongs to a container that was made anew.
            for _ in 0..count.saturating_sub(known.count).min(MOST_RESTARTS as u32) {
                if known.at.len() >= MOST_RESTARTS {
                    known.at.pop_front();
                }
                known.at.push_back(now);
            }
            known.count = count;
            while known.at.front().is_some_and(|at| now.duration_since(*at) > window) {
                known.at.pop_front();
            }
            known.at.len()
        }
        None if count > 0 => {
            let known = crate::engine::Restarts { count, generation, ..Default::default() };
            visit.memory.restarts.insert(key.into(), known);
            0
        }
        None => 0,
    };
    let is_loop = recent as i64 > limits.restart_count;
    // It is over when the window is empty, not when it lacks one.
    let sight = match (is_loop, recent) {
        (true, _) => Sight::Bad,
        (false, 0) => Sight::Fine,
        (false, _) => Sight::Between,
    };
    if visit.is_idle() && !is_loop {
        return;
    }
    let finding = Finding::of(sight, AlertLevel::Critical, recent as f64, limits.restart_count as f64);
    let seconds = limits.restart_window;
    visit.check(Kind::DockerContainerRestartLoop, "", finding, Confirm::AT_ONCE, |subject| {
        let message = format!("container '{}' restarted {recent} times within {seconds} s", subject.name);
        words(subject, "docker-container-restart-loop", message, container)
            .with("restartCount", count)
            .with("recentRestarts", recent)
            .with_maybe("exitCode", container.report.exit_code)
    });
}

fn oom_kill(visit: &mut Visit<'_>, container: &DockerContainer) {
    let report = &container.report;
    // Pulse v5: exit code 137 alone, so that every `docker kill` is one. Newer agents know whether it was for memory.
    let is_killed = matches!(report.state.as_str(), "exited" | "dead")
        && report.oom_killed.unwrap_or(report.exit_code == Some(137));
    if visit.is_idle() && !is_killed {
        return;
    }
    let finding = Finding::maybe(is_killed.then_some(AlertLevel::Critical), 137.0, 0.0);
    visit.check(Kind::DockerContainerOomKill, "", finding, Confirm::AT_ONCE, |subject| {
        let message = match report.oom_killed {
            Some(_) => {
                format!("container '{}' was killed: it needed more memory than it may have", subject.name)
            }
            None => format!("container '{}' was killed (exit code 137), likely for memory", subject.name),
        };
        words(subject, "docker-container-oom", message, container)
            .with_maybe("exitCode", report.exit_code)
            .with_maybe("oomKilled", report.oom_killed)
    });
}

fn memory_limit(visit: &mut Visit<'_>, container: &DockerContainer) {
    let limits = &visit.rules.config.docker_defaults;
    let (warning, critical) = (limits.memory_warn_pct as f64, limits.memory_critical_pct as f64);
    let report = &container.report;
    let value = match (report.memory_usage_bytes, report.memory_limit_bytes) {
        (Some(usage), Some(limit)) if limit > 0 => percent(usage, limit),
        _ => return,
    };
    let sight = if value >= warning {
        Sight::Bad
    } else if value < warning - 5.0 {
        Sight::Fine
    } else {
        Sight::Between
    };
    if visit.is_idle() && sight != Sight::Bad {
        return;
    }
    let is_critical = value >= critical;
    let level = if is_critical { AlertLevel::Critical } else { AlertLevel::Warning };
    let finding = Finding::of(sight, level, value, if is_critical { critical } else { warning });
    visit.check(Kind::DockerContainerMemoryLimit, "", finding, Confirm::AT_ONCE, |subject| {
        let message = format!("container '{}' uses {value:.1}% of its memory limit", subject.name);
        words(subject, "docker-container-memory-limit", message, container)
            .with_maybe("memoryUsageBytes", report.memory_usage_bytes)
            .with_maybe("memoryLimitBytes", report.memory_limit_bytes)
    });
}

fn update(visit: &mut Visit<'_>, container: &DockerContainer) {
    let hours = visit.rules.config.docker_defaults.update_alert_delay_hours;
    let is_known = container.report.update_status.as_ref().is_some_and(|status| status.update_available);
    let key = visit.subject.id;
    if hours < 0 || !is_known {
        if visit.memory.updates.remove(key).is_some() {
            *visit.is_memory_dirty = true;
        }
        if hours >= 0 && !visit.is_idle() {
            visit.check(Kind::DockerContainerUpdate, "", Finding::FINE, Confirm::AT_ONCE, |subject| {
                words(subject, "docker-container-update", String::new(), container)
            });
        }
        return;
    }
    let now = visit.now;
    let since = visit.memory.updates.get(key).copied().unwrap_or_else(|| {
        visit.memory.updates.insert(key.into(), now);
        *visit.is_memory_dirty = true;
        now
    });
    let age = now.duration_since(since);
    let is_due = age >= SignedDuration::from_hours(hours);
    if visit.is_idle() && !is_due {
        return;
    }
    let finding =
        Finding::maybe(is_due.then_some(AlertLevel::Warning), age.as_secs_f64() / 3_600.0, hours as f64)
            .since(since);
    visit.check(Kind::DockerContainerUpdate, "", finding, Confirm::AT_ONCE, |subject| {
        let message =
            format!("a newer image of container '{}' ({}) is there", subject.name, container.report.image);
        let status = container.report.update_status.as_ref();
        words(subject, "docker-container-update", message, container)
            .with("firstSeen", since.to_string())
            .with_maybe("currentDigest", status.and_then(|status| status.current_digest.clone()))
            .with_maybe("latestDigest", status.and_then(|status| status.latest_digest.clone()))
    });
}

fn one_service(look: &mut Look<'_>, host: &DockerHost, service: &SwarmService, instance: &str) {
    let rules = look.rules;
    let config = &rules.config;
    let id = format!("docker:{}/service/{}", host.id, service.id);
    look.key.clone_from(&id);
    let subject = Subject {
        id: &id,
        name: &service.name,
        node: &host.host.hostname,
        instance,
        what: "Docker Service",
        tags: &[],
        is_monitor_only: false,
    };
    look.resource(subject, |visit| {
        if !config.enabled
            || config.disable_all_docker_services
            || rules.override_of(&id).is_some_and(ThresholdBlock::is_disabled)
        {
            return;
        }
        if host.liveness == Liveness::Offline {
            visit.hold_all();
            return;
        }
        service_health(visit, service);
    });
}

fn service_health(visit: &mut Visit<'_>, service: &SwarmService) {
    let limits = &visit.rules.config.docker_defaults;
    let desired = service.desired_tasks.unwrap_or_default();
    let running = service.running_tasks.unwrap_or_default();
    let missing = desired.saturating_sub(running);
    let gap = percent(u64::from(missing), u64::from(desired));
    let update =
        service.update_status.as_ref().and_then(|update| update.state.as_deref()).unwrap_or_default();
    let by_update = match update {
        "rollback_failed" => Some(AlertLevel::Critical),
        "paused" | "rollback_started" | "rollback_paused" => Some(AlertLevel::Warning),
        _ => None,
    };
    let (warning, critical) =
        (limits.service_warn_gap_percent as f64, limits.service_critical_gap_percent as f64);
    let by_gap = if missing > 0 && gap >= critical {
        Some(AlertLevel::Critical)
    } else if missing > 0 && gap >= warning {
        Some(AlertLevel::Warning)
    } else {
        None
    };
    let level = by_gap.max(by_update);
    let threshold = if by_gap == Some(AlertLevel::Critical) { critical } else { warning };
    let finding = Finding::maybe(level, gap, threshold);
    // A rolling update stops tasks before it starts others.
    visit.check(Kind::DockerServiceHealth, "", finding, Confirm::checks(2), |subject| {
        let mut message = format!("service '{}' runs {running} of {desired} tasks", subject.name);
        if by_update.is_some() {
            message = format!("{message}; its update is {update}");
        }
        Words::new(format!("docker-service-health-{}", subject.id), message)
            .with("serviceId", service.id.clone())
            .with("serviceName", service.name.clone())
            .with("desiredTasks", desired)
            .with("runningTasks", running)
            .with("missingTasks", missing)
            .with("percentMissing", super::guest::round(gap))
            .with_maybe("updateState", (!update.is_empty()).then(|| update.to_owned()))
    });
}
