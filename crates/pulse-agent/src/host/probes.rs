//! What the machine tells only through other programs (SMART, ZFS, Ceph, NVIDIA) or only by asking its disks. Each at its
//! own pace, none of it able to hold a report up.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use pulse_core::report::host::{CephReport, RaidArray, Sensors, SmartDisk};

use super::{ceph, gpu, rest::Rest, slow::Slow, smart, zfs};
use crate::command::RunCommand;

/// SMART values change by the hour, and each question costs the disk a moment.
const SMART_PERIOD: Duration = Duration::from_mins(5);
const POOL_PERIOD: Duration = Duration::from_mins(1);
const CEPH_PERIOD: Duration = Duration::from_secs(30);
const GPU_PERIOD: Duration = Duration::from_secs(15);
/// For the temperatures of all disks.
#[cfg(target_os = "linux")]
const DRIVE_LIMIT: Duration = Duration::from_secs(30);

/// What these programs told.
#[derive(Debug, Default)]
pub(super) struct Extras {
    pub(super) smart: Vec<SmartDisk>,
    pub(super) pools: Vec<RaidArray>,
    pub(super) ceph: Option<CephReport>,
    pub(super) gpu: Option<Sensors>,
    pub(super) drives: Option<Sensors>,
}

/// Asks the programs.
pub(super) struct Probes {
    runner: Arc<dyn RunCommand>,
    smart: Slow<Vec<SmartDisk>>,
    pools: Slow<Vec<RaidArray>>,
    ceph: Slow<CephReport>,
    gpu: Slow<Sensors>,
    drives: Slow<Sensors>,
    /// Of disks that are asked for their health, and of those that are asked for their temperature.
    rests: [Arc<Mutex<Rest>>; 2],
    #[cfg(target_os = "linux")]
    drive_reader: Arc<super::worker::Worker>,
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
            drives: Slow::new(SMART_PERIOD),
            rests: Default::default(),
            #[cfg(target_os = "linux")]
            drive_reader: Arc::default(),
        }
    }

    /// Temperatures of disks that the kernel asks on our behalf.
    #[cfg(target_os = "linux")]
    fn read_drives(&self, before: Option<Sensors>) -> impl Future<Output = Option<Sensors>> + Send + 'static {
        let (reader, rest) = (Arc::clone(&self.drive_reader), Arc::clone(&self.rests[1]));
        async move {
            let read = move || {
                let (proc, sys) = (std::path::Path::new("/proc"), std::path::Path::new("/sys"));
                let activities = super::rest::activities(proc, sys);
                let mut rest = rest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                super::sensors::read_drives(sys, &before.unwrap_or_default(), |disk| {
                    rest.is_over(disk, activities.get(disk).copied(), std::time::Instant::now())
                })
            };
            // A disk that is dying may take for ever; nothing else waits for it.
            reader.run(DRIVE_LIMIT, read).await
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn read_drives(&self, _: Option<Sensors>) -> impl Future<Output = Option<Sensors>> + Send + 'static {
        std::future::ready(None)
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
        let rest = Arc::clone(&self.rests[0]);
        let (smart, pools, ceph, gpu, drives) = tokio::join!(
            self.smart.latest(|before| smart::read(runner(), before, activities(), rest)),
            self.pools.latest(|_| zfs::read(runner())),
            ceph,
            self.gpu.latest(|_| gpu::read_nvidia(runner())),
            self.drives.latest(|before| self.read_drives(before)),
        );
        Extras { smart: smart.unwrap_or_default(), pools: pools.unwrap_or_default(), ceph, gpu, drives }
    }
}

/// What each disk that may fall asleep has done; a small file of the kernel.
fn activities() -> BTreeMap<String, u64> {
    #[cfg(target_os = "linux")]
    return super::rest::activities(std::path::Path::new("/proc"), std::path::Path::new("/sys"));
    #[cfg(not(target_os = "linux"))]
    BTreeMap::new()
}
