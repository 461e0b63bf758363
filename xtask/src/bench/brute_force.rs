//! An attack on the login while others read the state: a thousand guesses a second, from as many addresses.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use pulse_e2e::{
    http::Client,
    programs::{ServerOptions, SimOptions},
};
use serde_json::json;

use super::{
    pressure::press,
    table::{Table, milliseconds},
};
use crate::estate::Estate;

/// Guesses per second.
const RATE: u64 = 1_000;
/// Connections that send them. Thirty-three of them wait while their passwords are verified, one after the other; those
/// that are turned away must be enough for the rest.
const ATTACKERS: u64 = 96;

/// The guesses that are due, and what came of them. Whoever is free takes the next one: one connection that waits for
/// its answer does not slow the attack down.
struct Attack {
    begin: Instant,
    taken: AtomicU64,
    verified: AtomicU64,
    turned_away: AtomicU64,
    is_over: AtomicBool,
}

impl Attack {
    /// Guesses until it is over.
    fn join(&self, mut client: Client) {
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.taken.fetch_add(1, Ordering::Relaxed);
            let due = self.begin + Duration::from_micros(number * 1_000_000 / RATE);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            // Each guess comes from an address of its own: the limit per address would end the attack at once otherwise.
            let from = format!("10.{}.{}.{}", (number >> 16) & 255, (number >> 8) & 255, number & 255);
            let body = json!({"username": format!("user{number}"), "password": "a guess"}).to_string();
            let headers = [("Content-Type", "application/json"), ("X-Forwarded-For", from.as_str())];
            match client.send("POST", "/api/login", &headers, body.as_bytes()).map(|answer| answer.status) {
                Ok(401) => self.verified.fetch_add(1, Ordering::Relaxed),
                Ok(429 | 503) => self.turned_away.fetch_add(1, Ordering::Relaxed),
                // Neither: not counted, and so missing in the sum.
                Ok(_) | Err(_) => 0,
            };
        }
    }
}

/// `/api/state` without and with the attack.
pub fn brute_force(bin: &Path, quick: bool, table: &mut Table) -> Result<()> {
    eprintln!("» brute force: {RATE} logins per second while /api/state is read");
    let trusting = |server: ServerOptions| server.variable("PULSE_TRUSTED_PROXY_CIDRS", "127.0.0.0/8");
    let mut estate = Estate::start(bin, SimOptions { nodes: 7, guests: 100 }, trusting)?;
    estate.set_up("attacked")?;
    let length = Duration::from_secs(if quick { 5 } else { 20 });
    thread::sleep(Duration::from_secs(12));
    // Paced, as a page is: readers without a pause would only measure who gets the processor.
    let calm = press(&estate.server.admin(), 1, "/api/state", length)?;
    table.add("login: /api/state p99 in peace, 1 client", milliseconds(calm.p99), "");
    let attack = Attack {
        begin: Instant::now(),
        taken: AtomicU64::new(0),
        verified: AtomicU64::new(0),
        turned_away: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    };
    let attacked = thread::scope(|scope| {
        for _ in 0..ATTACKERS {
            let (client, attack) = (estate.server.anonymous(), &attack);
            scope.spawn(move || attack.join(client));
        }
        let attacked = press(&estate.server.admin(), 1, "/api/state", length);
        attack.is_over.store(true, Ordering::Relaxed);
        attacked
    })?;
    let seconds = attack.begin.elapsed().as_secs_f64();
    let per_second = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64 / seconds;
    let (verified, turned_away) = (per_second(&attack.verified), per_second(&attack.turned_away));
    let answered =
        format!("{:.0}/s: {verified:.0} verified, {turned_away:.0} turned away", verified + turned_away);
    table.add("login: guesses answered", answered, "1,000/s offered");
    table.add("login: /api/state p99 under attack", milliseconds(attacked.p99), "twice that");
    Ok(())
}
