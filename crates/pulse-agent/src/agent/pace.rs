//! When the next report is due: by the agent's interval, or sooner while the server says that somebody looks.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, Interval};

/// Sooner than this nobody can look.
const SHORTEST: Duration = Duration::from_secs(1);
/// Measuring takes at most a fifth of the time, whoever looks: a slow engine is not kept busy by being watched.
const REST: u32 = 4;

/// The pace of one module.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// What the last answer asked for.
    wish: Option<Duration>,
    begun: Option<Instant>,
    took: Duration,
}

impl Pace {
    /// Measuring begins.
    pub(super) fn begin(&mut self) {
        self.begun = Some(Instant::now());
    }

    /// Measuring has ended.
    pub(super) fn end(&mut self) {
        self.took = self.begun.take().map(|begun| begun.elapsed()).unwrap_or_default();
    }

    /// Reads the server's answer to a report. What an answer wishes holds for one report.
    pub(super) fn take(&mut self, answer: &[u8]) {
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        struct Answer {
            next_report_seconds: Option<u32>,
        }
        let answer: Answer = serde_json::from_slice(answer).unwrap_or_default();
        self.wish = answer
            .next_report_seconds
            .map(|seconds| Duration::from_secs(u64::from(seconds)).max(SHORTEST).max(self.took * REST));
    }

    /// Waits until the next report is due. A wish shortens the time and never lengthens it.
    pub(super) async fn next(&mut self, ticks: &mut Interval) {
        match self.wish.take() {
            Some(pause) => {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
            None => {
                ticks.tick().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn waited(pace: &mut Pace, ticks: &mut Interval) -> u64 {
        let begun = Instant::now();
        pace.next(ticks).await;
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_holds_for_one_report_and_only_shortens() {
        let mut ticks = tokio::time::interval(Duration::from_secs(10));
        let mut pace = Pace::default();
        assert_eq!(waited(&mut pace, &mut ticks).await, 0);
        for answer in [r#"{"nextReportSeconds":1}"#, r#"{"nextReportSeconds":0}"#] {
            pace.take(answer.as_bytes());
            assert_eq!(waited(&mut pace, &mut ticks).await, 1);
        }
        assert_eq!(waited(&mut pace, &mut ticks).await, 8);
        for answer in [
            r#"{"nextReportSeconds":60}"#,
            r#"{"nextReportSeconds":-1}"#,
            r#"{"nextReportSeconds":1000000000000}"#,
            r#"{"nextReportSeconds":1e300}"#,
            r#"{"nextReportSeconds":null}"#,
            r#"{"success":true}"#,
            "no JSON",
        ] {
            pace.take(answer.as_bytes());
            assert_eq!(waited(&mut pace, &mut ticks).await, 10);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn measuring_takes_at_most_a_fifth_of_the_time() {
        let mut ticks = tokio::time::interval(Duration::from_secs(30));
        ticks.tick().await;
        let mut pace = Pace::default();
        pace.begin();
        tokio::time::advance(Duration::from_secs(2)).await;
        pace.end();
        pace.take(br#"{"nextReportSeconds":1}"#);
        assert_eq!(waited(&mut pace, &mut ticks).await, 8);
    }
}
