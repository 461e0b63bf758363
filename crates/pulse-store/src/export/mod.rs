//! History out of the store, for other programs: as CSV, or as Parquet, which every data tool reads and which takes a
//! tenth of the room.
//!
//! Each row is a point of one tier: `time, resource_type, resource_id, metric, value, min, max, count`.
//! Series follow each other; the points of one are in order of time.

mod csv;
mod parquet;

use std::{io, sync::Arc};

use jiff::Timestamp;
use pulse_core::metric::{Metric, ResourceType, SeriesKey};

use crate::{Selector, codec::Aggregate, error::StoreError, store::SqliteStore, tier::Tier};

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Comma-separated text with a header line.
    Csv,
    /// Apache Parquet, gzip.
    Parquet,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportRequest {
    /// Points of which tier.
    pub tier: Tier,
    /// The first instant.
    pub from: Timestamp,
    /// The last instant.
    pub to: Timestamp,
    /// Of which kinds of resources; all where there are none.
    pub resource_types: Vec<ResourceType>,
    /// Of which resource; all where there is none.
    pub resource_id: Option<Arc<str>>,
    /// Which metrics; all where there are none.
    pub metrics: Vec<Metric>,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportSummary {
    /// Series with at least one point.
    pub series: u64,
    /// Rows.
    pub rows: u64,
}

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The history cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output cannot be written.
    #[error("cannot write the export: {0}")]
    Write(#[from] io::Error),
}

/// Takes rows.
trait RowSink {
    fn put(&mut self, key: &SeriesKey, points: &[Aggregate]) -> io::Result<()>;
    fn finish(&mut self) -> io::Result<()>;
}

/// Writes what is asked for to `out`; `tell` is called after each series. For threads that may block.
pub fn export(
    store: &SqliteStore,
    request: &ExportRequest,
    format: ExportFormat,
    out: &mut dyn io::Write,
    mut tell: impl FnMut(ExportSummary),
) -> Result<ExportSummary, ExportError> {
    let mut sink: Box<dyn RowSink + '_> = match format {
        ExportFormat::Csv => Box::new(csv::CsvSink::new(out)?),
        ExportFormat::Parquet => Box::new(parquet::ParquetSink::new(out)?),
    };
    let mut summary = ExportSummary::default();
    let mut failed = None;
    for resource_type in ResourceType::EVERY {
        if !request.resource_types.is_empty() && !request.resource_types.contains(&resource_type) {
            continue;
        }
        let resource_id = request.resource_id.clone();
        let selector = Selector { resource_type, resource_id, metrics: request.metrics.clone() };
        store.dump_blocking(request.tier, &selector, request.from, request.to, &mut |key, points| {
            let result = sink.put(key, points);
            summary.series += 1;
            summary.rows += points.len() as u64;
            tell(summary);
            failed = result.err();
            failed.is_none()
        })?;
        if let Some(error) = failed.take() {
            return Err(error.into());
        }
    }
    sink.finish()?;
    Ok(summary)
}
