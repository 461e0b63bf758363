//! Rates of guests against the counters of the simulator: exactly what was counted between two polls of one process, and
//! nothing at all over a restart or a move.

use std::collections::BTreeMap;

use serde_json::Value;

use super::figures::Look;

/// Proxmox refreshes its statistics this often.
const STATISTICS_SECONDS: i64 = 15;
const NAMES: [&str; 4] = ["networkIn", "networkOut", "diskRead", "diskWrite"];

struct Seen {
    counters: [u64; 4],
    /// Milliseconds.
    changed_at: i64,
    /// Seconds.
    seen_at: i64,
    node: String,
    uptime: u64,
}

/// What is remembered between polls.
#[derive(Default)]
pub struct Rates {
    seen: BTreeMap<u64, Seen>,
    last_poll: i64,
    /// How many were compared.
    pub known: u32,
    /// How many had to be unknown.
    pub unknown: u32,
}

impl Rates {
    pub fn compare(&mut self, state: &Value, look: &Look<'_>) {
        // A poll that took longer than a moment read its counters at a moment that nobody knows.
        if !look.is_prompt {
            self.seen.clear();
            return;
        }
        let now = look.now.as_second();
        let last_poll = std::mem::replace(&mut self.last_poll, now);
        let rows = ["vms", "containers"].into_iter().flat_map(|list| state[list].as_array().unwrap());
        for row in rows {
            let vmid = row["vmid"].as_u64().unwrap();
            let is_read = row["lastSeen"].as_i64() == Some(now * 1_000) && row["status"] == "running";
            if !is_read {
                self.seen.remove(&vmid);
                continue;
            }
            let shown_on = row["node"].as_str().unwrap();
            let truth = look.past.now().guest_on(u32::try_from(vmid).unwrap(), shown_on).unwrap();
            let counters = truth.counters();
            let before = self.seen.get(&vmid);
            let goes_on = before.filter(|before| {
                before.node == *truth.node
                    && truth.uptime >= before.uptime
                    && now - before.seen_at <= i64::try_from(truth.uptime).unwrap() + STATISTICS_SECONDS
            });
            let is_watched = before.is_some_and(|before| before.seen_at == last_poll);
            let missing = |name: &str| row["missing"][name].is_string();
            let elapsed = goes_on.map(|before| look.now.as_millisecond() - before.changed_at);
            for (place, name) in NAMES.iter().enumerate() {
                let shown = row[name].as_u64().unwrap();
                let Some((before, elapsed)) = goes_on.zip(elapsed) else {
                    // Where this test did not look at the last poll, the server may have.
                    assert!(before.is_none() || missing(name), "{vmid}: {name} is {shown} over a restart");
                    self.unknown += u32::from(missing(name));
                    continue;
                };
                if missing(name) {
                    assert!(!is_watched || !look.is_clean, "{vmid}: {name} is unknown: {row}");
                    continue;
                }
                let expect = if counters == before.counters {
                    0
                } else {
                    let moved = counters[place] - before.counters[place];
                    (moved as f64 * 1_000.0 / elapsed as f64).round() as u64
                };
                if is_watched {
                    assert_eq!(shown, expect, "{vmid}: {name} over {elapsed} ms");
                    self.known += 1;
                }
            }
            let changed_at = match before {
                Some(before) if goes_on.is_some() && before.counters == counters => before.changed_at,
                _ => look.now.as_millisecond(),
            };
            let (node, uptime) = (truth.node.to_string(), truth.uptime);
            self.seen.insert(vmid, Seen { counters, changed_at, seen_at: now, node, uptime });
        }
    }
}
