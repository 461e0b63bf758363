//! Well-known bad days, by name: which faults hold at which second after the day began. Pure, so that a test can walk
//! through an hour of rolling reboots in a moment; [`Play`] switches the faults on and off.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Effect, Fault, PveVersion};

/// A node that restarts is away for so long, and so long after it the next one goes.
const REBOOT_SECONDS: u64 = 60;
/// A node that flaps is there, and away, for so long.
const FLAP_SECONDS: u64 = 20;
/// How long a call waits for a share that hangs.
const SHARE_MILLISECONDS: u64 = 30_000;
/// How long a call waits at an API that has too much to do.
const SLOW_MILLISECONDS: u64 = 800;
/// Whoever plays a day by the clock looks this often.
const LOOK: Duration = Duration::from_secs(1);

/// A bad day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// One node after the other restarts.
    RollingReboot,
    /// The shared file system hangs, and so does every call that looks at it.
    NfsHang,
    /// The token is gone.
    TokenRevoked,
    /// The last node is dead.
    OneNodeDead,
    /// The last two nodes are dead.
    TwoOfFiveDead,
    /// The last node comes and goes, every twenty seconds.
    FlappingNode,
    /// The backup server's main datastore is not mounted.
    PbsUnmounted,
    /// The API has too much to do: slow, and every other ten seconds it turns calls away.
    ApiOverload,
    /// The first node has a new certificate.
    CertRotated,
    /// The account may do less than before.
    PermissionDowngrade,
    /// Release 8 becomes 9, one node after the other.
    #[serde(rename = "upgrade-8-to-9")]
    Upgrade8To9,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::RollingReboot,
        Self::NfsHang,
        Self::TokenRevoked,
        Self::OneNodeDead,
        Self::TwoOfFiveDead,
        Self::FlappingNode,
        Self::PbsUnmounted,
        Self::ApiOverload,
        Self::CertRotated,
        Self::PermissionDowngrade,
        Self::Upgrade8To9,
    ];

    /// The name it is asked for by.
    pub fn name(self) -> &'static str {
        match self {
            Self::RollingReboot => "rolling-reboot",
            Self::NfsHang => "nfs-hang",
            Self::TokenRevoked => "token-revoked",
            Self::OneNodeDead => "one-node-dead",
            Self::TwoOfFiveDead => "two-of-five-dead",
            Self::FlappingNode => "flapping-node",
            Self::PbsUnmounted => "pbs-unmounted",
            Self::ApiOverload => "api-overload",
            Self::CertRotated => "cert-rotated",
            Self::PermissionDowngrade => "permission-downgrade",
            Self::Upgrade8To9 => "upgrade-8-to-9",
        }
    }

    /// The faults that hold so many seconds after it began, on nodes of these names. What strikes once stands here as
    /// long as its traces do, and strikes when it comes into the list.
    pub fn faults(self, nodes: &[String], elapsed_seconds: u64) -> Vec<Fault> {
        let last = |count: usize| {
            let dead = nodes.iter().rev().take(count);
            dead.map(|node| Fault::new(Effect::NodeOffline).on_node(node)).collect()
        };
        match self {
            Self::RollingReboot => in_turn(nodes, elapsed_seconds, &[Effect::Restart]),
            Self::Upgrade8To9 => {
                let release = Effect::Release { version: PveVersion::V9_1 };
                in_turn(nodes, elapsed_seconds, &[Effect::Restart, release])
            }
            Self::NfsHang => {
                vec![Fault::new(Effect::StorageHang { storage: "nas".into(), ms: SHARE_MILLISECONDS })]
            }
            Self::TokenRevoked => vec![Fault::new(Effect::RevokeToken)],
            Self::OneNodeDead => last(1),
            Self::TwoOfFiveDead => last(2),
            Self::FlappingNode if elapsed_seconds / FLAP_SECONDS % 2 == 1 => last(1),
            Self::FlappingNode => Vec::new(),
            Self::PbsUnmounted => vec![Fault::new(Effect::Unmount { store: "main".into() })],
            Self::ApiOverload => {
                let slow = Fault::new(Effect::Delay { ms: SLOW_MILLISECONDS });
                if elapsed_seconds / 10 % 2 == 1 {
                    let text = "Too Many Requests".into();
                    vec![slow, Fault::new(Effect::Status { code: 429, text })]
                } else {
                    vec![slow]
                }
            }
            Self::CertRotated => {
                let first = nodes.iter().take(1);
                first.map(|node| Fault::new(Effect::RotateCertificate).on_node(node)).collect()
            }
            Self::PermissionDowngrade => vec![Fault::new(Effect::Downgrade)],
        }
    }
}

/// One node after the other is away, and afterwards `then` holds for it.
fn in_turn(nodes: &[String], elapsed_seconds: u64, then: &[Effect]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (place, node) in nodes.iter().enumerate() {
        let begins = place as u64 * 2 * REBOOT_SECONDS;
        let ends = begins + REBOOT_SECONDS;
        if (begins..ends).contains(&elapsed_seconds) {
            faults.push(Fault::new(Effect::NodeOffline).on_node(node));
        } else if elapsed_seconds >= ends {
            faults.extend(then.iter().map(|effect| Fault::new(effect.clone()).on_node(node)));
        }
    }
    faults
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|preset| preset.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|preset| preset.name()).collect();
            format!("there is no preset `{text}`; there are {}", names.join(", "))
        })
    }
}

/// Where faults are switched on and off: a cluster or a machine that stands for itself.
pub(crate) trait Stage: Send + Sync + 'static {
    fn add(&self, fault: Fault) -> Option<u64>;
    fn remove(&self, id: u64) -> bool;
    /// Names of the nodes, as faults name them.
    fn nodes(&self) -> Vec<String>;
    /// Now, in Unix seconds.
    fn seconds(&self) -> u64;
}

/// A bad day that is being played.
#[derive(Debug)]
pub struct Play {
    preset: Preset,
    began: u64,
    active: Vec<(Fault, u64)>,
}

impl Play {
    pub(crate) fn begin(preset: Preset, stage: &dyn Stage) -> Self {
        let mut play = Self { preset, began: stage.seconds(), active: Vec::new() };
        play.look(stage);
        play
    }

    /// Makes the faults agree with the clock.
    pub(crate) fn look(&mut self, stage: &dyn Stage) {
        let elapsed = stage.seconds().saturating_sub(self.began);
        let wanted = self.preset.faults(&stage.nodes(), elapsed);
        self.active.retain(|(fault, id)| {
            let stays = wanted.contains(fault);
            if !stays {
                stage.remove(*id);
            }
            stays
        });
        for fault in wanted {
            if self.active.iter().all(|(active, _)| *active != fault)
                && let Some(id) = stage.add(fault.clone())
            {
                self.active.push((fault, id));
            }
        }
    }

    /// Ends it: its faults are gone.
    pub(crate) fn end(&mut self, stage: &dyn Stage) {
        for (_, id) in self.active.drain(..) {
            stage.remove(id);
        }
    }
}

/// Plays a day by the clock until `stop`.
pub(crate) fn play_on(mut play: Play, stage: Arc<dyn Stage>, tasks: &TaskTracker, stop: CancellationToken) {
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK) => play.look(&*stage),
            }
        }
        play.end(&*stage);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).into()
    }

    #[test]
    fn every_preset_is_found_by_the_name_it_writes() {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse(), Ok(preset));
            assert_eq!(serde_json::to_value(preset).unwrap(), preset.name());
        }
        assert!("sunny-day".parse::<Preset>().unwrap_err().contains("rolling-reboot"));
    }

    #[test]
    fn in_a_rolling_reboot_no_two_nodes_are_away_at_once_and_each_restarts_once() {
        let away = |second| -> Vec<String> {
            let faults = Preset::RollingReboot.faults(&nodes(), second);
            faults.into_iter().filter(|f| f.effect == Effect::NodeOffline).map(|f| f.node).collect()
        };
        assert_eq!((away(0), away(59), away(60)), (vec!["a".into()], vec!["a".into()], vec![]));
        assert_eq!((away(120), away(240), away(1_000)), (vec!["b".into()], vec!["c".into()], vec![]));
        assert!((0..400).all(|second| away(second).len() < 2));
        let restarts = Preset::RollingReboot.faults(&nodes(), 10_000);
        assert_eq!(restarts.iter().filter(|fault| fault.effect == Effect::Restart).count(), 3);
    }

    #[test]
    fn an_upgrade_changes_one_release_after_the_other() {
        let upgraded = |second| {
            let faults = Preset::Upgrade8To9.faults(&nodes(), second);
            faults.iter().filter(|fault| matches!(fault.effect, Effect::Release { .. })).count()
        };
        assert_eq!([0, 59, 60, 179, 180, 300].map(upgraded), [0, 0, 1, 1, 2, 3]);
    }

    #[test]
    fn a_flapping_node_is_there_half_the_time() {
        let away =
            (0..400).filter(|second| !Preset::FlappingNode.faults(&nodes(), *second).is_empty()).count();
        assert_eq!(away, 200);
    }
}
