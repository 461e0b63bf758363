//! Reports: one resource's history over a range, with a summary, as CSV for programs and as PDF for people (contract B-13).

mod csv;
mod pdf;

use std::collections::BTreeMap;

use jiff::Timestamp;
use pulse_core::metric::{Metric, ResourceType, Unit};
use pulse_store::{MetricStore, Point, RangeQuery, Selector, StoreError};

/// What a report is about.
#[derive(Debug, Clone)]
pub struct ReportWish {
    /// The title.
    pub title: String,
    /// The kind of the resource, as it was asked for.
    pub resource_type: String,
    /// Its id, as it was asked for.
    pub resource_id: String,
    /// Under which keys the history may hold it.
    pub keys: Vec<(ResourceType, String)>,
    /// Which metrics; all where there are none.
    pub metrics: Vec<Metric>,
    /// The first instant.
    pub from: Timestamp,
    /// The last instant.
    pub to: Timestamp,
}

/// A report, ready to be written.
#[derive(Debug, Clone)]
pub struct Report {
    wish: ReportWish,
    generated_at: Timestamp,
    /// By name of the metric.
    lines: Vec<Line>,
}

/// One metric's part.
#[derive(Debug, Clone)]
struct Line {
    metric: Metric,
    /// Oldest first, one for each instant.
    points: Vec<Point>,
    /// How far apart points stand that belong together, in milliseconds.
    span_ms: i64,
}

/// A metric in numbers.
#[derive(Debug, Clone, Copy)]
struct Summary {
    count: usize,
    min: f64,
    max: f64,
    mean: f64,
    last: f64,
}

impl Report {
    /// Reads what the report needs. The points are those of the tier that suits the range, so their number is bounded.
    pub async fn gather(
        store: &dyn MetricStore,
        wish: ReportWish,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut found: BTreeMap<&'static str, Line> = BTreeMap::new();
        for (resource_type, id) in &wish.keys {
            let selector = Selector {
                resource_type: *resource_type,
                resource_id: Some(id.as_str().into()),
                metrics: wish.metrics.clone(),
            };
            let query = RangeQuery { selector, from: wish.from, to: wish.to, max_points: None };
            let span_ms = query.spans().span_ms;
            for series in store.query(query).await? {
                let metric = series.key.metric;
                let line = found.entry(metric.name());
                let line = line.or_insert_with(|| Line { metric, points: Vec::new(), span_ms });
                line.points.extend(series.points);
            }
        }
        let lines = found.into_values().map(|mut line| {
            // What was imported may stand under another key than what was measured since.
            line.points.sort_by_key(|point| point.at);
            line.points.dedup_by_key(|point| point.at);
            line
        });
        Ok(Self { lines: lines.filter(|line| !line.points.is_empty()).collect(), wish, generated_at: now })
    }

    /// As comma-separated text.
    pub fn csv(&self) -> String {
        csv::write(self)
    }

    /// As a document of A4 pages.
    pub fn pdf(&self) -> Vec<u8> {
        pdf::write(self)
    }

    fn points(&self) -> usize {
        self.lines.iter().map(|line| line.points.len()).sum()
    }

    fn facts(&self) -> [(&'static str, String); 5] {
        [
            ("Resource Type", type_name(&self.wish.resource_type)),
            ("Resource ID", self.wish.resource_id.clone()),
            ("Period", format!("{} to {}", whole_second(self.wish.from), whole_second(self.wish.to))),
            ("Generated", whole_second(self.generated_at).to_string()),
            ("Total Data Points", self.points().to_string()),
        ]
    }

    /// One row for each second in which anything is known: a value for each line, where it has one.
    fn rows(&self) -> impl Iterator<Item = (Timestamp, Vec<Option<f64>>)> {
        let mut rows: BTreeMap<i64, Vec<Option<f64>>> = BTreeMap::new();
        for (at, line) in self.lines.iter().enumerate() {
            for point in &line.points {
                let row = rows.entry(point.at.div_euclid(1_000));
                row.or_insert_with(|| vec![None; self.lines.len()])[at] = Some(point.value);
            }
        }
        rows.into_iter().filter_map(|(second, row)| Some((Timestamp::from_second(second).ok()?, row)))
    }
}

impl Line {
    fn summary(&self) -> Summary {
        let points = &self.points;
        #[expect(clippy::cast_precision_loss, reason = "a line has some thousands of points")]
        let mean = points.iter().map(|point| point.value).sum::<f64>() / points.len().max(1) as f64;
        Summary {
            count: points.len(),
            min: points.iter().map(|point| point.min).fold(f64::INFINITY, f64::min),
            max: points.iter().map(|point| point.max).fold(f64::NEG_INFINITY, f64::max),
            mean,
            last: points.last().map_or(f64::NAN, |point| point.value),
        }
    }

    /// Between which values it is drawn: a share of the whole between nothing and all of it, so that a twitch looks like one.
    fn scale(&self, summary: Summary) -> (f64, f64) {
        if self.metric.unit() == Unit::Percent {
            return (summary.min.min(0.0), summary.max.max(100.0));
        }
        (summary.min, summary.max)
    }

    fn title(&self) -> &'static str {
        match self.metric {
            Metric::Cpu => "CPU Usage",
            Metric::Memory => "Memory Usage",
            Metric::Disk => "Disk Usage",
            Metric::DiskRead => "Disk Read",
            Metric::DiskWrite => "Disk Write",
            Metric::NetIn => "Network In",
            Metric::NetOut => "Network Out",
            Metric::Usage => "Storage Usage",
            Metric::Used => "Used",
            Metric::Total => "Total",
            Metric::Available => "Available",
            Metric::Temperature => "Temperature",
            Metric::Nodes => "Nodes",
            Metric::NodesReady => "Nodes Ready",
            Metric::Pods => "Pods",
            Metric::PodsRunning => "Pods Running",
            Metric::MailQueue => "Mail Queue",
        }
    }

    fn unit(&self) -> &'static str {
        match self.metric.unit() {
            Unit::Percent => "%",
            Unit::Bytes => "bytes",
            Unit::BytesPerSecond => "bytes/s",
            Unit::Celsius => "°C",
            Unit::Count => "",
        }
    }

    /// The title with the unit, as the head of a column.
    fn heading(&self) -> String {
        if self.unit().is_empty() {
            return self.title().to_owned();
        }
        format!("{} ({})", self.title(), self.unit())
    }

    /// A value of it, as people read it.
    fn text(&self, value: f64) -> String {
        if !value.is_finite() {
            return String::new();
        }
        match self.metric.unit() {
            Unit::Bytes => bytes(value),
            Unit::BytesPerSecond => format!("{}/s", bytes(value)),
            Unit::Percent | Unit::Celsius | Unit::Count => format!("{value:.2}"),
        }
    }
}

fn bytes(value: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = value;
    let mut unit = 0;
    while value.abs() >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.2} {}", UNITS[unit])
}

/// `node` as `Node`.
fn type_name(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn report(title: &str, lines: &[(Metric, &[f64])]) -> Report {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let lines = lines.iter().map(|(metric, values)| {
            let point = |(at, value): (i64, &f64)| Point {
                at: (1_800_000_000 + at * 60) * 1_000,
                value: *value,
                min: *value - 1.0,
                max: *value + 1.0,
            };
            let points = (0..).zip(*values).map(point).collect();
            Line { metric: *metric, points, span_ms: 60_000 }
        });
        let wish = ReportWish {
            title: title.to_owned(),
            resource_type: "node".to_owned(),
            resource_id: "lab-n1".to_owned(),
            keys: vec![],
            metrics: vec![],
            from: at(0),
            to: at(3_600),
        };
        Report { wish, generated_at: at(3_601), lines: lines.collect() }
    }

    #[test]
    fn a_summary_says_what_the_points_say() {
        let report = report("t", &[(Metric::Cpu, &[10.0, 20.0, 60.0])]);
        let summary = report.lines[0].summary();
        let said = [summary.min, summary.max, summary.mean, summary.last];
        assert_eq!((summary.count, said), (3, [9.0, 61.0, 30.0, 60.0]));
        assert_eq!(bytes(1_610_612_736.0), "1.50 GiB");
        assert_eq!(bytes(f64::MAX).split(' ').next_back(), Some("PiB"));
    }
}
