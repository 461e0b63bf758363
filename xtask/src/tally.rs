//! Counts tests from what the three test runners print, so that the last line says how many ran.

use std::fmt;
use std::ops::AddAssign;

/// Tests that ran, by their end.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub passed: u32,
    pub failed: u32,
    pub skipped: u32,
}

impl Tally {
    /// Adds a line of `cargo test`: `test result: ok. 3 passed; 0 failed; 0 ignored; …`.
    pub fn cargo(&mut self, line: &str) {
        if let Some(result) = line.trim().strip_prefix("test result: ") {
            self.counts(result.split([';', '.']));
        }
    }

    /// Adds a line of vitest: `Tests  1 failed | 34 passed (35)`.
    pub fn vitest(&mut self, line: &str) {
        if let Some(result) = plain(line).trim().strip_prefix("Tests ") {
            self.counts(result.split('(').next().unwrap_or_default().split('|'));
        }
    }

    /// Adds a line of Playwright's summary: `12 passed (5.1s)`.
    pub fn playwright(&mut self, line: &str) {
        let text = plain(line);
        let summary = text.trim().split(" (").next().unwrap_or_default();
        if summary.split(' ').count() <= 3 {
            self.counts([summary]);
        }
    }

    fn counts<'a>(&mut self, parts: impl IntoIterator<Item = &'a str>) {
        for part in parts {
            let Some((count, word)) = part.trim().split_once(' ') else { continue };
            let Ok(count) = count.parse::<u32>() else { continue };
            match word {
                // A test that passed on a second try did pass; Playwright names it apart.
                "passed" | "flaky" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" | "skipped" | "did not run" => self.skipped += count,
                _ => {}
            }
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The text without terminal colours.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        text.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(add: fn(&mut Tally, &str), lines: &[&str], expect: &str) {
        let mut tally = Tally::default();
        for line in lines {
            add(&mut tally, line);
        }
        assert_eq!(tally.to_string(), expect);
    }

    #[test]
    fn lines_of_cargo_test_add_up() {
        let lines = [
            "running 3 tests",
            "test a ... ok",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ];
        check(Tally::cargo, &lines, "5 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn the_line_of_vitest_counts_tests_and_not_files() {
        let lines = [
            " Test Files  4 passed (4)",
            "\u{1b}[2m      Tests \u{1b}[22m 1 failed | 34 passed | 2 skipped (37)",
        ];
        check(Tally::vitest, &lines, "34 passed, 1 failed, 2 skipped");
    }

    #[test]
    fn the_summary_of_playwright_counts() {
        let lines = [
            "  1 failed",
            "    [chromium] › login.spec.ts:3:1 › 3 passed doors",
            "  2 skipped",
            "  12 passed (5.1s)",
        ];
        check(Tally::playwright, &lines, "12 passed, 1 failed, 2 skipped");
    }
}
