//! The journal of open samples: what came since the last flush, of all series together, in one compact record. A
//! record needs nothing outside itself to be read. It is dropped once its windows are sealed into chunks.
//!
//! A record is the time of the first sample (zigzag varint, ms) and then one entry per sample, in order of arrival.
//! An entry begins with a byte: bits 1–0 the form (0 same value as the last of this series in this window, 1 delta,
//! 2 integer, 3 float), bit 2: the time differs from the last entry's, bit 3: the series is not the one after the last entry's,
//! bits 7–4: for integers the scale, for *same* how many more entries of that kind follow (15: a varint with the number
//! less 15 follows at the end), each of the next series and with the same time. Then come, where they apply: the time's difference (zigzag
//! varint), the series' difference (zigzag varint), and the value (delta or integer: zigzag varint; float: eight bytes).

use crate::{
    codec::{from_integer, put_varint, take_varint, unzigzag, zigzag},
    head::Form,
    heads::ChunkMap,
    tier,
};

const SAME: u8 = 0;
const DELTA: u8 = 1;
const INTEGER: u8 = 2;
const FLOAT: u8 = 3;
const NEW_TIME: u8 = 1 << 2;
const NEW_SERIES: u8 = 1 << 3;

/// Gathers one record.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    bytes: Vec<u8>,
    last_time: i64,
    last_series: u32,
    /// Where the entry stands whose run is still growing, and how many more it stands for.
    run: Option<(usize, u64)>,
    samples: u64,
}

impl Journal {
    /// Takes an entry.
    #[inline]
    pub(crate) fn push(&mut self, series: u32, time: i64, form: Form) {
        if self.samples == 0 {
            put_varint(zigzag(time), &mut self.bytes);
            self.last_time = time;
        }
        self.samples += 1;
        let is_next = series == self.last_series.wrapping_add(1);
        let is_now = time == self.last_time;
        if is_next
            && is_now
            && form == Form::Same
            && let Some((_, more)) = &mut self.run
        {
            *more += 1;
            self.last_series = series;
            return;
        }
        self.end_run();
        let control = self.bytes.len();
        self.bytes.push(0);
        let mut head = match form {
            Form::Same => SAME,
            Form::Delta(_) => DELTA,
            Form::Integer(_, scale) => INTEGER | scale << 4,
            Form::Float(_) => FLOAT,
        };
        if !is_now {
            head |= NEW_TIME;
            put_varint(zigzag(time.wrapping_sub(self.last_time)), &mut self.bytes);
            self.last_time = time;
        }
        if !is_next {
            head |= NEW_SERIES;
            put_varint(zigzag(i64::from(series) - i64::from(self.last_series)), &mut self.bytes);
        }
        self.last_series = series;
        match form {
            Form::Same => self.run = Some((control, 0)),
            Form::Delta(value) | Form::Integer(value, _) => put_varint(zigzag(value), &mut self.bytes),
            Form::Float(value) => self.bytes.extend_from_slice(&value.to_bits().to_le_bytes()),
        }
        if let Some(slot) = self.bytes.get_mut(control) {
            *slot = head;
        }
    }

    /// How many samples the record has.
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    /// How many bytes the record has so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Completes the record, so that [`record`](Self::record) can be read. More samples may follow.
    pub(crate) fn complete(&mut self) {
        self.end_run();
    }

    /// The record as it was last completed.
    pub(crate) fn record(&self) -> &[u8] {
        &self.bytes
    }

    /// Begins a new record.
    pub(crate) fn clear(&mut self) {
        let room = self.bytes.len();
        *self = Self { bytes: std::mem::take(&mut self.bytes), ..Self::default() };
        self.bytes.clear();
        self.bytes.shrink_to(room + room / 4);
    }

    fn end_run(&mut self) {
        let Some((control, more)) = self.run.take() else { return };
        if let Some(slot) = self.bytes.get_mut(control) {
            *slot |= (more.min(15) as u8) << 4;
        }
        if more >= 15 {
            put_varint(more - 15, &mut self.bytes);
        }
    }
}

/// Reads a record and hands out its samples: series, time in ms, value. False when the record is damaged; what could
/// be read before the damage has been handed out.
pub(crate) fn replay(record: &[u8], mut each: impl FnMut(u32, i64, f64)) -> bool {
    read(record, &mut each).is_some()
}

fn read(mut rest: &[u8], each: &mut impl FnMut(u32, i64, f64)) -> Option<()> {
    /// The last value of a series in a window.
    #[derive(Clone, Copy)]
    enum Last {
        Integer(i64, u8),
        Float(f64),
    }
    let value_of = |last: Last| match last {
        Last::Integer(integer, scale) => from_integer(integer, scale),
        Last::Float(value) => value,
    };

    if rest.is_empty() {
        return Some(());
    }
    let mut seen: ChunkMap<Last> = ChunkMap::default();
    let mut time = unzigzag(take_varint(&mut rest)?);
    let mut series = 0_u32;
    while let Some((control, after)) = rest.split_first() {
        rest = after;
        if control & NEW_TIME != 0 {
            time = time.wrapping_add(unzigzag(take_varint(&mut rest)?));
        }
        if control & NEW_SERIES == 0 {
            series = series.wrapping_add(1);
        } else {
            series = series.wrapping_add(unzigzag(take_varint(&mut rest)?) as u32);
        }
        let window = (tier::window_of(time) as u64) << 32;
        let form = control & 3;
        if form == SAME {
            let mut more = u64::from(control >> 4);
            if more == 15 {
                more = more.saturating_add(take_varint(&mut rest)?);
            }
            for i in 0..=more {
                if i > 0 {
                    series = series.wrapping_add(1);
                }
                each(series, time, value_of(*seen.get(&(window | u64::from(series)))?));
            }
            continue;
        }
        let last = match form {
            DELTA => {
                let delta = unzigzag(take_varint(&mut rest)?);
                match seen.get(&(window | u64::from(series)))? {
                    Last::Integer(integer, scale) => Last::Integer(integer.wrapping_add(delta), *scale),
                    Last::Float(_) => return None,
                }
            }
            INTEGER => Last::Integer(unzigzag(take_varint(&mut rest)?), control >> 4),
            _ => {
                let (bits, after) = rest.split_first_chunk::<8>()?;
                rest = after;
                Last::Float(f64::from_bits(u64::from_le_bytes(*bits)))
            }
        };
        seen.insert(window | u64::from(series), last);
        each(series, time, value_of(last));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{codec::RawPoint, heads::Heads};

    const START: i64 = 1_795_420_800_000;

    fn any_value() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => Just(0.0),
            2 => (0..10_000_i64).prop_map(|v| v as f64 / 100.0),
            1 => (0..1_000_000_000_i64).prop_map(|v| v as f64),
            1 => any::<u64>().prop_map(f64::from_bits),
        ]
    }

    proptest! {
        #[test]
        fn records_say_all_that_was_appended(
            samples in prop::collection::vec((0..12_u32, prop_oneof![Just(0), 0..7_200_i64], any_value()), 0..300),
            cuts in prop::collection::vec(0..300_usize, 0..4),
        ) {
            let mut heads = Heads::new(true);
            let (mut expected, mut actual) = (vec![], vec![]);
            let drain = |heads: &mut Heads, actual: &mut Vec<(u32, i64, u64)>| {
                heads.journal.complete();
                assert!(replay(heads.journal.record(), |s, t, v| actual.push((s, t, v.to_bits()))));
                heads.flushed();
            };
            for (i, (series, second, value)) in samples.into_iter().enumerate() {
                let at = START + second * 1000;
                let is_taken = heads.append(series, RawPoint { at, value }, START);
                prop_assert!(is_taken);
                expected.push((series, at, value.to_bits()));
                if cuts.contains(&i) {
                    drain(&mut heads, &mut actual);
                }
            }
            drain(&mut heads, &mut actual);
            prop_assert_eq!(actual, expected);
        }

        #[test]
        fn garbage_never_panics(record in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut seen = 0_u32;
            replay(&record, |_, _, _| seen += 1);
        }
    }

    #[test]
    fn a_still_estate_takes_less_than_a_byte_a_sample() {
        let mut heads = Heads::new(true);
        for poll in 0..6 {
            for series in 0..700 {
                heads.append(series, RawPoint { at: START + poll * 10_000, value: 12.5 }, START);
            }
        }
        heads.journal.complete();
        assert!(heads.journal.len() < 700 * 4, "{} bytes for 4200 samples", heads.journal.len());
    }
}
