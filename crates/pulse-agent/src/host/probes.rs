//! What the machine tells only through other programs: SMART, ZFS, Ceph, NVIDIA. Each at its own pace, none of it
//! able to hold a report up.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use pulse_core::report::host::{CephReport, RaidArray, Sensors, SmartDisk};

use super::{ceph, gpu, slow::Slow, smart, zfs};
use crate::command::RunCommand;

/// SMART values change by the hour, and each question costs the disk a moment.
const SMART_PERIOD: Duration = Duration::from_mins(5);
const POOL_PERIOD: Duration = Duration::from_mins(1);
const CEPH_PERIOD: Duration = Duration::from_secs(30);
const GPU_PERIOD: Duration = Duration::from_secs(15);

/// What these programs told.
#[derive(Debug, Default)]
pub(super) struct Extras {
    pub(super) smart: Vec<SmartDisk>,
    pub(super) pools: Vec<RaidArray>,
    pub(super) ceph: Option<CephReport>,
    pub(super) gpu: Option<Sensors>,
}

/// Asks the programs.
pub(super) struct Probes {
    runner: Arc<dyn RunCommand>,
    smart: Slow<Vec<SmartDisk>>,
    pools: Slow<Vec<RaidArray>>,
    ceph: Slow<CephReport>,
    gpu: Slow<Sensors>,
}

impl Probes {
    /// Nothing is asked yet.
    pub(super) fn new(runner: Arc<dyn RunCommand>) -> Self {
        Self {
            runner,
            smart: Slow::new(SMART_PERIOD),
            pools: Slow::new(POOL_PERIOD),
            ceph: Slow::new(CEPH_PERIOD),
            gpu: Slow::new(GPU_PERIOD),
        }
    }

    /// The newest that is known.
    pub(super) async fn read(&self, is_ceph_disabled: bool) -> Extras {
        let runner = || Arc::clone(&self.runner);
        let ceph = async {
            // Pulse v5: reads --disable-ceph and asks Ceph all the same.
            if is_ceph_disabled {
                return None;
            }
            self.ceph.latest(|_| ceph::read(runner(), Timestamp::now())).await
        };
        let (smart, pools, ceph, gpu) = tokio::join!(
            self.smart.latest(|before| smart::read(runner(), before)),
            self.pools.latest(|_| zfs::read(runner())),
            ceph,
            self.gpu.latest(|_| gpu::read_nvidia(runner())),
        );
        Extras { smart: smart.unwrap_or_default(), pools: pools.unwrap_or_default(), ceph, gpu }
    }
}
