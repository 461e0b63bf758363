//! What Proxmox Mail Gateway sends, versions 7 to 9, as far as it is used. No field fails; no item fails its list.

use serde::Deserialize;

use crate::lenient::{Float, Int, Items, Part, Text};

/// `GET /version`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Version<'a> {
    #[serde(borrow)]
    pub(super) version: Text<'a>,
    #[serde(borrow)]
    pub(super) release: Text<'a>,
}

/// One entry of `GET /config/cluster/status?list_single_node=1`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Member<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) conn_error: Text<'a>,
    pub(super) cpu: Float,
    pub(super) uptime: Int,
    pub(super) memory: Part<Amount>,
    pub(super) rootfs: Part<Amount>,
    #[serde(borrow)]
    pub(super) loadavg: Items<Text<'a>>,
}

/// Something of which there is a total and a part in use.
#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Amount {
    pub(super) total: Int,
    pub(super) used: Int,
    pub(super) avail: Int,
}

/// One entry of `GET /nodes`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Listed<'a> {
    #[serde(borrow)]
    pub(super) node: Text<'a>,
}

/// `GET /statistics/mail`, and one entry of `GET /statistics/mailcount`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Mail {
    pub(super) time: Int,
    pub(super) count: Float,
    pub(super) count_in: Float,
    pub(super) count_out: Float,
    pub(super) spamcount_in: Float,
    pub(super) spamcount_out: Float,
    pub(super) viruscount_in: Float,
    pub(super) viruscount_out: Float,
    pub(super) bounces_in: Float,
    pub(super) bounces_out: Float,
    pub(super) bytes_in: Float,
    pub(super) bytes_out: Float,
    pub(super) glcount: Float,
    pub(super) junk_in: Float,
    pub(super) avptime: Float,
    pub(super) rbl_rejects: Float,
    pub(super) pregreet_rejects: Float,
}

/// One entry of `GET /statistics/spamscores`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SpamScore<'a> {
    #[serde(borrow)]
    pub(super) level: Text<'a>,
    pub(super) count: Int,
}

/// One entry of `GET /statistics/domains`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Domain<'a> {
    #[serde(borrow)]
    pub(super) domain: Text<'a>,
    pub(super) count_in: Float,
    pub(super) count_out: Float,
    pub(super) spamcount_in: Float,
    pub(super) spamcount_out: Float,
    pub(super) viruscount_in: Float,
    pub(super) viruscount_out: Float,
    pub(super) bytes_in: Float,
    pub(super) bytes_out: Float,
}

/// `GET /quarantine/{spam,virus}status`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct QuarantineStatus {
    pub(super) count: Int,
}

/// One row of `GET /nodes/{node}/postfix/qshape`: how many mails are how old.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Shape<'a> {
    #[serde(borrow)]
    pub(super) domain: Text<'a>,
    pub(super) total: Int,
    #[serde(rename = "5m")]
    pub(super) minutes_5: Int,
    #[serde(rename = "10m")]
    pub(super) minutes_10: Int,
    #[serde(rename = "20m")]
    pub(super) minutes_20: Int,
    #[serde(rename = "40m")]
    pub(super) minutes_40: Int,
    #[serde(rename = "80m")]
    pub(super) minutes_80: Int,
    #[serde(rename = "160m")]
    pub(super) minutes_160: Int,
    #[serde(rename = "320m")]
    pub(super) minutes_320: Int,
    #[serde(rename = "640m")]
    pub(super) minutes_640: Int,
    #[serde(rename = "1280m")]
    pub(super) minutes_1280: Int,
    #[serde(rename = "1280m+")]
    pub(super) older: Int,
}

impl Shape<'_> {
    /// The least age the oldest mail has, in seconds: only the bucket it is in is known.
    pub(super) fn oldest_age_seconds(&self) -> Option<u64> {
        [
            (self.older, 1280),
            (self.minutes_1280, 640),
            (self.minutes_640, 320),
            (self.minutes_320, 160),
            (self.minutes_160, 80),
            (self.minutes_80, 40),
            (self.minutes_40, 20),
            (self.minutes_20, 10),
            (self.minutes_10, 5),
            (self.minutes_5, 0),
        ]
        .into_iter()
        .find(|(count, _)| count.positive().is_some())
        .map(|(_, minutes)| minutes * 60)
    }
}

/// One entry of `GET /nodes/{node}/backup`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Backup<'a> {
    #[serde(borrow)]
    pub(super) filename: Text<'a>,
    pub(super) size: Int,
    pub(super) timestamp: Int,
}
