//! Connections that are counted while they are asked something, so that a test can tell when nobody asks any more.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_collectors::{
    Connect, ConnectionTest, HttpConnect, MadeToken, PbsApi, PbsBackups, PbsCycle, PbsTest, PmgApi,
    PmgBackups, PmgCycle, PmgTest, PollError, PveApi, PveCycle, PveDetails, Timeouts,
    details::{AgentAnswer, AgentQuestion, AgentRefusal, ContainerFacts, Glimpse, VmState, Work},
};
use pulse_config::{PbsInstance, PmgInstance, PveInstance};
use pulse_core::model::{
    BackupTask, CephCluster, GuestKind, GuestSnapshot, PbsBackupGroup, PhysicalDisk, ReplicationJob, Storage,
    StorageBackup, ZfsPool,
};

/// How many questions are open: at machines that stand for themselves, and at the cluster.
#[derive(Clone, Default)]
pub struct Gauge {
    machines: Arc<AtomicUsize>,
    cluster: Arc<AtomicUsize>,
}

struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gauge {
    pub fn open(&self) -> usize {
        self.machines.load(Ordering::Relaxed)
    }

    /// From the moment on at which one is asked, before anything of it is on its way.
    pub fn open_at_cluster(&self) -> usize {
        self.cluster.load(Ordering::Relaxed)
    }

    fn begin(&self) -> Open<'_> {
        Open::new(&self.machines)
    }
}

impl<'a> Open<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

struct Counted<T: ?Sized>(Gauge, Arc<T>);

impl Connect for Gauge {
    fn pve(&self, instance: &PveInstance, timeouts: Timeouts) -> Result<Arc<dyn PveApi>, PollError> {
        Ok(Arc::new(CountedCluster(self.clone(), HttpConnect.pve(instance, timeouts)?)))
    }

    fn pbs(&self, instance: &PbsInstance, timeouts: Timeouts) -> Result<Arc<dyn PbsApi>, PollError> {
        Ok(Arc::new(Counted(self.clone(), HttpConnect.pbs(instance, timeouts)?)))
    }

    fn pmg(&self, instance: &PmgInstance, timeouts: Timeouts) -> Result<Arc<dyn PmgApi>, PollError> {
        Ok(Arc::new(Counted(self.clone(), HttpConnect.pmg(instance, timeouts)?)))
    }
}

#[async_trait]
impl PbsApi for Counted<dyn PbsApi> {
    async fn poll(&self, now: Timestamp) -> Result<PbsCycle, PollError> {
        let _open = self.0.begin();
        self.1.poll(now).await
    }

    async fn backups(
        &self,
        previous: &[Arc<PbsBackupGroup>],
        now: Timestamp,
    ) -> Result<PbsBackups, PollError> {
        let _open = self.0.begin();
        self.1.backups(previous, now).await
    }

    async fn test(&self) -> Result<PbsTest, PollError> {
        self.1.test().await
    }

    async fn make_token(&self, token_name: &str) -> Result<MadeToken, PollError> {
        self.1.make_token(token_name).await
    }
}

#[async_trait]
impl PmgApi for Counted<dyn PmgApi> {
    async fn poll(&self, now: Timestamp) -> Result<PmgCycle, PollError> {
        let _open = self.0.begin();
        self.1.poll(now).await
    }

    async fn backups(&self, now: Timestamp) -> Result<PmgBackups, PollError> {
        let _open = self.0.begin();
        self.1.backups(now).await
    }

    async fn test(&self) -> Result<PmgTest, PollError> {
        self.1.test().await
    }
}

struct CountedCluster(Gauge, Arc<dyn PveApi>);

#[async_trait]
impl PveApi for CountedCluster {
    async fn poll(&self, now: Timestamp) -> Result<PveCycle, PollError> {
        self.1.poll(now).await
    }

    fn details(&self) -> Option<&dyn PveDetails> {
        Some(self)
    }

    async fn test(&self) -> Result<ConnectionTest, PollError> {
        self.1.test().await
    }
}

impl CountedCluster {
    /// The questions themselves, and the count of the one that begins.
    fn ask(&self) -> (&dyn PveDetails, Open<'_>) {
        (self.1.details().unwrap(), Open::new(&self.0.cluster))
    }
}

#[async_trait]
impl PveDetails for CountedCluster {
    async fn ask_agent(
        &self,
        node: &str,
        vmid: u32,
        question: AgentQuestion,
    ) -> Result<AgentAnswer, AgentRefusal> {
        let (details, _open) = self.ask();
        details.ask_agent(node, vmid, question).await
    }

    async fn vm_state(&self, node: &str, vmid: u32) -> Result<VmState, PollError> {
        let (details, _open) = self.ask();
        details.vm_state(node, vmid).await
    }

    async fn guest_now(&self, node: &str, kind: GuestKind, vmid: u32) -> Result<Option<Glimpse>, PollError> {
        let (details, _open) = self.ask();
        details.guest_now(node, kind, vmid).await
    }

    async fn node_now(&self, node: &str) -> Result<Glimpse, PollError> {
        let (details, _open) = self.ask();
        details.node_now(node).await
    }

    async fn work_on(&self, node: &str) -> Result<Work, PollError> {
        let (details, _open) = self.ask();
        details.work_on(node).await
    }

    async fn vm_addresses(&self, node: &str, vmid: u32) -> Result<Vec<String>, PollError> {
        let (details, _open) = self.ask();
        details.vm_addresses(node, vmid).await
    }

    async fn container(&self, node: &str, vmid: u32, is_running: bool) -> Result<ContainerFacts, PollError> {
        let (details, _open) = self.ask();
        details.container(node, vmid, is_running).await
    }

    async fn disks(&self, node: &str, now: Timestamp) -> Result<Vec<PhysicalDisk>, PollError> {
        let (details, _open) = self.ask();
        details.disks(node, now).await
    }

    async fn pools(&self, node: &str) -> Result<Vec<ZfsPool>, PollError> {
        let (details, _open) = self.ask();
        details.pools(node).await
    }

    async fn updates(&self, node: &str) -> Result<u32, PollError> {
        let (details, _open) = self.ask();
        details.updates(node).await
    }

    async fn replication(&self, node: &str, now: Timestamp) -> Result<Vec<ReplicationJob>, PollError> {
        let (details, _open) = self.ask();
        details.replication(node, now).await
    }

    async fn backup_tasks(&self, node: &str, since: Timestamp) -> Result<Vec<BackupTask>, PollError> {
        let (details, _open) = self.ask();
        details.backup_tasks(node, since).await
    }

    async fn privileges(&self, node: &str) -> Result<BTreeSet<String>, PollError> {
        let (details, _open) = self.ask();
        details.privileges(node).await
    }

    async fn backups_on(&self, node: &str, storage: &Storage) -> Result<Vec<StorageBackup>, PollError> {
        let (details, _open) = self.ask();
        details.backups_on(node, storage).await
    }

    async fn snapshots(
        &self,
        node: &str,
        kind: GuestKind,
        vmid: u32,
    ) -> Result<Vec<GuestSnapshot>, PollError> {
        let (details, _open) = self.ask();
        details.snapshots(node, kind, vmid).await
    }

    async fn ceph(&self, node: &str, now: Timestamp) -> Result<Option<CephCluster>, PollError> {
        let (details, _open) = self.ask();
        details.ceph(node, now).await
    }
}
