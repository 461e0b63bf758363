//! The token of the first run.

use crate::compare;

/// What came of checking a bootstrap token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootstrapCheck {
    /// It is the one.
    Right,
    /// There is none on this server (any more).
    Unavailable,
    /// None was given.
    Missing,
    /// It is another one.
    Wrong,
}

/// Checks a given bootstrap token against the one of this server. White space around it does not count: it is
/// copied from a terminal.
pub fn check(expected: Option<&str>, given: Option<&str>) -> BootstrapCheck {
    let Some(expected) = expected else { return BootstrapCheck::Unavailable };
    match given.map(str::trim).filter(|given| !given.is_empty()) {
        None => BootstrapCheck::Missing,
        Some(given) if compare::equal(expected, given) => BootstrapCheck::Right,
        Some(_) => BootstrapCheck::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case() {
        assert_eq!(check(None, Some("a")), BootstrapCheck::Unavailable);
        assert_eq!(check(Some("a"), None), BootstrapCheck::Missing);
        assert_eq!(check(Some("a"), Some(" ")), BootstrapCheck::Missing);
        assert_eq!(check(Some("a"), Some("b")), BootstrapCheck::Wrong);
        assert_eq!(check(Some("a"), Some(" a\n")), BootstrapCheck::Right);
    }
}
