//! A report as a PDF document: A4, Helvetica, text and lines only. Written by hand: a page of text and line charts needs a
//! dozen operators of the format, and no library.

use std::fmt::Write as _;

use super::{Line, Report, whole_second};

const WIDTH: f64 = 595.0;
const HEIGHT: f64 = 842.0;
const MARGIN: f64 = 48.0;
const INNER: f64 = WIDTH - 2.0 * MARGIN;
const CHART_HEIGHT: f64 = 110.0;
/// Rows of data that are shown.
const SAMPLE_ROWS: usize = 50;
/// Columns of data that fit.
const SAMPLE_COLUMNS: usize = 7;
/// Points that are drawn of one line: more than the paper resolves.
const DRAWN: usize = 1_000;

/// Widths of Helvetica's characters from the space to the tilde, in thousandths of the size.
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
    556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// The whole report.
pub(super) fn write(report: &Report) -> Vec<u8> {
    let mut pages = Pages::default();
    pages.head(report);
    pages.summary(report);
    for line in &report.lines {
        pages.chart(line);
    }
    pages.sample(report);
    pages.into_document(report)
}

struct Pages {
    /// The drawing of each page.
    done: Vec<String>,
    now: String,
    /// Where the next thing begins, from below.
    y: f64,
}

impl Default for Pages {
    fn default() -> Self {
        Self { done: Vec::new(), now: String::new(), y: HEIGHT - MARGIN }
    }
}

impl Pages {
    /// Begins a new page where this much does not fit.
    fn room(&mut self, height: f64) {
        if self.y - height < MARGIN {
            self.done.push(std::mem::take(&mut self.now));
            self.y = HEIGHT - MARGIN;
        }
    }

    fn text(&mut self, x: f64, y: f64, size: f64, is_bold: bool, text: &str) {
        let font = if is_bold { "F2" } else { "F1" };
        // Writing into a text cannot fail.
        let _ = writeln!(self.now, "BT /{font} {size} Tf {x:.1} {y:.1} Td ({}) Tj ET", escaped(text));
    }

    fn centred(&mut self, y: f64, size: f64, is_bold: bool, text: &str) {
        let text = fitting(text, size, INNER);
        self.text((WIDTH - width(&text, size)) / 2.0, y, size, is_bold, &text);
    }

    fn rule(&mut self, y: f64) {
        let _ = writeln!(self.now, "0.5 w 0.7 G {MARGIN} {y:.1} m {:.1} {y:.1} l S 0 G", MARGIN + INNER);
    }

    fn heading(&mut self, text: &str) {
        self.text(MARGIN, self.y - 12.0, 12.0, true, text);
        self.y -= 20.0;
    }

    /// A row of a table: cells with their left edges.
    fn row(&mut self, size: f64, is_bold: bool, cells: &[(f64, f64, String)]) {
        for (x, wide, cell) in cells {
            let cell = fitting(cell, size, wide - 4.0);
            self.text(MARGIN + x, self.y - size, size, is_bold, &cell);
        }
        self.y -= size + 4.0;
    }

    fn head(&mut self, report: &Report) {
        self.centred(self.y - 18.0, 18.0, true, "Pulse Metrics Report");
        self.centred(self.y - 38.0, 12.0, false, &report.wish.title);
        self.y -= 56.0;
        for (name, value) in report.facts() {
            self.row(9.0, false, &[(0.0, 110.0, format!("{name}:")), (110.0, INNER - 110.0, value)]);
        }
        self.y -= 10.0;
    }

    fn summary(&mut self, report: &Report) {
        self.heading("Summary");
        if report.lines.is_empty() {
            self.row(9.0, false, &[(0.0, INNER, "No data in this period.".to_owned())]);
            return;
        }
        let wide = [130.0, 50.0, 80.0, 80.0, 80.0, 79.0];
        let cells = |texts: [String; 6]| {
            let mut x = 0.0;
            let place = |(wide, text): (f64, String)| {
                let cell = (x, wide, text);
                x += wide;
                cell
            };
            wide.into_iter().zip(texts).map(place).collect::<Vec<_>>()
        };
        let names = ["Metric", "Count", "Min", "Max", "Average", "Current"];
        self.row(9.0, true, &cells(names.map(str::to_owned)));
        self.rule(self.y + 2.0);
        for line in &report.lines {
            self.room(16.0);
            let it = line.summary();
            let number = |value: f64| line.text(value);
            let texts = [
                line.heading(),
                it.count.to_string(),
                number(it.min),
                number(it.max),
                number(it.mean),
                number(it.last),
            ];
            self.row(9.0, false, &cells(texts));
        }
        self.y -= 10.0;
    }

    fn chart(&mut self, line: &Line) {
        let (Some(first), Some(last)) = (line.points.first(), line.points.last()) else { return };
        self.room(CHART_HEIGHT + 60.0);
        self.heading(&line.heading());
        let summary = line.summary();
        let (top, bottom) = (self.y - 4.0, self.y - 4.0 - CHART_HEIGHT);
        let _ = writeln!(
            self.now,
            "0.5 w 0.7 G {MARGIN} {bottom:.1} {INNER} {CHART_HEIGHT} re S 0.11 0.35 0.62 RG 1 w"
        );
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a few years, drawn on paper")]
        let along = |at: i64| (at - first.at) as f64 / (last.at - first.at).max(1) as f64;
        let (low, high) = line.scale(summary);
        // By halves: the whole of two huge values is none.
        let height = (high / 2.0 - low / 2.0).max(f64::MIN_POSITIVE);
        let step = line.points.len().div_ceil(DRAWN);
        let reach = line.span_ms.max(60_000) * 3 * i64::try_from(step).unwrap_or(1);
        let mut before: Option<i64> = None;
        for point in line.points.iter().step_by(step) {
            let x = MARGIN + along(point.at) * INNER;
            let y = bottom + ((point.value / 2.0 - low / 2.0) / height).clamp(0.0, 1.0) * CHART_HEIGHT;
            // A gap in the data is one in the line.
            let is_joined = before.is_some_and(|at| point.at - at <= reach);
            let _ = match (is_joined, before) {
                (true, _) => write!(self.now, "{x:.1} {y:.1} l "),
                (false, None) => write!(self.now, "{x:.1} {y:.1} m "),
                (false, Some(_)) => write!(self.now, "S {x:.1} {y:.1} m "),
            };
            before = Some(point.at);
        }
        self.now.push_str("S 0 G\n");
        self.text(MARGIN + 3.0, top - 9.0, 7.0, false, &format!("max {}", line.text(summary.max)));
        self.text(MARGIN + 3.0, bottom + 3.0, 7.0, false, &format!("min {}", line.text(summary.min)));
        for (y, value) in [(top - 9.0, high), (bottom + 3.0, low)] {
            let label = line.text(value);
            self.text(MARGIN + INNER - 3.0 - width(&label, 7.0), y, 7.0, false, &label);
        }
        let time = |at: i64| {
            let at = jiff::Timestamp::from_millisecond(at).map(whole_second);
            at.map(|at| at.to_string()).unwrap_or_default()
        };
        let end = time(last.at);
        self.text(MARGIN, bottom - 9.0, 7.0, false, &time(first.at));
        self.text(MARGIN + INNER - width(&end, 7.0), bottom - 9.0, 7.0, false, &end);
        self.y = bottom - 24.0;
    }

    fn sample(&mut self, report: &Report) {
        if report.lines.is_empty() {
            return;
        }
        self.room(120.0);
        self.heading("Data Sample");
        #[expect(clippy::cast_precision_loss, reason = "a handful of columns")]
        let wide = (INNER - 110.0) / report.lines.len().min(SAMPLE_COLUMNS) as f64;
        let cells = |first: String, rest: &[String]| {
            let mut x = 110.0;
            let mut all = vec![(0.0, 110.0, first)];
            for text in rest.iter().take(SAMPLE_COLUMNS) {
                all.push((x, wide, text.clone()));
                x += wide;
            }
            all
        };
        let headings: Vec<String> = report.lines.iter().map(|line| line.title().to_owned()).collect();
        self.row(7.0, true, &cells("Timestamp".to_owned(), &headings));
        for (at, values) in report.rows().take(SAMPLE_ROWS) {
            self.room(14.0);
            let text = |(line, value): (&Line, Option<f64>)| value.map_or_else(String::new, |v| line.text(v));
            let texts: Vec<String> = report.lines.iter().zip(values).map(text).collect();
            self.row(7.0, false, &cells(at.to_string(), &texts));
        }
    }

    fn into_document(mut self, report: &Report) -> Vec<u8> {
        self.done.push(std::mem::take(&mut self.now));
        let count = self.done.len();
        let footer = format!("Generated by Pulse at {}", whole_second(report.generated_at));
        let mut out = Document::default();
        let kids: Vec<String> = (0..count).map(|page| format!("{} 0 R", 5 + 2 * page)).collect();
        out.object("<< /Type /Catalog /Pages 2 0 R >>");
        out.object(&format!("<< /Type /Pages /Count {count} /Kids [{}] >>", kids.join(" ")));
        for font in ["Helvetica", "Helvetica-Bold"] {
            out.object(&format!(
                "<< /Type /Font /Subtype /Type1 /BaseFont /{font} /Encoding /WinAnsiEncoding >>"
            ));
        }
        for (at, mut drawing) in self.done.into_iter().enumerate() {
            let place = format!("Page {} of {count}", at + 1);
            for (x, text) in [(MARGIN, &footer), (MARGIN + INNER - width(&place, 7.0), &place)] {
                let _ = writeln!(drawing, "BT /F1 7 Tf {x:.1} 24 Td ({}) Tj ET", escaped(text));
            }
            out.object(&format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] \
                 /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> /Contents {} 0 R >>",
                6 + 2 * at
            ));
            let bytes = latin(&drawing);
            out.stream(&bytes);
        }
        out.finish()
    }
}

/// Numbered objects, and where each begins.
struct Document {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Default for Document {
    fn default() -> Self {
        // The second line tells programs that the file is not text.
        Self { bytes: b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec(), starts: Vec::new() }
    }
}

impl Document {
    fn begin(&mut self) {
        self.starts.push(self.bytes.len());
        self.bytes.extend(format!("{} 0 obj\n", self.starts.len()).bytes());
    }

    fn object(&mut self, body: &str) {
        self.begin();
        self.bytes.extend(body.bytes());
        self.bytes.extend(b"\nendobj\n");
    }

    fn stream(&mut self, body: &[u8]) {
        self.begin();
        self.bytes.extend(format!("<< /Length {} >>\nstream\n", body.len()).bytes());
        self.bytes.extend(body);
        self.bytes.extend(b"\nendstream\nendobj\n");
    }

    fn finish(mut self) -> Vec<u8> {
        let (table, size) = (self.bytes.len(), self.starts.len() + 1);
        let mut end = format!("xref\n0 {size}\n0000000000 65535 f \n");
        for start in &self.starts {
            let _ = writeln!(end, "{start:010} 00000 n ");
        }
        let _ = write!(end, "trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n");
        self.bytes.extend(end.bytes());
        self.bytes
    }
}

/// One byte for each character; the fonts that every reader has know no others.
fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

/// A text between parentheses: nothing in it ends it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '(' | ')' | '\\' => out.extend(['\\', c]),
            // What is no character of Latin-1, or none that is printed.
            c if c.is_control() || u32::from(c) > 0xff => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

fn width(text: &str, size: f64) -> f64 {
    let of = |c: char| {
        let at = (c as usize).checked_sub(' ' as usize);
        f64::from(at.and_then(|at| WIDTHS.get(at)).copied().unwrap_or(600))
    };
    text.chars().map(of).sum::<f64>() * size / 1_000.0
}

/// As much of a text as is this wide at most.
fn fitting(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if width(&out, size) + width("...", size) > most {
            out.pop();
            break;
        }
    }
    out + "..."
}

#[cfg(test)]
mod tests {
    use pulse_core::metric::Metric;

    use crate::reports::tests::report;

    fn text_of(pdf: &[u8]) -> String {
        pdf.iter().map(|byte| char::from(*byte)).collect()
    }

    /// Every reader finds objects by the table at the end: each entry must point at its object.
    fn check_table(pdf: &[u8]) {
        let text = text_of(pdf);
        let table: usize =
            text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        // Offsets count bytes.
        let end = text_of(&pdf[table..]);
        let entries: Vec<&str> = end.lines().skip(3).take_while(|line| line.ends_with("n ")).collect();
        assert!(entries.len() >= 6, "{entries:?}");
        for (at, entry) in entries.iter().enumerate() {
            let start: usize = entry[..10].parse().unwrap();
            assert!(pdf[start..].starts_with(format!("{} 0 obj\n", at + 1).as_bytes()), "object {}", at + 1);
        }
    }

    #[test]
    fn a_document_is_whole_and_says_what_it_is_about() {
        let values: Vec<f64> = (0..3_000).map(|at| f64::from(at % 100)).collect();
        let metrics =
            [Metric::Cpu, Metric::Memory, Metric::Disk, Metric::NetIn, Metric::Used, Metric::Temperature];
        let lines: Vec<(Metric, &[f64])> =
            metrics.iter().map(|metric| (*metric, values.as_slice())).collect();
        let pdf = report("Week of lab-n1", &lines).pdf();
        check_table(&pdf);
        let text = text_of(&pdf);
        for wanted in ["Week of lab-n1", "CPU Usage", "Data Sample", "Page 1 of ", "%%EOF"] {
            assert!(text.contains(wanted), "{wanted}");
        }
        assert!(pdf.len() < 400_000, "{} bytes", pdf.len());
    }

    #[test]
    fn no_title_gets_out_of_its_place() {
        let title = format!(") Tj ET /Evil <b>\\\u{202e}\u{1f600}{}", "x".repeat(10_000));
        let pdf = report(&title, &[(Metric::Cpu, &[1.0])]).pdf();
        check_table(&pdf);
        let text = text_of(&pdf);
        assert!(text.contains("(\\) Tj ET /Evil <b>\\\\??xxx") && text.contains("...) Tj ET"), "{text}");
        check_table(&report("", &[]).pdf());
    }

    #[test]
    fn odd_values_are_drawn_somewhere() {
        let pdf =
            report("t", &[(Metric::Cpu, &[0.0, f64::MAX, f64::MIN]), (Metric::Pods, &[5.0, 5.0])]).pdf();
        check_table(&pdf);
        assert!(!text_of(&pdf).contains("NaN") && !text_of(&pdf).contains("inf"));
    }
}
