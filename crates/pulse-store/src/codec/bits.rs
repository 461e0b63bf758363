//! Bits, most significant first. Reading past the end yields zeros and is reported by [`BitReader::finish`];
//! it never panics.

use super::CodecError;

/// Takes bits: writes them, or only counts them.
pub(super) trait BitSink {
    /// Takes the lowest `bits` (0 to 64) bits of `value`.
    fn put(&mut self, value: u64, bits: u32);
}

/// Counts bits, to choose between encodings before writing one.
#[derive(Debug, Default)]
pub(super) struct BitCount(pub(super) u64);

impl BitSink for BitCount {
    fn put(&mut self, _value: u64, bits: u32) {
        self.0 += u64::from(bits);
    }
}

/// Writes bits behind bytes that are already there.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    bytes: &'a mut Vec<u8>,
    pending: u64,
    pending_bits: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self { bytes, pending: 0, pending_bits: 0 }
    }

    /// Writes what is pending, filled up with zeros to a whole byte.
    pub(super) fn finish(self) {
        let left = self.pending_bits;
        if left > 0 {
            let top = self.pending << (64 - left);
            let count = left.div_ceil(8) as usize;
            self.bytes.extend(top.to_be_bytes().into_iter().take(count));
        }
    }
}

impl BitSink for BitWriter<'_> {
    fn put(&mut self, value: u64, bits: u32) {
        if bits > 32 {
            self.put(value >> 32, bits - 32);
            self.put(value & u64::from(u32::MAX), 32);
            return;
        }
        if bits == 0 {
            return;
        }
        // At most 31 bits are pending here, so 63 fit.
        self.pending = (self.pending << bits) | (value & (u64::MAX >> (64 - bits)));
        self.pending_bits += bits;
        if self.pending_bits >= 32 {
            self.pending_bits -= 32;
            let word = (self.pending >> self.pending_bits) as u32;
            self.bytes.extend_from_slice(&word.to_be_bytes());
        }
    }
}

/// Reads bits.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next 57 bits or more at the top of a word, without taking them; zeros past the end.
    #[inline]
    pub(super) fn peek(&self) -> u64 {
        let byte = self.at >> 3;
        let word = if let Some(Ok(eight)) = self.bytes.get(byte..byte + 8).map(<[u8; 8]>::try_from) {
            u64::from_be_bytes(eight)
        } else {
            let mut eight = [0; 8];
            for (to, from) in eight.iter_mut().zip(self.bytes.iter().skip(byte)) {
                *to = *from;
            }
            u64::from_be_bytes(eight)
        };
        word << (self.at & 7)
    }

    /// Takes `bits` bits that a [`peek`](Self::peek) has looked at.
    #[inline]
    pub(super) fn skip(&mut self, bits: u32) {
        self.at += bits as usize;
    }

    /// Takes `bits` (0 to 64) bits.
    #[inline]
    pub(super) fn take(&mut self, bits: u32) -> u64 {
        match bits {
            0 => 0,
            1..=56 => {
                let value = self.peek() >> (64 - bits);
                self.skip(bits);
                value
            }
            _ => {
                let high = self.take(32);
                (high << (bits - 32)) | self.take(bits - 32)
            }
        }
    }

    /// Whether more was read than there is.
    pub(super) fn is_overrun(&self) -> bool {
        self.at > self.bytes.len() * 8
    }

    /// Fails when more was read than there is.
    pub(super) fn finish(&self) -> Result<(), CodecError> {
        if self.is_overrun() { Err(CodecError::Truncated) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_any_width_come_back() {
        let fields: Vec<(u64, u32)> =
            (0..=64).map(|bits| (0xdead_beef_cafe_f00d_u64.rotate_left(bits), bits)).collect();
        let mut bytes = vec![7];
        let mut writer = BitWriter::new(&mut bytes);
        for (value, bits) in &fields {
            writer.put(*value, *bits);
        }
        writer.finish();
        assert_eq!(bytes.len() - 1, (0..=64_usize).sum::<usize>().div_ceil(8));
        let mut reader = BitReader::new(&bytes[1..]);
        for (value, bits) in fields {
            let mask = if bits == 0 { 0 } else { u64::MAX >> (64 - bits) };
            assert_eq!(reader.take(bits), value & mask, "{bits} bits");
        }
        assert_eq!(reader.finish(), Ok(()));
        reader.take(17);
        assert_eq!(reader.finish(), Err(CodecError::Truncated));
    }
}
