//! Gzip made of pieces that were compressed one by one, so that a piece that did not change is never compressed again.
//!
//! A piece is raw deflate that ends with a sync flush: it ends on a byte boundary and refers to nothing before it, so
//! pieces can stand behind each other in any order (RFC 1951 §3.2, RFC 1952). The checksum of the whole is combined
//! from those of the pieces.

use flate2::{Compress, Compression, Crc, FlushCompress};

/// Costs little and still takes most of the repetition out of JSON.
pub(super) const LEVEL: Compression = Compression::new(2);

/// The longest stored block.
const STORED: usize = 0xffff;

/// A piece of the body: as text and compressed.
#[derive(Debug, Default)]
pub(super) struct Segment {
    text: Vec<u8>,
    deflated: Vec<u8>,
    crc: Crc,
}

impl Segment {
    /// Compresses a piece.
    pub fn new(text: Vec<u8>) -> std::io::Result<Self> {
        let mut crc = Crc::new();
        crc.update(&text);
        let deflated = if text.is_empty() { Vec::new() } else { deflate(&text)? };
        Ok(Self { text, deflated, crc })
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

fn deflate(text: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut compress = Compress::new(LEVEL, false);
    let mut out = Vec::with_capacity(text.len() / 6 + 64);
    loop {
        let done = usize::try_from(compress.total_in()).unwrap_or(usize::MAX).min(text.len());
        compress.compress_vec(&text[done..], &mut out, FlushCompress::Sync).map_err(std::io::Error::other)?;
        // A flush is complete when it left room in the output.
        if compress.total_in() == text.len() as u64 && out.len() < out.capacity() {
            out.shrink_to_fit();
            return Ok(out);
        }
        out.reserve(out.len().max(256));
    }
}

/// Puts a body together, as text and as gzip.
#[derive(Debug)]
pub(super) struct Composer {
    text: Vec<u8>,
    gzip: Vec<u8>,
    crc: Crc,
}

impl Composer {
    /// An empty body; the sizes are those of the last one.
    pub fn new(text_size: usize, gzip_size: usize) -> Self {
        let mut gzip = Vec::with_capacity(gzip_size + gzip_size / 8 + 64);
        // Deflate, no flags, no time, unknown system.
        gzip.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
        Self { text: Vec::with_capacity(text_size + text_size / 8 + 64), gzip, crc: Crc::new() }
    }

    /// Adds a few characters, not compressed.
    pub fn literal(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
        self.crc.update(text);
        for block in text.chunks(STORED) {
            let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
            self.gzip.push(0);
            self.gzip.extend_from_slice(&length.to_le_bytes());
            self.gzip.extend_from_slice(&(!length).to_le_bytes());
            self.gzip.extend_from_slice(block);
        }
    }

    /// Adds a piece.
    pub fn segment(&mut self, segment: &Segment) {
        if segment.is_empty() {
            return;
        }
        self.text.extend_from_slice(&segment.text);
        self.gzip.extend_from_slice(&segment.deflated);
        self.crc.combine(&segment.crc);
    }

    /// Adds pieces with commas between them, leaving out the empty ones.
    pub fn list<'a>(&mut self, segments: impl Iterator<Item = &'a Segment>) {
        let mut is_first = true;
        for segment in segments.filter(|segment| !segment.is_empty()) {
            if !is_first {
                self.literal(b",");
            }
            is_first = false;
            self.segment(segment);
        }
    }

    /// The body as text and as gzip.
    pub fn finish(mut self) -> (Vec<u8>, Vec<u8>) {
        // The last block, empty.
        self.gzip.extend_from_slice(&[3, 0]);
        self.gzip.extend_from_slice(&self.crc.sum().to_le_bytes());
        self.gzip.extend_from_slice(&self.crc.amount().to_le_bytes());
        self.text.shrink_to_fit();
        self.gzip.shrink_to_fit();
        (self.text, self.gzip)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::published::gunzip;

    fn compose(pieces: &[(bool, Vec<u8>)]) -> (Vec<u8>, Vec<u8>) {
        let mut composer = Composer::new(0, 0);
        for (is_literal, text) in pieces {
            if *is_literal {
                composer.literal(text);
            } else {
                composer.segment(&Segment::new(text.clone()).unwrap());
            }
        }
        composer.finish()
    }

    #[test]
    fn long_and_incompressible_pieces_survive() {
        let noise: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for is_literal in [true, false] {
            let (text, gzip) = compose(&[(is_literal, noise.clone()), (!is_literal, b"end".to_vec())]);
            assert_eq!(gunzip(&gzip).unwrap(), text);
            assert_eq!(text.len(), noise.len() + 3);
        }
    }

    proptest! {
        #[test]
        fn any_pieces_in_any_order_unpack_to_their_text(
            pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..300)), 0..20),
        ) {
            let expect: Vec<u8> = pieces.iter().flat_map(|(_, text)| text.clone()).collect();
            let (text, gzip) = compose(&pieces);
            prop_assert_eq!(&text, &expect);
            prop_assert_eq!(gunzip(&gzip).unwrap(), expect);
        }
    }
}
