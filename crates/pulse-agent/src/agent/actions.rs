//! Does what the server wants done with containers, and tells it how that goes (contract B-09 §4).
//!
//! Each command is done once, however often it is sent; one update runs at a time and is never broken off.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::HeaderMap;
use reqwest::{Client, Url};
use tokio::{
    sync::{Notify, mpsc},
    time::{sleep, timeout},
};

use super::shared::Shared;
use crate::{
    docker::{Command, CommandKind, DockerControl, Probation, Updated, commands_of},
    link::{LinkError, MAX_ANSWER_BYTES, body_within, error_text, headers, reason, server_url},
    settings::AgentSettings,
};

/// Commands remembered, so that none is done twice.
const MAX_SEEN: usize = 64;
/// A word that does not reach the server is repeated.
const ACK_TRIES: u32 = 5;
const ACK_PAUSE: Duration = Duration::from_secs(2);
/// Steps of an update that wait to be told; it has fewer.
const MAX_STEPS: usize = 16;
/// A step that takes longer is told again: a command without a word for ten minutes is given up by the server, and a large
/// image takes longer to fetch.
const REPEAT: Duration = Duration::from_mins(4);
/// Backups of earlier updates are looked for this often.
const RECOVER_PERIOD: Duration = Duration::from_mins(15);

/// Tells the server what becomes of commands.
#[derive(Clone)]
struct Acknowledger {
    client: Client,
    base: Url,
    headers: HeaderMap,
}

/// Does commands.
pub(super) struct Actions {
    ack: Acknowledger,
    shared: Arc<Shared>,
    seen: VecDeque<String>,
    is_updating: Arc<AtomicBool>,
    soon: Arc<Notify>,
    last_recovery: Option<tokio::time::Instant>,
}

impl Actions {
    /// `soon` is told when a report is to come before its time.
    pub(super) fn new(
        plan: &AgentSettings,
        client: Client,
        shared: &Arc<Shared>,
        soon: Arc<Notify>,
    ) -> Result<Self, LinkError> {
        let agent = format!("pulse-docker-agent/{}", plan.identity.version);
        Ok(Self {
            ack: Acknowledger {
                client,
                base: server_url(&plan.url)?,
                headers: headers(&plan.token, &agent)?,
            },
            shared: Arc::clone(shared),
            seen: VecDeque::new(),
            is_updating: Arc::default(),
            soon,
            last_recovery: None,
        })
    }

    /// Tidies up behind an earlier run, when an engine was found.
    pub(super) async fn begin(&mut self, control: DockerControl) {
        self.recover(&control).await;
    }

    async fn recover(&mut self, control: &DockerControl) {
        self.last_recovery = Some(tokio::time::Instant::now());
        if !self.is_updating.load(Ordering::Acquire)
            && let Err(error) = control.recover().await
        {
            tracing::warn!(%error, "what an earlier update left behind could not be tidied up");
        }
    }

    /// Does what stands in the server's answer to a report.
    pub(super) async fn take(&mut self, answer: &[u8], control: &DockerControl) {
        if self.last_recovery.is_none_or(|at| at.elapsed() > RECOVER_PERIOD) {
            self.recover(control).await;
        }
        for command in commands_of(answer) {
            // Pulse v5: repeats a command until its time is over, and its agents do it as often.
            if self.seen.contains(&command.id) {
                continue;
            }
            if self.seen.len() >= MAX_SEEN {
                self.seen.pop_front();
            }
            self.seen.push_back(command.id.clone());
            self.perform(command, control).await;
        }
    }

    async fn perform(&self, command: Command, control: &DockerControl) {
        let Command { id, kind } = command;
        tracing::info!(command = %id, ?kind, "the server sent a command");
        match kind {
            CommandKind::Stop => {
                self.ack.say(&id, "completed", "reports of containers end").await;
                self.shared.is_docker_stopped.store(true, Ordering::Release);
            }
            CommandKind::CheckUpdates => {
                control.forget_checks();
                self.ack.say(&id, "completed", "registries are asked again").await;
                self.soon.notify_one();
            }
            CommandKind::UpdateContainer { container_id } => {
                if self.is_updating.swap(true, Ordering::AcqRel) {
                    self.ack.say(&id, "failed", "another container is being updated").await;
                    return;
                }
                let (ack, control) = (self.ack.clone(), control.clone());
                let (is_updating, soon) = (Arc::clone(&self.is_updating), Arc::clone(&self.soon));
                self.shared.actions.spawn(async move {
                    update(&ack, &control, &id, &container_id).await;
                    is_updating.store(false, Ordering::Release);
                    soon.notify_one();
                });
            }
            CommandKind::Unknown(kind) => {
                let text = format!(
                    "this agent does not know the command {:?}",
                    kind.chars().take(40).collect::<String>()
                );
                self.ack.say(&id, "failed", &text).await;
            }
        }
    }
}

async fn update(ack: &Acknowledger, control: &DockerControl, command: &str, container: &str) {
    ack.say(command, "acknowledged", "").await;
    let (steps, heard) = mpsc::channel(MAX_STEPS);
    // The channel closes with the closure, when the update is over; until then somebody hears. With a server that does
    // not, the update goes on and the words are lost.
    let work = control.update(container, Probation::default(), move |step| {
        steps.try_send(step).ok();
    });
    let tell = tell_steps(heard, |step| ack.say(command, "in_progress", step));
    let (outcome, ()) = tokio::join!(work, tell);
    match outcome {
        Ok(Updated::Replaced { id }) => {
            let short: String = id.chars().take(12).collect();
            ack.say(command, "completed", &format!("the container runs on the newest image as {short}"))
                .await;
        }
        Ok(Updated::AlreadyNewest) => {
            ack.say(command, "completed", "the image is the newest already; nothing was changed").await;
        }
        Err(error) => {
            tracing::warn!(%error, container, "a container was not updated");
            ack.say(command, "failed", &error.to_string()).await;
        }
    }
}

/// Tells each step, and again while it lasts, until there are no more.
async fn tell_steps<F: Future<Output = ()>>(
    mut heard: mpsc::Receiver<&'static str>,
    mut say: impl FnMut(&'static str) -> F,
) {
    let mut step = None;
    loop {
        match timeout(REPEAT, heard.recv()).await {
            Ok(Some(next)) => step = Some(next),
            Ok(None) => return,
            Err(_) => {}
        }
        if let Some(step) = step {
            say(step).await;
        }
    }
}

impl Acknowledger {
    /// Tells the server; a word that cannot be told is given up after some tries.
    async fn say(&self, command: &str, status: &str, message: &str) {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "agents", "docker", "commands", command, "ack"]);
        }
        let body = serde_json::json!({"status": status, "message": message}).to_string();
        for attempt in 1..=ACK_TRIES {
            let request = self.client.post(url.clone()).headers(self.headers.clone()).body(body.clone());
            let trouble = match request.send().await {
                Ok(answer) if answer.status().is_success() => return,
                Ok(answer) if answer.status().is_client_error() => {
                    let status = answer.status();
                    let text = body_within(answer, MAX_ANSWER_BYTES).await.unwrap_or_default();
                    // It knows better: the command is over there.
                    tracing::debug!(command, %status, reason = %error_text(&text), "the server does not take a word on a command");
                    return;
                }
                Ok(answer) => answer.status().to_string(),
                Err(error) => reason(&error),
            };
            tracing::debug!(command, attempt, trouble, "the server cannot be told how a command goes");
            sleep(ACK_PAUSE).await;
        }
        tracing::warn!(command, status, "the server could not be told how a command goes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_step_that_takes_long_is_told_again() {
        let (steps, heard) = mpsc::channel(MAX_STEPS);
        let mut told = Vec::new();
        let begun = tokio::time::Instant::now();
        let work = async move {
            sleep(REPEAT * 2).await;
            for (step, takes) in [("pulling", REPEAT * 2 + REPEAT / 2), ("stopping", REPEAT / 4)] {
                steps.try_send(step).unwrap();
                sleep(takes).await;
            }
        };
        let tell = tell_steps(heard, |step| {
            told.push((step, begun.elapsed().as_secs() / 60));
            std::future::ready(())
        });
        tokio::join!(work, tell);
        assert_eq!(told, [("pulling", 8), ("pulling", 12), ("pulling", 16), ("stopping", 18)]);
    }
}
