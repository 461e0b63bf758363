//! Mock mode as the routes know it: what is wanted, and what runs. Who makes it so stands outside; this crate knows no
//! simulator.

use std::{sync::Arc, time::Duration};

use pulse_config::MockConfig;
use tokio::sync::watch;

/// Starting it means starting a cluster and asking it once.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an administrator asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct MockWanted {
    /// Whether an invented world is to be shown.
    pub is_on: bool,
    /// How big it is to be.
    pub config: MockConfig,
    /// Counts the requests, so that each one is answered for itself.
    pub request: u64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MockRunning {
    /// Whether an invented world is shown.
    pub is_on: bool,
    /// The request that this is the answer to.
    pub request: u64,
    /// Why it could not be done.
    pub problem: Option<String>,
}

/// Mock mode: the routes ask through it, one task does what they ask.
#[derive(Debug)]
pub struct MockMode {
    wanted: watch::Sender<MockWanted>,
    running: watch::Sender<MockRunning>,
}

impl MockMode {
    /// Mock mode that is off and waits for a task that follows it.
    pub fn new(config: MockConfig) -> Arc<Self> {
        Arc::new(Self {
            wanted: watch::Sender::new(MockWanted { is_on: false, config, request: 0 }),
            running: watch::Sender::new(MockRunning::default()),
        })
    }

    /// What is asked for, from now on.
    pub fn wanted(&self) -> watch::Receiver<MockWanted> {
        self.wanted.subscribe()
    }

    /// Says what became of a request.
    pub fn report(&self, running: MockRunning) {
        self.running.send_replace(running);
    }

    /// What runs, and how big it is.
    pub fn current(&self) -> (bool, MockConfig) {
        (self.running.borrow().is_on, self.wanted.borrow().config.clone())
    }

    /// Asks for a change without waiting for it.
    pub fn want(&self, is_on: bool, config: MockConfig) -> u64 {
        let mut number = 0;
        self.wanted.send_modify(|wanted| {
            number = wanted.request + 1;
            *wanted = MockWanted { is_on, config, request: number };
        });
        number
    }

    /// Asks for a change and waits until it is done; the error says why it is not.
    pub async fn set(&self, is_on: bool, config: MockConfig) -> Result<(), String> {
        if self.wanted.receiver_count() == 0 {
            return if is_on { Err("this server was built without mock mode".to_owned()) } else { Ok(()) };
        }
        let mut running = self.running.subscribe();
        let request = self.want(is_on, config);
        let answered = running.wait_for(|running| running.request >= request);
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(running)) => running.problem.clone().map_or(Ok(()), Err),
            Ok(Err(_)) | Err(_) => Err("the simulator did not start in time".to_owned()),
        }
    }
}
