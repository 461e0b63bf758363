//! Sequences of integers: predicted, the rest written in adaptive Golomb-Rice codes with runs of zeros.
//! The layout is described bit by bit in the [parent module](super).

use super::{
    CodecError,
    bits::{BitCount, BitReader, BitSink},
};

/// How the next value is guessed from those before. The number is what stands in the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Predictor {
    /// Always 0: for rates that burst out of idleness and fall back to it.
    Zero = 0,
    /// The value before: for what drifts.
    Last = 1,
    /// The value before plus the step before: for time stamps.
    Linear = 2,
    /// A mean that follows at one eighth: for noise around a level.
    Mean = 3,
}

impl Predictor {
    const VALUES: [Self; 3] = [Self::Last, Self::Zero, Self::Mean];
    const TIMES: [Self; 2] = [Self::Linear, Self::Last];

    fn from_bits(bits: u64) -> Self {
        match bits & 3 {
            0 => Self::Zero,
            1 => Self::Last,
            2 => Self::Linear,
            _ => Self::Mean,
        }
    }
}

/// What a predictor remembers. All arithmetic wraps, so that every i64 comes back as it went in.
struct Guess {
    predictor: Predictor,
    last: i64,
    step: i64,
    mean: i64,
}

impl Guess {
    fn new(predictor: Predictor, first: i64) -> Self {
        Self { predictor, last: first, step: 0, mean: first.wrapping_mul(8) }
    }

    #[inline]
    fn next(&self) -> i64 {
        match self.predictor {
            Predictor::Zero => 0,
            Predictor::Last => self.last,
            Predictor::Linear => self.last.wrapping_add(self.step),
            Predictor::Mean => self.mean >> 3,
        }
    }

    #[inline]
    fn learn(&mut self, value: i64, residual: i64) {
        match self.predictor {
            Predictor::Zero => {}
            Predictor::Last => self.last = value,
            Predictor::Linear => {
                self.step = value.wrapping_sub(self.last);
                self.last = value;
            }
            Predictor::Mean => self.mean = self.mean.wrapping_add(residual),
        }
    }
}

#[inline]
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
pub(crate) fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// Golomb-Rice codes whose parameter follows the mean of what was coded.
#[derive(Debug, Default)]
struct Rice {
    /// Sixteen times the mean.
    mean: u64,
}

impl Rice {
    /// From this quotient on, the value is written with its length instead.
    const ESCAPE: u32 = 12;
    /// One outlier must not spoil the mean for the rest of the chunk.
    const MOST: u64 = 1 << 56;

    #[inline]
    fn parameter(&self) -> u32 {
        64 - (self.mean >> 5).leading_zeros()
    }

    #[inline]
    fn learn(&mut self, value: u64) {
        self.mean = self.mean - (self.mean >> 4) + value.min(Self::MOST);
    }

    #[inline]
    fn write(&mut self, value: u64, sink: &mut impl BitSink) {
        let k = self.parameter();
        let quotient = value >> k;
        if quotient < u64::from(Self::ESCAPE) {
            let ones = (1_u64 << quotient) - 1;
            sink.put(ones << 1, quotient as u32 + 1);
            sink.put(value, k);
        } else {
            let length = 64 - value.leading_zeros();
            sink.put((1 << Self::ESCAPE) - 1, Self::ESCAPE);
            sink.put(u64::from(length - 1), 6);
            sink.put(value, length);
        }
        self.learn(value);
    }

    #[inline]
    fn read(&mut self, reader: &mut BitReader<'_>) -> u64 {
        let k = self.parameter();
        let word = reader.peek();
        let ones = word.leading_ones();
        let value = if ones < Self::ESCAPE {
            if ones + 1 + k <= 57 {
                reader.skip(ones + 1 + k);
                let low = if k == 0 { 0 } else { (word << (ones + 1)) >> (64 - k) };
                (u64::from(ones) << k) | low
            } else {
                reader.skip(ones + 1);
                (u64::from(ones) << k) | reader.take(k)
            }
        } else {
            reader.skip(Self::ESCAPE);
            let length = reader.take(6) as u32 + 1;
            reader.take(length)
        };
        self.learn(value);
        value
    }
}

/// Writes `values` with one predictor; their number is known to the reader from elsewhere.
fn encode_with(values: &[i64], predictor: Predictor, sink: &mut impl BitSink) {
    let Some((first, rest)) = values.split_first() else { return };
    sink.put(predictor as u64, 2);
    let start = zigzag(*first);
    let length = 64 - start.leading_zeros();
    sink.put(u64::from(length), 7);
    sink.put(start, length);

    let mut guess = Guess::new(predictor, *first);
    let (mut sizes, mut runs) = (Rice::default(), Rice::default());
    let mut zeros: Option<u64> = Some(0);
    for value in rest {
        let residual = value.wrapping_sub(guess.next());
        guess.learn(*value, residual);
        match zeros {
            Some(run) if residual == 0 => zeros = Some(run + 1),
            Some(run) => {
                runs.write(run, sink);
                sizes.write(zigzag(residual) - 1, sink);
                zeros = None;
            }
            None => {
                sizes.write(zigzag(residual), sink);
                if residual == 0 {
                    zeros = Some(0);
                }
            }
        }
    }
    if let Some(run) = zeros
        && run > 0
    {
        runs.write(run, sink);
    }
}

fn encode_best(values: &[i64], candidates: &[Predictor], sink: &mut impl BitSink) {
    let best = candidates
        .iter()
        .copied()
        .min_by_key(|predictor| {
            let mut count = BitCount::default();
            encode_with(values, *predictor, &mut count);
            count.0
        })
        .unwrap_or(Predictor::Last);
    encode_with(values, best, sink);
}

/// Writes integers that stand for measured values.
pub(super) fn encode_values(values: &[i64], sink: &mut impl BitSink) {
    encode_best(values, &Predictor::VALUES, sink);
}

/// Writes integers that stand for time stamps.
pub(super) fn encode_times(values: &[i64], sink: &mut impl BitSink) {
    // A steady clock is the rule; then there is nothing to compare.
    let is_steady = values.windows(3).all(|w| match w {
        [a, b, c] => c.wrapping_sub(*b) == b.wrapping_sub(*a),
        _ => true,
    });
    if is_steady {
        encode_with(values, Predictor::Linear, sink);
    } else {
        encode_best(values, &Predictor::TIMES, sink);
    }
}

/// Reads `count` integers.
pub(super) fn decode(
    reader: &mut BitReader<'_>,
    count: usize,
    mut each: impl FnMut(i64),
) -> Result<(), CodecError> {
    if count == 0 {
        return Ok(());
    }
    let predictor = Predictor::from_bits(reader.take(2));
    let length = reader.take(7) as u32;
    if length > 64 {
        return Err(CodecError::Malformed);
    }
    let first = unzigzag(reader.take(length));
    each(first);

    let mut guess = Guess::new(predictor, first);
    let (mut sizes, mut runs) = (Rice::default(), Rice::default());
    let mut left = count - 1;
    let mut after_zero = true;
    while left > 0 {
        let residual = if after_zero {
            let run = runs.read(reader);
            if run > left as u64 {
                return Err(CodecError::Malformed);
            }
            for _ in 0..run {
                let value = guess.next();
                guess.learn(value, 0);
                each(value);
            }
            left -= run as usize;
            if left == 0 {
                break;
            }
            after_zero = false;
            unzigzag(sizes.read(reader).wrapping_add(1))
        } else {
            let residual = unzigzag(sizes.read(reader));
            after_zero = residual == 0;
            residual
        };
        let value = guess.next().wrapping_add(residual);
        guess.learn(value, residual);
        each(value);
        left -= 1;
        if reader.is_overrun() {
            return Err(CodecError::Truncated);
        }
    }
    reader.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::bits::BitWriter;

    fn round_trip(values: &[i64], predictor: Predictor) -> Vec<i64> {
        let mut bytes = Vec::new();
        let mut writer = BitWriter::new(&mut bytes);
        encode_with(values, predictor, &mut writer);
        writer.finish();
        let mut back = Vec::new();
        decode(&mut BitReader::new(&bytes), values.len(), |v| back.push(v)).unwrap();
        back
    }

    const EVERY: [Predictor; 4] = [Predictor::Zero, Predictor::Last, Predictor::Linear, Predictor::Mean];

    proptest! {
        #[test]
        fn any_integers_come_back(values in prop::collection::vec(any::<i64>(), 0..200)) {
            for predictor in EVERY {
                prop_assert_eq!(&round_trip(&values, predictor), &values);
            }
        }

        #[test]
        fn small_and_idle_integers_come_back(
            values in prop::collection::vec(prop_oneof![Just(0_i64), -3..3_i64, -5000..5000_i64], 0..400),
        ) {
            for predictor in EVERY {
                prop_assert_eq!(&round_trip(&values, predictor), &values);
            }
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0..2000_usize) {
            let mut seen = 0;
            let _ = decode(&mut BitReader::new(&bytes), count, |_| seen += 1);
            prop_assert!(seen <= count);
        }
    }

    #[test]
    fn an_idle_series_costs_a_few_bytes() {
        let mut count = BitCount::default();
        encode_values(&[4200; 360], &mut count);
        assert!(count.0 <= 7 * 8, "{} bits", count.0);
    }
}
