//! A Proxmox that does what a test wants, and the server's tasks around it, in paused time.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_collectors::{Connect, ConnectionTest, PollError, PveApi, PveCycle, Timeouts};
use pulse_config::{NodeConfig, PveInstance, SystemSettings};
use pulse_core::{
    ManualClock,
    model::{ConnectionHealth, InstanceKey, InstanceKind},
};
use pulse_monitor::{Keeper, Scheduler, Supervisor, schedule::SourceHealth};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What a poll does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mood {
    Well,
    Refuses,
    WrongPassword,
    Hangs,
    Panics,
}

/// One instance as the tests steer it.
pub struct StandIn {
    pub mood: Mutex<Mood>,
    pub polls: AtomicUsize,
    pub timeouts: Mutex<Vec<Timeouts>>,
}

struct Api(Arc<StandIn>);

#[async_trait]
impl PveApi for Api {
    async fn poll(&self, _: Timestamp) -> Result<PveCycle, PollError> {
        self.0.polls.fetch_add(1, Ordering::Relaxed);
        let mood = *self.0.mood.lock().unwrap();
        let host = "stand-in:8006".to_owned();
        match mood {
            Mood::Well => Ok(PveCycle { health: ConnectionHealth::Healthy, ..PveCycle::default() }),
            Mood::Refuses => Err(PollError::Unreachable { host, detail: "connection refused".into() }),
            Mood::WrongPassword => Err(PollError::Authentication {
                host,
                credentials: "the API token".into(),
                detail: "no such token".into(),
            }),
            Mood::Hangs => std::future::pending().await,
            Mood::Panics => panic!("on purpose"),
        }
    }

    async fn test(&self) -> Result<ConnectionTest, PollError> {
        unreachable!("nothing tests here")
    }
}

struct Everywhere(Arc<StandIn>);

#[async_trait]
impl Connect for Everywhere {
    fn pve(&self, _: &PveInstance, timeouts: Timeouts) -> Result<Arc<dyn PveApi>, PollError> {
        self.0.timeouts.lock().unwrap().push(timeouts);
        Ok(Arc::new(Api(self.0.clone())))
    }
}

/// The tasks that poll, around one stand-in.
pub struct Scene {
    pub proxmox: Arc<StandIn>,
    pub settings: watch::Sender<Arc<SystemSettings>>,
    pub config: watch::Sender<Arc<NodeConfig>>,
    pub keeper: Keeper,
    pub clock: Arc<ManualClock>,
    scheduler: Scheduler,
    stop: CancellationToken,
}

impl Scene {
    pub fn start(mood: Mood, settings: SystemSettings) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let keeper = Keeper::start(clock.clone(), &tasks, stop.clone());
        let proxmox = Arc::new(StandIn {
            mood: Mutex::new(mood),
            polls: AtomicUsize::new(0),
            timeouts: Mutex::default(),
        });
        let instance = PveInstance::new("lab".into(), "https://stand-in:8006".into());
        let config =
            watch::Sender::new(Arc::new(NodeConfig { pve: vec![instance], ..NodeConfig::default() }));
        let settings = watch::Sender::new(Arc::new(settings));
        let scheduler = Supervisor::start(
            config.subscribe(),
            settings.subscribe(),
            Arc::new(Everywhere(proxmox.clone())),
            keeper.clone(),
            clock.clone(),
            &tasks,
            stop.clone(),
        );
        Self { proxmox, settings, config, keeper, clock, scheduler, stop }
    }

    /// Lets time pass, a second at a time, so that what is due happens in order.
    pub async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(jiff::SignedDuration::from_secs(1));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    pub fn change_settings(&self, settings: SystemSettings) {
        self.settings.send_replace(Arc::new(settings));
    }

    pub fn set_mood(&self, mood: Mood) {
        *self.proxmox.mood.lock().unwrap() = mood;
    }

    pub fn polls(&self) -> usize {
        self.proxmox.polls.load(Ordering::Relaxed)
    }

    pub fn health(&self) -> SourceHealth {
        let key = InstanceKey { kind: InstanceKind::Pve, name: "lab".into() };
        let now = self.keeper.snapshot().changed_at;
        self.scheduler.health(now).sources.get(&key).cloned().unwrap()
    }

    /// What the page shows as wrong with the instance.
    pub fn complaint(&self) -> String {
        let world = self.keeper.snapshot();
        let view = world.instances.values().next().unwrap();
        view.issues.first().map_or_else(String::new, |issue| issue.message.clone())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
