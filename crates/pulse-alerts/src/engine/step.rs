//! The state machine of one alert. Pure: the same inputs give the same answer.
//!
//! ```text
//!              holds, seen anew          often enough and long enough
//!   Quiet ───────────────────► Pending ───────────────────────────► Open
//!     ▲                           │                                  │ ▲
//!     │◄──── does not hold ───────┘                                  │ │ holds again
//!     │                                                              ▼ │
//!     │◄─── does not hold; when flapping: for the whole damping ─── Open, fine since
//!
//!   Held (no figure, a lock, a dead node above it): nothing moves, in any state.
//! ```

use jiff::{SignedDuration, Timestamp};

/// What one look at a condition showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// It does not hold.
    Fine,
    /// A value between clear and trigger: what is open stays, nothing begins.
    Between,
    /// It holds.
    Bad,
    /// Nobody can tell, or it must not count now.
    Held,
}

/// How sure one must be before it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirm {
    /// So many looks that show it.
    pub checks: u32,
    /// And so long since the first.
    pub delay: SignedDuration,
}

impl Confirm {
    /// At the first look.
    pub const AT_ONCE: Self = Self { checks: 1, delay: SignedDuration::ZERO };

    /// After so many looks.
    pub const fn checks(checks: u32) -> Self {
        Self { checks, delay: SignedDuration::ZERO }
    }

    /// After so many seconds, and then not at the first look.
    pub const fn seconds(seconds: i64) -> Self {
        if seconds <= 0 {
            Self::AT_ONCE
        } else {
            Self { checks: 2, delay: SignedDuration::from_secs(seconds) }
        }
    }
}

/// Looks that come sooner than this after one another are one: a poll whose parts arrive one by one is one poll.
const BETWEEN_CHECKS: SignedDuration = SignedDuration::from_secs(4);

/// Where one alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Nothing is wrong.
    #[default]
    Quiet,
    /// Something is wrong, not yet surely.
    Pending {
        /// First seen.
        since: Timestamp,
        /// Looks that showed it.
        checks: u32,
        /// When the last of them was.
        counted_at: Timestamp,
    },
    /// The alert is raised.
    Open {
        /// Since when it is fine, while that is not believed yet.
        fine_since: Option<Timestamp>,
    },
}

/// One step. `is_fresh`: the look saw new figures; old ones never bring an alert nearer. `damping`: how long an open
/// alert must be fine before it closes.
pub fn step(
    phase: Phase,
    sight: Sight,
    confirm: Confirm,
    is_fresh: bool,
    damping: Option<SignedDuration>,
    now: Timestamp,
) -> Phase {
    match (phase, sight) {
        (phase, Sight::Held) => phase,
        (Phase::Quiet, Sight::Bad) if is_fresh => {
            confirmed(Phase::Pending { since: now, checks: 1, counted_at: now }, confirm, now)
        }
        (Phase::Quiet | Phase::Pending { .. }, Sight::Fine | Sight::Between) | (Phase::Quiet, Sight::Bad) => {
            Phase::Quiet
        }
        (Phase::Pending { since, checks, counted_at }, Sight::Bad) => {
            // A clock that was set back must not hold an alert back until it has caught up.
            let since = since.min(now);
            let is_new = is_fresh && (now.duration_since(counted_at) >= BETWEEN_CHECKS || now < counted_at);
            let pending = if is_new {
                Phase::Pending { since, checks: checks.saturating_add(1), counted_at: now }
            } else {
                Phase::Pending { since, checks, counted_at: counted_at.min(now) }
            };
            if is_fresh { confirmed(pending, confirm, now) } else { pending }
        }
        (Phase::Open { .. }, Sight::Bad | Sight::Between) => Phase::Open { fine_since: None },
        (Phase::Open { fine_since }, Sight::Fine) => match damping {
            None => Phase::Quiet,
            Some(damping) => {
                let since = fine_since.unwrap_or(now).min(now);
                if now.duration_since(since) >= damping {
                    Phase::Quiet
                } else {
                    Phase::Open { fine_since: Some(since) }
                }
            }
        },
    }
}

fn confirmed(phase: Phase, confirm: Confirm, now: Timestamp) -> Phase {
    match phase {
        Phase::Pending { since, checks, .. }
            if checks >= confirm.checks && now.duration_since(since) >= confirm.delay =>
        {
            Phase::Open { fine_since: None }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// Plays looks of the form `B`ad, `F`ine, `-` between, `h`eld, every ten seconds; writes down the phases as
    /// `.` quiet, `p` pending, `O` open, `o` open and fine.
    #[track_caller]
    fn play(looks: &str, confirm: Confirm, damping: Option<i64>, expect: &str) {
        let mut phase = Phase::Quiet;
        let mut seen = String::new();
        for (n, look) in looks.chars().enumerate() {
            let sight = match look {
                'B' => Sight::Bad,
                'F' => Sight::Fine,
                '-' => Sight::Between,
                _ => Sight::Held,
            };
            phase =
                step(phase, sight, confirm, true, damping.map(SignedDuration::from_secs), at(n as i64 * 10));
            seen.push(match phase {
                Phase::Quiet => '.',
                Phase::Pending { .. } => 'p',
                Phase::Open { fine_since: None } => 'O',
                Phase::Open { fine_since: Some(_) } => 'o',
            });
        }
        assert_eq!(seen, expect, "{looks}");
    }

    #[test]
    fn hysteresis_delay_and_confirmation() {
        play("BFB", Confirm::AT_ONCE, None, "O.O");
        play("B--F-", Confirm::AT_ONCE, None, "OOO..");
        play("BB-BB", Confirm::seconds(5), None, "pOOOO");
        play("B-B-B", Confirm::seconds(5), None, "p.p.p");
        play("BBBBF", Confirm::seconds(25), None, "pppO.");
        play("BBBFB", Confirm::checks(3), None, "ppO.p");
    }

    #[test]
    fn what_cannot_be_told_moves_nothing() {
        play("hBhhB", Confirm::checks(2), None, ".pppO");
        play("BhhFh", Confirm::AT_ONCE, None, "OOO..");
    }

    #[test]
    fn a_flapping_alert_closes_only_after_it_was_fine_for_long() {
        play("BFBFFFF", Confirm::AT_ONCE, Some(30), "OoOooo.");
    }

    #[test]
    fn old_figures_bring_nothing_nearer() {
        let confirm = Confirm::checks(2);
        let pending = step(Phase::Quiet, Sight::Bad, confirm, true, None, at(0));
        assert_eq!(step(pending, Sight::Bad, confirm, false, None, at(100)), pending);
        assert_eq!(step(Phase::Quiet, Sight::Bad, confirm, false, None, at(0)), Phase::Quiet);
        // Two parts of one poll are one look.
        assert!(matches!(
            step(pending, Sight::Bad, confirm, true, None, at(1)),
            Phase::Pending { checks: 1, .. }
        ));
    }

    fn sights() -> impl Strategy<Value = Vec<(Sight, bool, i64)>> {
        let sight = prop_oneof![Just(Sight::Fine), Just(Sight::Between), Just(Sight::Bad), Just(Sight::Held)];
        prop::collection::vec((sight, any::<bool>(), -5i64..120), 0..60)
    }

    proptest! {
        #[test]
        fn it_opens_only_on_a_fresh_bad_look_and_closes_only_on_a_fine_one(
            looks in sights(), checks in 1u32..4, delay in 0i64..60, damping in prop::option::of(1i64..120),
        ) {
            let confirm = Confirm { checks, delay: SignedDuration::from_secs(delay) };
            let damping = damping.map(SignedDuration::from_secs);
            let (mut phase, mut now) = (Phase::Quiet, at(0));
            for (sight, fresh, wait) in looks {
                now = now.checked_add(SignedDuration::from_secs(wait)).unwrap();
                let next = step(phase, sight, confirm, fresh, damping, now);
                let (was, is) = (matches!(phase, Phase::Open { .. }), matches!(next, Phase::Open { .. }));
                if !was && is {
                    prop_assert!(fresh && sight == Sight::Bad);
                }
                if was && !is {
                    prop_assert_eq!(sight, Sight::Fine);
                }
                if sight == Sight::Held {
                    prop_assert_eq!(phase, next);
                }
                phase = next;
            }
        }
    }
}
