//! Figures of who may come in: what a token check costs, what many tokens and sessions weigh, and whether the time of a
//! refusal tells anything.
//!
//! `cargo bench -p pulse-api`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people to look at")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use pulse_auth::{
    NewSession, RoleBook, ScopeSet, Sessions,
    proxy::{self, ProxyClaims, ProxyRules},
    session::DURATION,
    token,
};
use pulse_config::TokenStore;
use pulse_core::{Clock, SystemClock};

const CHECKS: u32 = 200_000;

fn main() {
    for count in [10, 10_000] {
        let (each, _) = check(count);
        println!("access: a token check among {count}: {:.2} µs", each.as_secs_f64() * 1e6);
    }
    weigh();
    tell();
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

/// Whether the time of a refusal tells how much of a guess is right: wrong at its beginning against wrong at its end.
fn tell() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(10_000, dir.path());
    let now = SystemClock.now();
    // One digit of a real token changed, the first or the last, to what no other token has there.
    let right = value(4_711);
    let wrong_end = format!("{}z", &right[..63]);
    let wrong_begin = format!("z{}", &right[1..]);
    let token =
        |guess: &str| assert!(store.authenticate(&token::hash_token(black_box(guess)), now).is_none());
    say("an API token", &wrong_begin, &wrong_end, token);

    let (secret, book) = ("s".repeat(64), RoleBook::default());
    let rules = ProxyRules { secret: &secret, needs_user: false, role_separator: "|", admin_role: None };
    let proxy = |guess: &str| {
        let claims = ProxyClaims { secret: Some(black_box(guess)), ..ProxyClaims::default() };
        assert!(proxy::identify(&rules, &claims, &book).is_none());
    };
    say("the secret of a proxy", &format!("x{}", &secret[1..]), &format!("{}x", &secret[..63]), proxy);
}

/// The middle of many short runs in turn: what else the machine does hits both alike.
fn say(what: &str, wrong_begin: &str, wrong_end: &str, check: impl Fn(&str)) {
    const ROUNDS: usize = 401;
    let round = |guess: &str| {
        let begin = Instant::now();
        for _ in 0..2_000 {
            check(guess);
        }
        begin.elapsed().as_secs_f64()
    };
    let (mut begins, mut ends) = (Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        begins.push(round(wrong_begin));
        ends.push(round(wrong_end));
    }
    let middle = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    };
    let ratio = middle(&mut ends) / middle(&mut begins);
    println!(
        "access: {what} that is wrong at its end, against one that is wrong at its beginning: {ratio:.3}"
    );
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
