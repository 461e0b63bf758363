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
/// Connections that send them: more than there are places in which a password waits to be verified.
const ATTACKERS: u64 = 64;

/// `/api/state` without and with the attack.
pub fn brute_force(bin: &Path, quick: bool, table: &mut Table) -> Result<()> {
    eprintln!("» brute force: {RATE} logins per second while /api/state is read");
    // Each guess comes from an address of its own: the limit per address would end the attack at once otherwise.
    let trusting = |server: ServerOptions| server.variable("PULSE_TRUSTED_PROXY_CIDRS", "127.0.0.0/8");
    let mut estate = Estate::start(bin, SimOptions { nodes: 7, guests: 100 }, trusting)?;
    estate.set_up("attacked")?;
    let length = Duration::from_secs(if quick { 5 } else { 20 });
    thread::sleep(Duration::from_secs(12));
    // Paced, as a page is: readers without a pause would only measure who gets the processor.
    let calm = press(&estate.server.admin(), 1, "/api/state", length)?;
    table.add("login: /api/state p99 in peace, 1 client", milliseconds(calm.p99), "");
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let begin = Instant::now();
    let attacked = thread::scope(|scope| {
        for attacker in 0..ATTACKERS {
            let (client, stop, sent) = (estate.server.anonymous(), &stop, &sent);
            scope.spawn(move || guess(client, attacker, stop, sent));
        }
        let attacked = press(&estate.server.admin(), 1, "/api/state", length);
        stop.store(true, Ordering::Relaxed);
        attacked
    })?;
    let per_second = sent.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64();
    table.add("login: guesses answered per second", format!("{per_second:.0}/s"), "1,000/s");
    table.add("login: /api/state p99 under attack", milliseconds(attacked.p99), "twice that");
    Ok(())
}

/// Guesses at a steady pace until told to stop; a guess that is refused counts as well.
fn guess(mut client: Client, attacker: u64, stop: &AtomicBool, sent: &AtomicU64) {
    let pace = Duration::from_millis(1_000 * ATTACKERS / RATE);
    let mut next = Instant::now();
    let mut number = attacker << 16;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let from = format!("10.{}.{}.{}", (number >> 16) & 255, (number >> 8) & 255, number & 255);
        let body = json!({"username": format!("user{number}"), "password": "a guess"}).to_string();
        let headers = [("Content-Type", "application/json"), ("X-Forwarded-For", from.as_str())];
        if client.send("POST", "/api/login", &headers, body.as_bytes()).is_ok() {
            sent.fetch_add(1, Ordering::Relaxed);
        }
        next += pace;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}
