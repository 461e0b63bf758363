//! One evaluation: looks at every source that brought something new, closes what is gone, tells what is due.

use std::{collections::HashSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use pulse_core::Snapshot;

use super::{
    change::{Changes, CloseReason},
    deliver,
    state::{EngineState, HOUR, Source},
    visit::{Look, close},
};
use crate::{observe, rules::Rules};

/// After a restart an instance's alerts wait so long for its first poll.
const INSTANCE_GRACE: SignedDuration = SignedDuration::from_mins(10);

/// After a restart an agent's alerts wait so long for its first report.
const AGENT_GRACE: SignedDuration = SignedDuration::from_hours(24);

/// Ages of backups are looked at this often, and whenever the lists change.
const BACKUP_PERIOD: SignedDuration = SignedDuration::from_mins(5);

/// What is no longer needed is forgotten this often.
const PURGE_PERIOD: SignedDuration = SignedDuration::from_mins(1);

impl EngineState {
    /// Evaluates a world. The same state, rules, world and time always give the same changes.
    pub fn evaluate(&mut self, rules: &Rules, world: &Snapshot, now: Timestamp) -> Changes {
        self.generation = self.generation.wrapping_add(1);
        let all = std::mem::replace(&mut self.rules_id, rules.id) != rules.id;
        let facts = observe::Facts::of(world);
        let mut visited: HashSet<Source> = HashSet::new();
        let mut look = Look {
            state: self,
            rules,
            now,
            source: Source::Backups,
            is_fresh: false,
            changes: Vec::new(),
            key: String::with_capacity(64),
        };

        let backups_changed = world.instances.iter().any(|(key, view)| {
            look.state.seen.instances.get(key).is_none_or(|seen| {
                !Arc::ptr_eq(&seen.storage_backups, &view.storage_backups)
                    || !Arc::ptr_eq(&seen.backup_tasks, &view.backup_tasks)
                    || !Arc::ptr_eq(&seen.pbs_backups, &view.pbs_backups)
                    || !Arc::ptr_eq(&seen.pmg_backups, &view.pmg_backups)
            })
        });
        for (key, view) in &world.instances {
            let seen = look.state.seen.instances.insert(key.clone(), view.clone());
            let is_new = seen.is_none_or(|seen| !Arc::ptr_eq(&seen, view));
            // Silence is news too: what was never reached is looked at all the time.
            if is_new || all || view.last_success.is_none() {
                look.source = Source::Instance(key.clone());
                look.is_fresh = is_new || view.last_success.is_none();
                observe::instance(&mut look, view, &facts);
                // An instance that was never polled says nothing of what it has.
                if view.last_success.is_some() {
                    visited.insert(look.source.clone());
                }
            }
        }
        for (id, host) in &world.hosts {
            let seen = look.state.seen.hosts.insert(id.clone(), host.clone());
            let is_new = seen.is_none_or(|seen| !Arc::ptr_eq(&seen, host));
            let is_silent = host.liveness == pulse_core::model::Liveness::Offline;
            if is_new || all || is_silent {
                look.source = Source::Host(id.clone());
                look.is_fresh = is_new || is_silent;
                observe::host(&mut look, host, &facts);
                visited.insert(look.source.clone());
            }
        }
        for (id, host) in &world.docker_hosts {
            let seen = look.state.seen.docker.insert(id.clone(), host.clone());
            let is_new = seen.is_none_or(|seen| !Arc::ptr_eq(&seen, host));
            let is_silent = host.liveness == pulse_core::model::Liveness::Offline;
            if is_new || all || is_silent {
                look.source = Source::Docker(id.clone());
                look.is_fresh = is_new || is_silent;
                observe::docker(&mut look, host, &facts);
                visited.insert(look.source.clone());
            }
        }
        for (id, cluster) in &world.kubernetes_clusters {
            let seen = look.state.seen.kubernetes.insert(id.clone(), cluster.clone());
            let is_new = seen.is_none_or(|seen| !Arc::ptr_eq(&seen, cluster));
            let is_silent = cluster.liveness == pulse_core::model::Liveness::Offline;
            if is_new || all || is_silent {
                look.source = Source::Kubernetes(id.clone());
                look.is_fresh = is_new || is_silent;
                observe::kubernetes(&mut look, cluster);
                visited.insert(look.source.clone());
            }
        }
        let is_backup_due = look
            .state
            .last_backup_look
            .is_none_or(|last| now.duration_since(last) >= BACKUP_PERIOD || now < last);
        if all || backups_changed || is_backup_due {
            look.state.last_backup_look = Some(now);
            look.source = Source::Backups;
            look.is_fresh = true;
            observe::backups(&mut look, world);
            // Before every instance has answered once, nothing is known of the backups.
            if world.instances.values().all(|view| view.last_success.is_some()) {
                visited.insert(Source::Backups);
            }
        }

        look.source = Source::Delivery;
        look.is_fresh = true;
        observe::delivery(&mut look);

        let mut out = Changes { changes: look.changes, ..Changes::default() };
        self.forget_gone(world, &visited, now, &mut out);
        deliver::deliver(self, rules, now, &mut out);
        self.purge(now);
        self.publish();
        out
    }

    /// Closes the alerts of resources that are gone.
    fn forget_gone(
        &mut self,
        world: &Snapshot,
        visited: &HashSet<Source>,
        now: Timestamp,
        out: &mut Changes,
    ) {
        self.seen.instances.retain(|key, _| world.instances.contains_key(key));
        self.seen.hosts.retain(|id, _| world.hosts.contains_key(id));
        self.seen.docker.retain(|id, _| world.docker_hosts.contains_key(id));
        self.seen.kubernetes.retain(|id, _| world.kubernetes_clusters.contains_key(id));
        let generation = self.generation;
        let mut is_stale = false;
        self.holders.retain(|_, holder| {
            if holder.generation == generation {
                return true;
            }
            let waits =
                |grace: SignedDuration| holder.restored_at.is_some_and(|at| now.duration_since(at) < grace);
            let is_gone = match &holder.source {
                Source::Instance(key) => match world.instances.get(key) {
                    Some(view) if view.last_success.is_none() => false,
                    Some(_) => visited.contains(&holder.source),
                    None => !waits(INSTANCE_GRACE),
                },
                Source::Host(id) => {
                    visited.contains(&holder.source) || !world.hosts.contains_key(id) && !waits(AGENT_GRACE)
                }
                Source::Docker(id) => {
                    visited.contains(&holder.source)
                        || !world.docker_hosts.contains_key(id) && !waits(AGENT_GRACE)
                }
                Source::Kubernetes(id) => {
                    visited.contains(&holder.source)
                        || !world.kubernetes_clusters.contains_key(id) && !waits(AGENT_GRACE)
                }
                Source::Backups => visited.contains(&holder.source) && !waits(INSTANCE_GRACE),
                // Each one is looked at whenever it is known which are broken.
                Source::Delivery => false,
            };
            if !is_gone {
                return true;
            }
            for track in &mut holder.tracks {
                is_stale |= track.open.is_some();
                close(track, CloseReason::Removed, now, &mut out.changes);
            }
            // What closed lately is remembered, should the resource come back.
            holder.tracks.iter().any(|track| track.past.is_some())
        });
        self.is_active_stale |= is_stale;
    }

    /// Forgets what nobody needs any more.
    fn purge(&mut self, now: Timestamp) {
        if self.last_purge.is_some_and(|last| now >= last && now.duration_since(last) < PURGE_PERIOD) {
            return;
        }
        self.last_purge = Some(now);
        self.holders.retain(|_, holder| {
            for track in &mut holder.tracks {
                track.forget_the_past(now);
            }
            holder.tracks.retain(|track| !track.is_idle());
            !holder.tracks.is_empty()
        });
        let generation = self.generation;
        // Containers that were not looked at for some hundred looks are gone.
        self.memory.restarts.retain(|_, restarts| generation.wrapping_sub(restarts.generation) < 100_000);
        for samples in self.memory.quarantine.values_mut() {
            while samples.front().is_some_and(|(at, ..)| now.duration_since(*at) > HOUR * 3) {
                samples.pop_front();
            }
        }
        self.memory.quarantine.retain(|_, samples| !samples.is_empty());
    }
}
