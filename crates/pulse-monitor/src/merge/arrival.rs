//! Which reports are news. An agent that was cut off sends what it measured meanwhile after its newest report; a proxy
//! may send a report twice. Neither may make the world older than it is: what is late goes into [history](crate::late).

use jiff::Timestamp;
use pulse_config::store::fleet::AgentKind;
use pulse_core::model::{AgentLink, Liveness};

use crate::{intake::Reporter, world::World};

/// A report is not held up longer on its way than this; where two clocks differ by more, one of them was set.
const LONGEST_DELAY_MILLISECONDS: i64 = 60_000;

/// Two moments, the earlier one first.
pub(crate) type Span = (Timestamp, Timestamp);

/// Milliseconds that the counters of a report counted since the one before. Reports are held up on their way, their counters
/// are not: between the two measurements by the agent's clock, unless that was set since.
pub(crate) fn counted_milliseconds(measured: Option<Span>, arrived: Span) -> i64 {
    let between = |(before, now): Span| now.as_millisecond() - before.as_millisecond();
    let arrived = between(arrived);
    let measured = measured.map(between);
    measured
        .filter(|measured| *measured > 0 && (measured - arrived).abs() <= LONGEST_DELAY_MILLISECONDS)
        .unwrap_or(arrived)
}

/// What is known of a machine when its report arrives.
pub(crate) struct Arrival<'a> {
    pub(crate) kind: AgentKind,
    pub(crate) id: &'a str,
    /// When it was measured, by the agent's clock.
    pub(crate) measured_at: Option<Timestamp>,
    /// When the newest report came, by the server's clock.
    pub(crate) last_seen: Timestamp,
    pub(crate) interval_seconds: u32,
    /// Whether it says the very same as the newest one.
    pub(crate) is_same: bool,
}

/// What a report is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It tells what is now.
    News,
    /// It tells what was at this time, by the server's clock.
    Late(Timestamp),
    /// It was taken already, or is too old for history.
    Nothing,
}

/// What a report is good for. An agent whose clock was set back is believed again after two of its intervals in which
/// nothing newer came.
pub(crate) fn judge(world: &mut World, arrival: &Arrival<'_>, now: Timestamp) -> Verdict {
    let Some(measured_at) = arrival.measured_at else { return Verdict::News };
    let key = (arrival.kind, arrival.id.to_owned());
    if let Some(newest) = world.reported_at.get(&key) {
        let patience = (2 * i64::from(arrival.interval_seconds)).clamp(20, 600);
        let silence = now.duration_since(arrival.last_seen).as_secs();
        let is_old = measured_at < *newest || (measured_at == *newest && arrival.is_same);
        if is_old && (0..patience).contains(&silence) {
            let place = world.late.place(&key, measured_at, *newest, arrival.last_seen, now);
            return place.map_or(Verdict::Nothing, Verdict::Late);
        }
    }
    world.reported_at.insert(key, measured_at);
    Verdict::News
}

/// Whether reports are missing between the last one and one that comes now: late ones may follow.
pub(crate) fn is_gap(arrival: &Arrival<'_>, now: Timestamp) -> bool {
    let silence = now.duration_since(arrival.last_seen).as_secs();
    silence > 2 * i64::from(arrival.interval_seconds).max(1)
}

/// Whether the server looks at a machine that an agent of its own reports already: the agent knows more.
pub(crate) fn is_redundant(reporter: &Reporter, link: Option<&AgentLink>, liveness: Liveness) -> bool {
    reporter == &Reporter::Local && link.is_some() && liveness == Liveness::Online
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// Plays reports at (server's second, agent's second); `last_seen` follows the accepted ones.
    fn play(reports: &[(i64, i64)]) -> Vec<Verdict> {
        let mut world = World::new(at(0));
        let mut last_seen = at(0);
        let mut out = Vec::new();
        for (second, measured) in reports {
            let arrival = Arrival {
                kind: AgentKind::Host,
                id: "nas",
                measured_at: Some(at(*measured)),
                last_seen,
                interval_seconds: 10,
                is_same: false,
            };
            let verdict = judge(&mut world, &arrival, at(*second));
            if verdict == Verdict::News {
                last_seen = at(*second);
            }
            out.push(verdict);
        }
        out
    }

    #[test]
    fn counters_count_between_measurements_unless_a_clock_was_set() {
        let of = |measured: Option<(i64, i64)>| {
            let measured = measured.map(|(before, now)| (at(before), at(now)));
            counted_milliseconds(measured, (at(100), at(101)))
        };
        assert_eq!(of(Some((0, 10))), 10_000, "the first of the two was held up for nine seconds");
        for not_believed in [None, Some((10, 10)), Some((10, 0)), Some((0, 3600))] {
            assert_eq!(of(not_believed), 1_000, "{not_believed:?}");
        }
    }

    fn late(second: i64) -> Verdict {
        Verdict::Late(at(second))
    }

    #[test]
    fn what_was_kept_during_an_outage_does_not_overwrite_what_is_newest() {
        assert_eq!(
            play(&[(300, 300), (300, 10), (300, 20), (300, 20), (301, 290), (310, 310)]),
            [Verdict::News, late(10), late(20), Verdict::Nothing, late(290), Verdict::News]
        );
    }

    #[test]
    fn clocks_that_are_wrong_or_set_back_are_followed() {
        assert_eq!(play(&[(0, 86_400), (10, 86_410)]), [Verdict::News, Verdict::News], "from the future");
        let back = [(0, 3_600), (10, 10), (20, 20), (30, 30)];
        let verdicts = play(&back);
        // The one in between is held for an hour old; history has that hour already.
        assert_eq!(verdicts, [Verdict::News, late(10 - 3_600), Verdict::News, Verdict::News], "set back");
        let skewed = [(300, 300 + 7_200), (300, 10 + 7_200), (301, 20 + 7_200)];
        assert_eq!(play(&skewed), [Verdict::News, late(10), late(20)], "two hours ahead all the time");
    }
}
