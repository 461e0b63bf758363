//! When an agent counts as gone: several of its own intervals without a report, by the server's clock.

use std::time::Duration;

use jiff::Timestamp;
use pulse_core::model::Liveness;

/// Silence that a host agent is allowed.
pub fn host_window(interval_seconds: u32) -> Duration {
    Duration::from_secs((6 * u64::from(interval_seconds)).clamp(60, 600))
}

/// Silence that a Docker or Kubernetes agent is allowed.
pub fn container_window(interval_seconds: u32) -> Duration {
    Duration::from_secs((4 * u64::from(interval_seconds)).clamp(30, 600))
}

/// Whether reports still come. A clock that stepped backwards never makes an agent look gone.
pub fn of(last_seen: Timestamp, window: Duration, now: Timestamp) -> Liveness {
    let silent_milliseconds = now.as_millisecond() - last_seen.as_millisecond();
    if silent_milliseconds > i64::try_from(window.as_millis()).unwrap_or(i64::MAX) {
        Liveness::Offline
    } else {
        Liveness::Online
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_multiples_of_the_interval_within_bounds() {
        assert_eq!(host_window(30), Duration::from_secs(180));
        assert_eq!(host_window(1), Duration::from_secs(60));
        assert_eq!(host_window(3600), Duration::from_secs(600));
        assert_eq!(container_window(30), Duration::from_secs(120));
        assert_eq!(container_window(0), Duration::from_secs(30));
    }

    #[test]
    fn an_agent_is_gone_only_after_its_window() {
        let seen = Timestamp::from_second(1_800_000_000).unwrap();
        let later = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        assert_eq!(of(seen, Duration::from_secs(60), later(60)), Liveness::Online);
        assert_eq!(of(seen, Duration::from_secs(60), later(61)), Liveness::Offline);
        assert_eq!(of(seen, Duration::from_secs(60), later(-3600)), Liveness::Online);
    }
}
