//! One-time tokens for setup scripts: short-lived, for one product, kept as hashes and in memory only.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use pulse_core::model::InstanceKind;

use crate::{NoRandom, compare, hash_token, hex, random};

/// How long a token may wait for its script.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// After its use the rest of the same script may still use it.
const GRACE: SignedDuration = SignedDuration::from_mins(1);
/// No more tokens than this wait at once; the oldest give way.
const MOST: usize = 1_000;

/// A token that was given out.
#[derive(Clone)]
pub struct SetupToken {
    /// Its value, 32 hexadecimal digits.
    pub value: String,
    /// Until when it may be used.
    pub expires: Timestamp,
}

#[derive(Debug)]
struct Entry {
    hash: String,
    kind: InstanceKind,
    expires: Timestamp,
    used: Option<Timestamp>,
}

/// The tokens that wait for their scripts.
#[derive(Debug, Default)]
pub struct SetupTokens(Mutex<Vec<Entry>>);

impl SetupTokens {
    /// Makes a token for a script of this product.
    pub fn issue(&self, kind: InstanceKind, now: Timestamp) -> Result<SetupToken, NoRandom> {
        let value = hex(&random::<16>()?);
        let expires = now.saturating_add(LIFETIME).unwrap_or(now);
        let mut entries = self.lock();
        entries.retain(|entry| entry.is_alive(now));
        if entries.len() >= MOST {
            entries.remove(0);
        }
        entries.push(Entry { hash: hash_token(&value), kind, expires, used: None });
        Ok(SetupToken { value, expires })
    }

    /// Uses a token up; false where there is none of that value, or it is used, too old, or for another product.
    pub fn consume(&self, value: &str, kind: InstanceKind, now: Timestamp) -> bool {
        let hash = hash_token(value);
        let mut entries = self.lock();
        let found = entries.iter_mut().find(|entry| entry.is(&hash) && entry.kind == kind);
        match found.filter(|entry| entry.used.is_none() && entry.expires > now) {
            Some(entry) => {
                entry.used = Some(now);
                true
            }
            None => false,
        }
    }

    /// Whether a token may still be used up for this product.
    pub fn is_waiting(&self, value: &str, kind: InstanceKind, now: Timestamp) -> bool {
        let hash = hash_token(value);
        let is_it = |entry: &Entry| entry.is(&hash) && entry.kind == kind;
        self.lock().iter().any(|entry| is_it(entry) && entry.used.is_none() && entry.expires > now)
    }

    /// Whether a script may go on with a token: unused, or used within the last minute.
    pub fn is_usable(&self, value: &str, now: Timestamp) -> bool {
        let hash = hash_token(value);
        self.lock().iter().any(|entry| entry.is(&hash) && entry.is_alive(now))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is(&self, hash: &str) -> bool {
        compare::equal(&self.hash, hash)
    }

    fn is_alive(&self, now: Timestamp) -> bool {
        match self.used {
            None => self.expires > now,
            Some(used) => now.duration_since(used) < GRACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_token_is_good_once_for_five_minutes_and_one_product() {
        let tokens = SetupTokens::default();
        let token = tokens.issue(InstanceKind::Pve, at(0)).unwrap();
        assert_eq!((token.value.len(), token.expires), (32, at(300)));
        assert!(!tokens.consume(&token.value, InstanceKind::Pbs, at(1)), "another product");
        assert!(!tokens.consume("0123456789abcdef0123456789abcdef", InstanceKind::Pve, at(1)));
        assert!(tokens.consume(&token.value, InstanceKind::Pve, at(299)));
        assert!(!tokens.consume(&token.value, InstanceKind::Pve, at(299)), "used");
        assert!(tokens.is_usable(&token.value, at(300)) && !tokens.is_usable(&token.value, at(360)));
        let old = tokens.issue(InstanceKind::Pbs, at(0)).unwrap();
        assert!(!tokens.consume(&old.value, InstanceKind::Pbs, at(300)), "too old");
    }

    #[test]
    fn they_are_bounded() {
        let tokens = SetupTokens::default();
        for _ in 0..MOST + 10 {
            tokens.issue(InstanceKind::Pve, at(0)).unwrap();
        }
        assert_eq!(tokens.lock().len(), MOST);
        tokens.issue(InstanceKind::Pve, at(1000)).unwrap();
        assert_eq!(tokens.lock().len(), 1);
    }
}
