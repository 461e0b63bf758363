//! The releases of Proxmox VE the simulator can behave like.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A release of Proxmox VE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum PveVersion {
    /// 7.4
    #[serde(rename = "7.4")]
    V7_4,
    /// 8.4
    #[serde(rename = "8.4")]
    V8_4,
    /// 9.1
    #[default]
    #[serde(rename = "9.1")]
    V9_1,
    /// 9.2
    #[serde(rename = "9.2")]
    V9_2,
}

impl PveVersion {
    /// The release as `/version` names it.
    pub fn release(self) -> &'static str {
        match self {
            Self::V7_4 => "7.4",
            Self::V8_4 => "8.4",
            Self::V9_1 => "9.1",
            Self::V9_2 => "9.2",
        }
    }

    /// The full version as `/version` names it.
    pub fn full(self) -> &'static str {
        match self {
            Self::V7_4 => "7.4-16",
            Self::V8_4 => "8.4.5",
            Self::V9_1 => "9.1.4",
            Self::V9_2 => "9.2.0",
        }
    }

    /// The short commit id as `/version` names it.
    pub(crate) fn repoid(self) -> &'static str {
        match self {
            Self::V7_4 => "0f39f621",
            Self::V8_4 => "57892e8e",
            Self::V9_1 => "5ac30304",
            Self::V9_2 => "b7c21290",
        }
    }

    /// The kernel's release.
    pub(crate) fn kernel(self) -> &'static str {
        match self {
            Self::V7_4 => "5.15.108-1-pve",
            Self::V8_4 => "6.8.12-10-pve",
            Self::V9_1 | Self::V9_2 => "6.14.11-4-pve",
        }
    }

    /// The kernel's build line.
    pub(crate) fn kernel_build(self) -> &'static str {
        match self {
            Self::V7_4 => "#1 SMP PVE 5.15.108-2 (2023-07-20T10:06Z)",
            Self::V8_4 => "#1 SMP PREEMPT_DYNAMIC PMX 6.8.12-10 (2025-04-18T07:39Z)",
            Self::V9_1 | Self::V9_2 => "#1 SMP PREEMPT_DYNAMIC PMX 6.14.11-4 (2025-10-10T08:04Z)",
        }
    }
}

impl fmt::Display for PveVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.release())
    }
}

impl FromStr for PveVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "7" | "7.4" => Ok(Self::V7_4),
            "8" | "8.4" => Ok(Self::V8_4),
            "9" | "9.1" => Ok(Self::V9_1),
            "9.2" => Ok(Self::V9_2),
            other => {
                Err(format!("`{other}` is not a release this simulator knows: use 7.4, 8.4, 9.1 or 9.2"))
            }
        }
    }
}
