//! The samples of one series in one window that is still open: a stream of bytes that grows at its end, so that tens
//! of thousands of live series fit in a few megabytes. It lives in memory only; a chunk is what goes to disk.
//!
//! The stream is a sequence of varints: 0 *n*: the last sample, n times more, each a step later; 1 *z*: the step
//! between samples becomes z (zigzag); 2 and eight bytes: a sample whose value is that float; 3 *s*: the decimal scale
//! becomes s; 4 + z: a sample whose value is the last integer plus z (zigzag).

use crate::codec::{
    MOST_POINTS, RawPoint, factor, from_integer, put_varint, smallest, take_varint, unzigzag, zigzag,
};

const REPEAT: u64 = 0;
const STEP: u64 = 1;
const FLOAT: u64 = 2;
const SCALE: u64 = 3;
const DELTA: u64 = 4;

/// The open samples of one series.
#[derive(Debug, Default)]
pub(crate) struct Head {
    bytes: Vec<u8>,
    last_value: f64,
    last_integer: i64,
    /// Of the last sample, in ms since the window began.
    last_time: i32,
    step: i32,
    /// How often the last sample has repeated since it was written.
    run: u16,
    count: u16,
    /// In which journal record the last sample stands.
    journal: u32,
    scale: u8,
    /// Whether the last value was written as a float.
    is_float: bool,
    is_unsorted: bool,
}

/// What [`Head::append`] made of a value, for the journal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Form {
    /// The value before, again.
    Same,
    /// That many 10^−scale more than the value before, which has the same scale.
    Delta(i64),
    /// An integer number of 10^−scale.
    Integer(i64, u8),
    /// A value that is no such number.
    Float(f64),
}

impl Head {
    /// Takes a sample at `time` ms after the beginning of the window. `None` when the head is full.
    #[inline]
    pub(crate) fn append(&mut self, time: i32, value: f64) -> Option<Form> {
        if usize::from(self.count) >= MOST_POINTS {
            return None;
        }
        let is_first = self.count == 0;
        let step = time - self.last_time;
        self.is_unsorted |= step < 0;
        self.last_time = time;
        self.count += 1;
        let is_same = !is_first && value.to_bits() == self.last_value.to_bits();
        if is_same && step == self.step {
            self.run += 1;
            return Some(Form::Same);
        }
        self.end_run();
        if step != self.step {
            self.step = step;
            self.put(STEP);
            self.put(zigzag(i64::from(step)));
        }
        self.last_value = value;
        let was_float = std::mem::take(&mut self.is_float);
        let Some((scale, integer)) = smallest(value, self.scale) else {
            return Some(self.append_float(value, is_same));
        };
        let is_new_scale = scale != self.scale;
        if is_new_scale {
            self.last_integer = self.last_integer.wrapping_mul(factor(scale - self.scale));
            self.scale = scale;
            self.put(SCALE);
            self.put(u64::from(scale));
        }
        let delta = integer.wrapping_sub(self.last_integer);
        let Some(token) = zigzag(delta).checked_add(DELTA) else {
            return Some(self.append_float(value, is_same));
        };
        self.last_integer = integer;
        self.put(token);
        Some(match () {
            () if is_same => Form::Same,
            () if is_first || is_new_scale || was_float => Form::Integer(integer, scale),
            () => Form::Delta(delta),
        })
    }

    fn append_float(&mut self, value: f64, is_same: bool) -> Form {
        self.is_float = true;
        self.put(FLOAT);
        self.grow(8);
        self.bytes.extend_from_slice(&value.to_bits().to_le_bytes());
        if is_same { Form::Same } else { Form::Float(value) }
    }

    /// The last value, in a form that needs nothing before it.
    pub(crate) fn absolute(&self) -> Form {
        match smallest(self.last_value, self.scale) {
            Some((scale, integer)) => Form::Integer(integer, scale),
            None => Form::Float(self.last_value),
        }
    }

    /// Whether the sample before the last stands in this journal record; from now on, it does.
    #[inline]
    pub(crate) fn mark_journal(&mut self, record: u32) -> bool {
        std::mem::replace(&mut self.journal, record) == record
    }

    /// How many samples there are.
    pub(crate) fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// The bytes that it holds beyond itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether a sample is older than the one before it.
    pub(crate) fn is_unsorted(&self) -> bool {
        self.is_unsorted
    }

    /// Hands out all samples in the order in which they came; `base` is when the window began.
    #[inline]
    pub(crate) fn for_each(&self, base: i64, mut each: impl FnMut(RawPoint)) {
        let mut rest = self.bytes.as_slice();
        let (mut at, mut step, mut integer, mut scale, mut value) = (base, 0_i64, 0_i64, 0_u8, 0.0_f64);
        while let Some(token) = take_varint(&mut rest) {
            match token {
                REPEAT => {
                    for _ in 0..take_varint(&mut rest).unwrap_or(0) {
                        at += step;
                        each(RawPoint { at, value });
                    }
                    continue;
                }
                STEP => {
                    step = unzigzag(take_varint(&mut rest).unwrap_or(0));
                    continue;
                }
                SCALE => {
                    let finer = take_varint(&mut rest).unwrap_or(0) as u8;
                    integer = integer.wrapping_mul(factor(finer.saturating_sub(scale)));
                    scale = finer;
                    continue;
                }
                FLOAT => {
                    let Some((bits, after)) = rest.split_first_chunk::<8>() else { return };
                    value = f64::from_bits(u64::from_le_bytes(*bits));
                    rest = after;
                }
                delta => {
                    integer = integer.wrapping_add(unzigzag(delta - DELTA));
                    value = from_integer(integer, scale);
                }
            }
            at += step;
            each(RawPoint { at, value });
        }
        for _ in 0..self.run {
            at += step;
            each(RawPoint { at, value });
        }
    }

    fn end_run(&mut self) {
        if self.run > 0 {
            self.put(REPEAT);
            self.put(u64::from(self.run));
            self.run = 0;
        }
    }

    #[inline]
    fn put(&mut self, token: u64) {
        if self.bytes.len() + 10 > self.bytes.capacity() {
            self.grow(10);
        }
        put_varint(token, &mut self.bytes);
    }

    /// Makes room in small steps: doubling would leave a third of the memory of all heads unused.
    fn grow(&mut self, needed: usize) {
        let free = self.bytes.capacity() - self.bytes.len();
        if free < needed {
            self.bytes.reserve_exact(needed.max(14 + self.bytes.len() / 6));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(head: &Head, base: i64) -> Vec<(i64, u64)> {
        let mut points = vec![];
        head.for_each(base, |p| points.push((p.at, p.value.to_bits())));
        points
    }

    fn any_value() -> impl Strategy<Value = f64> {
        prop_oneof![
            3 => Just(0.0),
            3 => (0..10_000_i64).prop_map(|v| v as f64 / 100.0),
            2 => (0..1_000_000_000_i64).prop_map(|v| v as f64),
            1 => any::<u64>().prop_map(f64::from_bits),
            1 => prop_oneof![Just(-0.0), Just(9_007_199_254_740_991.0), Just(0.1), Just(1e300)],
        ]
    }

    proptest! {
        #[test]
        fn samples_come_back_bit_for_bit(
            samples in prop::collection::vec((prop_oneof![Just(None), (0..3_600_000_i32).prop_map(Some)], any_value()), 0..300),
        ) {
            let mut head = Head::default();
            let mut expected = vec![];
            for (i, (time, value)) in (0..).zip(samples) {
                let time = time.unwrap_or(i * 10_000);
                prop_assert!(head.append(time, value).is_some());
                expected.push((77_000 + i64::from(time), value.to_bits()));
            }
            prop_assert_eq!(head.count(), expected.len());
            prop_assert_eq!(read(&head, 77_000), expected);
        }
    }

    #[test]
    fn a_still_series_takes_a_handful_of_bytes() {
        let mut head = Head::default();
        for i in 0..360 {
            head.append(i * 10_000, 3.25);
        }
        assert!(head.heap_bytes() <= 32, "{}", head.heap_bytes());
        assert_eq!(head.count(), 360);
    }

    #[test]
    fn a_full_head_takes_no_more() {
        let mut head = Head::default();
        for i in 0..MOST_POINTS {
            assert!(head.append(i as i32, 1.0).is_some());
        }
        assert_eq!(head.append(0, 1.0), None);
        assert_eq!(read(&head, 0).len(), MOST_POINTS);
    }

    #[test]
    fn a_head_is_small() {
        assert!(size_of::<Head>() <= 64, "{}", size_of::<Head>());
    }
}
