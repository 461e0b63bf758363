//! Tokens against forged requests: one per session, told to the page, sent back in a header.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE};
use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

use crate::{NoRandom, random, session::MAX_SESSIONS};

/// How long a token counts.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(4);

/// The tokens of all sessions, as hashes.
#[derive(Debug)]
pub struct Csrf {
    capacity: usize,
    by_session: Mutex<HashMap<String, Issued>>,
}

#[derive(Debug)]
struct Issued {
    hash: [u8; 32],
    expires_at: Timestamp,
}

impl Default for Csrf {
    fn default() -> Self {
        Self::with_capacity(MAX_SESSIONS)
    }
}

impl Csrf {
    /// No tokens yet, and never more than `capacity`.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), by_session: Mutex::default() }
    }

    /// A new token for a session; an older one of it counts no more. Issue it for sessions that exist only.
    pub fn issue(&self, session_key: &str, now: Timestamp) -> Result<String, NoRandom> {
        let token = URL_SAFE.encode(random::<32>()?);
        let issued =
            Issued { hash: hash(&token), expires_at: now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX) };
        let mut by_session = self.by_session.lock().unwrap_or_else(PoisonError::into_inner);
        if by_session.len() >= self.capacity && !by_session.contains_key(session_key) {
            by_session.retain(|_, issued| issued.expires_at > now);
            if by_session.len() >= self.capacity {
                let first =
                    by_session.iter().min_by_key(|(_, issued)| issued.expires_at).map(|(key, _)| key.clone());
                if let Some(key) = first {
                    by_session.remove(&key);
                }
            }
        }
        by_session.insert(session_key.to_owned(), issued);
        Ok(token)
    }

    /// Whether the token is the one of the session and still counts.
    pub fn verify(&self, session_key: &str, token: &str, now: Timestamp) -> bool {
        let by_session = self.by_session.lock().unwrap_or_else(PoisonError::into_inner);
        by_session
            .get(session_key)
            .is_some_and(|issued| issued.expires_at > now && bool::from(issued.hash.ct_eq(&hash(token))))
    }

    /// Forgets the token of a session that has ended.
    pub fn forget(&self, session_key: &str) {
        self.by_session.lock().unwrap_or_else(PoisonError::into_inner).remove(session_key);
    }
}

fn hash(token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    #[test]
    fn a_token_counts_for_its_session_and_four_hours() {
        let csrf = Csrf::default();
        let token = csrf.issue("a", at(0)).unwrap();
        assert_eq!(token.len(), 44);
        assert!(csrf.verify("a", &token, at(239)));
        assert!(!csrf.verify("a", &token, at(240)));
        assert!(!csrf.verify("b", &token, at(1)) && !csrf.verify("a", "", at(1)));
    }

    #[test]
    fn a_new_one_replaces_the_old_one_and_the_end_of_the_session_both() {
        let csrf = Csrf::default();
        let old = csrf.issue("a", at(0)).unwrap();
        let new = csrf.issue("a", at(1)).unwrap();
        assert!(!csrf.verify("a", &old, at(1)) && csrf.verify("a", &new, at(1)));
        csrf.forget("a");
        assert!(!csrf.verify("a", &new, at(1)));
    }

    #[test]
    fn there_are_never_more_than_the_bound() {
        let csrf = Csrf::with_capacity(2);
        let tokens: Vec<_> = (0..5).map(|n| csrf.issue(&n.to_string(), at(n)).unwrap()).collect();
        assert_eq!(csrf.by_session.lock().unwrap().len(), 2);
        assert!(csrf.verify("4", &tokens[4], at(5)) && !csrf.verify("0", &tokens[0], at(5)));
    }
}
