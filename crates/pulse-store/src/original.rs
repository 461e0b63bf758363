//! Reading the `metrics.db` of a Pulse v5: one table with a row per point, the tier in a column.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use pulse_core::metric::{Metric, ResourceType, SeriesKey};
use rusqlite::{Connection, OpenFlags, params};

use crate::{
    codec::Aggregate,
    error::StoreError,
    import::{ImportOutcome, ImportPoint},
    store::SqliteStore,
    tier::Tier,
};

/// So many rows are read and written at once.
const BATCH: usize = 50_000;
/// Pulse v5 polls about every ten seconds and does not store how many samples a point is made of.
const SAMPLES_PER_MINUTE: u64 = 6;

/// Why an original database cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// It is something else.
    #[error("{} is not a metrics.db of Pulse v5: it has no table \"metrics\" with its columns", path.display())]
    NotOriginal {
        /// The file.
        path: PathBuf,
    },
    /// What was read cannot be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportProgress {
    /// The row that was read last, by its number.
    pub row: i64,
    /// The last row there is.
    pub last_row: i64,
    /// What became of the rows so far.
    pub outcome: ImportOutcome,
    /// Rows of a kind of resource, metric or tier that is not known here.
    pub unknown: u64,
}

/// The database of a Pulse v5, opened for reading.
#[derive(Debug)]
pub struct OriginalDatabase {
    path: PathBuf,
    connection: Connection,
    last_row: i64,
}

impl OriginalDatabase {
    /// Opens it; nothing is ever written to it.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let read = |source| ImportError::Read { path: path.to_owned(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(read)?;
        connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(read)?;
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())).map_err(read)?;
        let columns = {
            let mut statement =
                connection.prepare("SELECT name FROM pragma_table_info('metrics')").map_err(read)?;
            let names = statement.query_map([], |row| row.get::<_, String>(0)).map_err(read)?;
            names.collect::<Result<HashSet<_>, _>>().map_err(read)?
        };
        let needed = ["id", "resource_type", "resource_id", "metric_type", "value", "timestamp", "tier"];
        if !needed.iter().all(|name| columns.contains(*name)) {
            return Err(ImportError::NotOriginal { path: path.to_owned() });
        }
        let last_row = connection
            .query_row("SELECT coalesce(max(id), 0) FROM metrics", [], |row| row.get(0))
            .map_err(read)?;
        Ok(Self { path: path.to_owned(), connection, last_row })
    }

    /// The number of its last row; about how many there are.
    pub fn last_row(&self) -> i64 {
        self.last_row
    }

    /// Imports everything. `name_of` turns the id of a resource into the one under which it is kept here; `tell` is called
    /// after each batch. For threads that may block.
    pub fn import_into(
        &self,
        store: &SqliteStore,
        mut name_of: impl FnMut(ResourceType, &str) -> String,
        mut tell: impl FnMut(ImportProgress),
    ) -> Result<ImportProgress, ImportError> {
        let mut progress =
            ImportProgress { row: 0, last_row: self.last_row, outcome: ImportOutcome::default(), unknown: 0 };
        let mut names: HashMap<(ResourceType, String), Arc<str>> = HashMap::new();
        // Finer tiers last: what they say of a span counts for more.
        for tier in [Tier::Day, Tier::Hour, Tier::Minute, Tier::Raw] {
            progress.row = 0;
            loop {
                let before = progress.row;
                let points = self.batch(tier, &mut progress, &mut names, &mut name_of)?;
                if progress.row == before {
                    break;
                }
                progress.outcome.add(store.import_blocking(points)?);
                tell(ImportProgress { row: self.done(tier, progress.row), ..progress });
            }
        }
        progress.row = self.last_row;
        tell(progress);
        Ok(progress)
    }

    /// The table is passed over once per tier.
    fn done(&self, tier: Tier, row: i64) -> i64 {
        let passes = match tier {
            Tier::Day => 0,
            Tier::Hour => 1,
            Tier::Minute => 2,
            Tier::Raw => 3,
        };
        (self.last_row.saturating_mul(passes).saturating_add(row)) / 4
    }

    fn batch(
        &self,
        tier: Tier,
        progress: &mut ImportProgress,
        names: &mut HashMap<(ResourceType, String), Arc<str>>,
        name_of: &mut impl FnMut(ResourceType, &str) -> String,
    ) -> Result<Vec<ImportPoint>, ImportError> {
        let read = |source| ImportError::Read { path: self.path.clone(), source };
        let (word, count) = match tier {
            Tier::Raw => ("raw", 1),
            Tier::Minute => ("minute", SAMPLES_PER_MINUTE),
            Tier::Hour => ("hourly", 60 * SAMPLES_PER_MINUTE),
            Tier::Day => ("daily", 24 * 60 * SAMPLES_PER_MINUTE),
        };
        let sql = "SELECT id, resource_type, resource_id, metric_type, value, min_value, max_value, timestamp
                   FROM metrics WHERE id > ?1 AND tier = ?2 ORDER BY id LIMIT ?3";
        let mut statement = self.connection.prepare_cached(sql).map_err(read)?;
        let mut rows = statement.query(params![progress.row, word, BATCH as i64]).map_err(read)?;
        let mut points = Vec::with_capacity(BATCH);
        while let Some(row) = rows.next().map_err(read)? {
            progress.row = row.get(0).map_err(read)?;
            let point = (|| {
                let kind = ResourceType::from_name(row.get_ref(1).ok()?.as_str().ok()?)?;
                let metric = Metric::from_name(row.get_ref(3).ok()?.as_str().ok()?)?;
                let id: String = row.get(2).ok()?;
                let value: f64 = row.get(4).ok()?;
                let min: Option<f64> = row.get(5).ok()?;
                let max: Option<f64> = row.get(6).ok()?;
                let second: i64 = row.get(7).ok()?;
                let resource_id = names
                    .entry((kind, id))
                    .or_insert_with_key(|(kind, id)| Arc::from(name_of(*kind, id)))
                    .clone();
                let (min, max) = (min.unwrap_or(value).min(value), max.unwrap_or(value).max(value));
                let point =
                    Aggregate { at: second.saturating_mul(1000), count, min, max, sum: value * count as f64 };
                let series = SeriesKey { resource_type: kind, resource_id, metric };
                Some(ImportPoint { series, tier, point })
            })();
            match point {
                Some(point) => points.push(point),
                None => progress.unknown += 1,
            }
        }
        Ok(points)
    }
}
