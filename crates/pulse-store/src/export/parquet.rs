//! Apache Parquet, as much of it as eight flat columns without nulls need: plain encoding, gzip, one page per column and
//! row group. The crate `parquet` writes the same with sixteen more packages, a second date library among them; this is a
//! page of code, and files are read by Arrow, DuckDB and the like.
//!
//! A file is `PAR1`, the pages, and a footer in Thrift's compact protocol that says where they are.

use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};
use pulse_core::metric::SeriesKey;

use super::RowSink;
use crate::codec::{Aggregate, put_varint, zigzag};

const MAGIC: &[u8] = b"PAR1";
/// A row group is held in memory while it is gathered.
const ROWS_PER_GROUP: usize = 64 * 1024;

/// Physical types, by their numbers in the format.
#[derive(Clone, Copy)]
enum Physical {
    Int64 = 2,
    Double = 5,
    ByteArray = 6,
}

/// What a column's values mean, by their numbers in the format.
const UTF8: i32 = 0;
const TIMESTAMP_MILLIS: i32 = 9;
const GZIP: i32 = 2;
const PLAIN: i32 = 0;
const RLE: i32 = 3;

/// The columns: name, physical type, meaning.
const COLUMNS: [(&str, Physical, Option<i32>); 8] = [
    ("time", Physical::Int64, Some(TIMESTAMP_MILLIS)),
    ("resource_type", Physical::ByteArray, Some(UTF8)),
    ("resource_id", Physical::ByteArray, Some(UTF8)),
    ("metric", Physical::ByteArray, Some(UTF8)),
    ("value", Physical::Double, None),
    ("min", Physical::Double, None),
    ("max", Physical::Double, None),
    ("count", Physical::Int64, None),
];

/// Where a column of a row group lies.
struct ColumnChunk {
    offset: u64,
    plain_bytes: u64,
    packed_bytes: u64,
}

struct RowGroup {
    rows: u64,
    columns: Vec<ColumnChunk>,
}

pub(super) struct ParquetSink<'o> {
    out: io::BufWriter<&'o mut dyn io::Write>,
    /// How much was written.
    at: u64,
    /// The values of the row group that is being gathered, in plain encoding.
    columns: [Vec<u8>; COLUMNS.len()],
    rows: usize,
    groups: Vec<RowGroup>,
}

impl<'o> ParquetSink<'o> {
    pub(super) fn new(out: &'o mut dyn io::Write) -> io::Result<Self> {
        let mut out = io::BufWriter::new(out);
        out.write_all(MAGIC)?;
        Ok(Self { out, at: MAGIC.len() as u64, columns: Default::default(), rows: 0, groups: vec![] })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn end_group(&mut self) -> io::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let columns = std::mem::take(&mut self.columns);
        let mut chunks = vec![];
        for plain in columns {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&plain)?;
            let packed = encoder.finish()?;
            let mut head = Thrift::default();
            head.i32(1, 0);
            head.i32(2, plain.len() as i32);
            head.i32(3, packed.len() as i32);
            head.open_struct(5);
            head.i32(1, self.rows as i32);
            head.i32(2, PLAIN);
            head.i32(3, RLE);
            head.i32(4, RLE);
            head.close();
            head.close();
            let offset = self.at;
            self.write(&head.bytes)?;
            self.write(&packed)?;
            let head_bytes = head.bytes.len() as u64;
            chunks.push(ColumnChunk {
                offset,
                plain_bytes: head_bytes + plain.len() as u64,
                packed_bytes: head_bytes + packed.len() as u64,
            });
        }
        self.groups.push(RowGroup { rows: self.rows as u64, columns: chunks });
        self.rows = 0;
        Ok(())
    }

    fn footer(&self) -> Vec<u8> {
        let mut out = Thrift::default();
        out.i32(1, 1);
        out.list(2, Thrift::STRUCT, COLUMNS.len() + 1);
        out.begin();
        out.text(4, "history");
        out.i32(5, COLUMNS.len() as i32);
        out.close();
        for (name, physical, meaning) in COLUMNS {
            out.begin();
            out.i32(1, physical as i32);
            out.i32(3, 0);
            out.text(4, name);
            if let Some(meaning) = meaning {
                out.i32(6, meaning);
            }
            out.close();
        }
        out.i64(3, self.groups.iter().map(|group| group.rows).sum());
        out.list(4, Thrift::STRUCT, self.groups.len());
        for group in &self.groups {
            out.begin();
            out.list(1, Thrift::STRUCT, group.columns.len());
            for ((name, physical, _), chunk) in COLUMNS.into_iter().zip(&group.columns) {
                out.begin();
                out.i64(2, chunk.offset);
                out.open_struct(3);
                out.i32(1, physical as i32);
                out.list(2, Thrift::I32, 1);
                out.number(i64::from(PLAIN));
                out.list(3, Thrift::BINARY, 1);
                out.bare_text(name);
                out.i32(4, GZIP);
                out.i64(5, group.rows);
                out.i64(6, chunk.plain_bytes);
                out.i64(7, chunk.packed_bytes);
                out.i64(9, chunk.offset);
                out.close();
                out.close();
            }
            out.i64(2, group.columns.iter().map(|chunk| chunk.plain_bytes).sum());
            out.i64(3, group.rows);
            out.close();
        }
        out.text(6, concat!("pulse-store ", env!("CARGO_PKG_VERSION")));
        out.close();
        out.bytes
    }
}

impl RowSink for ParquetSink<'_> {
    fn put(&mut self, key: &SeriesKey, points: &[Aggregate]) -> io::Result<()> {
        for point in points {
            let [time, kind, id, metric, value, min, max, count] = &mut self.columns;
            time.extend(point.at.to_le_bytes());
            for (column, text) in
                [(kind, key.resource_type.name()), (id, &*key.resource_id), (metric, key.metric.name())]
            {
                column.extend((text.len() as u32).to_le_bytes());
                column.extend(text.as_bytes());
            }
            value.extend(point.mean().to_le_bytes());
            min.extend(point.min.to_le_bytes());
            max.extend(point.max.to_le_bytes());
            count.extend(point.count.to_le_bytes());
            self.rows += 1;
            if self.rows == ROWS_PER_GROUP {
                self.end_group()?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.end_group()?;
        let footer = self.footer();
        self.write(&footer)?;
        self.write(&(footer.len() as u32).to_le_bytes())?;
        self.write(MAGIC)?;
        self.out.flush()
    }
}

/// Thrift's compact protocol, as far as it is needed. A struct at the top is open from the start.
struct Thrift {
    bytes: Vec<u8>,
    /// The last field of each open struct.
    fields: Vec<i16>,
}

impl Default for Thrift {
    fn default() -> Self {
        Self { bytes: vec![], fields: vec![0] }
    }
}

impl Thrift {
    const I32: u8 = 5;
    const I64: u8 = 6;
    const BINARY: u8 = 8;
    const LIST: u8 = 9;
    const STRUCT: u8 = 12;

    fn field(&mut self, id: i16, kind: u8) {
        if let Some(last) = self.fields.last_mut() {
            // Fields are written in order and lie close together.
            self.bytes.push(((id - *last) as u8) << 4 | kind);
            *last = id;
        }
    }

    fn number(&mut self, value: i64) {
        put_varint(zigzag(value), &mut self.bytes);
    }

    fn i32(&mut self, id: i16, value: i32) {
        self.field(id, Self::I32);
        self.number(value.into());
    }

    fn i64(&mut self, id: i16, value: u64) {
        self.field(id, Self::I64);
        self.number(value as i64);
    }

    fn bare_text(&mut self, text: &str) {
        put_varint(text.len() as u64, &mut self.bytes);
        self.bytes.extend(text.as_bytes());
    }

    fn text(&mut self, id: i16, text: &str) {
        self.field(id, Self::BINARY);
        self.bare_text(text);
    }

    fn list(&mut self, id: i16, kind: u8, length: usize) {
        self.field(id, Self::LIST);
        if length < 15 {
            self.bytes.push((length as u8) << 4 | kind);
        } else {
            self.bytes.push(0xf0 | kind);
            put_varint(length as u64, &mut self.bytes);
        }
    }

    /// Begins a struct that is an element of a list.
    fn begin(&mut self) {
        self.fields.push(0);
    }

    fn open_struct(&mut self, id: i16) {
        self.field(id, Self::STRUCT);
        self.begin();
    }

    fn close(&mut self) {
        self.bytes.push(0);
        self.fields.pop();
    }
}
