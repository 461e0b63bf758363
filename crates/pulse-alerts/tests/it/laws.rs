//! The laws of the engine.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use pulse_alerts::{Action, Change};
use pulse_core::{
    model::{GuestStatus, Liveness, NodeStatus},
    notice::{Notice, NoticeKind},
};

use crate::world::{Engine, at, guest, host, node, world};

/// One moment of a random history.
#[derive(Debug, Clone)]
enum Step {
    /// A poll: seconds since the last, per guest what it shows, whether the node is up, whether the agent is alive.
    Poll {
        wait: i64,
        guests: Vec<Look>,
        is_node_up: bool,
        is_agent_alive: bool,
    },
    Act {
        which: usize,
        action: u8,
    },
    Restart,
    Trigger(f64),
    Quiet(bool),
}

#[derive(Debug, Clone)]
enum Look {
    Gone,
    Stopped,
    Unknown,
    Locked(f64),
    Running { cpu: f64, disk: f64 },
}

fn looks() -> impl Strategy<Value = Look> {
    prop_oneof![
        1 => Just(Look::Gone),
        2 => Just(Look::Stopped),
        1 => Just(Look::Unknown),
        1 => (0.0..100.0).prop_map(Look::Locked),
        6 => (0.0..100.0, 0.0..100.0).prop_map(|(cpu, disk)| Look::Running { cpu, disk }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let poll = (
        1i64..400,
        prop::collection::vec(looks(), 3),
        prop::bool::weighted(0.85),
        prop::bool::weighted(0.85),
    )
        .prop_map(|(wait, guests, is_node_up, is_agent_alive)| Step::Poll {
            wait,
            guests,
            is_node_up,
            is_agent_alive,
        });
    let step = prop_oneof![
        12 => poll,
        2 => (0usize..6, 0u8..4).prop_map(|(which, action)| Step::Act { which, action }),
        1 => Just(Step::Restart),
        // Whole numbers, as people write them: others may lose their last bit on the way through text.
        1 => (50u8..99).prop_map(|trigger| Step::Trigger(trigger.into())),
        1 => any::<bool>().prop_map(Step::Quiet),
    ];
    prop::collection::vec(step, 1..60)
}

fn opening(notice: &Notice) -> (String, Timestamp) {
    (notice.alert.id.clone(), notice.alert.started_at)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn one_opening_one_firing_one_closing_one_recovery(steps in steps()) {
        let mut engine = Engine::new(|config| config.schedule.cooldown = 0);
        let mut now = at(0);
        for step in steps {
            match step {
                Step::Poll { wait, guests, is_node_up, is_agent_alive } => {
                    now = now.checked_add(SignedDuration::from_secs(wait)).unwrap();
                    let made = guests.iter().zip(101u32..).filter_map(|(look, vmid)| {
                        let (status, cpu, disk) = match look {
                            Look::Gone => return None,
                            Look::Stopped => (GuestStatus::Stopped, 0.0, 0.0),
                            Look::Unknown => (GuestStatus::Unknown, 0.0, 0.0),
                            Look::Locked(cpu) => (GuestStatus::Running, *cpu, 0.0),
                            Look::Running { cpu, disk } => (GuestStatus::Running, *cpu, *disk),
                        };
                        let mut made = guest(vmid, "n1", status, cpu, disk, now);
                        made.lock = matches!(look, Look::Locked(_)).then(|| "backup".to_owned());
                        Some(made)
                    });
                    let made: Vec<_> = made.collect();
                    let present: HashSet<String> = made.iter().map(|guest| guest.id.to_string()).collect();
                    let status = if is_node_up { NodeStatus::Online } else { NodeStatus::Offline };
                    let liveness = if is_agent_alive { Liveness::Online } else { Liveness::Offline };
                    let world = world(vec![node("n1", status, now)], made, vec![host("h", liveness, None, now)], now);
                    engine.look(&world, now);
                    // No alert outlives its resource.
                    for alert in engine.state.active().iter().filter(|alert| alert.resource_id.contains(':')) {
                        let is_there = alert.resource_id == "host:h" || present.contains(&alert.resource_id);
                        prop_assert!(is_there, "{} has no resource", alert.id);
                    }
                }
                Step::Act { which, action } => {
                    let Some(id) = engine.raised().get(which).cloned() else { continue };
                    let until = now.checked_add(SignedDuration::from_mins(30)).unwrap();
                    let action = match action {
                        0 => Action::Acknowledge { user: "eve".into() },
                        1 => Action::Unacknowledge,
                        2 => Action::Snooze { until },
                        _ => Action::Clear,
                    };
                    engine.act(&id, &action, now);
                }
                Step::Restart => {
                    let before = engine.state.active();
                    engine.restart(now);
                    prop_assert_eq!(&*engine.state.active(), &*before, "a restart loses or changes something");
                }
                Step::Trigger(trigger) => engine.configure(|config| {
                    config.guest_defaults.cpu = Some(pulse_alerts::config::Threshold::new(trigger, trigger - 5.0));
                }),
                Step::Quiet(is_quiet) => engine.configure(|config| {
                    let quiet = &mut config.schedule.quiet_hours;
                    quiet.enabled = is_quiet;
                    "00:00".clone_into(&mut quiet.start);
                    "23:59".clone_into(&mut quiet.end);
                    quiet.suppress.offline = true;
                    for day in quiet.days.values_mut() {
                        *day = true;
                    }
                }),
            }
            // Ids are unique.
            let raised = engine.raised();
            prop_assert_eq!(raised.iter().collect::<HashSet<_>>().len(), raised.len());
        }

        let mut fired: HashMap<(String, Timestamp), usize> = HashMap::new();
        let mut resolved: HashMap<(String, Timestamp), usize> = HashMap::new();
        for notice in &engine.notices {
            match notice.kind {
                NoticeKind::Firing => *fired.entry(opening(notice)).or_default() += 1,
                NoticeKind::Resolved => {
                    *resolved.entry(opening(notice)).or_default() += 1;
                    prop_assert!(fired.contains_key(&opening(notice)), "a recovery without a firing");
                }
                NoticeKind::Reminder | NoticeKind::Escalated { .. } => {
                    prop_assert!(fired.contains_key(&opening(notice)), "said again what was never said");
                    prop_assert!(!resolved.contains_key(&opening(notice)));
                }
            }
        }
        prop_assert!(fired.values().all(|count| *count == 1), "{fired:?}");
        prop_assert!(resolved.values().all(|count| *count == 1), "{resolved:?}");
        // Whatever was opened is closed or still raised.
        let count = |is: fn(&Change) -> bool| engine.changes.iter().filter(|change| is(change)).count();
        let (opened, closed) =
            (count(|c| matches!(c, Change::Opened(_))), count(|c| matches!(c, Change::Closed { .. })));
        prop_assert_eq!(opened, closed + engine.raised().len());
    }
}
