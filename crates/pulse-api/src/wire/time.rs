//! The contract's encodings of time.

use jiff::Timestamp;

/// Unix milliseconds truncated to whole seconds, as the state and the charts carry them.
pub fn whole_second_millis(at: Timestamp) -> i64 {
    at.as_second() * 1000
}

/// The Unix milliseconds that stand for "never" where the contract has no way to leave a time out.
pub const NEVER: Timestamp = Timestamp::constant(-62_135_596_800, 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_year_one() {
        assert_eq!(NEVER.to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(whole_second_millis(NEVER), -62_135_596_800_000);
    }
}
