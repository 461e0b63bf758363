//! How many calls run at once: few on any one node, whoever passes them on.
//!
//! A node has three workers that answer calls, and each takes one call to its end. Polls may use all three; the
//! questions beside them at most one, so that a slow one never keeps the polls from being answered.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Semaphore;

/// As many as a node has workers.
const CALLS_PER_NODE: usize = 3;
/// Names come from the network: beyond this many, lanes that nobody uses are forgotten.
const MOST_NODES: usize = 1_000;

/// The lanes to each node.
#[derive(Default)]
pub(super) struct Lanes {
    nodes: Mutex<HashMap<String, Lane>>,
}

#[derive(Clone)]
struct Lane {
    any: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

impl Lanes {
    /// The permits for calls of any kind to a node.
    pub(super) fn any(&self, node: &str) -> Arc<Semaphore> {
        self.of(node).any
    }

    /// The one permit for questions beside the polls.
    pub(super) fn slow(&self, node: &str) -> Arc<Semaphore> {
        self.of(node).slow
    }

    fn of(&self, node: &str) -> Lane {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = nodes.get(node) {
            return lane.clone();
        }
        if nodes.len() >= MOST_NODES {
            nodes.retain(|_, lane| Arc::strong_count(&lane.any) > 1 || Arc::strong_count(&lane.slow) > 1);
        }
        let lane = Lane { any: Arc::new(Semaphore::new(CALLS_PER_NODE)), slow: Arc::new(Semaphore::new(1)) };
        nodes.insert(node.to_owned(), lane.clone());
        lane
    }
}
