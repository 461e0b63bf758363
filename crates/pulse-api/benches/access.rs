//! Figures of who may come in: what a token check costs, and what many tokens and sessions weigh.
//!
//! `cargo bench -p pulse-api`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people to look at")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use pulse_auth::{NewSession, ScopeSet, Sessions, session::DURATION, token};
use pulse_config::TokenStore;
use pulse_core::{Clock, SystemClock};

const CHECKS: u32 = 200_000;

fn main() {
    for count in [10, 10_000] {
        let (each, _) = check(count);
        println!("access: a token check among {count}: {:.2} µs", each.as_secs_f64() * 1e6);
    }
    weigh();
}

fn value(number: usize) -> String {
    format!("{number:064x}")
}

fn store(count: usize, dir: &std::path::Path) -> TokenStore {
    let store = TokenStore::open(dir).unwrap();
    let now = SystemClock.now();
    let added =
        store.update(|records| {
            records.extend((0..count).map(|number| {
                token::record(&value(number), &format!("token {number}"), ScopeSet::all(), now)
            }));
            Ok::<_, std::convert::Infallible>(())
        });
    added.unwrap();
    store
}

/// The mean of a check: the hash of what the client sent, then the look-up.
fn check(count: usize) -> (Duration, TokenStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = store(count, dir.path());
    let now = SystemClock.now();
    let values: Vec<_> = (0..count).map(value).collect();
    let begin = Instant::now();
    for number in 0..CHECKS as usize {
        let hash = token::hash_token(black_box(&values[number % count]));
        assert!(store.authenticate(&hash, now).is_some());
    }
    (begin.elapsed() / CHECKS, store)
}

/// What 10,000 of each add to the process.
fn weigh() {
    let dir = tempfile::tempdir().unwrap();
    let before = resident_bytes();
    let store = store(10_000, dir.path());
    let sessions = Sessions::default();
    for number in 0..10_000 {
        let new = NewSession {
            username: format!("user{number}"),
            user_agent: Some(
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned(),
            ),
            ip: Some("203.0.113.200".to_owned()),
            duration: DURATION,
            oidc: None,
        };
        sessions.create(new, SystemClock.now()).unwrap();
    }
    let grown = resident_bytes().saturating_sub(before);
    println!("access: 10,000 tokens and 10,000 sessions: {:.1} MB resident", grown as f64 / 1e6);
    black_box((store, sessions));
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}
