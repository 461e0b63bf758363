//! Sequences of floats whose bits are kept as they are: each is written as what differs from the one before.
//! The layout is described bit by bit in the [parent module](super).

use super::{
    CodecError,
    bits::{BitReader, BitSink},
};

/// Writes `values`; their number is known to the reader from elsewhere.
pub(super) fn encode(values: impl IntoIterator<Item = f64>, sink: &mut impl BitSink) {
    let mut last = 0_u64;
    // The window of bits that the last difference occupied: (leading zeros, length).
    let mut window = (0_u32, 64_u32);
    for (index, value) in values.into_iter().enumerate() {
        let bits = value.to_bits();
        if index == 0 {
            sink.put(bits, 64);
            last = bits;
            continue;
        }
        let difference = bits ^ last;
        last = bits;
        if difference == 0 {
            sink.put(0, 1);
            continue;
        }
        let leading = difference.leading_zeros();
        let length = 64 - leading - difference.trailing_zeros();
        let trailing = 64 - window.0 - window.1;
        // A window that is 13 bits too wide costs more than saying the new one.
        if leading >= window.0 && difference.trailing_zeros() >= trailing && window.1 < length + 13 {
            sink.put(0b10, 2);
            sink.put(difference >> trailing, window.1);
        } else {
            window = (leading, length);
            sink.put(0b11, 2);
            sink.put(u64::from(leading), 6);
            sink.put(u64::from(length - 1), 6);
            sink.put(difference >> (64 - leading - length), length);
        }
    }
}

/// Reads `count` floats.
pub(super) fn decode(
    reader: &mut BitReader<'_>,
    count: usize,
    mut each: impl FnMut(f64),
) -> Result<(), CodecError> {
    let mut last = 0_u64;
    let mut window = (0_u32, 64_u32);
    for index in 0..count {
        if index == 0 {
            last = reader.take(64);
        } else if reader.take(1) == 1 {
            if reader.take(1) == 1 {
                window = (reader.take(6) as u32, reader.take(6) as u32 + 1);
                if window.0 + window.1 > 64 {
                    return Err(CodecError::Malformed);
                }
            }
            last ^= reader.take(window.1) << (64 - window.0 - window.1);
        }
        if reader.is_overrun() {
            return Err(CodecError::Truncated);
        }
        each(f64::from_bits(last));
    }
    Ok(())
}
