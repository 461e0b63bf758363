//! Comma-separated text (RFC 4180), times as RFC 3339 in UTC.

use std::{borrow::Cow, io};

use jiff::Timestamp;
use pulse_core::metric::SeriesKey;

use super::RowSink;
use crate::codec::Aggregate;

pub(super) struct CsvSink<'o> {
    out: io::BufWriter<&'o mut dyn io::Write>,
}

impl<'o> CsvSink<'o> {
    pub(super) fn new(out: &'o mut dyn io::Write) -> io::Result<Self> {
        let mut out = io::BufWriter::new(out);
        io::Write::write_all(&mut out, b"time,resource_type,resource_id,metric,value,min,max,count\r\n")?;
        Ok(Self { out })
    }
}

impl RowSink for CsvSink<'_> {
    fn put(&mut self, key: &SeriesKey, points: &[Aggregate]) -> io::Result<()> {
        let (kind, metric) = (key.resource_type.name(), key.metric.name());
        let id = field(&key.resource_id);
        for point in points {
            let at = Timestamp::from_millisecond(point.at).map_err(io::Error::other)?;
            let Aggregate { count, min, max, .. } = point;
            let mean = point.mean();
            io::Write::write_fmt(
                &mut self.out,
                format_args!("{at},{kind},{id},{metric},{mean},{min},{max},{count}\r\n"),
            )?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        io::Write::flush(&mut self.out)
    }
}

/// A text as one field. Ids come from outside: one that a spreadsheet would take for a formula gets an apostrophe, which
/// makes it a text there.
fn field(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) };
    if text.contains([',', '"', '\r', '\n']) {
        return Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be_and_never_formulas() {
        for (text, expect) in [
            ("lab:101", "lab:101"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("@a,b", "\"'@a,b\""),
        ] {
            assert_eq!(field(text), expect);
        }
    }
}
