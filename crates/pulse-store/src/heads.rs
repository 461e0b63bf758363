//! All open samples: the heads of every series, by window, and the journal of what is not yet on disk.
//! Memory only; who flushes and seals is the [writer](crate::writer).

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasherDefault, Hasher},
};

use crate::{
    codec::RawPoint,
    head::{Form, Head},
    journal::Journal,
    tier::{WINDOW_MS, window_of},
};

/// Spreads series numbers, which are ours and need no defence against collisions.
#[derive(Debug, Default)]
pub(crate) struct SeriesHasher(u64);

impl Hasher for SeriesHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        let product = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ (product >> 29);
    }
}

/// Things by series number.
pub(crate) type SeriesMap<T> = HashMap<u32, T, BuildHasherDefault<SeriesHasher>>;
/// Things by [`chunk_id`](crate::tier::chunk_id).
pub(crate) type ChunkMap<T> = HashMap<u64, T, BuildHasherDefault<SeriesHasher>>;

/// The open samples of one window.
#[derive(Debug, Default)]
pub(crate) struct Window {
    places: SeriesMap<u32>,
    heads: Vec<(u32, Head)>,
    /// Where the last sample went: pollers send series in the same order each time.
    last_place: usize,
    /// The journal record that has its first sample.
    pub(crate) first_record: u32,
    /// When the window was opened, by the store's clock.
    pub(crate) opened_ms: i64,
}

impl Window {
    #[inline]
    fn head(&mut self, series: u32) -> Option<&mut Head> {
        let guess = self.last_place + 1;
        let place = if self.heads.get(guess).is_some_and(|(of, _)| *of == series) {
            guess
        } else if let Some(place) = self.places.get(&series) {
            *place as usize
        } else {
            let place = self.heads.len();
            self.places.insert(series, place as u32);
            if place == self.heads.capacity() {
                self.heads.reserve_exact(64 + place / 4);
            }
            self.heads.push((series, Head::default()));
            place
        };
        self.last_place = place;
        self.heads.get_mut(place).map(|(_, head)| head)
    }

    /// The head of a series.
    pub(crate) fn get(&self, series: u32) -> Option<&Head> {
        let place = *self.places.get(&series)?;
        self.heads.get(place as usize).map(|(_, head)| head)
    }

    /// All heads, by series number.
    pub(crate) fn sorted(&self) -> Vec<(u32, &Head)> {
        let mut heads: Vec<(u32, &Head)> = self.heads.iter().map(|(series, head)| (*series, head)).collect();
        heads.sort_unstable_by_key(|(series, _)| *series);
        heads
    }

    pub(crate) fn samples(&self) -> u64 {
        self.heads.iter().map(|(_, head)| head.count() as u64).sum()
    }
}

/// All open samples.
#[derive(Debug)]
pub(crate) struct Heads {
    pub(crate) windows: BTreeMap<i64, Window>,
    pub(crate) journal: Journal,
    /// The number of the record that the journal is gathering.
    pub(crate) record: u32,
    keeps_journal: bool,
    samples: u64,
}

impl Heads {
    /// `keeps_journal` is false where nothing goes to disk.
    pub(crate) fn new(keeps_journal: bool) -> Self {
        Self { windows: BTreeMap::new(), journal: Journal::default(), record: 1, keeps_journal, samples: 0 }
    }

    /// Takes a sample, and opens its window at `now_ms` where there is none. False when the head is full.
    #[inline]
    pub(crate) fn append(&mut self, series: u32, point: RawPoint, now_ms: i64) -> bool {
        let (record, keeps_journal) = (self.record, self.keeps_journal);
        let Some((head, time)) = self.head(series, point.at, now_ms) else { return false };
        let Some(form) = head.append(time, point.value) else { return false };
        let is_in_record = head.mark_journal(record);
        if keeps_journal {
            let form = match form {
                Form::Same | Form::Delta(_) if !is_in_record => head.absolute(),
                form => form,
            };
            self.journal.push(series, point.at, form);
        }
        self.samples += 1;
        true
    }

    /// Takes a sample that came out of record `record` of the journal on disk.
    pub(crate) fn restore(&mut self, series: u32, point: RawPoint, record: u32, now_ms: i64) {
        let current = std::mem::replace(&mut self.record, record);
        let keeps_journal = std::mem::replace(&mut self.keeps_journal, false);
        self.append(series, point, now_ms);
        self.record = current;
        self.keeps_journal = keeps_journal;
    }

    #[inline]
    fn head(&mut self, series: u32, at: i64, now_ms: i64) -> Option<(&mut Head, i32)> {
        let number = window_of(at);
        let record = self.record;
        let window = self.windows.entry(number).or_insert_with(|| Window {
            first_record: record,
            opened_ms: now_ms,
            ..Window::default()
        });
        let time = i32::try_from(at - number * WINDOW_MS).ok()?;
        window.head(series).map(|head| (head, time))
    }

    /// The journal's record is on disk: the next begins.
    pub(crate) fn flushed(&mut self) {
        self.journal.clear();
        self.record += 1;
    }

    /// Puts all open samples into the journal again, for a file that knows none of them.
    pub(crate) fn rejournal(&mut self) {
        let windows = std::mem::take(&mut self.windows);
        self.flushed();
        self.samples = 0;
        for (number, window) in windows {
            for (series, head) in window.sorted() {
                head.for_each(number * WINDOW_MS, |point| {
                    // It was taken before, so it is now.
                    self.append(series, point, window.opened_ms);
                });
            }
        }
    }

    /// Removes a window that is sealed.
    pub(crate) fn remove(&mut self, number: i64) -> Option<Window> {
        let window = self.windows.remove(&number)?;
        self.samples -= window.samples();
        Some(window)
    }

    /// How many samples are open.
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    /// The open window of that number.
    pub(crate) fn window(&self, number: i64) -> Option<&Window> {
        self.windows.get(&number)
    }

    /// The oldest record that has samples in a window other than `sealed`; the next where there is none.
    pub(crate) fn oldest_record_without(&self, sealed: &[i64]) -> u32 {
        let open = self.windows.iter().filter(|(number, _)| !sealed.contains(number));
        open.map(|(_, window)| window.first_record).min().unwrap_or(self.record + 1)
    }

    /// Bytes of memory that open samples take.
    pub(crate) fn bytes(&self) -> usize {
        let of_window = |window: &Window| {
            let heads: usize = window.heads.iter().map(|(_, head)| head.heap_bytes()).sum();
            heads + window.heads.capacity() * size_of::<(u32, Head)>() + window.places.capacity() * 9
        };
        self.windows.values().map(of_window).sum::<usize>() + self.journal.len()
    }

    /// From now on nothing goes to disk.
    pub(crate) fn stop_journal(&mut self) {
        self.keeps_journal = false;
        self.flushed();
    }
}
