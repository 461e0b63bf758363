//! Where sealed chunks lie: in SQLite, or in memory for those who want nothing written.

use std::collections::BTreeMap;

use crate::{error::StoreError, tier::Tier};

/// What one tier holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TierCount {
    pub(crate) points: i64,
    pub(crate) chunks: i64,
    pub(crate) bytes: i64,
}

/// Called with each chunk of a scan and its id.
pub(crate) type EachChunk<'a> = &'a mut dyn FnMut(i64, &[u8]) -> Result<(), StoreError>;

/// Reads sealed chunks.
pub(crate) trait Tables {
    /// Hands the chunk of that id to `each`, where there is one.
    fn get(&self, tier: Tier, id: i64, each: EachChunk<'_>) -> Result<(), StoreError>;
    /// Hands out all chunks with ids from `first` to before `end`, in order.
    fn scan(&self, tier: Tier, first: i64, end: i64, each: EachChunk<'_>) -> Result<(), StoreError>;
    /// The lowest and the highest id.
    fn bounds(&self, tier: Tier) -> Result<Option<(i64, i64)>, StoreError>;
}

/// Writes sealed chunks.
pub(crate) trait TablesMut: Tables {
    /// Puts a chunk in the place of whatever has that id.
    fn put(&mut self, tier: Tier, id: i64, chunk: &[u8]) -> Result<(), StoreError>;
    /// Deletes all chunks with ids below `end`.
    fn delete_before(&mut self, tier: Tier, end: i64) -> Result<(), StoreError>;
}

/// Chunks in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryTables {
    tiers: [BTreeMap<i64, Box<[u8]>>; Tier::EVERY.len()],
}

impl MemoryTables {
    fn tier(&self, tier: Tier) -> &BTreeMap<i64, Box<[u8]>> {
        let [raw, minute, hour, day] = &self.tiers;
        match tier {
            Tier::Raw => raw,
            Tier::Minute => minute,
            Tier::Hour => hour,
            Tier::Day => day,
        }
    }

    fn tier_mut(&mut self, tier: Tier) -> &mut BTreeMap<i64, Box<[u8]>> {
        let [raw, minute, hour, day] = &mut self.tiers;
        match tier {
            Tier::Raw => raw,
            Tier::Minute => minute,
            Tier::Hour => hour,
            Tier::Day => day,
        }
    }
}

impl Tables for MemoryTables {
    fn get(&self, tier: Tier, id: i64, each: EachChunk<'_>) -> Result<(), StoreError> {
        self.tier(tier).get(&id).map_or(Ok(()), |chunk| each(id, chunk))
    }

    fn scan(&self, tier: Tier, first: i64, end: i64, each: EachChunk<'_>) -> Result<(), StoreError> {
        if first >= end {
            return Ok(());
        }
        self.tier(tier).range(first..end).try_for_each(|(id, chunk)| each(*id, chunk))
    }

    fn bounds(&self, tier: Tier) -> Result<Option<(i64, i64)>, StoreError> {
        let chunks = self.tier(tier);
        let first = chunks.first_key_value();
        Ok(first.zip(chunks.last_key_value()).map(|((first, _), (last, _))| (*first, *last)))
    }
}

impl TablesMut for MemoryTables {
    fn put(&mut self, tier: Tier, id: i64, chunk: &[u8]) -> Result<(), StoreError> {
        self.tier_mut(tier).insert(id, chunk.into());
        Ok(())
    }

    fn delete_before(&mut self, tier: Tier, end: i64) -> Result<(), StoreError> {
        let kept = self.tier_mut(tier).split_off(&end);
        *self.tier_mut(tier) = kept;
        Ok(())
    }
}
