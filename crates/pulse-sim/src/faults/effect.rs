//! What may happen, and what follows from it for one call.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::PveVersion;

/// No call waits longer for a fault that delays.
const LONGEST_DELAY_MS: u64 = 3_600_000;
/// The longest list.
const MOST_ENTRIES: usize = 1_000_000;
/// The largest document.
const MOST_MEBIBYTES: u32 = 1_024;

/// What happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// Answers with a status and a text as the real daemon words errors.
    Status {
        /// 400 to 599.
        code: u16,
        /// Reason phrase and message.
        text: String,
    },
    /// Answers later.
    Delay {
        /// By so many milliseconds.
        ms: u64,
    },
    /// Answers later, by any time between these two, each as likely as the other.
    DelayBetween {
        /// Milliseconds at least.
        least_ms: u64,
        /// Milliseconds at most.
        most_ms: u64,
    },
    /// Answers later, mostly by little and now and then by much, as machines do that have too much to do: half of the
    /// answers by less than the median, one in ten by more than five times that, one in a hundred by more than fifty times.
    DelayTail {
        /// Milliseconds by which half of the answers are later.
        median_ms: u64,
        /// No answer is later than this.
        most_ms: u64,
    },
    /// A storage hangs: each call that looks at it keeps one of the node's few workers busy for a while, whether or not
    /// the caller still waits, and is answered then.
    StorageHang {
        /// Name of the storage.
        storage: String,
        /// For so many milliseconds.
        #[serde(default = "half_a_minute")]
        ms: u64,
    },
    /// Never answers.
    Hang,
    /// Breaks the answer off.
    HalfJson {
        /// After so many percent of its bytes.
        #[serde(default = "half")]
        percent: u8,
        /// Whether the length announced is that of the part (so that only the JSON is broken), not of the whole
        /// (so that the transfer is broken too).
        #[serde(default)]
        honest_length: bool,
    },
    /// Sends a part of the answer and then nothing more, the connection being kept.
    StallBody {
        /// After so many percent of its bytes.
        #[serde(default = "half")]
        percent: u8,
    },
    /// Answers 200 with a web page.
    HtmlPage,
    /// Answers 200 with something that is not JSON.
    GarbageJson,
    /// Answers 200 with nothing.
    EmptyBody,
    /// Tears the connection down when the request arrives.
    Reset,
    /// Closes the listener.
    Refuse,
    /// Shows another certificate than the one `/nodes` publishes.
    WrongCert,
    /// Accepts connections and never speaks TLS.
    TlsHang,
    /// The node is away: others answer 595 for it, the cluster shows it offline, its own address refuses.
    NodeOffline,
    /// The node swallows packets: others answer 596 for it after half a minute, its own address never answers.
    NodeBlackhole,
    /// Sends the answer so slowly that it may as well never end.
    SlowBody {
        /// Bytes per second.
        bytes_per_second: u64,
    },
    /// Answers 200 with a document of this size.
    HugeBody {
        /// So many MiB.
        mebibytes: u32,
    },
    /// A list repeats its entries until it is so long.
    HugeList {
        /// Entries, a million at most.
        entries: usize,
    },
    /// A field has another type than it should, wherever it stands in the answer.
    WrongType {
        /// Name of the field.
        field: String,
        /// What stands there instead.
        value: serde_json::Value,
    },
    /// The cluster has lost its quorum, though its nodes are there.
    LoseQuorum,
    /// The account has lost all rights but those of an auditor without the guest agent.
    Downgrade,
    /// Every ticket given out so far is void. Strikes once, when it is added.
    ExpireTickets,
    /// The API token is unknown.
    RevokeToken,
    /// The node's clock is wrong, and has been since it wrote down whatever it tells: times of its tasks, of the snapshots,
    /// backups and replications of its guests, and those in names of backups and in ids of tasks. A backup server tells
    /// its own times of backups: its clock is another one.
    ClockSkew {
        /// By so many seconds, ahead where positive.
        seconds: i64,
    },
    /// A guest is listed by two nodes at once, as in the moment in which a migration ends: the node after its own has
    /// one of the same number, with counters of its own.
    DuplicateVmid {
        /// Number of the guest.
        vmid: u32,
    },
    /// The node has another name, and nobody knows the old one any more. Faults still name it by the old one.
    RenameNode {
        /// The new name.
        to: String,
    },
    /// The network between the nodes it names and all others is cut: each side takes the other one for dead, and both
    /// can be asked.
    ClusterSplit,
    /// The node restarts: its uptime and the counters of the guests on it begin at 0. Strikes once, when it is added,
    /// and takes no time: [`Effect::NodeOffline`] before it makes the time that it takes.
    Restart,
    /// The node gets a new certificate, which `/nodes` publishes. Strikes once, when it is added.
    RotateCertificate,
    /// The node runs another release than the cluster began with.
    Release {
        /// Which.
        version: PveVersion,
    },
    /// The disk of a datastore is not there. For backup servers.
    Unmount {
        /// Name of the datastore.
        store: String,
    },
}

fn half() -> u8 {
    50
}

fn half_a_minute() -> u64 {
    30_000
}

impl Effect {
    /// Whether it changes one answer (and not a listener, the cluster or the credentials).
    pub(super) fn strikes_requests(&self) -> bool {
        match self {
            Self::Status { .. }
            | Self::Delay { .. }
            | Self::DelayBetween { .. }
            | Self::DelayTail { .. }
            | Self::StorageHang { .. }
            | Self::Hang
            | Self::HalfJson { .. }
            | Self::StallBody { .. }
            | Self::HugeList { .. }
            | Self::HtmlPage
            | Self::GarbageJson
            | Self::EmptyBody
            | Self::SlowBody { .. }
            | Self::HugeBody { .. }
            | Self::WrongType { .. }
            | Self::Reset => true,
            Self::Refuse
            | Self::WrongCert
            | Self::TlsHang
            | Self::NodeOffline
            | Self::NodeBlackhole
            | Self::LoseQuorum
            | Self::Downgrade
            | Self::ExpireTickets
            | Self::RevokeToken
            | Self::ClockSkew { .. }
            | Self::DuplicateVmid { .. }
            | Self::RenameNode { .. }
            | Self::ClusterSplit
            | Self::Restart
            | Self::RotateCertificate
            | Self::Release { .. }
            | Self::Unmount { .. } => false,
        }
    }

    /// By how much it delays the call with this number between 0 and 1; none for what delays nothing.
    pub(super) fn delay(&self, chance: f64) -> Option<Duration> {
        let millis = match *self {
            Self::Delay { ms } => ms,
            Self::DelayBetween { least_ms, most_ms } => {
                least_ms + (chance * most_ms.saturating_sub(least_ms) as f64) as u64
            }
            // Half of them are below the median; a tenth beyond five times, a hundredth beyond fifty times that.
            Self::DelayTail { median_ms, most_ms } => {
                let times = 0.5 / (1.0 - chance).max(1e-9);
                ((median_ms as f64 * times) as u64).min(most_ms)
            }
            _ => return None,
        };
        Some(Duration::from_millis(millis.min(LONGEST_DELAY_MS)))
    }

    /// The worker that a storage keeps busy, for a call of this path.
    pub(super) fn hold(&self, path: &str) -> Option<Duration> {
        let Self::StorageHang { storage, ms } = self else { return None };
        let about = path.strip_prefix("/nodes/")?.split_once("/storage")?.1;
        let name = about.trim_start_matches('/').split('/').next().unwrap_or_default();
        // The list of all storages looks at each of them.
        let looks = name.is_empty() || name == storage;
        looks.then(|| Duration::from_millis((*ms).min(LONGEST_DELAY_MS)))
    }

    /// What is wrong with it, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Status { code, .. } if !(400..=599).contains(code) => {
                Err(format!("a status that is a fault is 400 to 599, not {code}"))
            }
            Self::HugeList { entries } if *entries > MOST_ENTRIES => {
                Err(format!("a list has at most {MOST_ENTRIES} entries, not {entries}"))
            }
            Self::HugeBody { mebibytes } if *mebibytes > MOST_MEBIBYTES => {
                Err(format!("a document has at most {MOST_MEBIBYTES} MiB, not {mebibytes}"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(effect: &Effect, chance: f64) -> u128 {
        effect.delay(chance).unwrap().as_millis()
    }

    #[test]
    fn delays_are_fixed_or_even_or_have_a_tail() {
        let between = Effect::DelayBetween { least_ms: 100, most_ms: 300 };
        assert_eq!([0.0, 0.5, 1.0].map(|chance| millis(&between, chance)), [100, 200, 300]);
        let tail = Effect::DelayTail { median_ms: 100, most_ms: 60_000 };
        assert_eq!(millis(&tail, 0.5), 100);
        assert!(millis(&tail, 0.1) < 100 && millis(&tail, 0.0) >= 50);
        assert!((480..530).contains(&millis(&tail, 0.9)), "{}", millis(&tail, 0.9));
        assert!((4_900..5_100).contains(&millis(&tail, 0.99)), "{}", millis(&tail, 0.99));
        assert_eq!(millis(&tail, 1.0), 60_000);
        assert_eq!(Effect::Hang.delay(0.5), None);
    }

    #[test]
    fn a_storage_holds_up_what_looks_at_it() {
        let hang = Effect::StorageHang { storage: "nas".into(), ms: 5_000 };
        let held = |path: &str| hang.hold(path).is_some();
        assert!(held("/nodes/pve1/storage") && held("/nodes/pve1/storage/nas/content"));
        assert!(
            !held("/nodes/pve1/storage/local/content") && !held("/nodes/pve1/status") && !held("/storage")
        );
    }
}
