//! Chunks: many points of one series in few bytes. Decoding gives back exactly what was encoded, bit for bit, and
//! never panics, whatever bytes it is given. Nothing here does I/O or knows of tiers.
//!
//! # Layout
//!
//! A chunk is read with its *base*: the time, in ms, at which its window begins. Bits are counted from the most
//! significant on; numbers of fixed width stand the same way.
//!
//! | Part | Size | Meaning |
//! |---|---|---|
//! | format | 1 byte | bits 7–6: 0 = samples, 1 = aggregates; bit 5: values are floats; bits 4–2: decimal scale; bit 1: times count whole seconds, not ms; bit 0: 0 |
//! | count | varint | number of points, 1 to [`MOST_POINTS`]; seven bits a byte, lowest first, bit 7 = more follows |
//! | streams | bits | filled up with 0 to a whole byte |
//!
//! The streams, one behind the other with nothing between them:
//!
//! * **Samples**: times (integers: time − base, in seconds or ms), values.
//! * **Aggregates**: times, counts (integers), then as integers: min, max − min, 2·sum − count·(min + max);
//!   as floats: min, max, sum.
//!
//! Values are integers of 10^−scale where every value of the chunk is exactly such a number, and where that is not
//! larger than floats; otherwise floats. −0.0, NaN (all its bits), infinities and odd fractions make them floats.
//!
//! ## Integers
//!
//! | Bits | Meaning |
//! |---|---|
//! | 2 | predictor: 0 zero, 1 last value, 2 last value + last step, 3 mean (m ← m + (value − ⌊m/8⌋), m₀ = 8·first; guess = ⌊m/8⌋) |
//! | 7 | length L of the first value, 0 to 64 |
//! | L | the first value, zigzag: 2v for v ≥ 0, −2v−1 below |
//! | … | the residuals (value − guess, wrapping at 64 bits, zigzag) of the others |
//!
//! Residuals stand in two alternating states. In *run* (the first): a Rice number says how many zeros follow, which
//! may be none; unless that ends the stream, a Rice number for residual − 1 follows, and the state becomes *plain*.
//! In *plain*: a Rice number for the residual; when it is 0, the state becomes *run*.
//!
//! A **Rice number** u with parameter k: q = ⌊u/2^k⌋ ones, a zero, the k lowest bits of u. When q ≥ 12: twelve ones,
//! six bits for the length of u less one, u in that length. Run lengths and residuals have a parameter each, which follows what was
//! coded before: M ← M − ⌊M/16⌋ + min(u, 2^56) after each, M₀ = 0, and k is the length in bits of ⌊M/32⌋.
//!
//! ## Floats
//!
//! The first stands in 64 bits. Of each other, the bits that differ from the one before (exclusive or):
//! `0`: none; `10`: they lie in the window of the last `11`; `11`: six bits of leading zeros, six bits of length less
//! one, and the bits of this new window. Before the first `11`, the window is all 64 bits.

mod bits;
mod floats;
mod ints;
mod scale;

pub(crate) use ints::{unzigzag, zigzag};
pub(crate) use scale::{factor, from_integer, smallest};

use bits::{BitCount, BitReader, BitWriter};

/// The most points that a chunk may have.
pub const MOST_POINTS: usize = 65_535;

const AGGREGATES: u8 = 1 << 6;
const FLOATS: u8 = 1 << 5;
const SECONDS: u8 = 1 << 1;

/// Why bytes are not a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The chunk ends before its last point.
    #[error("the chunk ends too early")]
    Truncated,
    /// A field has a value that no encoder writes.
    #[error("the chunk is malformed")]
    Malformed,
}

/// One value at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RawPoint {
    /// When, in Unix milliseconds.
    pub at: i64,
    /// The value.
    pub value: f64,
}

/// What is kept of all values between one time and the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aggregate {
    /// Where the span begins, in Unix milliseconds.
    pub at: i64,
    /// How many values there were.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// All of them added up.
    pub sum: f64,
}

impl Aggregate {
    /// An aggregate of one value.
    pub fn of(point: RawPoint) -> Self {
        Self { at: point.at, count: 1, min: point.value, max: point.value, sum: point.value }
    }

    /// Takes in `other`, which is of the same span.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        let mean = self.sum / self.count.max(1) as f64;
        // Adding up rounds; a mean outside its own bounds would draw a wrong line.
        if self.min <= self.max { mean.clamp(self.min, self.max) } else { mean }
    }

    /// Takes the sum to the nearest hundredth where it is off by no more than what adding floats rounds, so that
    /// sums of decimal numbers stay decimal numbers.
    pub fn snap(&mut self) {
        let hundredths = (self.sum * 100.0).round() / 100.0;
        if (hundredths - self.sum).abs() <= self.sum.abs().max(1.0) * 1e-12 {
            self.sum = hundredths;
        }
    }
}

/// Writes points as one chunk behind `out`. There must be 1 to [`MOST_POINTS`]; more are not written.
pub fn encode_samples(base: i64, points: &[RawPoint], out: &mut Vec<u8>) {
    let points = points.get(..MOST_POINTS).unwrap_or(points);
    let mut scratch = Vec::new();
    let scale = scale::of_all(points.iter().map(|p| p.value), &mut scratch);
    let mut times = Vec::new();
    let unit = times_of(base, points.iter().map(|p| p.at), &mut times);

    let values = points.iter().map(|p| p.value);
    let as_integers = scale.filter(|_| {
        let mut integers = BitCount::default();
        ints::encode_values(&scratch, &mut integers);
        // Floats need more than this for anything but repetition, which integers do as well.
        integers.0 <= 16 * points.len() as u64 + 64 || {
            let mut floats = BitCount::default();
            floats::encode(values.clone(), &mut floats);
            integers.0 <= floats.0
        }
    });
    out.push(unit | as_integers.map_or(FLOATS, |scale| scale << 2));
    put_varint(points.len() as u64, out);
    let mut writer = BitWriter::new(out);
    ints::encode_times(&times, &mut writer);
    match as_integers {
        Some(_) => ints::encode_values(&scratch, &mut writer),
        None => floats::encode(values, &mut writer),
    }
    writer.finish();
}

/// Reads a chunk of samples, in the order in which they were encoded, behind `out`.
pub fn decode_samples(base: i64, chunk: &[u8], out: &mut Vec<RawPoint>) -> Result<(), CodecError> {
    let head = Head::read(chunk)?;
    if head.is_aggregates {
        return Err(CodecError::Malformed);
    }
    let start = out.len();
    out.reserve(head.count);
    let mut reader = BitReader::new(head.streams);
    let result =
        ints::decode(&mut reader, head.count, |t| out.push(RawPoint { at: head.time(base, t), value: 0.0 }))
            .and_then(|()| {
                let mut slots = out.iter_mut().skip(start);
                let mut put = |value: f64| {
                    if let Some(slot) = slots.next() {
                        slot.value = value;
                    }
                };
                match head.scale {
                    Some(scale) => ints::decode(&mut reader, head.count, |v| put(from_integer(v, scale))),
                    None => floats::decode(&mut reader, head.count, put),
                }
            });
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Writes aggregates as one chunk behind `out`. There must be 1 to [`MOST_POINTS`]; more are not written.
pub fn encode_aggregates(base: i64, points: &[Aggregate], out: &mut Vec<u8>) {
    let points = points.get(..MOST_POINTS).unwrap_or(points);
    let mut scratch = Vec::new();
    let floats = points.iter().map(|p| p.min);
    let floats = floats.chain(points.iter().map(|p| p.max)).chain(points.iter().map(|p| p.sum));
    let scale = scale::of_all(floats, &mut scratch);
    let mut times = Vec::new();
    let unit = times_of(base, points.iter().map(|p| p.at), &mut times);
    let counts: Vec<i64> = points.iter().map(|p| p.count as i64).collect();

    out.push(AGGREGATES | unit | scale.map_or(FLOATS, |scale| scale << 2));
    put_varint(points.len() as u64, out);
    let mut writer = BitWriter::new(out);
    ints::encode_times(&times, &mut writer);
    ints::encode_values(&counts, &mut writer);
    if scale.is_some() {
        let (mins, rest) = scratch.split_at_mut(points.len());
        let (maxs, sums) = rest.split_at_mut(points.len());
        for (((min, max), sum), count) in mins.iter().zip(maxs.iter_mut()).zip(sums.iter_mut()).zip(&counts) {
            *sum = sum.wrapping_mul(2).wrapping_sub(count.wrapping_mul(min.wrapping_add(*max)));
            *max = max.wrapping_sub(*min);
        }
        ints::encode_values(mins, &mut writer);
        ints::encode_values(maxs, &mut writer);
        ints::encode_values(sums, &mut writer);
    } else {
        floats::encode(points.iter().map(|p| p.min), &mut writer);
        floats::encode(points.iter().map(|p| p.max), &mut writer);
        floats::encode(points.iter().map(|p| p.sum), &mut writer);
    }
    writer.finish();
}

/// Reads a chunk of aggregates, in the order in which they were encoded, behind `out`.
pub fn decode_aggregates(base: i64, chunk: &[u8], out: &mut Vec<Aggregate>) -> Result<(), CodecError> {
    let head = Head::read(chunk)?;
    if !head.is_aggregates {
        return Err(CodecError::Malformed);
    }
    let start = out.len();
    let result = read_aggregates(base, &head, start, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn read_aggregates(
    base: i64,
    head: &Head<'_>,
    start: usize,
    out: &mut Vec<Aggregate>,
) -> Result<(), CodecError> {
    /// Hands each decoded number to the point it belongs to.
    fn filling<T>(points: &mut [Aggregate], mut set: impl FnMut(&mut Aggregate, T)) -> impl FnMut(T) {
        let mut slots = points.iter_mut();
        move |value| {
            if let Some(slot) = slots.next() {
                set(slot, value);
            }
        }
    }

    out.reserve(head.count);
    let mut reader = BitReader::new(head.streams);
    ints::decode(&mut reader, head.count, |t| {
        out.push(Aggregate { at: head.time(base, t), count: 0, min: 0.0, max: 0.0, sum: 0.0 });
    })?;
    let points = out.get_mut(start..).unwrap_or_default();
    ints::decode(&mut reader, head.count, filling(points, |p, v: i64| p.count = v as u64))?;
    if let Some(scale) = head.scale {
        // The integers are worked out first and scaled last, with the same wrapping as the encoder's.
        let mut mins = Vec::with_capacity(head.count);
        ints::decode(&mut reader, head.count, |v| mins.push(v))?;
        let mut maxs = Vec::with_capacity(head.count);
        ints::decode(&mut reader, head.count, |v| maxs.push(v))?;
        let mut integers = mins.into_iter().zip(maxs);
        ints::decode(
            &mut reader,
            head.count,
            filling(points, |p, residual: i64| {
                let (min, width) = integers.next().unwrap_or_default();
                let max = min.wrapping_add(width);
                let twice = residual.wrapping_add((p.count as i64).wrapping_mul(min.wrapping_add(max)));
                p.min = from_integer(min, scale);
                p.max = from_integer(max, scale);
                p.sum = from_integer(twice >> 1, scale);
            }),
        )
    } else {
        floats::decode(&mut reader, head.count, filling(points, |p, v| p.min = v))?;
        floats::decode(&mut reader, head.count, filling(points, |p, v| p.max = v))?;
        floats::decode(&mut reader, head.count, filling(points, |p, v| p.sum = v))
    }
}

/// How many points a chunk says it has.
pub fn count(chunk: &[u8]) -> Result<usize, CodecError> {
    Head::read(chunk).map(|head| head.count)
}

/// What stands before the streams.
struct Head<'a> {
    is_aggregates: bool,
    scale: Option<u8>,
    unit_ms: i64,
    count: usize,
    streams: &'a [u8],
}

impl<'a> Head<'a> {
    fn read(chunk: &'a [u8]) -> Result<Self, CodecError> {
        let (format, mut rest) = chunk.split_first().ok_or(CodecError::Truncated)?;
        let count = take_varint(&mut rest).ok_or(CodecError::Truncated)?;
        let count = usize::try_from(count).map_err(|_| CodecError::Malformed)?;
        let scale = (format & FLOATS == 0).then_some((format >> 2) & 7);
        if count == 0 || count > MOST_POINTS || format & 0x81 != 0 || scale.is_some_and(|scale| scale > 4) {
            return Err(CodecError::Malformed);
        }
        Ok(Self {
            is_aggregates: format & AGGREGATES != 0,
            scale,
            unit_ms: if format & SECONDS == 0 { 1 } else { 1000 },
            count,
            streams: rest,
        })
    }

    #[inline]
    fn time(&self, base: i64, stored: i64) -> i64 {
        base.wrapping_add(stored.wrapping_mul(self.unit_ms))
    }
}

/// Fills `out` with times relative to `base`, in the largest unit that is exact, and returns that unit's mark.
fn times_of(base: i64, times: impl Iterator<Item = i64>, out: &mut Vec<i64>) -> u8 {
    out.clear();
    out.extend(times.map(|at| at.wrapping_sub(base)));
    if out.iter().any(|t| t % 1000 != 0) {
        return 0;
    }
    for time in out {
        *time /= 1000;
    }
    SECONDS
}

/// Appends a number in seven bits a byte, lowest first.
#[inline]
pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number that [`put_varint`] wrote off the front of `bytes`.
#[inline]
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests;
