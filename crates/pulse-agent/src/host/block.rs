//! Counters of whole block devices from `/proc/diskstats`.

use pulse_core::report::host::DiskIo;

/// Sectors are 512 bytes here whatever the device's own block size is.
const SECTOR: u64 = 512;

/// Virtual devices, and those made of other devices: their bytes are counted at the disks below already.
const LEFT_OUT: &[&str] = &["loop", "ram", "zram", "sr", "fd", "dm-", "md", "zd"];

/// Counters of the devices for which `is_whole` says that they are no partition.
pub(super) fn parse_diskstats(text: &str, is_whole: impl Fn(&str) -> bool) -> Vec<DiskIo> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let name = fields.nth(2)?;
            if LEFT_OUT.iter().any(|prefix| name.starts_with(prefix)) || !is_whole(name) {
                return None;
            }
            let counters: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
            if counters.len() < 10 {
                return None;
            }
            Some(DiskIo {
                device: name.to_owned(),
                read_ops: Some(counters[0]),
                read_bytes: counters[2].checked_mul(SECTOR),
                read_time_ms: Some(counters[3]),
                write_ops: Some(counters[4]),
                write_bytes: counters[6].checked_mul(SECTOR),
                write_time_ms: Some(counters[7]),
                io_time_ms: Some(counters[9]),
            })
        })
        .collect()
}

/// Whether a name looks like a partition's, for systems that hide `/sys/block`.
pub(super) fn looks_like_partition(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == name.len() {
        return false;
    }
    match stem.strip_suffix('p') {
        // nvme0n1p2, mmcblk0p1, nbd0p1
        Some(device) => device.ends_with(|c: char| c.is_ascii_digit()),
        // sda1, vda1, xvda1
        None => ["sd", "vd", "xvd", "hd"].iter().any(|prefix| stem.starts_with(prefix)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISKSTATS: &str = "   7       0 loop0 5 0 40 1 0 0 0 0 0 1 1\n\
           8       0 sda 100 5 2000 30 200 6 4000 60 0 90 95 0 0 0 0 0 0\n\
           8       1 sda1 90 5 1800 28 190 6 3900 58 0 88 90 0 0 0 0 0 0\n\
         259       0 nvme0n1 1 0 8 1 0 0 0 0 0 1 1\n\
         259       1 nvme0n1p1 1 0 8 1 0 0 0 0 0 1 1\n\
         253       0 dm-0 1 0 8 1 0 0 0 0 0 1 1\n\
         254       0 vda 1 2 3\n";

    #[test]
    fn whole_devices_only_with_bytes_from_sectors() {
        let io = parse_diskstats(DISKSTATS, |name| !looks_like_partition(name));
        let names: Vec<&str> = io.iter().map(|d| d.device.as_str()).collect();
        assert_eq!(names, ["sda", "nvme0n1"]);
        assert_eq!(io[0].read_bytes, Some(2000 * 512));
        assert_eq!(io[0].write_bytes, Some(4000 * 512));
        assert_eq!((io[0].read_ops, io[0].write_ops), (Some(100), Some(200)));
        assert_eq!(
            (io[0].read_time_ms, io[0].write_time_ms, io[0].io_time_ms),
            (Some(30), Some(60), Some(90))
        );
    }

    #[test]
    fn partitions_are_told_from_devices_by_name_where_need_be() {
        for name in ["sda1", "vdb12", "nvme0n1p1", "mmcblk0p2", "xvda3"] {
            assert!(looks_like_partition(name), "{name}");
        }
        for name in ["sda", "nvme0n1", "mmcblk0", "vdaa", "rbd0"] {
            assert!(!looks_like_partition(name), "{name}");
        }
    }
}
