//! The figures beside their goals, printed as a Markdown table for docs/performance.md.

use std::fmt;
use std::time::Duration;

/// One figure.
struct Row {
    what: &'static str,
    measured: String,
    goal: &'static str,
}

/// All figures of one run.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Adds a figure and shows it at once: a long run tells what it has so far.
    pub fn add(&mut self, what: &'static str, measured: String, goal: &'static str) {
        eprintln!("  {what}: {measured} (goal: {goal})");
        self.rows.push(Row { what, measured, goal });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "| Figure | Measured | Goal |\n|---|---|---|")?;
        for Row { what, measured, goal } in &self.rows {
            writeln!(formatter, "| {what} | {measured} | {goal} |")?;
        }
        Ok(())
    }
}

/// Millions of bytes.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Milliseconds, with as many digits as mean something.
pub fn milliseconds(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1e3;
    if milliseconds < 10.0 { format!("{milliseconds:.2} ms") } else { format!("{milliseconds:.0} ms") }
}

/// The value that `share` (0 to 1) of the sorted values do not exceed.
pub fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    let index = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(index.saturating_sub(1).min(last)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_hundred_values() {
        let values: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(quantile(&values, 0.5), Duration::from_millis(50));
        assert_eq!(quantile(&values, 0.99), Duration::from_millis(99));
        assert_eq!(quantile(&values, 1.0), Duration::from_millis(100));
        assert_eq!(quantile(&[], 0.99), Duration::ZERO);
    }
}
