//! Gives memory that nobody uses back to the system.
//!
//! glibc keeps what was freed: each thread's share grows to its largest moment and stays there. A server that renders
//! a large state now and then would keep several times what it uses. The kernel keeps the program: whatever code the
//! start touched stays mapped, with fifteen neighbours of every touched page, though most of it never runs again. The
//! calls that let go are unsafe to make, so they stand in this crate alone; the workspace's tidy check holds every
//! other file to safe code.
//!
//! Invariant: nothing here keeps state or knows what the memory was for.

mod program;
mod small;

pub use program::unmap_program;
pub use small::keep_small;

/// Asks the allocator to return free memory; returns whether any was returned. Takes up to some milliseconds with a
/// large heap, during which other threads that allocate may wait: call it now and then, off the async threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back() -> bool {
    // SAFETY: malloc_trim(3) takes a number of bytes to keep, touches only the allocator's own free lists under the
    // allocator's own locks, and may be called from any thread at any time.
    #[expect(unsafe_code, reason = "malloc_trim has no safe wrapper in the standard library")]
    let returned = unsafe { libc::malloc_trim(0) };
    returned != 0
}

/// Other allocators return memory by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() -> bool {
    false
}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    fn resident_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    #[test]
    fn what_was_freed_between_things_in_use_goes_back() {
        // Small pieces, below the size that glibc maps one by one; every 64th stays in use and pins its surroundings.
        let pieces: Vec<Vec<u8>> = (0..40_000).map(|_| vec![1_u8; 1_024]).collect();
        let kept: Vec<Vec<u8>> = pieces.into_iter().step_by(64).collect();
        let before = resident_kib();
        assert!(give_back());
        let after = resident_kib();
        assert!(after + 10_000 < before, "{before} KiB before, {after} KiB after");
        assert_eq!(kept.len(), 625);
    }
}
