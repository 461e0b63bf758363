//! Connections that are counted while they are asked something, so that a test can tell when nobody asks any more.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_collectors::{
    Connect, HttpConnect, MadeToken, PbsApi, PbsBackups, PbsCycle, PbsTest, PmgApi, PmgBackups, PmgCycle,
    PmgTest, PollError, PveApi, Timeouts,
};
use pulse_config::{PbsInstance, PmgInstance, PveInstance};
use pulse_core::model::PbsBackupGroup;

/// How many questions are open at machines that stand for themselves.
#[derive(Clone, Default)]
pub struct Gauge(Arc<AtomicUsize>);

struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gauge {
    pub fn open(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn begin(&self) -> Open<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Open(&self.0)
    }
}

struct Counted<T: ?Sized>(Gauge, Arc<T>);

impl Connect for Gauge {
    fn pve(&self, instance: &PveInstance, timeouts: Timeouts) -> Result<Arc<dyn PveApi>, PollError> {
        HttpConnect.pve(instance, timeouts)
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
