//! A report as comma-separated text: facts, summary, data (contract B-13 §1).

use std::{borrow::Cow, fmt::Write as _};

use super::Report;

/// The whole report.
pub(super) fn write(report: &Report) -> String {
    let mut out = String::from("# Pulse Metrics Report\n");
    let mut row = |cells: &[Cow<'_, str>]| {
        for (at, cell) in cells.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            // Writing into a text cannot fail.
            let _ = write!(out, "{comma}{}", field(cell));
        }
        out.push('\n');
    };
    row(&["# Title:".into(), report.wish.title.as_str().into()]);
    for (name, value) in report.facts() {
        row(&[format!("# {name}:").into(), value.into()]);
    }
    row(&[]);
    row(&["# SUMMARY".into()]);
    row(&["Metric", "Count", "Min", "Max", "Average", "Current", "Unit"].map(Cow::from));
    for line in &report.lines {
        let summary = line.summary();
        let number = |value: f64| Cow::from(line.text(value));
        row(&[
            line.title().into(),
            summary.count.to_string().into(),
            number(summary.min),
            number(summary.max),
            number(summary.mean),
            number(summary.last),
            line.unit().into(),
        ]);
    }
    row(&[]);
    row(&["# DATA".into()]);
    let headings = report.lines.iter().map(|line| line.heading().into());
    row(&std::iter::once("Timestamp".into()).chain(headings).collect::<Vec<_>>());
    for (at, values) in report.rows() {
        let values =
            values.into_iter().map(|value| value.map_or(Cow::from(""), |v| format!("{v:.2}").into()));
        row(&std::iter::once(at.to_string().into()).chain(values).collect::<Vec<_>>());
    }
    out
}

/// A text as one field. Titles and ids come from outside: one that a spreadsheet would take for a formula gets an
/// apostrophe, which makes it a text there. A number may begin with a minus.
fn field(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if is_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) };
    if text.contains([',', '"', '\r', '\n']) {
        return Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")));
    }
    text
}

#[cfg(test)]
mod tests {
    use pulse_core::metric::Metric;

    use crate::reports::tests::report;

    #[test]
    fn the_three_blocks_and_nothing_that_a_spreadsheet_would_run() {
        let report = report(
            "=HYPERLINK(\"http://evil\"),\nx",
            &[(Metric::Cpu, &[17.0, 20.1]), (Metric::Used, &[1_610_612_736.0])],
        );
        let expected = "\
# Pulse Metrics Report
# Title:,\"'=HYPERLINK(\"\"http://evil\"\"),\nx\"
# Resource Type:,Node
# Resource ID:,lab-n1
# Period:,2027-01-15T08:00:00Z to 2027-01-15T09:00:00Z
# Generated:,2027-01-15T09:00:01Z
# Total Data Points:,3

# SUMMARY
Metric,Count,Min,Max,Average,Current,Unit
CPU Usage,2,16.00,21.10,18.55,20.10,%
Used,1,1.50 GiB,1.50 GiB,1.50 GiB,1.50 GiB,bytes

# DATA
Timestamp,CPU Usage (%),Used (bytes)
2027-01-15T08:00:00Z,17.00,1610612736.00
2027-01-15T08:01:00Z,20.10,
";
        assert_eq!(report.csv(), expected);
    }
}
