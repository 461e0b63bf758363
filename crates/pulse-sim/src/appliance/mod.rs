//! Machines that stand for themselves: backup servers and mail gateways. What both have in common: listeners, a
//! certificate of their own, accounts, faults, the request log and the control API.

mod accounts;
mod backups;
mod control;
mod mail;
mod options;
mod pbs;
mod pbs_shapes;
mod pbs_tasks;
mod pmg;
mod routes;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use pulse_core::{Clock, SystemClock};
use tokio::sync::{Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{accounts::Accounts, pbs::Pbs, pmg::Pmg};
pub use self::{
    backups::{BackedUpGuest, GroupTruth, PbsBackupTruth, PbsTruth, StoreTruth},
    mail::{MailTruth, PmgNodeTruth, PmgTruth},
    options::{BackupServerOptions, MailGatewayOptions, NamespaceOptions},
};
use crate::{
    Access, Effect, Endpoint, Fault, ListedFault, RequestRecord, SimError,
    cluster::keep_looking,
    faults::Faults,
    figures::derive_text,
    net::{
        Doors, Host, Journal, Product, Site, open,
        tls::{Authority, Identity, Subject},
    },
    presets::{Play, Preset, Stage},
};

/// A running machine that stands for itself. It ends when this is dropped.
pub struct Appliance {
    inner: Arc<Inner>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What the handle and the control API share.
struct Inner {
    kind: &'static str,
    name: String,
    site: Arc<Site>,
    faults: Arc<Faults>,
    accounts: Arc<Accounts>,
    authority: Authority,
    identities: Vec<Arc<Identity>>,
    addresses: Vec<SocketAddr>,
    control: OnceLock<SocketAddr>,
    truth: Box<dyn Fn() -> serde_json::Value + Send + Sync>,
}

/// What a product needs to start.
struct Plan {
    kind: &'static str,
    name: String,
    key: u64,
    listen: SocketAddr,
    /// Names of its machines, the first one being the one that is asked.
    nodes: Vec<String>,
    organization: &'static str,
    unit: String,
    authority: &'static str,
    workers: usize,
    delay_factor: f64,
}

/// A simulated Proxmox Backup Server.
pub struct BackupServer {
    appliance: Appliance,
    pbs: Arc<Pbs>,
}

/// A simulated Proxmox Mail Gateway.
pub struct MailGateway {
    appliance: Appliance,
    pmg: Arc<Pmg>,
}

impl BackupServer {
    /// Starts one that lives by the machine's clock.
    pub async fn start(options: BackupServerOptions) -> Result<Self, SimError> {
        Self::start_with(options, Arc::new(SystemClock)).await
    }

    /// Starts one that lives by `clock`.
    pub async fn start_with(options: BackupServerOptions, clock: Arc<dyn Clock>) -> Result<Self, SimError> {
        options.check()?;
        let key = derive_text(options.seed, &options.name);
        let plan = Plan {
            kind: "pbs",
            name: options.name.clone(),
            key,
            listen: options.listen,
            nodes: vec![options.name.clone()],
            organization: "Proxmox Backup Server",
            unit: crate::net::tls::uuid(key),
            authority: "Proxmox Backup Server",
            workers: options.workers,
            delay_factor: options.delay_factor,
        };
        let accounts = Arc::new(Accounts::new(key, pbs::DIALECT));
        let faults = Arc::new(Faults::new(Arc::clone(&clock)));
        let pbs = Arc::new(Pbs::new(options, Arc::clone(&accounts), Arc::clone(&faults), Arc::clone(&clock)));
        let truth = {
            let pbs = Arc::clone(&pbs);
            Box::new(move || serde_json::to_value(pbs.truth()).unwrap_or_default())
        };
        let product = Box::new(pbs::Served(Arc::clone(&pbs)));
        let appliance = Appliance::start(plan, product, accounts, faults, clock, truth).await?;
        pbs.show(&appliance.fingerprint());
        Ok(Self { appliance, pbs })
    }

    /// What is true now: figures, datastores and every backup.
    pub fn truth(&self) -> PbsTruth {
        self.pbs.truth()
    }

    /// The machine.
    pub fn machine(&self) -> &Appliance {
        &self.appliance
    }

    /// Ends it and waits until all connections are closed.
    pub async fn stop(self) {
        self.appliance.stop().await;
    }
}

impl MailGateway {
    /// Starts one that lives by the machine's clock.
    pub async fn start(options: MailGatewayOptions) -> Result<Self, SimError> {
        Self::start_with(options, Arc::new(SystemClock)).await
    }

    /// Starts one that lives by `clock`.
    pub async fn start_with(options: MailGatewayOptions, clock: Arc<dyn Clock>) -> Result<Self, SimError> {
        options.check()?;
        let key = derive_text(options.seed, &options.name);
        let plan = Plan {
            kind: "pmg",
            name: options.name.clone(),
            key,
            listen: options.listen,
            nodes: options.node_names(),
            organization: "Proxmox Mail Gateway",
            unit: "Proxmox Mail Gateway".into(),
            authority: "Proxmox Mail Gateway",
            workers: options.workers,
            delay_factor: options.delay_factor,
        };
        let accounts = Arc::new(Accounts::new(key, pmg::DIALECT));
        let faults = Arc::new(Faults::new(Arc::clone(&clock)));
        let pmg = Arc::new(Pmg::new(options, Arc::clone(&accounts), Arc::clone(&faults), Arc::clone(&clock)));
        let truth = {
            let pmg = Arc::clone(&pmg);
            Box::new(move || serde_json::to_value(pmg.truth()).unwrap_or_default())
        };
        let product = Box::new(pmg::Served(Arc::clone(&pmg)));
        let appliance = Appliance::start(plan, product, accounts, faults, clock, truth).await?;
        Ok(Self { appliance, pmg })
    }

    /// What is true now: nodes, queues, statistics and quarantine.
    pub fn truth(&self) -> PmgTruth {
        self.pmg.truth()
    }

    /// The machine.
    pub fn machine(&self) -> &Appliance {
        &self.appliance
    }

    /// Ends it and waits until all connections are closed.
    pub async fn stop(self) {
        self.appliance.stop().await;
    }
}

impl Appliance {
    async fn start(
        plan: Plan,
        product: Box<dyn Product>,
        accounts: Arc<Accounts>,
        faults: Arc<Faults>,
        clock: Arc<dyn Clock>,
        truth: Box<dyn Fn() -> serde_json::Value + Send + Sync>,
    ) -> Result<Self, SimError> {
        // Only the first machine listens: it passes on what concerns the others.
        let doors = Doors::bind(plan.listen, 1).await?;
        let addresses = doors.addresses.clone();
        let authority = Authority::new(plan.key, plan.authority)?;
        let subject = Subject {
            organization: plan.organization,
            unit: plan.unit,
            fqdn: format!("{}.example.net", plan.nodes[0]),
            name: plan.nodes[0].clone(),
            address: addresses[0].ip(),
        };
        let identity = Arc::new(Identity::new(&authority, subject)?);
        let host = Host {
            name: plan.nodes[0].as_str().into(),
            identity: Arc::clone(&identity),
            workers: Arc::new(Semaphore::new(plan.workers)),
        };
        let site = Arc::new(Site {
            hosts: vec![host],
            product,
            faults: Arc::clone(&faults),
            journal: Journal::default(),
            clock,
            delay_factor: plan.delay_factor,
            settled: watch::Sender::new(vec![0]),
        });
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        open(&site, doors, &tasks, &stop);
        let inner = Arc::new(Inner {
            kind: plan.kind,
            name: plan.name,
            site,
            faults,
            accounts,
            authority,
            identities: vec![identity],
            addresses,
            control: OnceLock::new(),
            truth,
        });
        let look = |inner: &Inner| {
            inner.faults.look();
        };
        tasks.spawn(keep_looking(Arc::downgrade(&inner), look, stop.clone()));
        Ok(Self { inner, tasks, stop })
    }

    /// Everything needed to connect. A mail gateway has no tokens.
    pub fn access(&self) -> Access {
        self.inner.access()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("https://{}", self.inner.addresses[0])
    }

    /// Fingerprint of the certificate it shows.
    pub fn fingerprint(&self) -> String {
        self.inner.identities[0].current().fingerprint
    }

    /// User and password of somebody who may do everything.
    pub fn administrator(&self) -> (&str, &str) {
        (&self.inner.accounts.administrator, &self.inner.accounts.administrator_password)
    }

    /// Certificate of the authority that signed its certificate.
    pub fn authority_pem(&self) -> &str {
        self.inner.authority.pem()
    }

    /// Adds a fault and gives the number to remove it by; none when there are too many already.
    pub fn add_fault(&self, fault: Fault) -> Option<u64> {
        self.inner.add_fault(fault)
    }

    /// Begins a bad day: its faults hold from now on.
    pub fn play(&self, preset: Preset) -> Play {
        Play::begin(preset, &*self.inner)
    }

    /// Makes the faults of a bad day agree with the clock.
    pub fn play_on(&self, play: &mut Play) {
        play.look(&*self.inner);
    }

    /// Removes a fault; says whether it was there.
    pub fn remove_fault(&self, id: u64) -> bool {
        self.inner.faults.remove(id)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.inner.faults.clear();
    }

    /// The faults that are switched on.
    pub fn faults(&self) -> Vec<ListedFault> {
        self.inner.faults.list()
    }

    /// Waits until the listener is open, closed or silent as the faults want it.
    pub async fn settled(&self) {
        self.inner.faults.look();
        self.inner.settled().await;
    }

    /// Gives it a new certificate.
    pub fn rotate_certificate(&self) -> Result<(), SimError> {
        self.inner.rotate_certificate()
    }

    /// Voids every ticket given out so far.
    pub fn expire_tickets(&self) {
        self.inner.accounts.expire_tickets();
    }

    /// The latest requests, oldest first; bounded.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.inner.site.journal.records()
    }

    /// How often each path was asked for, with names and numbers taken out.
    pub fn counters(&self) -> BTreeMap<String, u64> {
        self.inner.site.journal.counts()
    }

    /// How many requests are being worked on now.
    pub fn in_flight(&self) -> usize {
        self.inner.site.journal.in_flight()
    }

    /// Forgets requests and counters.
    pub fn forget_requests(&self) {
        self.inner.site.journal.clear();
    }

    /// Opens the control API on a loopback address; port 0 takes a free one.
    pub async fn open_control(&self, address: SocketAddr) -> Result<SocketAddr, SimError> {
        let address = control::open(Arc::clone(&self.inner), address, &self.tasks, self.stop.clone()).await?;
        self.inner.control.get_or_init(|| address);
        Ok(address)
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Inner {
    fn access(&self) -> Access {
        let address = self.addresses[0];
        let fingerprint = self.identities[0].current().fingerprint;
        Access {
            kind: self.kind.into(),
            name: self.name.clone(),
            url: format!("https://{address}"),
            token_name: self.accounts.token_name.clone(),
            token_value: self.accounts.token_value.clone(),
            user: self.accounts.user.clone(),
            password: self.accounts.password.clone(),
            endpoints: vec![Endpoint {
                node: self.site.hosts[0].name.to_string(),
                address,
                url: format!("https://{address}"),
                fingerprint: fingerprint.clone(),
            }],
            fingerprint,
            control: self.control.get().map(|address| format!("http://{address}")),
        }
    }

    fn add_fault(&self, fault: Fault) -> Option<u64> {
        match fault.effect {
            Effect::ExpireTickets => self.accounts.expire_tickets(),
            Effect::RotateCertificate => {
                if let Err(error) = self.rotate_certificate() {
                    tracing::warn!(%error, "a fault did not strike");
                }
            }
            _ => {}
        }
        self.faults.add(fault)
    }

    fn rotate_certificate(&self) -> Result<(), SimError> {
        self.identities[0].rotate(&self.authority)?;
        self.faults.note();
        Ok(())
    }

    async fn settled(&self) {
        let wanted = self.faults.version();
        let mut settled = self.site.settled.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = settled.wait_for(|versions| versions.iter().all(|version| *version >= wanted)).await;
    }
}

impl Stage for Inner {
    fn add(&self, fault: Fault) -> Option<u64> {
        self.add_fault(fault)
    }

    fn remove(&self, id: u64) -> bool {
        self.faults.remove(id)
    }

    fn nodes(&self) -> Vec<String> {
        self.site.hosts.iter().map(|host| host.name.to_string()).collect()
    }

    fn seconds(&self) -> u64 {
        self.site.clock.now().as_second().max(0).unsigned_abs()
    }
}

impl std::fmt::Debug for Appliance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Appliance")
            .field("name", &self.inner.name)
            .field("addresses", &self.inner.addresses)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for BackupServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.appliance.fmt(f)
    }
}

impl std::fmt::Debug for MailGateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.appliance.fmt(f)
    }
}
