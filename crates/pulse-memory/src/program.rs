//! The pages of the program's own file and of the libraries it is linked with: unmapped now and then, so that only what
//! still runs counts as resident.
//!
//! A page of the program that is touched again is mapped again from the page cache, about a microsecond each. Linux
//! only: other systems keep their pages.

use std::io;

/// What a Rust program for Linux is linked with at most: loaded before it starts and never unloaded, unlike what is
/// opened later (the name service's plug-ins), whose addresses may be given to others at any moment.
#[cfg(any(target_os = "linux", test))]
const LINKED: &[&str] = &["/libc.so.6", "/libm.so.6", "/libgcc_s.so.1"];

/// Lets go of the mapped pages of the running executable (code and constants, its linked libraries' too); returns how
/// many bytes of address space were offered, 0 where the system has no such thing.
///
/// Reads `/proc/self/smaps`, about a millisecond: call it off the async threads.
///
/// # Errors
/// `/proc` cannot be read, or the kernel refuses.
#[cfg(target_os = "linux")]
pub fn unmap_program() -> io::Result<usize> {
    let path = std::fs::read_link("/proc/self/exe")?;
    let maps = std::fs::read_to_string("/proc/self/smaps")?;
    let mut offered = 0;
    for range in clean_ranges(&maps, &path.to_string_lossy()) {
        // SAFETY: the range belongs to the running executable or a library linked with it, whose mappings live as long as
        // the process; it is private, not writable, and no page of it was ever written (neither in memory nor in swap), so that the next
        // touch reads the same bytes from the file again.
        #[expect(unsafe_code, reason = "madvise has no safe wrapper in the standard library")]
        let result = unsafe {
            libc::madvise(
                std::ptr::with_exposed_provenance_mut(range.start),
                range.len(),
                libc::MADV_DONTNEED,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        offered += range.len();
    }
    Ok(offered)
}

/// Other systems decide by themselves.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn unmap_program() -> io::Result<usize> {
    Ok(0)
}

/// The address ranges in the text of `smaps` that map `path` or a linked library privately and read-only and hold no page of their own: a
/// page that was written once (relocated addresses that were sealed afterwards, a debugger's breakpoint) exists nowhere
/// else, in memory as `Anonymous` or away as `Swap`.
#[cfg(any(target_os = "linux", test))]
fn clean_ranges(smaps: &str, path: &str) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut candidate: Option<(std::ops::Range<usize>, u8)> = None;
    for line in smaps.lines() {
        // A mapping's head has colons too (in its device), so that only these two lines are told by their name.
        let Some(("Anonymous" | "Swap", value)) = line.split_once(':') else {
            if let Some((range, permissions)) = head(line) {
                let is_program = matches!(permissions, "r-xp" | "r--p")
                    && line.contains(" /")
                    && (line.ends_with(path) || LINKED.iter().any(|library| line.ends_with(library)));
                candidate = is_program.then_some((range, 0));
            }
            continue;
        };
        let own = value.trim() == "0 kB";
        candidate = match candidate.take() {
            // Both lines have been seen and were zero.
            Some((range, 1)) if own => {
                ranges.push(range);
                None
            }
            Some((range, seen)) if own => Some((range, seen + 1)),
            _ => None,
        };
    }
    ranges
}

/// The range and the permissions of a line that begins a mapping.
#[cfg(any(target_os = "linux", test))]
fn head(line: &str) -> Option<(std::ops::Range<usize>, &str)> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    Some((start..end, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
55d0c0000000-55d0c0100000 r--p 00000000 fd:00 42                         /opt/pulse server
Rss:                 100 kB
Anonymous:             0 kB
Swap:                  0 kB
55d0c0100000-55d0c0900000 r-xp 00100000 fd:00 42                         /opt/pulse server
Anonymous:             0 kB
Swap:                  0 kB
55d0c0900000-55d0c0980000 r--p 00900000 fd:00 42                         /opt/pulse server
Anonymous:           360 kB
Swap:                  0 kB
55d0c0980000-55d0c09a0000 r--p 00980000 fd:00 42                         /opt/pulse server
Anonymous:             0 kB
Swap:                  4 kB
55d0c09a0000-55d0c09b0000 rw-p 009a0000 fd:00 42                         /opt/pulse server
Anonymous:             0 kB
Swap:                  0 kB
7f0000000000-7f0000100000 r-xp 00000000 fd:00 43                         /usr/lib/libc.so.6
Anonymous:             0 kB
Swap:                  0 kB
7f0000100000-7f0000110000 r-xp 00000000 fd:00 44                         /usr/lib/libnss_dns.so.2
Anonymous:             0 kB
Swap:                  0 kB
7f0000200000-7f0000300000 r--p 00000000 00:00 0
Anonymous:             0 kB
Swap:                  0 kB
";

    #[test]
    fn only_what_was_never_written_is_let_go() {
        let ranges = clean_ranges(SMAPS, "/opt/pulse server");
        assert_eq!(
            ranges,
            [
                0x55d0_c000_0000..0x55d0_c010_0000,
                0x55d0_c010_0000..0x55d0_c090_0000,
                0x7f00_0000_0000..0x7f00_0010_0000
            ]
        );
    }

    #[test]
    fn text_that_is_no_smaps_names_nothing() {
        for text in [
            "",
            "Anonymous: 0 kB\nSwap: 0 kB",
            "zz-yy r-xp /opt/pulse server\nAnonymous: 0 kB\nSwap: 0 kB",
            "1-",
        ] {
            assert!(clean_ranges(text, "/opt/pulse server").is_empty(), "{text:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_program_goes_on_after_its_pages_are_gone() {
        fn resident_file_kib() -> u64 {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        }
        let before = resident_file_kib();
        assert!(unmap_program().unwrap() > 100_000);
        let after = resident_file_kib();
        assert!(after < before, "{before} KiB before, {after} KiB after");
        // Formatting, parsing and allocation run on pages that have to come back.
        assert_eq!(format!("{:.3}", "2.5".parse::<f64>().unwrap()), "2.500");
    }
}
