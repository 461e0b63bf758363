//! The simulation's own clock: it may begin anywhere, run faster than the machine's, stand still, and leap.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use pulse_core::{Clock, SystemClock};
use serde::{Deserialize, Serialize};

use crate::SimError;

/// No clock runs faster.
const FASTEST: f64 = 100_000.0;
/// No clock leaps further at once: ten years.
const LONGEST_LEAP_SECONDS: u64 = 10 * 366 * 86_400;

/// What a clock shows, and how fast it runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClockFace {
    /// What it shows.
    pub now: Timestamp,
    /// Seconds of the simulation for each second of the machine; 0 while it stands still.
    pub speed: f64,
}

/// How a clock is steered.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Steering {
    /// How fast it runs from now on; as before where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// How far it leaps first, forward only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_seconds: Option<u64>,
}

/// A clock that never goes back.
pub struct SimClock {
    base: Arc<dyn Clock>,
    dial: Mutex<Dial>,
}

#[derive(Debug, Clone, Copy)]
struct Dial {
    /// Since when, by the machine's clock, it runs at this speed.
    since: Timestamp,
    /// What it showed then.
    at: Timestamp,
    speed: f64,
}

impl SimClock {
    /// A clock that shows `start`, or what the machine's shows, and runs at a speed.
    pub fn new(start: Option<Timestamp>, speed: f64) -> Result<Self, SimError> {
        Self::over(Arc::new(SystemClock), start, speed)
    }

    /// The same over another clock than the machine's.
    pub fn over(base: Arc<dyn Clock>, start: Option<Timestamp>, speed: f64) -> Result<Self, SimError> {
        check_speed(speed)?;
        let since = base.now();
        let dial = Mutex::new(Dial { since, at: start.unwrap_or(since), speed });
        Ok(Self { base, dial })
    }

    /// What it shows, and how fast it runs.
    pub fn face(&self) -> ClockFace {
        let dial = self.settle();
        ClockFace { now: dial.at, speed: dial.speed }
    }

    /// Changes its speed, and lets it leap.
    pub fn steer(&self, steering: Steering) -> Result<ClockFace, SimError> {
        let step = steering.step_seconds.unwrap_or(0);
        if step > LONGEST_LEAP_SECONDS {
            return Err(SimError::Options(format!("a clock leaps ten years at most, not {step} s")));
        }
        if let Some(speed) = steering.speed {
            check_speed(speed)?;
        }
        let mut dial = self.settle();
        if let Ok(at) = dial.at.checked_add(SignedDuration::from_secs(step as i64)) {
            dial.at = at;
        }
        dial.speed = steering.speed.unwrap_or(dial.speed);
        let face = ClockFace { now: dial.at, speed: dial.speed };
        drop(dial);
        Ok(face)
    }

    /// Takes note of the time that has passed.
    fn settle(&self) -> MutexGuard<'_, Dial> {
        let mut dial = self.dial.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.base.now();
        // The machine's clock may be set back: this one only waits then.
        let passed = now.duration_since(dial.since).max(SignedDuration::ZERO);
        let passed = SignedDuration::try_from_secs_f64(passed.as_secs_f64() * dial.speed);
        if let Some(at) = passed.ok().and_then(|passed| dial.at.checked_add(passed).ok()) {
            dial.at = at;
        }
        dial.since = now;
        dial
    }
}

fn check_speed(speed: f64) -> Result<(), SimError> {
    if speed.is_finite() && (0.0..=FASTEST).contains(&speed) {
        return Ok(());
    }
    Err(SimError::Options(format!("the speed of a clock is 0 to {FASTEST}, not {speed}")))
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.settle().at
    }
}

impl std::fmt::Debug for SimClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimClock").field("dial", &self.dial).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use pulse_core::ManualClock;

    use super::*;

    #[test]
    fn it_runs_stands_still_and_leaps_and_never_goes_back() {
        let machine = Arc::new(ManualClock::new(Timestamp::from_second(1_000).unwrap()));
        let start = Timestamp::from_second(5_000).unwrap();
        let clock = SimClock::over(machine.clone(), Some(start), 10.0).unwrap();
        let shows = |seconds: i64| {
            machine.advance(SignedDuration::from_secs(seconds));
            clock.now().as_second()
        };
        assert_eq!((shows(0), shows(6)), (5_000, 5_060));
        clock.steer(Steering { speed: Some(0.0), step_seconds: None }).unwrap();
        assert_eq!(shows(100), 5_060);
        let face = clock.steer(Steering { speed: Some(1.0), step_seconds: Some(40) }).unwrap();
        assert_eq!((face.now.as_second(), face.speed), (5_100, 1.0));
        assert_eq!((shows(-50), shows(5)), (5_100, 5_105));
        assert!(clock.steer(Steering { speed: Some(-1.0), step_seconds: None }).is_err());
        assert!(SimClock::new(None, f64::NAN).is_err());
    }
}
