//! The world while it is being changed: the next snapshot and what the merge rules remember between updates.
//! Everything here is pure; the keeper task is the only one that owns a [`World`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use pulse_config::store::{
    fleet::{AgentKind, FleetRecord},
    metadata::{DockerHostMetadata, HostMetadata, Metadata},
};
use pulse_core::{
    Snapshot,
    coverage::Candidate,
    model::{InstanceKey, InstanceKind, InstanceView, Liveness, SourceIssue},
};

use crate::{
    facts::{Finding, InstanceFacts},
    fleet::{KnownTokens, project},
    late::{Late, LateReport},
    liveness, merge,
    rates::RateMemory,
};

/// The world while it is being changed.
#[derive(Debug)]
pub struct World {
    pub(crate) snapshot: Snapshot,
    /// Per instance and VMID: what the rates are computed from.
    pub(crate) guest_rates: HashMap<InstanceKey, HashMap<u32, RateMemory>>,
    /// Per instance: what was read beside the polls.
    pub(crate) pve_facts: HashMap<InstanceKey, InstanceFacts>,
    /// What went wrong with the backups of an instance when they were last read.
    pub(crate) backup_issues: HashMap<InstanceKey, Vec<SourceIssue>>,
    /// What is decided about machines that agents report.
    pub(crate) fleet: Arc<FleetRecord>,
    /// Grows with every decision.
    pub(crate) fleet_revision: u64,
    /// Whether a token still exists.
    pub(crate) known_tokens: KnownTokens,
    /// What people noted about hosts.
    pub(crate) host_notes: Arc<BTreeMap<String, HostMetadata>>,
    /// What people noted about Docker hosts.
    pub(crate) docker_notes: Arc<BTreeMap<String, DockerHostMetadata>>,
    /// The network hardware a machine had before it changed, and when it did.
    pub(crate) flips: HashMap<(AgentKind, String), (Vec<String>, Timestamp)>,
    /// When the newest report of each machine was measured, by its own clock.
    pub(crate) reported_at: HashMap<(AgentKind, String), Timestamp>,
    /// What is remembered of machines that send what they measured while they were cut off.
    pub(crate) late: Late,
    /// The Docker host that is the server's own machine.
    pub(crate) local_docker_host: Option<String>,
    /// The newest backup on a backup server of each guest that has one for certain.
    pub(crate) pbs_newest: HashMap<Candidate, Timestamp>,
}

impl World {
    /// A world of which nothing is known yet.
    pub fn new(at: Timestamp) -> Self {
        Self {
            snapshot: Snapshot::empty(at),
            guest_rates: HashMap::new(),
            pve_facts: HashMap::new(),
            backup_issues: HashMap::new(),
            fleet: Arc::default(),
            fleet_revision: 0,
            known_tokens: KnownTokens::default(),
            host_notes: Arc::default(),
            docker_notes: Arc::default(),
            flips: HashMap::new(),
            reported_at: HashMap::new(),
            late: Late::default(),
            local_docker_host: None,
            pbs_newest: HashMap::new(),
        }
    }

    /// A world of which nothing is known yet but what was decided and noted before.
    pub fn with_decisions(
        at: Timestamp,
        record: FleetRecord,
        metadata: &Metadata,
        known_tokens: KnownTokens,
    ) -> Self {
        let mut world = Self {
            fleet: Arc::new(record),
            known_tokens,
            host_notes: metadata.hosts.all(),
            docker_notes: metadata.docker_hosts.all(),
            ..Self::new(at)
        };
        world.tidy_decisions(at);
        project::removed(&mut world);
        world
    }

    /// What is decided, to change it.
    pub(crate) fn decide(&mut self) -> &mut FleetRecord {
        self.fleet_revision += 1;
        Arc::make_mut(&mut self.fleet)
    }

    /// Takes what people noted about hosts and Docker hosts.
    pub fn set_notes(
        &mut self,
        hosts: Arc<BTreeMap<String, HostMetadata>>,
        docker_hosts: Arc<BTreeMap<String, DockerHostMetadata>>,
    ) {
        self.host_notes = hosts;
        self.docker_notes = docker_hosts;
        project::everything(self);
    }

    /// Whether a person decided that the agent of a host runs commands.
    pub fn commands_override(&self, host: &str) -> Option<bool> {
        self.host_notes.get(host)?.commands_enabled
    }

    /// The world as it stands.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// How many entries each of the maps holds that grow with what is watched. Over time they must not: what is gone is
    /// forgotten with what it left behind.
    pub fn footprint(&self) -> BTreeMap<&'static str, usize> {
        let facts = || self.pve_facts.values();
        let news = || facts().map(|facts| &facts.news);
        BTreeMap::from([
            ("instances", self.snapshot.instances.len()),
            ("hosts", self.snapshot.hosts.len()),
            ("Docker hosts", self.snapshot.docker_hosts.len()),
            ("Kubernetes clusters", self.snapshot.kubernetes_clusters.len()),
            ("guests with rates", self.guest_rates.values().map(HashMap::len).sum()),
            ("guests with facts", facts().map(|facts| facts.guests.len()).sum()),
            ("nodes with facts", facts().map(|facts| facts.nodes.len()).sum()),
            ("hidden parts", facts().map(|facts| facts.hidden.len()).sum()),
            ("unread tasks", news().map(|news| news.tasks.len()).sum()),
            ("unread backups", news().map(|news| news.backups.len()).sum()),
            ("unread snapshots", news().map(|news| news.snapshots.len()).sum()),
            ("instances with backup issues", self.backup_issues.len()),
            ("changed network hardware", self.flips.len()),
            ("times of reports", self.reported_at.len()),
            ("guests on backup servers", self.pbs_newest.len()),
        ])
    }

    /// Makes the set of instances the configured one: new ones appear as unknown, removed ones go with all they had.
    pub fn configure(&mut self, wanted: &[InstanceKey]) {
        self.snapshot.instances.retain(|key, _| wanted.contains(key));
        self.guest_rates.retain(|key, _| wanted.contains(key));
        self.pve_facts.retain(|key, _| wanted.contains(key));
        self.backup_issues.retain(|key, _| wanted.contains(key));
        for key in wanted {
            self.snapshot
                .instances
                .entry(key.clone())
                .or_insert_with(|| Arc::new(InstanceView::unknown(key.clone())));
        }
    }

    /// Says whether temperatures are wanted at all.
    pub fn set_temperature_monitoring(&mut self, is_wanted: bool) {
        self.snapshot.is_temperature_monitoring_enabled = is_wanted;
    }

    /// Says which alerts are raised.
    pub fn set_active_alerts(&mut self, alerts: Arc<Vec<Arc<pulse_core::model::Alert>>>) {
        self.snapshot.active_alerts = alerts;
    }

    /// Puts a whole view of an instance into the world, known or not: for sources that build it themselves.
    pub fn set_instance(&mut self, view: InstanceView) {
        self.snapshot.instances.insert(view.key.clone(), Arc::new(view));
    }

    /// Takes what a poll of a PVE instance brought; `now` is when the poll began, the time of its figures.
    pub fn merge_pve(
        &mut self,
        key: &InstanceKey,
        outcome: Result<pulse_collectors::PveCycle, SourceIssue>,
        now: Timestamp,
    ) {
        // An instance that was removed while its poll was under way stays removed.
        let Some(previous) = self.snapshot.instances.get(key) else { return };
        let memory = self.guest_rates.entry(key.clone()).or_default();
        let view = match outcome {
            Ok(cycle) => {
                let mut view = merge::pve::merge(previous, cycle, memory, now);
                let facts = self.pve_facts.entry(key.clone()).or_default();
                merge::details::complete(&mut view, facts, &self.snapshot.hosts, now);
                self.add_pbs_backups(&mut view);
                view
            }
            Err(issue) => merge::pve::fail(previous, issue, now),
        };
        self.snapshot.instances.insert(key.clone(), Arc::new(view));
    }

    /// Takes what was read of a PVE instance beside its polls; it shows with the next poll.
    pub(crate) fn take_findings(&mut self, key: &InstanceKey, findings: Vec<Finding>) {
        if findings.is_empty() || !self.snapshot.instances.contains_key(key) {
            return;
        }
        let facts = self.pve_facts.entry(key.clone()).or_default();
        for finding in findings {
            facts.take(finding);
        }
    }

    /// Notes that nothing could be read of an instance; what is known of it is kept.
    pub fn fail_instance(&mut self, key: &InstanceKey, issue: SourceIssue, now: Timestamp) {
        let Some(previous) = self.snapshot.instances.get(key) else { return };
        let view = match key.kind {
            InstanceKind::Pve => merge::pve::fail(previous, issue, now),
            InstanceKind::Pbs => merge::pbs::fail(previous, issue, now),
            InstanceKind::Pmg => merge::pmg::fail(previous, issue, now),
        };
        self.snapshot.instances.insert(key.clone(), Arc::new(view));
    }

    /// What the report that was just merged leaves for history, where it was late.
    pub(crate) fn take_late(&mut self) -> Option<LateReport> {
        self.late.take()
    }

    /// Marks agents whose reports stopped coming, and lets go of what was decided for a time; returns whether anything
    /// changed.
    pub fn check_liveness(&mut self, now: Timestamp) -> bool {
        self.late.tidy(now);
        let mut changed = self.tidy_decisions(now);
        for host in self.snapshot.hosts.values_mut() {
            let is = liveness::of(host.last_seen, liveness::host_window(host.agent.interval_seconds), now);
            changed |= set_liveness(host.liveness, is, || Arc::make_mut(host).liveness = is);
        }
        for host in self.snapshot.docker_hosts.values_mut() {
            let is =
                liveness::of(host.last_seen, liveness::container_window(host.agent.interval_seconds), now);
            changed |= set_liveness(host.liveness, is, || Arc::make_mut(host).liveness = is);
        }
        for cluster in self.snapshot.kubernetes_clusters.values_mut() {
            let is = liveness::of(
                cluster.last_seen,
                liveness::container_window(cluster.agent.interval_seconds),
                now,
            );
            changed |= set_liveness(cluster.liveness, is, || Arc::make_mut(cluster).liveness = is);
        }
        changed
    }
}

fn set_liveness(was: Liveness, is: Liveness, set: impl FnOnce()) -> bool {
    let changed = was != is;
    if changed {
        set();
    }
    changed
}
