//! Compression of reports.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};

/// No report is larger unpacked; a file on disk may be anybody's.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The compressed bytes; `None` where compressing failed.
pub(super) fn pack(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// The bytes as they were.
pub(super) fn unpack(bytes: &[u8]) -> Option<Bytes> {
    let mut out = Vec::new();
    let read = GzDecoder::new(bytes).take(MAX_BYTES).read_to_end(&mut out).ok()?;
    ((read as u64) < MAX_BYTES).then(|| Bytes::from(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again_and_garbage_does_not() {
        let text = b"{\"a\":1}".repeat(500);
        let packed = pack(&text).unwrap();
        assert!(packed.len() < text.len() / 10);
        assert_eq!(unpack(&packed).unwrap(), text);
        assert_eq!(unpack(b"no gzip"), None);
        assert_eq!(unpack(&packed[..packed.len() / 2]), None);
    }
}
