//! Finding, removing, hiding and naming what agents report. Pure functions over the world.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pulse_config::store::fleet::{AgentKind, CommandRecord, CommandWish, Tombstone};
use pulse_core::{
    Snapshot,
    ids::{DockerHostId, HostId, KubernetesClusterId, TokenId},
    model::{AgentLink, Host, Liveness, RemovedDockerHost, RemovedKubernetesCluster},
};

use super::{
    commands::{self, AckError, AckStatus, QueueError},
    identity::speaks_for,
    links, project,
    text::clean,
};
use crate::{
    intake::{IntakeError, Reporter},
    world::World,
};

/// What was removed may not report for this long, unless a person allows it or it is enrolled with another token.
pub const REMOVAL_BLOCK: SignedDuration = SignedDuration::from_hours(24);

/// Characters of a name that a person gives.
pub const LONGEST_NAME: usize = 128;

/// There is nothing of that id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} {id:?}")]
pub struct NotKnown {
    /// Of what kind.
    pub what: &'static str,
    /// The id.
    pub id: String,
}

/// What a removal did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// The name that was shown, where it was known.
    pub display_name: Option<String>,
    /// Its token, if nothing else reports with that.
    pub unused_token: Option<TokenId>,
}

/// What became of the wish to remove a Docker host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerRemoval {
    /// Its agent is asked to stop; it goes when that is done.
    Stopping(Box<CommandRecord>),
    /// It is gone.
    Gone(Removed),
}

/// The host of an id, else of a name, else of a short name. Of several of a name, the one that `asker` reports.
pub fn find_host<'a>(
    snapshot: &'a Snapshot,
    id: Option<&str>,
    hostname: Option<&str>,
    asker: Option<&TokenId>,
) -> Option<&'a Arc<Host>> {
    let hosts = &snapshot.hosts;
    if let Some(host) = id.and_then(|id| hosts.get(id)) {
        return Some(host);
    }
    let wanted = hostname?.to_lowercase();
    let is_own =
        |host: &&Arc<Host>| asker.is_some() && host.link.as_ref().map(|link| &link.token_id) == asker;
    let pick = |is_named: &dyn Fn(&Host) -> bool| {
        let mut found = hosts.values().filter(|host| is_named(host));
        found.clone().find(is_own).or_else(|| found.next())
    };
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    pick(&|host| host.info.hostname.to_lowercase() == wanted || host.display_name().to_lowercase() == wanted)
        .or_else(|| pick(&|host| short(&host.info.hostname) == short(&wanted)))
}

impl World {
    /// Whether something of that kind and id is there now.
    pub fn is_known(&self, kind: AgentKind, id: &str) -> bool {
        match kind {
            AgentKind::Host => self.snapshot.hosts.contains_key(id),
            AgentKind::Docker => self.snapshot.docker_hosts.contains_key(id),
            AgentKind::Kubernetes => self.snapshot.kubernetes_clusters.contains_key(id),
        }
    }

    /// The token it reports with.
    pub fn link_of(&self, kind: AgentKind, id: &str) -> Option<&AgentLink> {
        match kind {
            AgentKind::Host => self.snapshot.hosts.get(id)?.link.as_ref(),
            AgentKind::Docker => self.snapshot.docker_hosts.get(id)?.link.as_ref(),
            AgentKind::Kubernetes => self.snapshot.kubernetes_clusters.get(id)?.link.as_ref(),
        }
    }

    /// Whether `token` may speak for it: it reports with that token, or nobody speaks for it.
    pub fn is_spoken_for_by(&self, kind: AgentKind, id: &str, token: &TokenId) -> bool {
        match self.fleet.section(kind).identities.get(id).and_then(|known| known.token_id.as_deref()) {
            Some(bound) => bound == token.as_str(),
            None => self.link_of(kind, id).is_some_and(|link| link.token_id == *token),
        }
    }

    /// The host whose configuration `asker` gets when it asks for that of `id`: that one where it reports it, else one
    /// that it does report. Somebody without a token gets any.
    ///
    /// Pulse v5: whatever id is asked for, the one host of the token is meant; here a token may have several.
    pub fn config_host(&self, id: &str, asker: Option<&TokenId>) -> Option<String> {
        let identities = &self.fleet.hosts.identities;
        let is_there = self.is_known(AgentKind::Host, id) || identities.contains_key(id);
        match asker {
            None => is_there.then(|| id.to_owned()),
            Some(token) if is_there && self.is_spoken_for_by(AgentKind::Host, id, token) => {
                Some(id.to_owned())
            }
            Some(token) => identities
                .iter()
                .find(|(_, known)| known.token_id.as_deref() == Some(token.as_str()))
                .map(|(id, _)| id.clone()),
        }
    }

    /// Forgets it altogether, with everything that was decided about it.
    pub(crate) fn forget(&mut self, kind: AgentKind, id: &str) {
        self.take_out(kind, id);
        let record = self.decide();
        let section = record.section_mut(kind);
        section.identities.remove(id);
        section.removed.remove(id);
        section.hidden.remove(id);
        section.pending_uninstall.remove(id);
        section.names.remove(id);
        match kind {
            AgentKind::Host => drop(record.links.remove(id)),
            AgentKind::Docker => drop(record.commands.remove(id)),
            AgentKind::Kubernetes => {}
        }
        project::removed(self);
    }

    fn take_out(&mut self, kind: AgentKind, id: &str) {
        self.reported_at.remove(&(kind, id.to_owned()));
        match kind {
            AgentKind::Host => {
                links::release_nodes(self, id, None);
                self.snapshot.hosts.remove(id);
            }
            AgentKind::Docker => drop(self.snapshot.docker_hosts.remove(id)),
            AgentKind::Kubernetes => drop(self.snapshot.kubernetes_clusters.remove(id)),
        }
    }

    /// The names of something: its own, and the one that is shown.
    fn names_of(&self, kind: AgentKind, id: &str) -> (Option<String>, Option<String>) {
        match kind {
            AgentKind::Host => match self.snapshot.hosts.get(id) {
                Some(host) => (Some(host.info.hostname.clone()), Some(host.display_name().to_owned())),
                None => (None, None),
            },
            AgentKind::Docker => match self.snapshot.docker_hosts.get(id) {
                Some(host) => (Some(host.host.hostname.clone()), Some(host.display_name().to_owned())),
                None => (None, None),
            },
            AgentKind::Kubernetes => match self.snapshot.kubernetes_clusters.get(id) {
                Some(cluster) => (cluster.cluster.name.clone(), Some(cluster.display_name().to_owned())),
                None => (None, None),
            },
        }
    }

    /// The token of something, if nothing else reports with it.
    fn token_only_of(&self, kind: AgentKind, id: &str) -> Option<TokenId> {
        let token = self.link_of(kind, id)?.token_id.clone();
        let is_used = [AgentKind::Host, AgentKind::Docker, AgentKind::Kubernetes].into_iter().any(|other| {
            let identities = &self.fleet.section(other).identities;
            identities.iter().any(|(other_id, known)| {
                (other != kind || other_id != id)
                    && known.token_id.as_deref() == Some(token.as_str())
                    && self.is_known(other, other_id)
            })
        });
        (!is_used).then_some(token)
    }

    /// Removes something and keeps it from reporting for a day.
    pub fn remove(&mut self, kind: AgentKind, id: &str, now: Timestamp) -> Removed {
        let unused_token = self.token_only_of(kind, id);
        let token_id = self.link_of(kind, id).map(|link| link.token_id.to_string());
        let (name, display_name) = self.names_of(kind, id);
        self.take_out(kind, id);
        let record = self.decide();
        let section = record.section_mut(kind);
        if let Some(known) = section.identities.get_mut(id) {
            // Whoever enrols it anew may do that with any token.
            known.token_id = None;
        }
        section.hidden.remove(id);
        section.pending_uninstall.remove(id);
        let grave = Tombstone { removed_at: now, name, display_name: display_name.clone(), token_id };
        if section.removed.len() < crate::intake::MOST_KNOWN || section.removed.contains_key(id) {
            section.removed.insert(id.to_owned(), grave);
        }
        if kind == AgentKind::Docker {
            record.commands.remove(id);
        }
        project::removed(self);
        Removed { display_name, unused_token }
    }

    /// Its agent was uninstalled: it goes and may come back at any time.
    pub fn uninstalled(&mut self, kind: AgentKind, id: &str) -> Removed {
        let unused_token = self.token_only_of(kind, id);
        let (_, display_name) = self.names_of(kind, id);
        self.forget(kind, id);
        Removed { display_name, unused_token }
    }

    /// Lets something report again that was removed; returns whether it had been.
    pub fn allow_reenrolment(&mut self, kind: AgentKind, id: &str) -> bool {
        if !self.fleet.section(kind).removed.contains_key(id) {
            return false;
        }
        self.decide().section_mut(kind).removed.remove(id);
        project::removed(self);
        true
    }

    /// Refuses a report of what was removed, unless it was enrolled anew.
    pub(crate) fn check_not_removed(
        &mut self,
        kind: AgentKind,
        id: &str,
        reporter: &Reporter,
        now: Timestamp,
    ) -> Result<(), IntakeError> {
        let Some(grave) = self.fleet.section(kind).removed.get(id) else { return Ok(()) };
        let is_enrolled_anew = match (reporter, &grave.token_id) {
            // Pulse v5: a day's wait also for an agent that was installed again with a token of its own.
            (Reporter::Token(link), Some(before)) => link.token_id.as_str() != before,
            _ => false,
        };
        if !is_enrolled_anew && is_blocking(grave, now) {
            let removed_at = grave.removed_at;
            return Err(IntakeError::Removed { what: kind.name(), id: id.to_owned(), removed_at });
        }
        self.allow_reenrolment(kind, id);
        Ok(())
    }

    /// Lets go of what was removed more than a day ago, and ends commands whose time went by; returns whether anything
    /// changed.
    pub(crate) fn tidy_decisions(&mut self, now: Timestamp) -> bool {
        let mut changed = false;
        for kind in [AgentKind::Host, AgentKind::Docker, AgentKind::Kubernetes] {
            let graves = self.fleet.section(kind).removed.iter();
            let over: Vec<String> =
                graves.filter(|(_, grave)| !is_blocking(grave, now)).map(|(id, _)| id.clone()).collect();
            for id in over {
                if self.is_known(kind, &id) {
                    self.allow_reenrolment(kind, &id);
                } else {
                    self.forget(kind, &id);
                }
                changed = true;
            }
        }
        for host in commands::due(&self.fleet, now) {
            commands::end(self.decide(), &host, now);
            project::docker_host(self, &host);
            changed = true;
        }
        changed
    }

    /// Hides a Docker host or cluster, or shows it again.
    pub fn set_hidden(&mut self, kind: AgentKind, id: &str, is_hidden: bool) -> Result<(), NotKnown> {
        self.check_known(kind, id)?;
        let hidden = &mut self.decide().section_mut(kind).hidden;
        if is_hidden {
            hidden.insert(id.to_owned());
        } else {
            hidden.remove(id);
        }
        project::one(self, kind, id);
        Ok(())
    }

    /// Notes that its agent is about to be uninstalled.
    pub fn set_pending_uninstall(&mut self, kind: AgentKind, id: &str) -> Result<(), NotKnown> {
        self.check_known(kind, id)?;
        self.decide().section_mut(kind).pending_uninstall.insert(id.to_owned());
        project::one(self, kind, id);
        Ok(())
    }

    /// Gives a cluster a name; an empty one takes it away.
    pub fn set_cluster_name(&mut self, id: &str, name: &str) -> Result<(), NotKnown> {
        self.check_known(AgentKind::Kubernetes, id)?;
        let name = clean(name, LONGEST_NAME);
        let names = &mut self.decide().kubernetes_clusters.names;
        if name.is_empty() {
            names.remove(id);
        } else {
            names.insert(id.to_owned(), name);
        }
        project::one(self, AgentKind::Kubernetes, id);
        Ok(())
    }

    /// Says that there is nothing of that id.
    pub fn check_known(&self, kind: AgentKind, id: &str) -> Result<(), NotKnown> {
        if self.is_known(kind, id) { Ok(()) } else { Err(NotKnown { what: kind.name(), id: id.to_owned() }) }
    }

    /// Queues a command for a Docker host.
    pub fn queue_command(
        &mut self,
        host: &str,
        wish: CommandWish,
        id: String,
        now: Timestamp,
    ) -> Result<CommandRecord, QueueError> {
        if !self.is_known(AgentKind::Docker, host) {
            return Err(QueueError::Unknown(host.to_owned()));
        }
        if self.local_docker_host.as_deref() == Some(host) && self.link_of(AgentKind::Docker, host).is_none()
        {
            return Err(QueueError::NoAgent(host.to_owned()));
        }
        let queued = commands::queue(self.decide(), host, wish, id, now)?;
        project::docker_host(self, host);
        Ok(queued)
    }

    /// The command that waits for a Docker host whose agent just reported; it is given from now on.
    pub fn take_command(&mut self, host: &str, now: Timestamp) -> Option<CommandRecord> {
        if !commands::is_waiting(&self.fleet, host, now) {
            return None;
        }
        let taken = commands::take(self.decide(), host, now);
        project::docker_host(self, host);
        taken
    }

    /// A command that could not be given after all waits again.
    pub fn put_command_back(&mut self, host: &str, id: &str) {
        commands::put_back(self.decide(), host, id);
        project::docker_host(self, host);
    }

    /// Takes an agent's word on a command. `speaker` is its token; somebody without one may speak for every host. What
    /// was removed, when that ended a host, stands in the second place.
    pub fn acknowledge_command(
        &mut self,
        id: &str,
        host: Option<&str>,
        speaker: Option<&TokenId>,
        (status, message): (AckStatus, &str),
        now: Timestamp,
    ) -> Result<(String, CommandRecord, Option<Removed>), AckError> {
        let Some(own) = commands::host_of(&self.fleet, id).map(str::to_owned) else {
            return Err(AckError::Unknown(clean(id, LONGEST_NAME)));
        };
        let is_other = host.is_some_and(|host| !host.is_empty() && host != own);
        // Pulse v5: every token that may report may speak for every host's command.
        if is_other || speaker.is_some_and(|token| !self.is_spoken_for_by(AgentKind::Docker, &own, token)) {
            return Err(AckError::OtherHost);
        }
        let command = commands::acknowledge(self.decide(), &own, status, message, now)?;
        project::docker_host(self, &own);
        let is_stopped = command.wish == CommandWish::Stop && status == AckStatus::Completed;
        let removed = is_stopped.then(|| self.uninstalled(AgentKind::Docker, &own));
        Ok((own, command, removed))
    }

    /// Removes a Docker host: one that reports is asked to stop first, unless that is forced.
    pub fn remove_docker(
        &mut self,
        id: &str,
        is_forced: bool,
        command_id: String,
        now: Timestamp,
    ) -> Result<DockerRemoval, QueueError> {
        let Some(host) = self.snapshot.docker_hosts.get(id) else {
            return Err(QueueError::Unknown(id.to_owned()));
        };
        let has_agent = self.local_docker_host.as_deref() != Some(id) || host.link.is_some();
        if is_forced || host.liveness == Liveness::Offline || !has_agent {
            return Ok(DockerRemoval::Gone(self.remove(AgentKind::Docker, id, now)));
        }
        let command = self.queue_command(id, CommandWish::Stop, command_id, now)?;
        self.decide().docker_hosts.pending_uninstall.insert(id.to_owned());
        project::docker_host(self, id);
        Ok(DockerRemoval::Stopping(Box::new(command)))
    }

    /// Whether a reporter may report as what is kept under that id.
    pub fn may_report_as(&self, kind: AgentKind, id: &str, reporter: &Reporter) -> bool {
        self.fleet.section(kind).identities.get(id).is_none_or(|known| speaks_for(self, known, reporter))
    }

    /// Forgets a host; returns it where it was known.
    pub fn remove_host(&mut self, id: &HostId) -> Option<Arc<Host>> {
        let host = self.snapshot.hosts.get(id).cloned();
        self.forget(AgentKind::Host, id.as_str());
        host
    }

    /// Forgets a Docker host and keeps it from reporting for a day; returns whether it was known.
    pub fn remove_docker_host(&mut self, id: &DockerHostId, now: Timestamp) -> bool {
        let is_known = self.is_known(AgentKind::Docker, id.as_str());
        if is_known {
            self.remove(AgentKind::Docker, id.as_str(), now);
        }
        is_known
    }

    /// Forgets a Kubernetes cluster and keeps it from reporting for a day; returns whether it was known.
    pub fn remove_kubernetes_cluster(&mut self, id: &KubernetesClusterId, now: Timestamp) -> bool {
        let is_known = self.is_known(AgentKind::Kubernetes, id.as_str());
        if is_known {
            self.remove(AgentKind::Kubernetes, id.as_str(), now);
        }
        is_known
    }
}

fn is_blocking(grave: &Tombstone, now: Timestamp) -> bool {
    now.duration_since(grave.removed_at).abs() < REMOVAL_BLOCK
}

/// A removed Docker host as the state shows it.
pub(super) fn removed_docker_host(id: &str, grave: &Tombstone) -> RemovedDockerHost {
    RemovedDockerHost {
        id: DockerHostId::from(id),
        hostname: grave.name.clone(),
        display_name: grave.display_name.clone(),
        removed_at: grave.removed_at,
    }
}

/// A removed cluster as the state shows it.
pub(super) fn removed_cluster(id: &str, grave: &Tombstone) -> RemovedKubernetesCluster {
    RemovedKubernetesCluster {
        id: KubernetesClusterId::from(id),
        name: grave.name.clone(),
        display_name: grave.display_name.clone(),
        removed_at: grave.removed_at,
    }
}
