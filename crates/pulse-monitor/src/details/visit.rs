//! A visit to the guest agent of a VM.
//!
//! The agent's channel is the one through which a backup freezes and thaws the guest's file systems, so a visit must
//! never happen while anything works on the guest. Each visit first asks what the VM does this very moment and which
//! tasks run on its node, asks one question at a time with a pause between them, and looks again when that was more
//! than a moment ago. A guest whose agent does not answer is visited less and less.

use std::{collections::HashMap, time::Duration};

use pulse_collectors::{
    PollError, PveDetails,
    details::{AgentAnswer, AgentQuestion, Work},
};
use pulse_core::Missing;
use tokio::time::{Instant, sleep};

use super::{Desk, KnownGuest, timetable::Outcome};
use crate::facts::Finding;

/// A look at the VM holds for this long; then it is looked at again before the next question.
const LOOK_HOLDS: Duration = Duration::from_secs(2);
/// Pause between two questions to one guest.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(250);
/// Addresses change rarely.
const NETWORK: Duration = Duration::from_secs(10 * 60);
/// Systems and agents are updated more rarely still.
const SYSTEM: Duration = Duration::from_secs(60 * 60);
/// Hardware addresses, of guests whose agent does not tell them.
const ADDRESSES: Duration = Duration::from_secs(60 * 60);
/// A question that an agent failed so often is not asked again for a day: some agents crash over it.
const GIVES_UP_AFTER: u32 = 3;
const GIVEN_UP: Duration = Duration::from_secs(24 * 60 * 60);

const AGENT_WHAT: &str = "file systems, addresses and systems of VMs";
const AGENT_ADVICE: &str = "give the user and its token a role with VM.GuestAgent.Audit (Proxmox VE 9) or VM.Monitor (7 and 8) on /vms";
const MEMORY_WHAT: &str = "memory figures from inside VMs";
const MEMORY_ADVICE: &str = "the balloon driver's figures are shown instead; give the user and its token \
                             VM.GuestAgent.FileRead (Proxmox VE 9) or VM.Monitor (7 and 8) on /vms for the guests' own";

/// In the order in which they are asked.
const QUESTIONS: [(AgentQuestion, Duration); 5] = [
    (AgentQuestion::FileSystems, Duration::ZERO),
    (AgentQuestion::Memory, Duration::ZERO),
    (AgentQuestion::Network, NETWORK),
    (AgentQuestion::OperatingSystem, SYSTEM),
    (AgentQuestion::Version, SYSTEM),
];

/// What is remembered of the visits to the guests of one node.
#[derive(Default)]
pub(super) struct GuestVisits {
    /// When a question may be asked again, and how often in a row it failed.
    asked: HashMap<(u32, AgentQuestion), (Instant, u32)>,
    addresses: HashMap<u32, Instant>,
    work: Option<(Instant, Work)>,
}

/// Whether a guest may be disturbed.
enum Door {
    Open,
    Busy,
    NoAgent,
}

impl GuestVisits {
    /// Forgets guests that are no longer on the node.
    pub(super) fn keep(&mut self, guests: &[KnownGuest]) {
        // As many entries as there can be for known guests are not worth a look.
        if self.addresses.len() > guests.len() || self.asked.len() > guests.len() * QUESTIONS.len() {
            self.asked.retain(|(vmid, _), _| guests.iter().any(|guest| guest.vmid == *vmid));
            self.addresses.retain(|vmid, _| guests.iter().any(|guest| guest.vmid == *vmid));
        }
    }

    /// Visits one guest.
    pub(super) async fn visit(
        &mut self,
        desk: &Desk,
        details: &dyn PveDetails,
        node: &str,
        vmid: u32,
    ) -> Result<Outcome, PollError> {
        let mut looked = Instant::now();
        match self.look(details, node, vmid).await? {
            Door::Open => {}
            Door::Busy => return Ok(Outcome::Held),
            Door::NoAgent => {
                return self.without_agent(desk, details, node, vmid, Missing::AgentDisabled).await;
            }
        }
        if desk.is_denied(AGENT_WHAT) {
            desk.found(Finding::AgentTrouble { vmid, why: Missing::PermissionDenied });
            return self.without_agent(desk, details, node, vmid, Missing::PermissionDenied).await;
        }
        for (question, interval) in QUESTIONS {
            let now = Instant::now();
            let is_due = self.asked.get(&(vmid, question)).is_none_or(|(next, _)| *next <= now);
            if !is_due || (question == AgentQuestion::Memory && desk.is_denied(MEMORY_WHAT)) {
                continue;
            }
            if looked.elapsed() > LOOK_HOLDS {
                looked = Instant::now();
                match self.look(details, node, vmid).await? {
                    Door::Open => {}
                    Door::Busy | Door::NoAgent => return Ok(Outcome::Held),
                }
            }
            match details.ask_agent(node, vmid, question).await {
                Ok(answer) => self.answered(desk, vmid, question, interval, answer),
                Err(refusal) => {
                    let why = refusal.why;
                    if question == AgentQuestion::Memory && why == Missing::PermissionDenied {
                        desk.deny(MEMORY_WHAT, MEMORY_ADVICE, &refusal.error);
                    } else if why == Missing::PermissionDenied {
                        desk.deny(AGENT_WHAT, AGENT_ADVICE, &refusal.error);
                    }
                    if question != AgentQuestion::FileSystems && why != Missing::AgentTimeout {
                        // Windows has no meminfo, and old agents do not know every question.
                        self.refused(vmid, question, interval);
                        continue;
                    }
                    tracing::debug!(node.name = node, vmid, error = %refusal.error, "a guest agent did not answer");
                    desk.found(Finding::AgentTrouble { vmid, why });
                    self.without_agent(desk, details, node, vmid, why).await?;
                    return Ok(match why {
                        Missing::PermissionDenied => Outcome::Denied,
                        Missing::Stopped => Outcome::Held,
                        _ => Outcome::Failed,
                    });
                }
            }
            sleep(BETWEEN_QUESTIONS).await;
        }
        desk.grant(AGENT_WHAT);
        Ok(Outcome::Done)
    }

    /// What the VM does this very moment, and what is done on its node.
    async fn look(&mut self, details: &dyn PveDetails, node: &str, vmid: u32) -> Result<Door, PollError> {
        let is_old = self.work.as_ref().is_none_or(|(at, _)| at.elapsed() > LOOK_HOLDS);
        if is_old {
            let at = Instant::now();
            let work = details.work_on(node).await?;
            self.work = Some((at, work));
        }
        let state = details.vm_state(node, vmid).await?;
        let is_worked_on = self.work.as_ref().is_none_or(|(_, work)| work.on(vmid).is_some());
        Ok(if !state.is_running || state.lock.is_some() || is_worked_on {
            Door::Busy
        } else if state.has_agent {
            Door::Open
        } else {
            Door::NoAgent
        })
    }

    /// Hardware addresses of a guest whose agent does not tell them, to recognise a Pulse agent inside.
    async fn without_agent(
        &mut self,
        desk: &Desk,
        details: &dyn PveDetails,
        node: &str,
        vmid: u32,
        why: Missing,
    ) -> Result<Outcome, PollError> {
        if why == Missing::AgentDisabled {
            desk.found(Finding::AgentTrouble { vmid, why });
        }
        let is_due = self.addresses.get(&vmid).is_none_or(|last| last.elapsed() > ADDRESSES);
        if is_due {
            self.addresses.insert(vmid, Instant::now());
            let list = details.vm_addresses(node, vmid).await?;
            desk.found(Finding::Addresses { vmid, list });
        }
        Ok(Outcome::Done)
    }

    fn answered(
        &mut self,
        desk: &Desk,
        vmid: u32,
        question: AgentQuestion,
        interval: Duration,
        answer: AgentAnswer,
    ) {
        self.asked.insert((vmid, question), (Instant::now() + interval, 0));
        if question == AgentQuestion::Memory {
            desk.grant(MEMORY_WHAT);
        }
        desk.found(Finding::Agent { vmid, at: desk.now(), answer });
    }

    fn refused(&mut self, vmid: u32, question: AgentQuestion, interval: Duration) {
        let failures = self.asked.get(&(vmid, question)).map_or(0, |(_, failures)| *failures) + 1;
        let wait = if failures >= GIVES_UP_AFTER { GIVEN_UP } else { interval };
        self.asked.insert((vmid, question), (Instant::now() + wait, failures));
    }
}
