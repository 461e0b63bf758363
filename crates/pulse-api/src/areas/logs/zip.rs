//! The few structures of a zip file that two small texts need (PKWARE's APPNOTE 6.3, §4.3): each file deflated behind its
//! local header, then the central directory.

use std::io::{Error, Write};

use flate2::{Compression, Crc, write::DeflateEncoder};
use jiff::{Timestamp, tz::TimeZone};

/// Version 2.0 of the format: deflate.
const VERSION: u16 = 20;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
const DEFLATED: u16 = 8;

/// The files as one zip file. Names and sizes are below the limits of the 32-bit format, or it is an error.
pub(super) fn pack(files: &[(&str, &[u8])], now: Timestamp) -> Result<Vec<u8>, Error> {
    let (time, date) = dos_time(now);
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for (name, bytes) in files {
        let mut crc = Crc::new();
        crc.update(bytes);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes)?;
        let packed = encoder.finish()?;
        let offset = size(out.len())?;
        let mut common = Vec::with_capacity(26);
        for part in [VERSION, FLAGS, DEFLATED, time, date] {
            common.extend(part.to_le_bytes());
        }
        for part in [crc.sum(), size(packed.len())?, size(bytes.len())?] {
            common.extend(part.to_le_bytes());
        }
        common.extend(short(name.len())?.to_le_bytes());
        common.extend(0_u16.to_le_bytes());

        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(&packed);

        directory.extend(b"PK\x01\x02");
        // Made by: 3 is Unix, so that the mode below counts.
        directory.extend((VERSION | (3 << 8)).to_le_bytes());
        directory.extend(&common);
        // Comment, disk, internal attributes.
        directory.extend([0; 6]);
        directory.extend((0o100_600_u32 << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let begin = size(out.len())?;
    let count = short(files.len())?;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size(directory.len())?.to_le_bytes());
    out.extend(begin.to_le_bytes());
    out.extend([0; 2]);
    Ok(out)
}

fn size(bytes: usize) -> Result<u32, Error> {
    u32::try_from(bytes).map_err(Error::other)
}

fn short(number: usize) -> Result<u16, Error> {
    u16::try_from(number).map_err(Error::other)
}

/// Time and date as MS-DOS had them: local, in steps of two seconds, from 1980 on.
fn dos_time(now: Timestamp) -> (u16, u16) {
    let now = now.to_zoned(TimeZone::system());
    let part = |value: i8| u16::try_from(value).unwrap_or_default();
    let years = u16::try_from(now.year().saturating_sub(1980)).unwrap_or_default().min(127);
    (
        (part(now.hour()) << 11) | (part(now.minute()) << 5) | (part(now.second()) / 2),
        (years << 9) | (part(now.month()) << 5) | part(now.day()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_program_reads_what_was_packed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bundle.zip");
        let log = "a line\n".repeat(10_000);
        let packed =
            pack(&[("a.log", log.as_bytes()), ("ü.json", b"{}")], "2026-03-04T05:06:07Z".parse().unwrap())
                .unwrap();
        assert!(packed.len() < log.len() / 50);
        std::fs::write(&path, packed).unwrap();
        let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; \
                      print(len(z.read('a.log')), z.read('ü.json').decode(), z.infolist()[0].date_time[0])";
        let read = std::process::Command::new("python3")
            .args(["-X", "utf8", "-c", script])
            .arg(&path)
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&read.stdout).trim(),
            "70000 {} 2026",
            "{}",
            String::from_utf8_lossy(&read.stderr)
        );
    }
}
