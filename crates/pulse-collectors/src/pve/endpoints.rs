//! Where an instance can be asked: the configured host, and the members of its cluster when that host is dead.
//!
//! What is kept between polls is the knowledge of the connection and no figure of what is monitored: clients, which
//! of them answers, members' addresses and fingerprints, calls that hang on a node, and which numbers are templates
//! (a node that is down no longer tells).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use pulse_config::PveInstance;
use pulse_core::model::{ClusterEndpoint, InstanceKind};
use tokio::time::Instant;

use super::{lenient, membership::Membership, wire};
use crate::{
    error::PollError,
    http::{Address, CertificateRules, Fingerprint, HttpClient, Timeouts, Trust},
};

/// So many are tried in one poll; the next poll goes on from there.
const TRIES: usize = 3;
/// The configured host is tried again after this, although another member answers.
const RETURN_AFTER: Duration = Duration::from_mins(1);
/// A member is near the others: one that does not connect in this time is dead.
const MEMBER_CONNECT: Duration = Duration::from_secs(3);
/// No cluster has more members; Proxmox supports about 32.
const MEMBER_CAP: usize = 256;
/// A call that hung on a node is left out for this long: each one takes a third of the node's API.
const PAUSE: Duration = Duration::from_mins(1);
/// Facts that hardly ever change are asked again after this.
const FACTS_AFTER: Duration = Duration::from_mins(5);
/// Unless asking failed.
const FACTS_AFTER_FAILURE: Duration = Duration::from_mins(1);

/// Calls that are left out for a while on a node where they hung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Pausable {
    Status,
    Vms,
    Storage,
}

/// What hardly ever changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// Fingerprints by node.
    pub(super) fingerprints: BTreeMap<String, Fingerprint>,
    /// Configurations by storage.
    pub(super) storages: BTreeMap<String, StorageFacts>,
}

/// What a storage's configuration says that its figures do not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StorageFacts {
    /// Path on the node.
    pub(super) path: Option<String>,
    /// Pool of ZFS or Ceph.
    pub(super) pool: Option<String>,
    /// The nodes that may use it; all where absent.
    nodes: Option<Vec<String>>,
}

impl StorageFacts {
    /// Reads an entry of the configuration.
    pub(super) fn read(row: &wire::StorageConfig<'_>) -> Self {
        let nodes =
            row.nodes.as_str().map(|nodes| nodes.split(',').map(|node| lenient::name(node.trim())).collect());
        Self { path: row.path.to_owned(), pool: row.pool.to_owned(), nodes }
    }

    /// Whether a node may use it.
    pub(super) fn is_for(&self, node: &str) -> bool {
        self.nodes.as_ref().is_none_or(|nodes| nodes.iter().any(|one| one == node))
    }
}

/// The ways to an instance.
pub(super) struct Endpoints {
    primary: Arc<HttpClient>,
    timeouts: Timeouts,
    /// Members as the configuration has them, by node: an address a person corrected goes before what the cluster
    /// says of itself.
    configured: BTreeMap<String, Configured>,
    inner: Mutex<Inner>,
}

/// A member as the configuration has it.
struct Configured {
    url: String,
    ip: String,
    pin: Option<Fingerprint>,
}

impl Configured {
    /// Whether its URL still leads to the member: one that was made of its address ends with that address.
    fn holds_for(&self, member: &ClusterEndpoint) -> bool {
        self.ip == member.ip || self.ip.is_empty() || !self.url.contains(&self.ip)
    }
}

/// A member, and its client once it was needed: a cluster of a hundred must not cost a hundred clients.
struct Member {
    address: Address,
    trust: Trust,
    client: Option<Arc<HttpClient>>,
}

struct Inner {
    members: Vec<Member>,
    /// What the members were made of.
    learned: Vec<(String, Option<Fingerprint>)>,
    /// 0 is the configured host, 1 the first member.
    current: usize,
    primary_again_at: Instant,
    facts: Arc<Facts>,
    facts_due_at: Instant,
    membership: Option<Membership>,
    templates: Arc<BTreeSet<u32>>,
    /// Until when a call is left out, and what came of it.
    paused: HashMap<(String, Pausable), (Instant, Arc<PollError>)>,
}

/// The configured host's client and those of members known from the configuration.
pub(super) fn build(instance: &PveInstance, timeouts: Timeouts) -> Result<Endpoints, PollError> {
    let address = Address::parse(&instance.host, InstanceKind::Pve.default_port())?;
    let certificate = CertificateRules {
        fingerprint: instance.fingerprint.as_deref(),
        authority: instance.ca_certificate.as_deref(),
        is_verified: instance.verify_ssl,
    };
    let trust = certificate.trust(&instance.host)?;
    let configured: BTreeMap<_, _> = instance
        .cluster_endpoints
        .iter()
        .take(MEMBER_CAP)
        .map(|member| {
            let url = if member.host.is_empty() { &member.ip } else { &member.host };
            // A damaged stored fingerprint must not stop the whole instance: it is as if none was stored.
            let pin = member.fingerprint.as_deref().and_then(Fingerprint::parse);
            (member.node_name.clone(), Configured { url: url.clone(), ip: member.ip.clone(), pin })
        })
        .collect();
    let endpoints = Endpoints {
        primary: Arc::new(HttpClient::new(address, trust, timeouts)?),
        timeouts,
        inner: Mutex::new(Inner {
            members: Vec::new(),
            learned: Vec::new(),
            current: 0,
            primary_again_at: Instant::now(),
            facts: Arc::default(),
            facts_due_at: Instant::now(),
            membership: None,
            templates: Arc::default(),
            paused: HashMap::new(),
        }),
        configured,
    };
    endpoints.learn(endpoints.configured.values().map(|member| (member.url.clone(), member.pin)));
    Ok(endpoints)
}

impl Endpoints {
    /// The configured host.
    pub(super) fn primary(&self) -> &Arc<HttpClient> {
        &self.primary
    }

    /// The clients to try in this poll, the likeliest first.
    pub(super) fn candidates(&self) -> Vec<Arc<HttpClient>> {
        let mut inner = self.lock();
        let all = inner.members.len() + 1;
        if inner.current != 0 && Instant::now() >= inner.primary_again_at {
            inner.primary_again_at = Instant::now() + RETURN_AFTER;
            let current = inner.current;
            return [0, current].into_iter().filter_map(|place| self.at(&mut inner, place)).collect();
        }
        let first = inner.current;
        (0..all.min(TRIES)).filter_map(|step| self.at(&mut inner, (first + step) % all)).collect()
    }

    /// The one that answered last, else the configured host.
    pub(super) fn current(&self) -> Arc<HttpClient> {
        let mut inner = self.lock();
        let current = inner.current;
        self.at(&mut inner, current).unwrap_or_else(|| self.primary.clone())
    }

    /// This one answers.
    pub(super) fn succeeded(&self, client: &Arc<HttpClient>) {
        let mut inner = self.lock();
        let place = self.place(&inner, client);
        if place != 0 && inner.current == 0 {
            inner.primary_again_at = Instant::now() + RETURN_AFTER;
        }
        inner.current = place;
    }

    /// This one does not answer: the next poll starts with the one after it.
    pub(super) fn failed(&self, client: &Arc<HttpClient>) {
        let mut inner = self.lock();
        let place = self.place(&inner, client);
        if inner.current == place {
            if place == 0 {
                inner.primary_again_at = Instant::now() + RETURN_AFTER;
            }
            inner.current = (place + 1) % (inner.members.len() + 1);
        }
    }

    /// Takes note of the members' addresses; a member whose certificate is not known is used only where the
    /// configuration does not ask for one.
    pub(super) fn learn(&self, members: impl IntoIterator<Item = (String, Option<Fingerprint>)>) {
        let members: Vec<_> = members.into_iter().take(MEMBER_CAP).collect();
        let mut inner = self.lock();
        if inner.learned == members {
            return;
        }
        let mut next: Vec<Member> = Vec::with_capacity(members.len());
        for (url, fingerprint) in &members {
            let Ok(address) = Address::parse(url, InstanceKind::Pve.default_port()) else { continue };
            let is_known = address.origin() == self.primary.address().origin()
                || next.iter().any(|member| member.address == address);
            if is_known {
                continue;
            }
            let trust = fingerprint.map_or_else(|| self.primary.trust().clone(), Trust::Pinned);
            let same = inner.members.iter().find(|member| member.address == address && member.trust == trust);
            let client = same.and_then(|member| member.client.clone());
            next.push(Member { address, trust, client });
        }
        let current = inner.current.checked_sub(1).and_then(|place| inner.members.get(place));
        let current = current.and_then(|old| next.iter().position(|member| member.address == old.address));
        inner.current = current.map_or(0, |place| place + 1);
        inner.members = next;
        inner.learned = members;
    }

    /// The facts, and whether they are to be asked again.
    pub(super) fn facts(&self) -> (Arc<Facts>, bool) {
        let inner = self.lock();
        (inner.facts.clone(), Instant::now() >= inner.facts_due_at)
    }

    /// Keeps facts.
    pub(super) fn keep_facts(&self, facts: Facts, is_complete: bool) -> Arc<Facts> {
        let mut inner = self.lock();
        inner.facts = Arc::new(facts);
        inner.facts_due_at = Instant::now() + if is_complete { FACTS_AFTER } else { FACTS_AFTER_FAILURE };
        inner.facts.clone()
    }

    /// The members as last seen.
    pub(super) fn membership(&self) -> Option<Membership> {
        self.lock().membership.clone()
    }

    /// Takes note of the members.
    pub(super) fn keep_membership(&self, membership: &Membership) {
        self.lock().membership = Some(membership.clone());
    }

    /// The templates as last seen.
    pub(super) fn templates(&self) -> Arc<BTreeSet<u32>> {
        self.lock().templates.clone()
    }

    /// Takes note of the templates.
    pub(super) fn keep_templates(&self, templates: BTreeSet<u32>) {
        let mut inner = self.lock();
        if *inner.templates != templates {
            inner.templates = Arc::new(templates);
        }
    }

    /// Leaves a call out on a node for a while.
    pub(super) fn pause(&self, node: &str, call: Pausable, why: PollError) {
        let mut inner = self.lock();
        let now = Instant::now();
        inner.paused.retain(|_, (until, _)| *until > now);
        inner.paused.insert((node.to_owned(), call), (now + PAUSE, Arc::new(why)));
    }

    /// Why a call is left out on a node, where it is.
    pub(super) fn paused_for(&self, node: &str, call: Pausable) -> Option<Arc<PollError>> {
        let inner = self.lock();
        if inner.paused.is_empty() {
            return None;
        }
        let (until, why) = inner.paused.get(&(node.to_owned(), call))?;
        (*until > Instant::now()).then(|| why.clone())
    }

    /// The pinned fingerprint of a member in the configuration.
    pub(super) fn configured_pin(&self, node: &str) -> Option<Fingerprint> {
        self.configured.get(node).and_then(|member| member.pin)
    }

    /// The URL of a member. The one behind the configured host keeps the spelling of the configuration.
    pub(super) fn member_url(&self, member: &ClusterEndpoint, is_primary: bool) -> String {
        let primary = self.primary.address();
        if is_primary {
            return primary.origin();
        }
        if let Some(known) = self.configured.get(&member.node_name).filter(|known| known.holds_for(member))
            && let Ok(address) = Address::parse(&known.url, InstanceKind::Pve.default_port())
        {
            return address.origin();
        }
        // Behind a proxy on 443 the members themselves are still where they always are.
        let port = match primary.port() {
            80 | 443 => InstanceKind::Pve.default_port(),
            port => port,
        };
        let scheme = if primary.is_https() { "https" } else { "http" };
        let host = if member.ip.is_empty() { member.node_name.clone() } else { bracketed(&member.ip) };
        format!("{scheme}://{host}:{port}")
    }

    fn at(&self, inner: &mut Inner, place: usize) -> Option<Arc<HttpClient>> {
        let Some(place) = place.checked_sub(1) else { return Some(self.primary.clone()) };
        let member = inner.members.get_mut(place)?;
        if member.client.is_none() {
            let timeouts = Timeouts { connect: self.timeouts.connect.min(MEMBER_CONNECT), ..self.timeouts };
            member.client =
                HttpClient::new(member.address.clone(), member.trust.clone(), timeouts).ok().map(Arc::new);
        }
        member.client.clone()
    }

    fn place(&self, inner: &Inner, client: &Arc<HttpClient>) -> usize {
        if Arc::ptr_eq(client, &self.primary) {
            return 0;
        }
        let is_it = |member: &Member| member.client.as_ref().is_some_and(|known| Arc::ptr_eq(known, client));
        inner.members.iter().position(is_it).map_or(0, |place| place + 1)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bracketed(ip: &str) -> String {
    if ip.contains(':') && !ip.starts_with('[') { format!("[{ip}]") } else { ip.to_owned() }
}
