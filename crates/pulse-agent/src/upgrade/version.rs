//! Versions, compared as semantic versions are.

use std::cmp::Ordering;

/// `5.1.0`, `v5.1.0-rc.2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    numbers: [u64; 3],
    /// Empty for a release, which comes after all of its candidates.
    candidate: Vec<String>,
}

impl Version {
    /// Reads a version; `dev` and other words are none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('v');
        let text = text.split('+').next().unwrap_or_default();
        let (numbers, candidate) = text.split_once('-').unwrap_or((text, ""));
        let mut parts = numbers.split('.');
        let mut next = || parts.next().map_or(Some(0), |part| part.parse::<u64>().ok());
        let numbers = [next()?, next()?, next()?];
        if parts.next().is_some() || text.is_empty() {
            return None;
        }
        let candidate = candidate.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Some(Self { numbers, candidate })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_release = || match (self.candidate.is_empty(), other.candidate.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let parts = self.candidate.iter().zip(&other.candidate).map(|(a, b)| part(a, b));
                parts
                    .into_iter()
                    .find(|ordering| ordering.is_ne())
                    .unwrap_or_else(|| self.candidate.len().cmp(&other.candidate.len()))
            }
        };
        self.numbers.cmp(&other.numbers).then_with(by_release)
    }
}

/// Numbers by value and before words.
fn part(a: &str, b: &str) -> Ordering {
    match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered() {
        let order = ["5.0.17", "5.1.0-rc.1", "5.1.0-rc.2", "5.1.0-rc.10", "v5.1.0", "5.1.1", "6"];
        for pair in order.windows(2) {
            let (a, b) = (Version::parse(pair[0]).unwrap(), Version::parse(pair[1]).unwrap());
            assert!(a < b, "{pair:?}");
        }
        assert_eq!(Version::parse("5.1.0+build"), Version::parse("v5.1.0"));
        for none in ["dev", "", "5.x", "1.2.3.4", "v"] {
            assert_eq!(Version::parse(none), None, "{none}");
        }
    }
}
