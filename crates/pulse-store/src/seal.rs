//! From open samples to chunks: sealing windows, rolling them up into the coarser tiers, and letting go of what is
//! too old. Every step computes what it writes from the finer tier and replaces what stood there, so that doing it again
//! changes nothing.

use crate::{
    codec::{self, Aggregate, MOST_POINTS, RawPoint},
    error::StoreError,
    heads::Window,
    options::Retention,
    tables::{TablesMut, TierCount},
    tier::{DAY_MS, Tier, WINDOW_MS, chunk_id, parts_of},
};

/// Folds points into spans of `span_ms`; they must be in order of time.
pub(crate) fn fold(points: impl Iterator<Item = Aggregate>, span_ms: i64, out: &mut Vec<Aggregate>) {
    let start = out.len();
    for mut point in points {
        point.at = point.at.div_euclid(span_ms) * span_ms;
        match out.last_mut() {
            Some(last) if last.at == point.at => last.merge(&point),
            _ => out.push(point),
        }
    }
    for span in out.iter_mut().skip(start) {
        span.snap();
    }
}

/// One chunk that cannot be read is an hour or a day of one series: the rest goes on without it.
pub(crate) fn skip_damaged(result: Result<(), codec::CodecError>, tier: Tier, id: i64) {
    if let Err(error) = result {
        let (number, series) = parts_of(id);
        tracing::warn!(%error, ?tier, number, series, "a chunk of history is damaged and left out");
    }
}

/// What happens to a point where there is one already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    /// The new one takes the place when it is made of more samples: what is known otherwise stays.
    OnlyMore,
    /// The new one takes the place unless it is made of fewer samples: it was computed anew, but what was computed from a
    /// part of a span must not stand for the whole of it.
    NotFewer,
}

/// Writes chunks, and keeps count of them.
pub(crate) struct Sealer<'a> {
    pub(crate) tables: &'a mut dyn TablesMut,
    pub(crate) counts: &'a mut [TierCount; 4],
    /// The days (since 1970) before this one have been rolled up.
    pub(crate) days_done: i64,
}

impl Sealer<'_> {
    /// Seals a window: samples become a chunk each of samples and of minutes, a point in the chunk of hours, and, for a
    /// day that has been rolled up already, in the chunk of days. Chunks that are there already are joined.
    pub(crate) fn seal(&mut self, number: i64, window: &Window) -> Result<(), StoreError> {
        let base = number * WINDOW_MS;
        let day = base.div_euclid(DAY_MS);
        let may_exist = self.tables.bounds(Tier::Raw)?.is_some_and(|(_, last)| parts_of(last).0 >= number);
        // An import may have brought minutes without samples.
        let has_minutes =
            self.tables.bounds(Tier::Minute)?.is_some_and(|(_, last)| parts_of(last).0 >= number);
        let (mut points, mut minutes, mut hours, mut chunk) = (vec![], vec![], vec![], vec![]);
        for (series, head) in window.sorted() {
            let id = chunk_id(number, series);
            points.clear();
            let mut old = None;
            if may_exist {
                self.tables.get(Tier::Raw, id, &mut |_, chunk| {
                    skip_damaged(codec::decode_samples(base, chunk, &mut points), Tier::Raw, id);
                    old = Some((points.len(), chunk.len()));
                    Ok(())
                })?;
            }
            head.for_each(base, |point| points.push(point));
            if head.is_unsorted() || old.is_some() {
                points.sort_by_key(|point: &RawPoint| point.at);
            }
            points.truncate(MOST_POINTS);
            chunk.clear();
            codec::encode_samples(base, &points, &mut chunk);
            self.put(Tier::Raw, id, &chunk, points.len(), old)?;

            minutes.clear();
            fold(
                points.iter().map(|point| Aggregate::of(*point)),
                Tier::Minute.resolution_ms(),
                &mut minutes,
            );
            if has_minutes {
                (_, minutes) = self.join_points(Tier::Minute, id, &minutes, Join::NotFewer)?;
            } else {
                chunk.clear();
                codec::encode_aggregates(base, &minutes, &mut chunk);
                self.put(Tier::Minute, id, &chunk, minutes.len(), None)?;
            }

            hours.clear();
            fold(minutes.iter().copied(), Tier::Hour.resolution_ms(), &mut hours);
            for hour in &hours {
                let hours = self.put_point(Tier::Hour, series, *hour)?;
                if day < self.days_done {
                    self.roll_day(series, &hours)?;
                }
            }
        }
        Ok(())
    }

    /// Rolls up the days before `today` that have not been.
    pub(crate) fn roll_days(&mut self, today: i64) -> Result<(), StoreError> {
        let Some((first, last)) = self.tables.bounds(Tier::Hour)? else {
            self.days_done = self.days_done.max(today);
            return Ok(());
        };
        let first = parts_of(first).0.max(self.days_done);
        let mut hours = vec![];
        for day in first..today.min(parts_of(last).0 + 1) {
            let mut folded: Vec<(u32, Aggregate)> = vec![];
            self.tables.scan(Tier::Hour, chunk_id(day, 0), chunk_id(day + 1, 0), &mut |id, chunk| {
                hours.clear();
                skip_damaged(codec::decode_aggregates(day * DAY_MS, chunk, &mut hours), Tier::Hour, id);
                let mut days = vec![];
                fold(hours.iter().copied(), DAY_MS, &mut days);
                folded.extend(days.into_iter().map(|day| (parts_of(id).1, day)));
                Ok(())
            })?;
            for (series, point) in folded {
                self.put_point(Tier::Day, series, point)?;
            }
        }
        self.days_done = self.days_done.max(today);
        Ok(())
    }

    /// Deletes what is older than is to be kept; at most a day's worth (a chunk of days) at once, so that a clock that
    /// jumps ahead for a while does not cost all history.
    pub(crate) fn retain(&mut self, now_ms: i64, retention: &Retention) -> Result<(), StoreError> {
        let kept = [retention.raw, retention.minute, retention.hourly, retention.daily];
        for (tier, kept) in Tier::EVERY.into_iter().zip(kept) {
            let Some((first, _)) = self.tables.bounds(tier)? else { continue };
            let cutoff = now_ms.saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
            let most = parts_of(first).0 + (DAY_MS / tier.chunk_ms()).max(1);
            let number = cutoff.div_euclid(tier.chunk_ms()).min(most);
            if number <= parts_of(first).0 {
                continue;
            }
            let end = chunk_id(number, 0);
            let mut gone = TierCount::default();
            self.tables.scan(tier, i64::MIN, end, &mut |_, chunk| {
                gone.points += codec::count(chunk).unwrap_or(0) as i64;
                gone.chunks += 1;
                gone.bytes += chunk.len() as i64;
                Ok(())
            })?;
            self.tables.delete_before(tier, end)?;
            let count = self.count(tier);
            count.points -= gone.points;
            count.chunks -= gone.chunks;
            count.bytes -= gone.bytes;
        }
        Ok(())
    }

    fn roll_day(&mut self, series: u32, hours: &[Aggregate]) -> Result<(), StoreError> {
        let mut days = vec![];
        fold(hours.iter().copied(), DAY_MS, &mut days);
        for day in days {
            self.put_point(Tier::Day, series, day)?;
        }
        Ok(())
    }

    /// Puts one point into the chunk of aggregates that it belongs to; returns all points of the chunk.
    pub(crate) fn put_point(
        &mut self,
        tier: Tier,
        series: u32,
        point: Aggregate,
    ) -> Result<Vec<Aggregate>, StoreError> {
        let id = chunk_id(point.at.div_euclid(tier.chunk_ms()), series);
        let (_, points) = self.join_points(tier, id, &[point], Join::NotFewer)?;
        Ok(points)
    }

    /// Joins points into their chunk of aggregates. Returns how many it took, and all points of the chunk.
    pub(crate) fn join_points(
        &mut self,
        tier: Tier,
        id: i64,
        new: &[Aggregate],
        join: Join,
    ) -> Result<(usize, Vec<Aggregate>), StoreError> {
        let base = parts_of(id).0 * tier.chunk_ms();
        let (mut points, mut old, mut taken) = (vec![], None, 0);
        self.tables.get(tier, id, &mut |_, chunk| {
            skip_damaged(codec::decode_aggregates(base, chunk, &mut points), tier, id);
            old = Some((points.len(), chunk.len()));
            Ok(())
        })?;
        for point in new {
            match points.binary_search_by_key(&point.at, |p: &Aggregate| p.at) {
                Ok(place) => {
                    if let Some(slot) = points.get_mut(place)
                        && (point.count > slot.count || (join == Join::NotFewer && point.count == slot.count))
                        && slot != point
                    {
                        *slot = *point;
                        taken += 1;
                    }
                }
                Err(place) => {
                    points.insert(place, *point);
                    taken += 1;
                }
            }
        }
        if taken > 0 {
            let mut chunk = vec![];
            codec::encode_aggregates(base, &points, &mut chunk);
            self.put(tier, id, &chunk, points.len(), old)?;
        }
        Ok((taken, points))
    }

    /// Joins samples into their chunk; those whose time is taken stay out. Returns how many it took, and all samples of the
    /// chunk.
    pub(crate) fn join_samples(
        &mut self,
        id: i64,
        new: &[RawPoint],
    ) -> Result<(usize, Vec<RawPoint>), StoreError> {
        let base = parts_of(id).0 * WINDOW_MS;
        let (mut points, mut old) = (vec![], None);
        self.tables.get(Tier::Raw, id, &mut |_, chunk| {
            skip_damaged(codec::decode_samples(base, chunk, &mut points), Tier::Raw, id);
            old = Some((points.len(), chunk.len()));
            Ok(())
        })?;
        let known: std::collections::HashSet<i64> = points.iter().map(|point: &RawPoint| point.at).collect();
        let room = MOST_POINTS.saturating_sub(points.len());
        points.extend(new.iter().filter(|point| !known.contains(&point.at)).take(room));
        let taken = points.len() - old.map_or(0, |(points, _)| points);
        if taken > 0 {
            points.sort_by_key(|point| point.at);
            let mut chunk = vec![];
            codec::encode_samples(base, &points, &mut chunk);
            self.put(Tier::Raw, id, &chunk, points.len(), old)?;
        }
        Ok((taken, points))
    }

    fn put(
        &mut self,
        tier: Tier,
        id: i64,
        chunk: &[u8],
        points: usize,
        old: Option<(usize, usize)>,
    ) -> Result<(), StoreError> {
        self.tables.put(tier, id, chunk)?;
        let count = self.count(tier);
        let (old_points, old_bytes) = old.unwrap_or_default();
        count.points += points as i64 - old_points as i64;
        count.bytes += chunk.len() as i64 - old_bytes as i64;
        count.chunks += i64::from(old.is_none());
        Ok(())
    }

    fn count(&mut self, tier: Tier) -> &mut TierCount {
        let [raw, minute, hour, day] = &mut *self.counts;
        match tier {
            Tier::Raw => raw,
            Tier::Minute => minute,
            Tier::Hour => hour,
            Tier::Day => day,
        }
    }
}
