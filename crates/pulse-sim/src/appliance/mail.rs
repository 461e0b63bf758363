//! How much mail there is: hour by hour, from the seed and the hour alone.

use serde::Serialize;

use crate::figures::{derive, derive_text, noise, time_of_day, unit};

pub(super) const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// Domains of the simulated mail, with their share of it.
pub(super) const DOMAINS: [(&str, f64); 4] =
    [("example.org", 0.55), ("example.net", 0.3), ("lists.example.org", 0.1), ("example.com", 0.05)];

/// Mail of some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct MailTruth {
    /// Incoming.
    pub count_in: u64,
    /// Outgoing.
    pub count_out: u64,
    /// Incoming spam.
    pub spam_in: u64,
    /// Outgoing spam.
    pub spam_out: u64,
    /// Incoming viruses.
    pub virus_in: u64,
    /// Incoming bounces.
    pub bounces_in: u64,
    /// Outgoing bounces.
    pub bounces_out: u64,
    /// Bytes in.
    pub bytes_in: u64,
    /// Bytes out.
    pub bytes_out: u64,
    /// Refused by block list.
    pub rbl_rejects: u64,
    /// Refused for talking too early.
    pub pregreet_rejects: u64,
    /// Greylisted.
    pub greylisted: u64,
}

impl MailTruth {
    fn add(self, other: Self) -> Self {
        Self {
            count_in: self.count_in + other.count_in,
            count_out: self.count_out + other.count_out,
            spam_in: self.spam_in + other.spam_in,
            spam_out: self.spam_out + other.spam_out,
            virus_in: self.virus_in + other.virus_in,
            bounces_in: self.bounces_in + other.bounces_in,
            bounces_out: self.bounces_out + other.bounces_out,
            bytes_in: self.bytes_in + other.bytes_in,
            bytes_out: self.bytes_out + other.bytes_out,
            rbl_rejects: self.rbl_rejects + other.rbl_rejects,
            pregreet_rejects: self.pregreet_rejects + other.pregreet_rejects,
            greylisted: self.greylisted + other.greylisted,
        }
    }
}

/// A node of a mail gateway.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PmgNodeTruth {
    /// Name.
    pub name: String,
    /// Whether the first node reaches it.
    pub is_online: bool,
    /// Processor use, 0 to 1.
    pub cpu: f64,
    /// Mails in the queues active, deferred, hold and incoming.
    pub queues: [u64; 4],
}

/// What is true of a mail gateway.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PmgTruth {
    /// Its nodes.
    pub nodes: Vec<PmgNodeTruth>,
    /// Mail of the last day.
    pub day: MailTruth,
    /// Mails in quarantine: spam and viruses.
    pub quarantine: [u64; 2],
}

/// The mail that passes a gateway.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    key: u64,
    peak: f64,
}

impl Traffic {
    pub(super) fn new(key: u64, peak_per_hour: u32) -> Self {
        Self { key: derive_text(key, "traffic"), peak: f64::from(peak_per_hour) }
    }

    /// Mail of the hour that begins at `hour`.
    pub(super) fn hour(&self, hour: u64) -> MailTruth {
        let key = derive(self.key, hour / HOUR);
        let level = 0.35 + 0.3 * (1.0 + time_of_day(hour, 11.0)) / 2.0 + 0.35 * unit(key);
        let count_in = (self.peak * level) as u64;
        let share = |part: u64, low: f64, high: f64| low + (high - low) * unit(derive(key, part));
        let of = |count: u64, share: f64| (count as f64 * share) as u64;
        let count_out = of(count_in, share(1, 0.3, 0.5));
        MailTruth {
            count_in,
            count_out,
            spam_in: of(count_in, share(2, 0.1, 0.35)),
            spam_out: of(count_out, share(3, 0.0, 0.01)),
            virus_in: of(count_in, share(4, 0.0, 0.004)),
            bounces_in: of(count_in, share(5, 0.0, 0.02)),
            bounces_out: of(count_out, share(6, 0.0, 0.03)),
            bytes_in: count_in * (20_000 + derive(key, 7) % 60_000),
            bytes_out: count_out * (20_000 + derive(key, 8) % 60_000),
            rbl_rejects: of(count_in, share(9, 0.5, 1.5)),
            pregreet_rejects: of(count_in, share(10, 0.05, 0.2)),
            greylisted: of(count_in, share(11, 0.02, 0.1)),
        }
    }

    /// Mail of the last 24 full hours.
    pub(super) fn day(&self, now: u64) -> MailTruth {
        hours(now).map(|hour| self.hour(hour)).fold(MailTruth::default(), MailTruth::add)
    }

    /// Mail from `from` on, for `width` seconds; whole hours.
    pub(super) fn bucket(&self, from: u64, width: u64) -> MailTruth {
        (0..width / HOUR)
            .map(|place| self.hour(from + place * HOUR))
            .fold(MailTruth::default(), MailTruth::add)
    }

    /// Mails per score, of the incoming ones of the day.
    pub(super) fn scores(&self, now: u64) -> [u64; 11] {
        let day = self.day(now);
        let clean = day.count_in - day.spam_in;
        let mut scores = [0; 11];
        for (level, count) in scores.iter_mut().enumerate() {
            *count = match level {
                0 => clean * 6 / 10,
                1 | 2 => clean * 2 / 10,
                3..=9 => day.spam_in / 10,
                _ => day.spam_in - day.spam_in / 10 * 7,
            };
        }
        scores
    }

    /// Mails in the queues active, deferred, hold and incoming of a node.
    pub(super) fn queues(&self, node: u64, now: u64) -> [u64; 4] {
        let key = derive(self.key, 100 + node);
        let busy = noise(key, now);
        [(busy * 4.0) as u64, (noise(derive(key, 1), now / 60) * 30.0) as u64, key % 3, (busy * 2.0) as u64]
    }

    /// Mails in quarantine: spam and viruses.
    pub(super) fn quarantine(&self, now: u64) -> [u64; 2] {
        let day = self.day(now / DAY * DAY);
        [day.spam_in / 3, day.virus_in]
    }
}

/// The beginnings of the last 24 hours that are over, the oldest first.
pub(super) fn hours(now: u64) -> impl Iterator<Item = u64> {
    let end = now / HOUR * HOUR;
    (1..=24).rev().map(move |back| end.saturating_sub(back * HOUR))
}
