//! Memory from `/proc/meminfo`: the page cache and the evictable part of ZFS's cache count as available.

use pulse_core::report::host::HostMemory;

/// The fields of `/proc/meminfo` that we use, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct MemInfo {
    total: Option<u64>,
    free: Option<u64>,
    available: Option<u64>,
    buffers: Option<u64>,
    cached: Option<u64>,
    reclaimable: Option<u64>,
    shmem: Option<u64>,
    swap_total: Option<u64>,
    swap_free: Option<u64>,
}

/// Reads `/proc/meminfo`.
pub(super) fn parse_meminfo(text: &str) -> MemInfo {
    let mut info = MemInfo::default();
    for line in text.lines() {
        let Some((key, rest)) = line.split_once(':') else { continue };
        let Some(kib) = rest.split_ascii_whitespace().next().and_then(|n| n.parse::<u64>().ok()) else {
            continue;
        };
        let bytes = Some(kib.saturating_mul(1024));
        match key {
            "MemTotal" => info.total = bytes,
            "MemFree" => info.free = bytes,
            "MemAvailable" => info.available = bytes,
            "Buffers" => info.buffers = bytes,
            "Cached" => info.cached = bytes,
            "SReclaimable" => info.reclaimable = bytes,
            "Shmem" => info.shmem = bytes,
            "SwapTotal" => info.swap_total = bytes,
            "SwapFree" => info.swap_free = bytes,
            _ => {}
        }
    }
    info
}

/// Bytes of ZFS's cache that ZFS gives back under pressure: what it holds above its minimum.
pub(super) fn parse_arc_evictable(arcstats: &str) -> Option<u64> {
    let value = |name: &str| {
        arcstats.lines().find_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            (fields.next() == Some(name)).then(|| fields.nth(1)?.parse::<u64>().ok()).flatten()
        })
    };
    Some(value("size")?.saturating_sub(value("c_min").unwrap_or(0)))
}

/// Memory as reported; `None` where the total is unknown.
pub(super) fn host_memory(info: &MemInfo, arc_evictable: Option<u64>) -> Option<HostMemory> {
    let total = info.total.filter(|total| *total > 0)?;
    let available = info.available.or_else(|| before_mem_available(info))?;
    let available = available.saturating_add(arc_evictable.unwrap_or(0)).min(total);
    let used = total - available;
    Some(HostMemory {
        total_bytes: total,
        used_bytes: used,
        free_bytes: available,
        usage: used as f64 / total as f64 * 100.0,
        swap_total_bytes: info.swap_total,
        swap_used_bytes: info.swap_total.zip(info.swap_free).map(|(total, free)| total.saturating_sub(free)),
    })
}

/// Kernels before 3.14 (old NAS systems) have no `MemAvailable`: what `free` computed then.
fn before_mem_available(info: &MemInfo) -> Option<u64> {
    let cache = info.cached.unwrap_or(0).saturating_sub(info.shmem.unwrap_or(0));
    Some(
        info.free?
            .saturating_add(info.buffers.unwrap_or(0))
            .saturating_add(cache)
            .saturating_add(info.reclaimable.unwrap_or(0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:   12000 kB\n\
        Buffers:          500 kB\nCached:         10500 kB\nSwapTotal:       2000 kB\nSwapFree:        1500 kB\n\
        SReclaimable:     600 kB\nShmem:            100 kB\nHugePages_Total:       0\n";

    #[test]
    fn page_cache_is_not_counted_as_used() {
        let memory = host_memory(&parse_meminfo(MEMINFO), None).unwrap();
        assert_eq!(memory.total_bytes, 16000 * 1024);
        assert_eq!(memory.used_bytes, 4000 * 1024);
        assert_eq!(memory.free_bytes, 12000 * 1024);
        assert_eq!(memory.usage, 25.0);
        assert_eq!(memory.swap_total_bytes, Some(2000 * 1024));
        assert_eq!(memory.swap_used_bytes, Some(500 * 1024));
    }

    #[test]
    fn the_evictable_part_of_the_arc_counts_as_available() {
        let arcstats = "13 1 0x01 147 39984 5000 6000\nname                            type data\n\
            hits                            4    10\nc_min                           4    1024000\n\
            size                            4    3072000\n";
        let evictable = parse_arc_evictable(arcstats);
        assert_eq!(evictable, Some(2_048_000));
        let memory = host_memory(&parse_meminfo(MEMINFO), evictable).unwrap();
        assert_eq!(memory.used_bytes, 4000 * 1024 - 2_048_000);
    }

    #[test]
    fn an_arc_larger_than_the_rest_never_makes_used_memory_negative() {
        let memory = host_memory(&parse_meminfo(MEMINFO), Some(u64::MAX)).unwrap();
        assert_eq!((memory.used_bytes, memory.usage), (0, 0.0));
    }

    #[test]
    fn an_old_kernel_without_mem_available_counts_as_free_did() {
        let text = MEMINFO.replace("MemAvailable:", "Other:");
        let memory = host_memory(&parse_meminfo(&text), None).unwrap();
        assert_eq!(memory.free_bytes, (1000 + 500 + 10400 + 600) * 1024);
    }

    #[test]
    fn without_a_total_there_is_no_memory_and_without_swap_lines_no_swap() {
        assert_eq!(host_memory(&parse_meminfo("MemFree: 3 kB\n"), None), None);
        let memory = host_memory(&parse_meminfo("MemTotal: 8 kB\nMemAvailable: 4 kB\n"), None).unwrap();
        assert_eq!(memory.swap_total_bytes, None);
    }
}
