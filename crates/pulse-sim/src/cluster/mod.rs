//! A running simulated cluster and everything a test or a demo may do with it.

mod told;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};

use pulse_core::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Effect, EstateOptions, Fault, ListedFault, RequestRecord, SimClock, SimError, Truth, control,
    estate::{AgentState, Estate, Outages},
    faults::{Faults, glob},
    net::{
        Doors, Host, Journal, Site, open,
        tls::{Authority, Identity, Subject},
    },
    presets::{Play, Preset, Stage, play_on},
    pve::{Accounts, Member, Pve},
};

/// A node's own address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Name of the node.
    pub node: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// The same as a URL.
    pub url: String,
    /// SHA-256 of the certificate it shows, upper case with colons.
    pub fingerprint: String,
}

/// What somebody needs to connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// `pve`, `pbs` or `pmg`.
    pub kind: String,
    /// Name of the cluster or machine.
    pub name: String,
    /// URL of the first node.
    pub url: String,
    /// Full id of the API token, `user@realm!name`.
    pub token_name: String,
    /// Secret of the API token.
    pub token_value: String,
    /// User for password logins.
    pub user: String,
    /// Password of that user.
    pub password: String,
    /// Fingerprint of the first node's certificate.
    pub fingerprint: String,
    /// Every node's own address.
    pub endpoints: Vec<Endpoint>,
    /// URL of the control API, where one runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
}

/// A running simulated cluster. It ends when this is dropped.
pub struct Cluster {
    inner: Arc<Inner>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What the handle and the control API share.
pub(crate) struct Inner {
    pub(crate) estate: Arc<Estate>,
    site: Arc<Site>,
    faults: Arc<Faults>,
    accounts: Arc<Accounts>,
    pub(crate) authority: Authority,
    identities: Vec<Arc<Identity>>,
    addresses: Vec<SocketAddr>,
    control: OnceLock<SocketAddr>,
    /// Held while faults change, so that what the cluster sees of its nodes is never an older state than the list.
    changing: Mutex<()>,
    /// Ends the bad day that is being performed.
    performance: Mutex<Option<CancellationToken>>,
}

impl Stage for Inner {
    fn add(&self, fault: Fault) -> Option<u64> {
        self.add_fault(fault)
    }

    fn remove(&self, id: u64) -> bool {
        self.remove_fault(id)
    }

    fn nodes(&self) -> Vec<String> {
        self.estate.plan.nodes.iter().map(|node| node.name.to_string()).collect()
    }

    fn seconds(&self) -> u64 {
        self.estate.now()
    }
}

impl Cluster {
    /// Starts a cluster that lives by the machine's clock.
    pub async fn start(options: EstateOptions) -> Result<Self, SimError> {
        Self::start_with(options, Arc::new(SystemClock)).await
    }

    /// Starts a cluster that lives by `clock`.
    pub async fn start_with(options: EstateOptions, clock: Arc<dyn Clock>) -> Result<Self, SimError> {
        options.check()?;
        let listeners = if options.single_address { 1 } else { options.nodes };
        let doors = Doors::bind(options.listen, listeners).await?;
        let addresses = doors.addresses.clone();
        let (workers, delay_factor) = (options.workers, options.delay_factor);
        let estate = Arc::new(Estate::new(options, Arc::clone(&clock)));
        let key = estate.plan.key;
        let authority = Authority::new(key, &estate.options.name)?;
        let mut identities = Vec::with_capacity(estate.plan.nodes.len());
        let mut members = Vec::with_capacity(estate.plan.nodes.len());
        for (index, node) in estate.plan.nodes.iter().enumerate() {
            let address = addresses[index.min(addresses.len() - 1)].ip();
            let subject = Subject {
                organization: "Proxmox Virtual Environment",
                unit: "PVE Cluster Node".into(),
                fqdn: format!("{}.{}.example.net", node.name, estate.options.name),
                name: node.name.to_string(),
                address,
            };
            let identity = Arc::new(Identity::new(&authority, subject)?);
            members.push(Member { address, identity: Arc::clone(&identity) });
            identities.push(identity);
        }
        let hosts = (0..listeners)
            .map(|index| Host {
                name: Arc::clone(&estate.plan.nodes[index].name),
                identity: Arc::clone(&identities[index]),
                workers: Arc::new(Semaphore::new(workers)),
            })
            .collect();
        let faults = Arc::new(Faults::new(Arc::clone(&clock)));
        let accounts = Arc::new(Accounts::new(key));
        let pve = Pve::new(Arc::clone(&estate), Arc::clone(&faults), Arc::clone(&accounts), members);
        let site = Arc::new(Site {
            hosts,
            product: Box::new(pve),
            faults: Arc::clone(&faults),
            journal: Journal::default(),
            clock,
            delay_factor,
            settled: watch::Sender::new(vec![0; listeners]),
        });
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        open(&site, doors, &tasks, &stop);
        let control = OnceLock::new();
        let inner = Arc::new(Inner {
            estate,
            site,
            faults,
            accounts,
            authority,
            identities,
            addresses,
            control,
            changing: Mutex::default(),
            performance: Mutex::default(),
        });
        tasks.spawn(keep_looking(Arc::downgrade(&inner), Inner::look, stop.clone()));
        Ok(Self { inner, tasks, stop })
    }

    /// Everything needed to connect.
    pub fn access(&self) -> Access {
        self.inner.access()
    }

    /// URL of the first node.
    pub fn url(&self) -> String {
        format!("https://{}", self.inner.addresses[0])
    }

    /// Every listener: one per node, or one for all.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.inner.endpoints()
    }

    /// Full id of the API token.
    pub fn token_name(&self) -> &str {
        &self.inner.accounts.token_name
    }

    /// Secret of the API token.
    pub fn token_value(&self) -> &str {
        &self.inner.accounts.token_value
    }

    /// User for password logins.
    pub fn user(&self) -> &str {
        &self.inner.accounts.user
    }

    /// Password of that user.
    pub fn password(&self) -> &str {
        &self.inner.accounts.password
    }

    /// Fingerprint of the certificate the first node shows.
    pub fn fingerprint(&self) -> String {
        self.inner.identities[0].current().fingerprint
    }

    /// Certificate of the authority that signed the nodes' certificates.
    pub fn authority_pem(&self) -> &str {
        self.inner.authority.pem()
    }

    /// What the cluster looks like.
    pub fn options(&self) -> &EstateOptions {
        &self.inner.estate.options
    }

    /// Adds a fault and gives the number to remove it by. It holds from now on: no request is answered as if it
    /// were not there. None when there are too many already.
    pub fn add_fault(&self, fault: Fault) -> Option<u64> {
        self.inner.add_fault(fault)
    }

    /// Removes a fault; says whether it was there. Closed listeners open a moment later: see [`Self::settled`].
    pub fn remove_fault(&self, id: u64) -> bool {
        self.inner.remove_fault(id)
    }

    /// Removes all faults, and ends a bad day that is being performed.
    pub fn clear_faults(&self) {
        self.inner.clear_faults();
    }

    /// The faults that are switched on.
    pub fn faults(&self) -> Vec<ListedFault> {
        self.inner.faults.list()
    }

    /// Begins a bad day: its faults hold from now on. Others follow by the clock: see [`Self::play_on`].
    pub fn play(&self, preset: Preset) -> Play {
        Play::begin(preset, &*self.inner)
    }

    /// Makes the faults of a bad day agree with the clock.
    pub fn play_on(&self, play: &mut Play) {
        play.look(&*self.inner);
    }

    /// Ends a bad day: its faults are gone.
    pub fn end_play(&self, mut play: Play) {
        play.end(&*self.inner);
    }

    /// Plays a bad day by the clock, until another one is asked for or all faults are removed.
    pub fn perform(&self, preset: Preset) {
        self.inner.perform(preset, &self.tasks, &self.stop);
    }

    /// Waits until every listener is open, closed or silent as the faults want it now.
    pub async fn settled(&self) {
        self.inner.look();
        self.inner.settled().await;
    }

    /// Gives a node a new certificate, which `/nodes` publishes from then on.
    pub fn rotate_certificate(&self, node: &str) -> Result<(), SimError> {
        self.inner.rotate_certificate(node)
    }

    /// Voids every ticket given out so far.
    pub fn expire_tickets(&self) {
        self.inner.accounts.expire_tickets();
    }

    /// Starts a guest; its counters begin at 0.
    pub fn start_guest(&self, vmid: u32) -> Result<(), SimError> {
        self.inner.estate.start_guest(vmid)
    }

    /// Stops a guest.
    pub fn stop_guest(&self, vmid: u32) -> Result<(), SimError> {
        self.inner.estate.stop_guest(vmid)
    }

    /// Moves a guest to another node; its counters begin at 0.
    pub fn migrate_guest(&self, vmid: u32, node: &str) -> Result<(), SimError> {
        self.inner.estate.migrate_guest(vmid, node)
    }

    /// Restarts a node: its uptime and the counters of the guests that run on it begin at 0.
    pub fn restart_node(&self, node: &str) -> Result<(), SimError> {
        self.inner.estate.restart_node(node)
    }

    /// Halts a running guest, its memory kept, or lets it go on.
    pub fn pause_guest(&self, vmid: u32, is_paused: bool) -> Result<(), SimError> {
        self.inner.estate.pause_guest(vmid, is_paused)
    }

    /// Locks a guest, or takes its lock away.
    pub fn lock_guest(&self, vmid: u32, lock: Option<&'static str>) -> Result<(), SimError> {
        self.inner.estate.lock_guest(vmid, lock)
    }

    /// Changes what a guest's agent does.
    pub fn set_agent(&self, vmid: u32, agent: AgentState) -> Result<(), SimError> {
        self.inner.estate.set_agent(vmid, agent)
    }

    /// Begins a task on a node: about a guest, or about several without saying which.
    pub fn begin_task(&self, kind: &str, vmid: Option<u32>, node: &str) -> Result<u64, SimError> {
        self.inner.estate.begin_task(kind, vmid, node)
    }

    /// Ends a task; says whether it was there.
    pub fn end_task(&self, id: u64, status: &str) -> bool {
        self.inner.estate.end_task(id, status)
    }

    /// Takes a disk of a node's ZFS pool away, or gives it back.
    pub fn degrade_pool(&self, node: &str, is_degraded: bool) -> Result<(), SimError> {
        self.inner.estate.degrade_pool(node, is_degraded)
    }

    /// Guest agents that were asked while a lock or a task forbade it. Must stay empty.
    pub fn violations(&self) -> Vec<String> {
        self.inner.estate.violations()
    }

    /// The latest requests, oldest first; bounded.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.inner.site.journal.records()
    }

    /// How often each path was asked for, with names and numbers taken out: `GET /nodes/{node}/status`.
    pub fn counters(&self) -> BTreeMap<String, u64> {
        self.inner.site.journal.counts()
    }

    /// The most requests each node ever had to work on at once, whoever passed them on.
    pub fn most_per_target(&self) -> BTreeMap<String, usize> {
        self.inner.site.journal.most_per_target()
    }

    /// The most requests each node ever had at once.
    pub fn most_in_flight(&self) -> BTreeMap<String, usize> {
        self.inner.site.journal.most_in_flight()
    }

    /// How many requests are being worked on now.
    pub fn in_flight(&self) -> usize {
        self.inner.site.journal.in_flight()
    }

    /// Forgets requests and counters.
    pub fn forget_requests(&self) {
        self.inner.site.journal.clear();
    }

    /// Opens the control API on a loopback address; port 0 takes a free one. One per cluster.
    pub async fn open_control(&self, address: SocketAddr) -> Result<SocketAddr, SimError> {
        self.open_control_over(address, None).await
    }

    /// The same, with the clock that the cluster was started with to be steered too.
    pub async fn open_control_with_clock(
        &self,
        address: SocketAddr,
        clock: Arc<SimClock>,
    ) -> Result<SocketAddr, SimError> {
        self.open_control_over(address, Some(clock)).await
    }

    async fn open_control_over(
        &self,
        address: SocketAddr,
        clock: Option<Arc<SimClock>>,
    ) -> Result<SocketAddr, SimError> {
        let address =
            control::open(Arc::clone(&self.inner), clock, address, &self.tasks, self.stop.clone()).await?;
        self.inner.control.get_or_init(|| address);
        Ok(address)
    }

    /// Ends the cluster and waits until all connections are closed.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Inner {
    pub(crate) fn access(&self) -> Access {
        Access {
            kind: "pve".into(),
            name: self.estate.options.name.clone(),
            url: format!("https://{}", self.addresses[0]),
            token_name: self.accounts.token_name.clone(),
            token_value: self.accounts.token_value.clone(),
            user: self.accounts.user.clone(),
            password: self.accounts.password.clone(),
            fingerprint: self.identities[0].current().fingerprint,
            endpoints: self.endpoints(),
            control: self.control.get().map(|address| format!("http://{address}")),
        }
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        self.addresses
            .iter()
            .zip(&self.site.hosts)
            .map(|(address, host)| Endpoint {
                node: host.name.to_string(),
                address: *address,
                url: format!("https://{address}"),
                fingerprint: host.identity.current().fingerprint,
            })
            .collect()
    }

    pub(crate) fn add_fault(&self, fault: Fault) -> Option<u64> {
        self.strike_once(&fault);
        let _changing = self.changing();
        let id = self.faults.add(fault);
        self.update_outages();
        id
    }

    /// The effects that happen in the moment in which they are added.
    fn strike_once(&self, fault: &Fault) {
        let named = || {
            let names = self.estate.plan.nodes.iter().map(|node| &*node.name);
            names.filter(|name| glob(&fault.node, name)).collect::<Vec<_>>()
        };
        let result = match fault.effect {
            Effect::ExpireTickets => {
                self.accounts.expire_tickets();
                Ok(())
            }
            Effect::Restart => named().into_iter().try_for_each(|node| self.estate.restart_node(node)),
            Effect::RotateCertificate => {
                named().into_iter().try_for_each(|node| self.rotate_certificate(node))
            }
            _ => Ok(()),
        };
        if let Err(error) = result {
            tracing::warn!(%error, "a fault did not strike");
        }
    }

    /// What is so now, with the names that nodes have at the moment.
    pub(crate) fn truth(&self) -> Arc<Truth> {
        let truth = Arc::clone(&self.estate.moment().truth);
        let renames = self.faults.renames();
        if renames.is_empty() { truth } else { Arc::new(truth.renamed(&renames)) }
    }

    /// Plays a bad day by the clock; another one that is under way ends.
    pub(crate) fn perform(self: &Arc<Self>, preset: Preset, tasks: &TaskTracker, stop: &CancellationToken) {
        let stop = stop.child_token();
        self.end_performance(Some(stop.clone()));
        let stage: Arc<dyn Stage> = Arc::<Self>::clone(self);
        play_on(Play::begin(preset, &*stage), stage, tasks, stop);
    }

    fn end_performance(&self, next: Option<CancellationToken>) {
        let mut performance = self.performance.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = std::mem::replace(&mut *performance, next) {
            last.cancel();
        }
    }

    pub(crate) fn remove_fault(&self, id: u64) -> bool {
        let _changing = self.changing();
        let removed = self.faults.remove(id);
        self.update_outages();
        removed
    }

    pub(crate) fn clear_faults(&self) {
        self.end_performance(None);
        let _changing = self.changing();
        self.faults.clear();
        self.update_outages();
    }

    pub(crate) fn faults(&self) -> Vec<ListedFault> {
        self.faults.list()
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.site.journal
    }

    pub(crate) async fn settled(&self) {
        let wanted = self.faults.version();
        let mut settled = self.site.settled.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = settled.wait_for(|versions| versions.iter().all(|version| *version >= wanted)).await;
    }

    pub(crate) fn rotate_certificate(&self, node: &str) -> Result<(), SimError> {
        let index = self.estate.node_index(node).ok_or_else(|| SimError::NoNode(node.to_owned()))?;
        self.identities[index].rotate(&self.authority)?;
        self.faults.note();
        Ok(())
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update_outages(&self) {
        let names = || self.estate.plan.nodes.iter().map(|node| &*node.name);
        let (offline, apart) = (self.faults.absent(names()), self.faults.apart(names()));
        let skews = names().map(|node| self.faults.skew(node)).enumerate();
        let skews = skews.filter(|(_, seconds)| *seconds != 0).collect();
        self.estate.set_outages(Outages { offline, apart, skews });
    }

    /// Looks at the clock: guests come and go, and faults that hold for a while may begin or end.
    pub(crate) fn look(&self) {
        self.estate.churn();
        let _changing = self.changing();
        if self.faults.look() {
            self.update_outages();
        }
    }
}

/// Looks at the clock once a second, as long as there is somebody to look.
pub(crate) async fn keep_looking<T>(at: Weak<T>, look: fn(&T), stop: CancellationToken) {
    const EVERY: Duration = Duration::from_secs(1);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        match at.upgrade() {
            Some(stage) => look(&stage),
            None => return,
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("options", &self.inner.estate.options)
            .field("addresses", &self.inner.addresses)
            .finish_non_exhaustive()
    }
}
