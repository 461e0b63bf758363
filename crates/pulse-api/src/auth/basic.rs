//! Repeated Basic logins: the same user and password against the same stored hash are verified once, then known by a
//! keyed digest for a while. The password itself is never kept.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use pulse_auth::{compare, hash_token};

/// A verified login is known this long.
const KNOWN_FOR: SignedDuration = SignedDuration::from_mins(10);

/// Remembers the last verified login.
#[derive(Debug, Default)]
pub struct BasicCache(Mutex<Option<(String, Timestamp)>>);

impl BasicCache {
    fn digest(user: &str, password: &str, stored_hash: &str) -> String {
        // The stored hash is salted and secret: without it the digest says nothing of the password.
        hash_token(&format!("{stored_hash}\0{user}\0{password}"))
    }

    /// Whether this very login was verified a short while ago.
    pub fn knows(&self, user: &str, password: &str, stored_hash: &str, now: Timestamp) -> bool {
        let digest = Self::digest(user, password, stored_hash);
        let known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.as_ref().is_some_and(|(is, until)| compare::equal(is, &digest) && now < *until)
    }

    /// Remembers a verified login.
    pub fn remember(&self, user: &str, password: &str, stored_hash: &str, now: Timestamp) {
        let until = now.saturating_add(KNOWN_FOR).unwrap_or(now);
        let digest = Self::digest(user, password, stored_hash);
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((digest, until));
    }
}
