//! Answering ranges: which tier suits, where one tier ends and the next takes over, and how points are drawn together
//! without losing a peak. Reads only.

use pulse_core::metric::SeriesKey;

use crate::{
    api::{Point, Series},
    codec::{self, Aggregate},
    error::StoreError,
    heads::{Heads, SeriesMap},
    tables::Tables,
    tier::{DAY_MS, Tier, WINDOW_MS, chunk_id, parts_of, window_of},
};

/// How a range is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The first and the last ms of the range.
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// The tier to read, where it reaches.
    pub(crate) tier: Tier,
    /// What one point of the answer stands for; 1 for points as they are.
    pub(crate) span_ms: i64,
    /// What is added to the beginning of a span to say where its point stands.
    pub(crate) offset_ms: i64,
    /// Whether coarser tiers go on where this one ends.
    goes_on: bool,
}

impl Plan {
    /// Plans a range. `is_wide` says that very many series are asked for at once: then a tier that gives a quarter of
    /// the points is good enough, because decoding them all is what takes the time.
    pub(crate) fn new(from: i64, to: i64, max_points: Option<u32>, is_wide: bool) -> Self {
        // A range that begins amid a point of the tier takes the whole of it.
        let floor = |at: i64, tier: Tier| at.div_euclid(tier.resolution_ms()) * tier.resolution_ms();
        let seconds = (to - from).div_euclid(1000).max(0);
        let step = max_points.filter(|most| *most > 0).map_or(0, |most| {
            let most = i64::from(most);
            (seconds + most - 1) / most
        });
        if step > 1 {
            let reach = if is_wide { step * 4 } else { step };
            let tier = match reach {
                ..60 => Tier::Raw,
                60..3600 => Tier::Minute,
                3600..86_400 => Tier::Hour,
                _ => Tier::Day,
            };
            // Whole points of the tier, so that a span says exactly what was measured in it.
            let resolution = tier.resolution_ms();
            let span = (step * 1000 + resolution - 1) / resolution * resolution;
            let offset_ms = span / 2000 * 1000;
            return Self { from: floor(from, tier), to, tier, span_ms: span, offset_ms, goes_on: true };
        }
        let tier = match seconds {
            ..=7200 => Tier::Raw,
            7201..=86_400 => Tier::Minute,
            86_401..=7_776_000 => Tier::Hour,
            _ => Tier::Day,
        };
        let span_ms = tier.resolution_ms();
        Self { from: floor(from, tier), to, tier, span_ms, offset_ms: 0, goes_on: true }
    }

    /// Plans for the points of one tier, as they are.
    pub(crate) fn of_tier(from: i64, to: i64, tier: Tier) -> Self {
        let span_ms = tier.resolution_ms();
        let from = from.div_euclid(span_ms) * span_ms;
        Self { from, to, tier, span_ms, offset_ms: 0, goes_on: false }
    }

    fn grid(&self) -> Grid {
        Grid { resolution_ms: self.tier.resolution_ms(), span_ms: self.span_ms }
    }

    /// Which tier answers which part, from the newest to the oldest: the tier of the plan as far back as it goes, then
    /// the next coarser. Parts meet at ends of chunks, so that no sample counts twice.
    fn parts(&self, tables: &dyn Tables, days_done: i64) -> Result<Vec<Part>, StoreError> {
        let mut parts = vec![];
        let mut end = self.to.saturating_add(1);
        let mut add = |tier: Tier, end: &mut i64, not_before: i64| -> Result<(), StoreError> {
            let Some((first, last)) = tables.bounds(tier)? else { return Ok(()) };
            let (first, last) = (parts_of(first).0, parts_of(last).0);
            let start = (first * tier.chunk_ms()).max(not_before);
            let from = self.from.max(start);
            if from < *end {
                let numbers =
                    (from.div_euclid(tier.chunk_ms()), (*end - 1).div_euclid(tier.chunk_ms()).min(last));
                parts.push(Part { tier, from, end: *end, numbers });
            }
            *end = (*end).min(start);
            Ok(())
        };
        // The days that have not been rolled up yet are there as hours.
        if self.tier == Tier::Day {
            add(Tier::Hour, &mut end, days_done.saturating_mul(DAY_MS))?;
        }
        let mut tier = Some(self.tier);
        while let Some(now) = tier.filter(|_| end > self.from) {
            add(now, &mut end, i64::MIN)?;
            tier = now.coarser().filter(|_| self.goes_on);
        }
        Ok(parts)
    }
}

/// A part of the range that one tier answers.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    tier: Tier,
    /// From this ms to before that.
    from: i64,
    end: i64,
    /// The first and the last chunk number.
    numbers: (i64, i64),
}

/// How points are drawn together: first to the tier's resolution, then to spans. Open samples go the same way, so that a
/// line does not change when they are sealed.
#[derive(Debug, Clone, Copy)]
struct Grid {
    resolution_ms: i64,
    span_ms: i64,
}

impl Grid {
    /// The beginning of the span that a time belongs to.
    fn span_of(self, at: i64) -> i64 {
        let at = at.div_euclid(self.resolution_ms) * self.resolution_ms;
        at.div_euclid(self.span_ms) * self.span_ms
    }

    /// The first time of the tier's resolution at or after `at`.
    fn next_of_tier(self, at: i64) -> i64 {
        let before = at.saturating_sub(1).div_euclid(self.resolution_ms);
        before.saturating_add(1).saturating_mul(self.resolution_ms)
    }
}

/// Gathers the points of one series.
#[derive(Debug, Default)]
struct Line {
    points: Vec<Aggregate>,
    /// The times that belong to the last point: most samples do, and need no division.
    last: std::ops::Range<i64>,
}

impl Line {
    #[inline]
    fn push(&mut self, mut point: Aggregate, grid: Grid) {
        if grid.span_ms > 1 {
            if self.last.contains(&point.at)
                && let Some(last) = self.points.last_mut()
            {
                last.merge(&point);
                return;
            }
            point.at = grid.span_of(point.at);
            let end = point.at.saturating_add(grid.span_ms);
            self.last = grid.next_of_tier(point.at)..grid.next_of_tier(end);
        }
        self.points.push(point);
    }

    fn finish(self, plan: &Plan) -> Vec<Point> {
        let point =
            |p: &Aggregate| Point { at: p.at + plan.offset_ms, value: p.mean(), min: p.min, max: p.max };
        self.settle(plan).iter().map(point).collect()
    }

    /// All points in order, one per span.
    fn settle(mut self, plan: &Plan) -> Vec<Aggregate> {
        if !self.points.is_sorted_by_key(|point| point.at) {
            self.points.sort_by_key(|point| point.at);
        }
        if plan.span_ms > 1 {
            self.points.dedup_by(|point, kept| {
                let is_same = point.at == kept.at;
                if is_same {
                    kept.merge(point);
                }
                is_same
            });
        }
        self.points
    }
}

/// A query under way. The open samples are taken first, under the store's lock, the sealed ones then without it.
pub(crate) struct Running {
    plan: Plan,
    series: Vec<(SeriesKey, u32)>,
    lines: Vec<Line>,
    places: SeriesMap<u32>,
    is_scan: bool,
}

impl Running {
    /// `is_scan` says to pass over all chunks between those of the first and the last series rather than to look each up;
    /// series are to be sorted by number.
    pub(crate) fn new(plan: Plan, series: Vec<(SeriesKey, u32)>, is_scan: bool) -> Self {
        let places = (0..).zip(&series).map(|(place, (_, number))| (*number, place)).collect();
        let lines = series.iter().map(|_| Line::default()).collect();
        Self { plan, series, lines, places, is_scan }
    }

    /// Takes in the open samples of the range.
    pub(crate) fn read_heads(&mut self, heads: &Heads) {
        let Plan { from, to, .. } = self.plan;
        let grid = self.plan.grid();
        for (number, window) in heads.windows.range(window_of(from)..=window_of(to).max(window_of(from))) {
            let base = number * WINDOW_MS;
            for (place, (_, series)) in self.series.iter().enumerate() {
                let Some((head, line)) = window.get(*series).zip(self.lines.get_mut(place)) else { continue };
                head.for_each(base, |point| {
                    if point.at >= from && point.at <= to {
                        line.push(Aggregate::of(point), grid);
                    }
                });
            }
        }
    }

    /// Takes in the sealed points of the range; the days before `days_done` are rolled up.
    pub(crate) fn read_tables(&mut self, tables: &dyn Tables, days_done: i64) -> Result<(), StoreError> {
        let grid = self.plan.grid();
        let Some(((_, first), (_, last))) = self.series.first().zip(self.series.last()) else {
            return Ok(());
        };
        let (mut samples, mut aggregates) = (vec![], vec![]);
        for part in self.plan.parts(tables, days_done)?.into_iter().rev() {
            let tier = part.tier;
            let from = part.from.div_euclid(tier.resolution_ms()) * tier.resolution_ms();
            let lines = &mut self.lines;
            let places = &self.places;
            let mut take = |id: i64, chunk: &[u8]| -> Result<(), StoreError> {
                let (number, series) = parts_of(id);
                let Some(line) = places.get(&series).and_then(|place| lines.get_mut(*place as usize)) else {
                    return Ok(());
                };
                let base = number * tier.chunk_ms();
                if tier == Tier::Raw {
                    samples.clear();
                    let result = codec::decode_samples(base, chunk, &mut samples);
                    crate::seal::skip_damaged(result, tier, id);
                    let inside = samples.iter().filter(|p| p.at >= from && p.at < part.end);
                    inside.for_each(|point| line.push(Aggregate::of(*point), grid));
                } else {
                    aggregates.clear();
                    let result = codec::decode_aggregates(base, chunk, &mut aggregates);
                    crate::seal::skip_damaged(result, tier, id);
                    let inside = aggregates.iter().filter(|p| p.at >= from && p.at < part.end);
                    inside.for_each(|point| line.push(*point, grid));
                }
                Ok(())
            };
            for number in part.numbers.0..=part.numbers.1 {
                if self.is_scan {
                    tables.scan(tier, chunk_id(number, *first), chunk_id(number, *last) + 1, &mut take)?;
                } else {
                    for (_, series) in &self.series {
                        tables.get(tier, chunk_id(number, *series), &mut take)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The answer.
    pub(crate) fn finish(self) -> Vec<Series> {
        let plan = self.plan;
        self.lines().map(|(key, line)| Series { key, points: line.finish(&plan) }).collect()
    }

    /// The answer, with all that is known of each point.
    pub(crate) fn finish_whole(self) -> Vec<(SeriesKey, Vec<Aggregate>)> {
        let plan = self.plan;
        self.lines().map(|(key, line)| (key, line.settle(&plan))).collect()
    }

    fn lines(self) -> impl Iterator<Item = (SeriesKey, Line)> {
        let keys = self.series.into_iter().map(|(key, _)| key);
        keys.zip(self.lines).filter(|(_, line)| !line.points.is_empty())
    }
}
