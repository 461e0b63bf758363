//! Taking in points that were gathered elsewhere: the history of a Pulse v5, for one. Unlike [`append`], which is for
//! what was measured just now, this goes straight into the tiers, however old the points are.
//!
//! A point stays out where there is one of as many samples, so that the same import may be run again. What a coarser tier lacks, or has of
//! fewer samples, is computed from the finer one.
//!
//! [`append`]: crate::MetricStore::append

use std::{cmp::Reverse, sync::Arc};

use pulse_core::metric::SeriesKey;

use crate::{
    codec::{Aggregate, RawPoint},
    error::StoreError,
    heads::Heads,
    seal::{Join, Sealer, fold},
    shared::State,
    sqlite::{self, SqliteTables},
    tier::{self, DAY_MS, Tier, WINDOW_MS, chunk_id, parts_of},
    writer::{MOST_AHEAD_MS, Writer},
};

/// A point of one tier of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportPoint {
    /// Which series.
    pub series: SeriesKey,
    /// In which tier; a sample has [`Tier::Raw`].
    pub tier: Tier,
    /// The point. Where the number of samples is not known, what is usual for its span will do: it decides which of two
    /// points of one span says more, and what weight it has in a coarser one.
    pub point: Aggregate,
}

/// What became of the points of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportOutcome {
    /// Taken in.
    pub taken: u64,
    /// Left out, because there is a point of as many samples in that place.
    pub known: u64,
    /// Left out, because they are older than is kept, lie in the future, are not finite, or are of too many resources.
    pub refused: u64,
}

impl ImportOutcome {
    /// Adds what became of more points.
    pub fn add(&mut self, other: Self) {
        self.taken += other.taken;
        self.known += other.known;
        self.refused += other.refused;
    }
}

/// A point on its way into a chunk.
struct Incoming {
    tier: Tier,
    id: i64,
    point: Aggregate,
}

impl Writer {
    /// Takes points in, all or none.
    pub(crate) fn import(&mut self, points: Vec<ImportPoint>) -> Result<ImportOutcome, StoreError> {
        let result = self.try_import(points);
        if let Err(error) = &result {
            self.recover(error);
        }
        result
    }

    fn try_import(&mut self, points: Vec<ImportPoint>) -> Result<ImportOutcome, StoreError> {
        let mut outcome = ImportOutcome::default();
        let mut incoming = self.sort_out(points, &mut outcome);
        // Coarse tiers first: what is rolled up from a part of a span must find the whole there.
        incoming.sort_by_key(|it| (Reverse(it.tier), it.id, it.point.at));
        let shared = Arc::clone(&self.shared);
        let Some(disk) = &mut self.disk else {
            let mut state = shared.write();
            let State { heads, counts, days_done, memory: Some(tables), .. } = &mut *state else {
                return Ok(outcome);
            };
            let mut sealer = Sealer { tables, counts, days_done: *days_done };
            join(&mut sealer, heads, &incoming, &mut outcome)?;
            state.registry.stored();
            state.last_rollup = Some(self.clock.now());
            return Ok(outcome);
        };
        let transaction = disk.connection.transaction()?;
        let state = shared.read();
        let mut counts = state.counts;
        sqlite::save_registry(&transaction, &state.registry)?;
        let mut tables = SqliteTables(&transaction);
        let mut sealer = Sealer { tables: &mut tables, counts: &mut counts, days_done: state.days_done };
        join(&mut sealer, &state.heads, &incoming, &mut outcome)?;
        drop(state);
        sqlite::save_counts(&transaction, &counts)?;
        let mut state = shared.write();
        transaction.commit()?;
        state.registry.stored();
        state.counts = counts;
        state.last_rollup = Some(self.clock.now());
        Ok(outcome)
    }

    /// Names the chunk of each point, and leaves out what has no business here.
    fn sort_out(&self, points: Vec<ImportPoint>, outcome: &mut ImportOutcome) -> Vec<Incoming> {
        let now_ms = self.clock.now().as_millisecond();
        let retention = &self.retention;
        let mut incoming = Vec::with_capacity(points.len());
        let mut state = self.shared.write();
        for ImportPoint { series, tier, mut point } in points {
            let (kept, unit) = match tier {
                Tier::Raw => (retention.raw, if self.keeps_milliseconds { 1 } else { 1000 }),
                Tier::Minute => (retention.minute, tier.resolution_ms()),
                Tier::Hour => (retention.hourly, tier.resolution_ms()),
                Tier::Day => (retention.daily, tier.resolution_ms()),
            };
            let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
            let oldest = now_ms.saturating_sub(kept).max(0);
            if !(oldest..=now_ms.saturating_add(MOST_AHEAD_MS)).contains(&point.at) {
                outcome.refused += 1;
                continue;
            }
            point.at = point.at.div_euclid(unit) * unit;
            let number = point.at.div_euclid(tier.chunk_ms());
            let is_value = [point.min, point.max, point.sum].iter().all(|value| value.is_finite())
                && point.count > 0
                && point.min <= point.max;
            let day = point.at.div_euclid(DAY_MS) as i32;
            let resource = (is_value && tier::NUMBERS.contains(&number))
                .then(|| state.registry.note(series.resource_type, &series.resource_id, series.metric, day))
                .flatten();
            let Some(resource) = resource else {
                outcome.refused += 1;
                continue;
            };
            let id = chunk_id(number, tier::series_of(resource, series.metric));
            incoming.push(Incoming { tier, id, point });
        }
        incoming
    }
}

/// Joins points, sorted by chunk and time, into their chunks, and rolls up the chunks that changed.
fn join(
    sealer: &mut Sealer<'_>,
    heads: &Heads,
    incoming: &[Incoming],
    outcome: &mut ImportOutcome,
) -> Result<(), StoreError> {
    let mut points = vec![];
    for group in incoming.chunk_by(|a, b| (a.tier, a.id) == (b.tier, b.id)) {
        let Some(Incoming { tier, id, .. }) = group.first() else { continue };
        points.clear();
        points.extend(group.iter().map(|it| it.point));
        let new = match tier {
            Tier::Raw => join_samples(sealer, heads, *id, &points)?,
            Tier::Minute | Tier::Hour | Tier::Day => {
                let (new, all) = sealer.join_points(*tier, *id, &points, Join::OnlyMore)?;
                if new > 0 {
                    roll_up(sealer, *tier, *id, &all)?;
                }
                new
            }
        };
        outcome.taken += new as u64;
        outcome.known += (group.len() - new) as u64;
    }
    Ok(())
}

fn join_samples(
    sealer: &mut Sealer<'_>,
    heads: &Heads,
    id: i64,
    points: &[Aggregate],
) -> Result<usize, StoreError> {
    let (number, series) = parts_of(id);
    let mut taken = std::collections::HashSet::new();
    if let Some(head) = heads.window(number).and_then(|window| window.get(series)) {
        head.for_each(number * WINDOW_MS, |point| {
            taken.insert(point.at);
        });
    }
    let samples = points.iter().filter(|point| !taken.contains(&point.at));
    let samples: Vec<RawPoint> =
        samples.map(|point| RawPoint { at: point.at, value: point.mean() }).collect();
    let (new, all) = sealer.join_samples(id, &samples)?;
    if new > 0 {
        let mut minutes = vec![];
        fold(all.into_iter().map(Aggregate::of), Tier::Minute.resolution_ms(), &mut minutes);
        let (_, minutes) = sealer.join_points(Tier::Minute, id, &minutes, Join::NotFewer)?;
        roll_up(sealer, Tier::Minute, id, &minutes)?;
    }
    Ok(new)
}

/// Computes the points of the coarser tiers from a chunk of this one.
fn roll_up(sealer: &mut Sealer<'_>, tier: Tier, id: i64, points: &[Aggregate]) -> Result<(), StoreError> {
    let series = parts_of(id).1;
    let Some(coarser) = tier.coarser() else { return Ok(()) };
    let mut folded = vec![];
    fold(points.iter().copied(), coarser.resolution_ms(), &mut folded);
    for point in folded {
        // Days that are not rolled up yet will be, with all others.
        if coarser == Tier::Day && point.at.div_euclid(DAY_MS) >= sealer.days_done {
            continue;
        }
        let all = sealer.put_point(coarser, series, point)?;
        if coarser == Tier::Hour {
            let id = chunk_id(point.at.div_euclid(coarser.chunk_ms()), series);
            roll_up(sealer, coarser, id, &all)?;
        }
    }
    Ok(())
}
