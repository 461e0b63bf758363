//! Comparison of secrets in a time that tells nothing about them.

use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

/// Whether two secrets are equal. Takes the same time wherever they differ; compares digests, so that the length
/// does not show either.
pub fn equal(a: &str, b: &str) -> bool {
    digest(&SHA256, a.as_bytes()).as_ref().ct_eq(digest(&SHA256, b.as_bytes()).as_ref()).into()
}

#[cfg(test)]
mod tests {
    use super::equal;

    #[test]
    fn equal_means_equal() {
        assert!(equal("", "") && equal("secret", "secret"));
        assert!(!equal("secret", "secreT") && !equal("secret", "secret ") && !equal("secret", ""));
    }
}
