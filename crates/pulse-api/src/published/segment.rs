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

/// Longest text of a [`Writer`]'s piece that is kept beside its compressed form: thousands of guests are hardly ever asked
/// for as plain text, and unpacked for who does.
const KEPT: usize = 256 << 10;

/// Text is compressed in steps of this many bytes.
const STEP: usize = 64 << 10;

/// A piece of the body: compressed, and as text unless that is long and hardly ever asked for.
#[derive(Debug, Default)]
pub(super) struct Segment {
    text: Option<Vec<u8>>,
    length: usize,
    deflated: Vec<u8>,
    crc: Crc,
}

impl Segment {
    /// Compresses a piece and keeps its text.
    pub fn new(text: Vec<u8>) -> std::io::Result<Self> {
        let mut writer = Writer::new(usize::MAX);
        writer.take(&text)?;
        Ok(Self { text: Some(text), ..writer.finish()? })
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Compresses a piece while it is written. Its text is forgotten once it is long: tens of thousands of backups are
/// tens of megabytes of text, and one megabyte compressed.
pub(super) struct Writer {
    compress: Compress,
    deflated: Vec<u8>,
    crc: Crc,
    length: usize,
    pending: Vec<u8>,
    text: Option<Vec<u8>>,
    kept: usize,
}

impl Writer {
    /// An empty piece of which the text is kept while it is short.
    pub fn packed() -> Self {
        Self { text: Some(Vec::new()), ..Self::new(KEPT) }
    }

    fn new(kept: usize) -> Self {
        Self {
            compress: Compress::new(LEVEL, false),
            deflated: Vec::new(),
            crc: Crc::new(),
            length: 0,
            pending: Vec::new(),
            text: None,
            kept,
        }
    }

    /// How many bytes were written.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The piece.
    pub fn finish(mut self) -> std::io::Result<Segment> {
        let pending = std::mem::take(&mut self.pending);
        self.deflate(&pending, FlushCompress::None)?;
        if self.length > 0 {
            self.deflate(&[], FlushCompress::Sync)?;
        }
        self.deflated.shrink_to_fit();
        if let Some(text) = &mut self.text {
            text.shrink_to_fit();
        }
        Ok(Segment { text: self.text, length: self.length, deflated: self.deflated, crc: self.crc })
    }

    fn take(&mut self, text: &[u8]) -> std::io::Result<()> {
        self.count(text);
        self.deflate(text, FlushCompress::None)
    }

    fn count(&mut self, text: &[u8]) {
        self.crc.update(text);
        self.length += text.len();
        match &mut self.text {
            Some(kept) if self.length <= self.kept => kept.extend_from_slice(text),
            Some(_) | None => self.text = None,
        }
    }

    fn deflate(&mut self, text: &[u8], flush: FlushCompress) -> std::io::Result<()> {
        let start = self.compress.total_in();
        loop {
            let done =
                usize::try_from(self.compress.total_in() - start).unwrap_or(usize::MAX).min(text.len());
            if self.deflated.len() == self.deflated.capacity() {
                self.deflated.reserve(self.deflated.len().max(1024));
            }
            self.compress
                .compress_vec(&text[done..], &mut self.deflated, flush)
                .map_err(std::io::Error::other)?;
            let is_taken = self.compress.total_in() - start == text.len() as u64;
            // What is left over in the compressor comes out when it left room in the output.
            if is_taken && self.deflated.len() < self.deflated.capacity() {
                return Ok(());
            }
        }
    }
}

impl std::io::Write for Writer {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.count(text);
        self.pending.extend_from_slice(text);
        if self.pending.len() >= STEP {
            let pending = std::mem::take(&mut self.pending);
            self.deflate(&pending, FlushCompress::None)?;
            self.pending = pending;
            self.pending.clear();
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A body that was put together.
#[derive(Debug)]
pub(super) struct Body {
    /// Its text, where all its pieces have one.
    pub(super) text: Option<Vec<u8>>,
    /// The same, gzip.
    pub(super) gzip: Vec<u8>,
    /// Length of the text.
    pub(super) length: usize,
}

/// Puts a body together, as text and as gzip.
#[derive(Debug)]
pub(super) struct Composer {
    /// `None` once a piece came that has no text.
    text: Option<Vec<u8>>,
    length: usize,
    gzip: Vec<u8>,
    crc: Crc,
}

impl Composer {
    /// An empty body; the sizes are those of the last one.
    pub fn new(text_size: usize, gzip_size: usize) -> Self {
        let mut gzip = Vec::with_capacity(gzip_size + gzip_size / 8 + 64);
        // Deflate, no flags, no time, unknown system.
        gzip.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
        let text = Some(Vec::with_capacity(text_size + text_size / 8 + 64));
        Self { text, length: 0, gzip, crc: Crc::new() }
    }

    /// Adds a few characters, not compressed.
    pub fn literal(&mut self, text: &[u8]) {
        self.append(Some(text), text.len());
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
        self.append(segment.text.as_deref(), segment.length);
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

    fn append(&mut self, text: Option<&[u8]>, length: usize) {
        self.length += length;
        match (&mut self.text, text) {
            (Some(whole), Some(text)) => whole.extend_from_slice(text),
            _ => self.text = None,
        }
    }

    /// The body.
    pub fn finish(mut self) -> Body {
        // The last block, empty.
        self.gzip.extend_from_slice(&[3, 0]);
        self.gzip.extend_from_slice(&self.crc.sum().to_le_bytes());
        self.gzip.extend_from_slice(&self.crc.amount().to_le_bytes());
        if let Some(text) = &mut self.text {
            text.shrink_to_fit();
        }
        self.gzip.shrink_to_fit();
        Body { text: self.text, gzip: self.gzip, length: self.length }
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
        let Body { text, gzip, length } = composer.finish();
        let text = text.unwrap();
        assert_eq!(text.len(), length);
        (text, gzip)
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

    #[test]
    fn a_long_packed_piece_is_kept_compressed_only() {
        use std::io::Write;
        let mut writer = Writer::packed();
        let line = b"{\"vmid\":\"100\",\"datastore\":\"main\"},";
        for _ in 0..20_000 {
            writer.write_all(line).unwrap();
        }
        let piece = writer.finish().unwrap();
        assert!(
            piece.text.is_none() && piece.deflated.capacity() < 64 << 10,
            "{}",
            piece.deflated.capacity()
        );
        let mut composer = Composer::new(0, 0);
        composer.literal(b"[");
        composer.segment(&piece);
        composer.segment(&Segment::new(b"1".to_vec()).unwrap());
        composer.literal(b"]");
        let Body { text, gzip, length } = composer.finish();
        assert_eq!((text, length), (None, line.len() * 20_000 + 3));
        let unpacked = gunzip(&gzip).unwrap();
        assert_eq!(unpacked.len(), length);
        assert!(unpacked.ends_with(b"},1]"));
    }

    #[test]
    fn a_short_packed_piece_keeps_its_text() {
        use std::io::Write;
        let mut writer = Writer::packed();
        writer.write_all(b"abc").unwrap();
        let piece = writer.finish().unwrap();
        assert_eq!(piece.text.as_deref(), Some(&b"abc"[..]));
        assert!(Writer::packed().finish().unwrap().is_empty());
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
