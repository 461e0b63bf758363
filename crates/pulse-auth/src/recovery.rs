//! Recovery tokens: somebody on the machine makes one, and with it a new password can be set once.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::{NoRandom, compare, hash_token, token::generate_token};

/// How long a token counts unless somebody says otherwise.
pub const DEFAULT_MINUTES: i64 = 15;
/// How long it may count at most.
pub const MAX_MINUTES: i64 = 60;
/// How many may be open; a new one ends the oldest.
const MAX_OPEN: usize = 8;

/// Open recovery tokens, as hashes; a restart ends them all.
#[derive(Debug, Default)]
pub struct RecoveryTokens(Mutex<VecDeque<Open>>);

#[derive(Debug)]
struct Open {
    hash: String,
    expires_at: Timestamp,
}

impl RecoveryTokens {
    /// A new token that counts once and for so many minutes; what is out of range means the default.
    pub fn issue(&self, minutes: i64, now: Timestamp) -> Result<(Zeroizing<String>, i64), NoRandom> {
        let minutes = if (1..=MAX_MINUTES).contains(&minutes) { minutes } else { DEFAULT_MINUTES };
        let token = generate_token()?;
        let expires_at = now.saturating_add(SignedDuration::from_mins(minutes)).unwrap_or(Timestamp::MAX);
        self.adopt(hash_token(&token), expires_at, now);
        Ok((token, minutes))
    }

    /// Takes a token that was made outside by its hash. It counts for [`MAX_MINUTES`] at most.
    pub fn adopt(&self, hash: String, expires_at: Timestamp, now: Timestamp) {
        let latest = now.saturating_add(SignedDuration::from_mins(MAX_MINUTES)).unwrap_or(Timestamp::MAX);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|open| open.expires_at > now);
        if open.len() >= MAX_OPEN {
            open.pop_front();
        }
        open.push_back(Open { hash, expires_at: expires_at.min(latest) });
    }

    /// Whether the token counts; asking does not use it up.
    pub fn is_open(&self, token: &str, now: Timestamp) -> bool {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        place(&open, token, now).is_some()
    }

    /// Uses the token up. Gives back whether it counted.
    pub fn consume(&self, token: &str, now: Timestamp) -> bool {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        place(&open, token, now).is_some_and(|place| open.remove(place).is_some())
    }
}

fn place(open: &VecDeque<Open>, token: &str, now: Timestamp) -> Option<usize> {
    let hash = hash_token(token);
    open.iter().position(|open| open.expires_at > now && compare::equal(&open.hash, &hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    #[test]
    fn a_token_counts_once_and_for_its_time() {
        let tokens = RecoveryTokens::default();
        let (token, minutes) = tokens.issue(0, at(0)).unwrap();
        assert_eq!((token.len(), minutes), (64, 15));
        assert!(tokens.is_open(&token, at(14)) && tokens.is_open(&token, at(14)));
        assert!(!tokens.consume("x", at(14)) && !tokens.is_open(&token, at(15)));
        assert!(tokens.consume(&token, at(14)) && !tokens.consume(&token, at(14)));
        assert_eq!(tokens.issue(60, at(0)).unwrap().1, 60);
        assert_eq!(tokens.issue(61, at(0)).unwrap().1, 15);
    }

    #[test]
    fn one_from_outside_counts_an_hour_at_most() {
        let tokens = RecoveryTokens::default();
        tokens.adopt(hash_token("x"), at(1_000), at(0));
        tokens.adopt(hash_token("y"), at(5), at(0));
        tokens.adopt(hash_token("old"), at(-1), at(0));
        assert!(tokens.is_open("x", at(59)) && !tokens.is_open("x", at(60)));
        assert!(tokens.is_open("y", at(4)) && !tokens.is_open("y", at(5)) && !tokens.is_open("old", at(0)));
    }

    #[test]
    fn only_so_many_are_open() {
        let tokens = RecoveryTokens::default();
        let all: Vec<_> = (0..20).map(|_| tokens.issue(15, at(0)).unwrap().0).collect();
        assert_eq!(all.iter().filter(|token| tokens.is_open(token, at(1))).count(), MAX_OPEN);
        assert!(tokens.is_open(&all[19], at(1)));
    }
}
