//! One poll: two calls for the cluster, up to three per node, and every failure kept where it belongs.
//!
//! Per poll: `/cluster/status`, `/cluster/resources`, and for each node that is up `/nodes/{n}/status`, then
//! `/nodes/{n}/qemu?full=1` (where VMs run) and `/nodes/{n}/storage` together, so never more than two at once on a
//! node. Every five minutes besides: `/nodes` (fingerprints) and `/storage` (paths).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use pulse_core::model::{
    ConnectionHealth, FailureClass, Guest, GuestKind, GuestStatus, NodeStatus, SourceIssue,
};

use super::{
    ask::Answers,
    client::PveClient,
    endpoints::{Facts, StorageFacts},
    guest::{self, VmRuntime},
    issues::Issues,
    membership::{Membership, fingerprints, is_up},
    node::Listed,
    storage::{self, Seen},
    wire,
};
use crate::{PveCycle, error::PollError, http::HttpClient, once::each_once};

pub(super) const STATUS: &str = "/cluster/status";
pub(super) const RESOURCES: &str = "/cluster/resources";
pub(super) const NODES: &str = "/nodes";
const STORAGE: &str = "/storage";

/// The cluster's listing, taken apart.
struct Listing {
    nodes: Vec<Listed>,
    guests: Vec<Guest>,
    storages: Vec<Seen>,
}

impl PveClient {
    /// Polls, through another member of the cluster where the configured host is dead.
    pub(super) async fn poll_any(&self, now: Timestamp) -> Result<PveCycle, PollError> {
        let mut first_failure: Option<PollError> = None;
        for http in self.endpoints.candidates() {
            let is_primary = Arc::ptr_eq(&http, self.endpoints.primary());
            let error = match self.poll_through(&http, now).await {
                Ok((mut cycle, is_quorate)) => {
                    if is_quorate == Some(false)
                        && let Some(cycle) = self.poll_majority(&http, now).await
                    {
                        return Ok(cycle);
                    }
                    self.endpoints.succeeded(&http);
                    if !is_primary {
                        self.admit_detour(&mut cycle, &http, first_failure, now);
                    }
                    return Ok(cycle);
                }
                Err(error) => error,
            };
            // What a host says of credentials, rights or its own certificate is not gone around: members share the
            // accounts, and another certificate is for a person to look at.
            let is_final = if is_primary {
                !error.is_transport()
            } else {
                matches!(error.class(), FailureClass::Authentication | FailureClass::Permission)
            };
            if is_final {
                return Err(error);
            }
            self.endpoints.failed(&http);
            tracing::debug!(
                instance.name = %self.instance,
                endpoint = http.name(),
                error = %error,
                "an endpoint does not answer"
            );
            first_failure.get_or_insert(error);
        }
        Err(first_failure.unwrap_or_else(|| PollError::Unreachable {
            host: self.endpoints.primary().name().to_owned(),
            detail: "there is no endpoint to try".into(),
        }))
    }

    /// A member that answers may be cut off from its cluster and take all others for dead. When it says that it has no
    /// quorum, the others are asked whether they have one.
    async fn poll_majority(&self, cut_off: &Arc<HttpClient>, now: Timestamp) -> Option<PveCycle> {
        for http in self.endpoints.candidates().iter().filter(|http| !Arc::ptr_eq(http, cut_off)) {
            let status = async {
                self.prepare(http).await?;
                self.get(http, STATUS).await
            };
            let is_quorate = status.await.ok().and_then(|body| Membership::read(&body).ok()?.is_quorate);
            if is_quorate != Some(true) {
                continue;
            }
            let Ok((mut cycle, Some(true))) = self.poll_through(http, now).await else { continue };
            self.endpoints.succeeded(http);
            cycle.health = worse(cycle.health, ConnectionHealth::Degraded);
            let message = format!(
                "{} is cut off from the majority of its cluster; polled through {} instead: check the cluster network",
                cut_off.name(),
                http.name()
            );
            cycle.issues.insert(0, SourceIssue { at: now, class: FailureClass::Server, message, node: None });
            return Some(cycle);
        }
        None
    }

    /// Says that the poll went through another member than the configured host, and why.
    fn admit_detour(
        &self,
        cycle: &mut PveCycle,
        http: &HttpClient,
        failure: Option<PollError>,
        now: Timestamp,
    ) {
        let primary = self.endpoints.primary().name();
        let why =
            failure.map_or_else(|| format!("{primary} did not answer earlier"), |error| error.to_string());
        cycle.health = worse(cycle.health, ConnectionHealth::Degraded);
        let message = format!("{why}; polled through {} instead", http.name());
        cycle.issues.insert(0, SourceIssue { at: now, class: FailureClass::Connection, message, node: None });
    }

    /// One poll through one member, and whether that member says that the cluster has its quorum.
    async fn poll_through(
        &self,
        http: &Arc<HttpClient>,
        now: Timestamp,
    ) -> Result<(PveCycle, Option<bool>), PollError> {
        self.prepare(http).await?;
        let mut issues = Issues::new(now);
        let (facts, is_due) = self.endpoints.facts();
        let (status, resources, facts) =
            tokio::join!(self.get(http, STATUS), self.get(http, RESOURCES), self.facts(http, facts, is_due),);
        let mut health = ConnectionHealth::Healthy;
        let (mut membership, listing) = self.understand(http, status, resources, &mut issues, now)?;
        if membership.is_stale || listing.is_none() {
            health = ConnectionHealth::Degraded;
        }
        let (listed, guests, listed_storages) = match listing {
            Some(Listing { nodes, guests, storages }) => (nodes, Some(guests), Some(storages)),
            None => (Vec::new(), None, None),
        };
        if membership.is_quorate == Some(false) {
            health = ConnectionHealth::Degraded;
            issues.push(SourceIssue {
                at: now,
                class: FailureClass::Server,
                message:
                    "the cluster has lost its quorum: its configuration is read-only and figures may be old"
                        .into(),
                node: None,
            });
        }
        self.describe_members(http, &mut membership, &facts);
        self.endpoints.keep_membership(&membership);
        let answers = self.ask_nodes(http, &membership, listed, guests.as_deref(), now).await;
        let is_quorate = membership.is_quorate;
        let cycle = self.assemble(membership, answers, guests, listed_storages, &facts, issues, health, now);
        Ok((cycle, is_quorate))
    }

    /// Membership and listing from the two bodies. One of them may fail and becomes an issue; with both gone, or with
    /// refused credentials, there is nothing to go on with.
    fn understand(
        &self,
        http: &HttpClient,
        status: Result<String, PollError>,
        resources: Result<String, PollError>,
        issues: &mut Issues,
        now: Timestamp,
    ) -> Result<(Membership, Option<Listing>), PollError> {
        let status = status.and_then(|body| {
            Membership::read(&body).map_err(|detail| Self::unreadable(http, STATUS, detail))
        });
        let rows = match &resources {
            Ok(body) => wire::list::<wire::Resource<'_>>(body)
                .map_err(|detail| Self::unreadable(http, RESOURCES, detail)),
            Err(error) => Err(error.clone()),
        };
        match (&status, &rows) {
            // The listing's failure says more, unless only the other one is about the host.
            (Err(status), Err(rows)) => return Err(if status.is_transport() { status } else { rows }.clone()),
            (Err(error), _) | (_, Err(error)) if error.class() == FailureClass::Authentication => {
                return Err(error.clone());
            }
            _ => {}
        }
        let membership = status.unwrap_or_else(|error| {
            issues.add(&error, None, "the members of the cluster are not known");
            // Node ids are made of the cluster's name: it must not change because a call failed.
            let known = self.endpoints.membership().unwrap_or_else(|| Membership {
                cluster_name: self.known_cluster_name.clone(),
                ..Membership::default()
            });
            Membership { is_stale: true, is_quorate: None, ..known }
        });
        let listing = match rows {
            Ok(rows) => Some(self.take_apart(&rows, &membership, issues, now)),
            Err(error) => {
                issues.add(&error, None, "guests are shown as they were");
                None
            }
        };
        Ok((membership, listing))
    }

    /// Fingerprints and paths, asked again when they are due. A failure keeps what is known.
    async fn facts(&self, http: &Arc<HttpClient>, known: Arc<Facts>, is_due: bool) -> Arc<Facts> {
        if !is_due {
            return known;
        }
        let storage = async { if self.wants.storage { self.get(http, STORAGE).await.ok() } else { None } };
        let (nodes, storage) = tokio::join!(self.get(http, NODES), storage);
        let mut facts = Facts::clone(&known);
        let mut is_complete = false;
        if let Ok(body) = nodes
            && let Ok(fingerprints) = fingerprints(&body)
        {
            facts.fingerprints = fingerprints;
            is_complete = true;
        }
        if let Some(body) = storage
            && let Ok(rows) = wire::list::<wire::StorageConfig<'_>>(&body)
        {
            let facts_of =
                |row: &wire::StorageConfig<'_>| Some((row.storage.to_name()?, StorageFacts::read(row)));
            facts.storages = rows.iter().filter_map(facts_of).collect();
        }
        self.endpoints.keep_facts(facts, is_complete)
    }

    fn take_apart(
        &self,
        rows: &[wire::Resource<'_>],
        membership: &Membership,
        issues: &mut Issues,
        now: Timestamp,
    ) -> Listing {
        let mut nodes: Vec<Listed> =
            rows.iter().filter(|row| row.kind.is("node")).filter_map(Listed::read).collect();
        each_once(&mut nodes, |node| node.name.as_str());
        let down: BTreeSet<&str> =
            nodes.iter().filter(|node| !is_up(node, membership)).map(|node| node.name.as_str()).collect();
        let node_is_up =
            |row: &wire::Resource<'_>| row.node.as_str().is_some_and(|node| !down.contains(node));
        // A node that is down takes with it what tells a template from a guest.
        let known_templates = self.endpoints.templates();
        let mut templates = BTreeSet::new();
        let mut guests = Vec::with_capacity(rows.len());
        let mut storages = Vec::new();
        for row in rows {
            match row.kind.as_str() {
                Some(kind @ ("qemu" | "lxc")) => {
                    let vmid = guest::vmid(row);
                    let was_template = vmid.is_some_and(|vmid| known_templates.contains(&vmid));
                    let is_wanted = if kind == "qemu" { self.wants.vms } else { self.wants.containers };
                    if row.template.0.unwrap_or(was_template) {
                        templates.extend(vmid);
                    } else if is_wanted {
                        guests.extend(guest::from_listing(row, &self.instance, node_is_up(row), now));
                    }
                }
                Some("storage") if self.wants.storage => storages.extend(Seen::listed(row, node_is_up(row))),
                _ => {}
            }
        }
        self.endpoints.keep_templates(templates);
        guests.shrink_to_fit();
        keep_one_of_each(&mut guests, issues);
        Listing { nodes, guests, storages }
    }

    /// Gives the members their URL and fingerprint, and takes note of them for when the configured host dies.
    fn describe_members(&self, http: &Arc<HttpClient>, membership: &mut Membership, facts: &Facts) {
        if membership.cluster_name.is_none() {
            return;
        }
        let is_primary = Arc::ptr_eq(http, self.endpoints.primary());
        for member in &mut membership.members {
            let is_primary = is_primary && membership.local.as_ref() == Some(&member.node_name);
            member.host = self.endpoints.member_url(member, is_primary);
            member.fingerprint = facts.fingerprints.get(&member.node_name).map(ToString::to_string);
        }
        if !membership.members.is_empty() {
            self.endpoints.learn(membership.members.iter().map(|member| {
                let fingerprint = facts.fingerprints.get(&member.node_name).copied();
                (
                    member.host.clone(),
                    fingerprint.or_else(|| self.endpoints.configured_pin(&member.node_name)),
                )
            }));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one poll meet here once")]
    fn assemble(
        &self,
        mut membership: Membership,
        answers: Vec<Answers>,
        mut guests: Option<Vec<Guest>>,
        mut listed_storages: Option<Vec<Seen>>,
        facts: &Facts,
        mut issues: Issues,
        mut health: ConnectionHealth,
        now: Timestamp,
    ) -> PveCycle {
        let mut nodes = Vec::with_capacity(answers.len());
        let mut vms: HashMap<String, HashMap<u32, VmRuntime>> = HashMap::new();
        let mut reported: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
        let mut is_storage_missing = false;
        for mut answer in answers {
            let name = answer.node.name.clone();
            let is_up = answer.node.status == NodeStatus::Online;
            if is_up && answer.node.health != ConnectionHealth::Healthy {
                health = worse(health, ConnectionHealth::Degraded);
            }
            for (error, what) in &answer.failures {
                issues.add(error, Some(&name), what);
            }
            answer.node.certificate_fingerprint = facts.fingerprints.get(&name).map(ToString::to_string);
            if let Some(member) = membership.members.iter_mut().find(|member| member.node_name == name) {
                member.checked_at = Some(now);
                member.reachable = Some(is_up && answer.status_error.is_none());
                member.error = match answer.status_error.take() {
                    Some(error) => Some(error),
                    None if !is_up => Some("the cluster says that it is offline".into()),
                    None => None,
                };
            }
            match answer.storages {
                Some(storages) => {
                    reported.insert(name.clone(), storages);
                }
                None => is_storage_missing |= self.wants.storage,
            }
            if !answer.vms.is_empty() {
                vms.insert(name, answer.vms);
            }
            nodes.push(answer.node);
        }
        for guest in guests.iter_mut().flatten().filter(|guest| guest.kind == GuestKind::Vm) {
            if let Some(runtime) = vms.get(&guest.node).and_then(|node| node.get(&guest.vmid)) {
                guest::apply(guest, runtime, now);
            }
        }
        // Without the listing, nodes that did not answer would lose their storages: then all are kept as they were.
        let storages = match (&mut listed_storages, is_storage_missing) {
            (None, true) => None,
            (listed, _) => {
                let mut seen: Vec<Seen> = listed.take().unwrap_or_default();
                seen.retain(|one| !reported.contains_key(&one.node));
                seen.extend(reported.into_values().flatten());
                Some(storage::merge(
                    seen,
                    &storage::Context {
                        instance: &self.instance,
                        cluster_name: membership.cluster_name.as_deref(),
                        named_by: self.named_by(&membership),
                        configs: &facts.storages,
                    },
                ))
            }
        };
        PveCycle {
            endpoints: if membership.cluster_name.is_some() { membership.members } else { Vec::new() },
            cluster_name: membership.cluster_name,
            nodes,
            guests,
            storages,
            health,
            issues: issues.finish(),
        }
    }
}

/// A number names one guest of a cluster. When two nodes list it, as they may in the moment in which a migration ends,
/// one of them is kept: figures and history of two guests must not become one.
fn keep_one_of_each(guests: &mut Vec<Guest>, issues: &mut Issues) {
    let idle = |guest: &Guest| guest.status != GuestStatus::Running;
    guests.sort_by(|a, b| {
        (a.vmid, idle(a), &a.node, a.kind as u8).cmp(&(b.vmid, idle(b), &b.node, b.kind as u8))
    });
    guests.dedup_by(|next, kept| {
        if next.vmid != kept.vmid {
            return false;
        }
        if next.node != kept.node {
            issues.note(
                FailureClass::Server,
                format!(
                    "guest {} is listed by {} and by {}; the one on {} is shown: if it stays so, look for a second \
                     configuration of that number",
                    kept.vmid, kept.node, next.node, kept.node
                ),
            );
        }
        true
    });
}

pub(super) fn worse(a: ConnectionHealth, b: ConnectionHealth) -> ConnectionHealth {
    match (a, b) {
        (ConnectionHealth::Error, _) | (_, ConnectionHealth::Error) => ConnectionHealth::Error,
        (ConnectionHealth::Degraded, _) | (_, ConnectionHealth::Degraded) => ConnectionHealth::Degraded,
        (ConnectionHealth::Healthy, ConnectionHealth::Healthy) => ConnectionHealth::Healthy,
    }
}
