//! Commands for Docker agents: one at a time for each host, given exactly once, and over after ten minutes without a
//! word (contract B-09 §4). Pure; who delivers writes the decision down before the agent sees the command.
//!
//! ```text
//! queued ──► dispatched ──► acknowledged ──► in_progress ──► completed
//!    │            │               │               └────────► failed
//!    └────────────┴───────────────┴───────────────► expired (a late result is still taken)
//! ```

use jiff::{SignedDuration, Timestamp};
use pulse_config::store::fleet::{CommandRecord, CommandStatus, CommandWish, FleetRecord};

use super::text::clean;

/// A command is given up after so long without a word.
pub const TIME_TO_LIVE: SignedDuration = SignedDuration::from_mins(10);

/// However often an agent says that it is still at it.
const LONGEST: SignedDuration = SignedDuration::from_hours(2);

/// How long the outcome of a command is shown.
const OUTCOME_SHOWN: SignedDuration = SignedDuration::from_hours(24);

/// Characters of an agent's message that are kept.
const LONGEST_MESSAGE: usize = 500;

/// Why a command is not queued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// Another one is under way.
    #[error("docker host {host} already has a command in progress ({what}); wait until it is done")]
    InProgress {
        /// Which host.
        host: String,
        /// What is under way.
        what: &'static str,
    },
    /// Nobody would take it.
    #[error("docker host {0} takes no commands: the server reports it by itself; install the agent on it")]
    NoAgent(String),
    /// No such host.
    #[error("docker host {0} is not known")]
    Unknown(String),
    /// No such container.
    #[error("docker host {host} has no container {container}")]
    NoContainer {
        /// Which host.
        host: String,
        /// The container that was asked for.
        container: String,
    },
}

/// Why a word on a command is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// There is no such command.
    #[error("no command {0:?} is known")]
    Unknown(String),
    /// It is for another host.
    #[error("the command is for another docker host")]
    OtherHost,
    /// It was not given to anybody yet.
    #[error("the command was not given to an agent yet")]
    NotDispatched,
    /// Its outcome is known.
    #[error("the command is no longer active: it is {0}")]
    Over(&'static str),
}

/// What an agent says of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckStatus {
    /// It took it on.
    Acknowledged,
    /// It is at it.
    InProgress,
    /// It is done.
    Completed,
    /// It failed.
    Failed,
}

impl AckStatus {
    /// The status a word on the wire stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "" | "ack" | "acknowledged" => Some(Self::Acknowledged),
            "progress" | "in_progress" => Some(Self::InProgress),
            "success" | "complete" | "completed" => Some(Self::Completed),
            "fail" | "failed" | "error" => Some(Self::Failed),
            _ => None,
        }
    }
}

/// Queues a command for a host.
pub(crate) fn queue(
    record: &mut FleetRecord,
    host: &str,
    wish: CommandWish,
    id: String,
    now: Timestamp,
) -> Result<CommandRecord, QueueError> {
    if let Some(before) = record.commands.get(host)
        && before.status.is_active()
        && !is_over(before, now)
    {
        return Err(QueueError::InProgress { host: host.to_owned(), what: before.wish.name() });
    }
    let id = match &wish {
        CommandWish::UpdateContainer { container_id, .. } => format!("{id}:{container_id}"),
        CommandWish::Stop | CommandWish::CheckUpdates => id,
    };
    let command = CommandRecord {
        id,
        wish,
        status: CommandStatus::Queued,
        message: None,
        created_at: now,
        updated_at: now,
        expires_at: later(now, TIME_TO_LIVE),
        dispatched_at: None,
        acknowledged_at: None,
        completed_at: None,
        failed_at: None,
        failure_reason: None,
    };
    record.commands.insert(host.to_owned(), command.clone());
    Ok(command)
}

/// Whether a command waits for the host's next report.
pub(crate) fn is_waiting(record: &FleetRecord, host: &str, now: Timestamp) -> bool {
    record
        .commands
        .get(host)
        .is_some_and(|command| command.status == CommandStatus::Queued && !is_over(command, now))
}

/// The command that waits for a host; it is given from now on.
pub(crate) fn take(record: &mut FleetRecord, host: &str, now: Timestamp) -> Option<CommandRecord> {
    if !is_waiting(record, host, now) {
        return None;
    }
    let command = record.commands.get_mut(host)?;
    command.status = CommandStatus::Dispatched;
    command.dispatched_at = Some(now);
    command.updated_at = now;
    Some(command.clone())
}

/// A command that could not be given after all waits again.
pub(crate) fn put_back(record: &mut FleetRecord, host: &str, id: &str) {
    if let Some(command) = record.commands.get_mut(host)
        && command.id == id
        && command.status == CommandStatus::Dispatched
    {
        command.status = CommandStatus::Queued;
        command.dispatched_at = None;
    }
}

/// The host a command is for.
pub(crate) fn host_of<'a>(record: &'a FleetRecord, id: &str) -> Option<&'a str> {
    record.commands.iter().find(|(_, command)| command.id == id).map(|(host, _)| host.as_str())
}

/// Takes an agent's word on a command of `host`.
pub(crate) fn acknowledge(
    record: &mut FleetRecord,
    host: &str,
    status: AckStatus,
    message: &str,
    now: Timestamp,
) -> Result<CommandRecord, AckError> {
    let Some(command) = record.commands.get_mut(host) else { return Err(AckError::Unknown(host.to_owned())) };
    if command.dispatched_at.is_none() {
        return Err(AckError::NotDispatched);
    }
    match command.status {
        // The answer to the same word was lost, and it is said again.
        CommandStatus::Completed if status == AckStatus::Completed => return Ok(command.clone()),
        CommandStatus::Failed if status == AckStatus::Failed => return Ok(command.clone()),
        CommandStatus::Completed | CommandStatus::Failed => {
            return Err(AckError::Over(command.status.name()));
        }
        CommandStatus::Queued
        | CommandStatus::Dispatched
        | CommandStatus::Acknowledged
        | CommandStatus::InProgress
        | CommandStatus::Expired => {}
    }
    let message = Some(clean(message, LONGEST_MESSAGE)).filter(|message| !message.is_empty());
    command.updated_at = now;
    match status {
        AckStatus::Acknowledged => {
            command.acknowledged_at = command.acknowledged_at.or(Some(now));
            if command.status != CommandStatus::InProgress {
                command.status = CommandStatus::Acknowledged;
            }
        }
        AckStatus::InProgress => {
            command.acknowledged_at = command.acknowledged_at.or(Some(now));
            command.status = CommandStatus::InProgress;
        }
        AckStatus::Completed => {
            command.status = CommandStatus::Completed;
            command.completed_at = Some(now);
        }
        AckStatus::Failed => {
            command.status = CommandStatus::Failed;
            command.failed_at = Some(now);
            command.failure_reason.clone_from(&message);
        }
    }
    if command.status.is_active() {
        // Pulse v5: ten minutes from the queueing, and a longer update shows as expired although it is done.
        let latest = later(command.created_at, LONGEST);
        command.expires_at = later(now, TIME_TO_LIVE).min(latest).max(command.expires_at.min(latest));
    }
    if message.is_some() {
        command.message = message;
    }
    Ok(command.clone())
}

/// The hosts whose command is over, or whose outcome was shown for long enough.
pub(crate) fn due(record: &FleetRecord, now: Timestamp) -> Vec<String> {
    let is_due = |command: &CommandRecord| {
        if command.status.is_active() { is_over(command, now) } else { is_old(command, now) }
    };
    record.commands.iter().filter(|(_, command)| is_due(command)).map(|(host, _)| host.clone()).collect()
}

/// Ends the command of a host that is due.
pub(crate) fn end(record: &mut FleetRecord, host: &str, now: Timestamp) {
    let Some(command) = record.commands.get_mut(host) else { return };
    if !command.status.is_active() {
        if is_old(command, now) {
            record.commands.remove(host);
        }
        return;
    }
    if is_over(command, now) {
        let why = match command.dispatched_at {
            None => "the agent did not report in time to get it",
            Some(_) => "the agent got it and was not heard of it again",
        };
        command.status = CommandStatus::Expired;
        command.updated_at = now;
        command.failure_reason = Some(why.to_owned());
    }
}

/// Its time went by. A clock that was set back ends it too: it must not block its host until time has caught up.
fn is_over(command: &CommandRecord, now: Timestamp) -> bool {
    now >= command.expires_at || now.duration_since(command.created_at) < -TIME_TO_LIVE
}

fn is_old(command: &CommandRecord, now: Timestamp) -> bool {
    now.duration_since(command.updated_at).abs() > OUTCOME_SHOWN
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn check(record: &mut FleetRecord, id: &str, second: i64) -> Result<CommandRecord, QueueError> {
        queue(record, "dock", CommandWish::CheckUpdates, id.into(), at(second))
    }

    #[test]
    fn a_command_is_given_once_and_never_after_its_time() {
        let mut record = FleetRecord::default();
        check(&mut record, "1", 0).unwrap();
        assert_eq!(take(&mut record, "other", at(1)), None);
        assert_eq!(take(&mut record, "dock", at(1)).unwrap().id, "1");
        assert_eq!(take(&mut record, "dock", at(2)), None);
        assert!(matches!(check(&mut record, "2", 599), Err(QueueError::InProgress { .. })));
        check(&mut record, "2", 600).unwrap();
        assert_eq!(take(&mut record, "dock", at(1_200)), None, "its time is over");
        assert_eq!(due(&record, at(1_200)), ["dock"]);
        end(&mut record, "dock", at(1_200));
        assert_eq!(record.commands["dock"].status, CommandStatus::Expired);
    }

    #[test]
    fn an_update_that_takes_long_but_is_heard_of_does_not_expire_and_a_late_result_counts() {
        let mut record = FleetRecord::default();
        check(&mut record, "1", 0).unwrap();
        take(&mut record, "dock", at(1));
        let say = |record: &mut FleetRecord, status, second| {
            acknowledge(record, "dock", status, "step", at(second)).map(|command| command.status)
        };
        assert_eq!(say(&mut record, AckStatus::InProgress, 500), Ok(CommandStatus::InProgress));
        assert!(due(&record, at(900)).is_empty());
        assert_eq!(due(&record, at(1_100)), ["dock"]);
        end(&mut record, "dock", at(1_100));
        assert_eq!(say(&mut record, AckStatus::Completed, 1_300), Ok(CommandStatus::Completed));
        assert_eq!(say(&mut record, AckStatus::Completed, 1_301), Ok(CommandStatus::Completed), "said twice");
        assert_eq!(say(&mut record, AckStatus::Failed, 1_302), Err(AckError::Over("completed")));
    }

    #[test]
    fn nobody_can_say_anything_of_a_command_that_was_not_given() {
        let mut record = FleetRecord::default();
        check(&mut record, "1", 0).unwrap();
        let refused = acknowledge(&mut record, "dock", AckStatus::Completed, "", at(1));
        assert_eq!(refused, Err(AckError::NotDispatched));
    }

    #[test]
    fn a_clock_that_is_set_back_blocks_nothing() {
        let mut record = FleetRecord::default();
        check(&mut record, "1", 1_000_000).unwrap();
        check(&mut record, "2", 0).unwrap();
        assert_eq!(take(&mut record, "dock", at(1)).unwrap().id, "2");
    }

    #[derive(Debug, Clone)]
    enum Step {
        Queue,
        Report { is_lost: bool },
        Say(AckStatus),
        Tick,
        Restart,
    }

    fn step() -> impl Strategy<Value = (Step, i64)> {
        let say = prop_oneof![
            Just(AckStatus::Acknowledged),
            Just(AckStatus::InProgress),
            Just(AckStatus::Completed),
            Just(AckStatus::Failed),
        ];
        let what = prop_oneof![
            Just(Step::Queue),
            any::<bool>().prop_map(|is_lost| Step::Report { is_lost }),
            say.prop_map(Step::Say),
            Just(Step::Tick),
            Just(Step::Restart),
        ];
        (what, 0_i64..400)
    }

    proptest! {
        /// Whatever happens in whatever order: no command is given twice, also not across a restart, none is given
        /// after its time, one that is over has an end, and a host is never blocked for longer than the time to live.
        #[test]
        fn exactly_once(steps in proptest::collection::vec(step(), 1..80)) {
            let mut record = FleetRecord::default();
            let mut given = std::collections::HashSet::new();
            let (mut second, mut next) = (0, 0);
            for (what, wait) in steps {
                second += wait;
                let now = at(second);
                match what {
                    Step::Queue => {
                        next += 1;
                        let blocked = record.commands.get("dock").is_some_and(|c| c.status.is_active() && now < c.expires_at);
                        prop_assert_eq!(check(&mut record, &next.to_string(), second).is_err(), blocked);
                    }
                    Step::Report { is_lost } => {
                        if let Some(command) = take(&mut record, "dock", now) {
                            prop_assert!(now < command.expires_at);
                            if is_lost {
                                // It could not be written down, so nobody saw it.
                                put_back(&mut record, "dock", &command.id);
                            } else {
                                prop_assert!(given.insert(command.id));
                            }
                        }
                    }
                    Step::Say(status) => {
                        if let Ok(command) = acknowledge(&mut record, "dock", status, "", now) {
                            prop_assert!(given.contains(&command.id));
                            prop_assert!(command.expires_at <= later(command.created_at, LONGEST));
                        }
                    }
                    Step::Tick => {
                        for host in due(&record, now) {
                            end(&mut record, &host, now);
                        }
                        prop_assert!(record.commands.values().all(|c| !c.status.is_active() || now < c.expires_at));
                    }
                    Step::Restart => {
                        let text = serde_json::to_string(&record).unwrap();
                        let again: FleetRecord = serde_json::from_str(&text).unwrap();
                        prop_assert_eq!(&again, &record);
                        record = again;
                    }
                }
            }
        }
    }
}
