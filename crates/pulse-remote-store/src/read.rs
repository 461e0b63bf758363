//! Questions in PromQL and their answers. Pure: no I/O here.
//!
//! A span of the answer is asked for with `avg_over_time`, `min_over_time` and `max_over_time` over exactly that span, all
//! in one request: each part is marked with labels that say what it is. Spans are always whole, so the last may reach beyond
//! the range that was asked for; ranges end now, where there is nothing beyond.

use std::collections::BTreeMap;

use pulse_core::metric::{Metric, ResourceType, SeriesKey};
use pulse_store::{Point, Series};
use serde::Deserialize;

use crate::series_name;

const METRIC_LABEL: &str = "pulse_metric";
const STATISTIC_LABEL: &str = "pulse_statistic";

/// Which resources are asked for.
#[derive(Debug, Clone, Copy)]
pub enum Resources<'a> {
    /// One.
    One(&'a str),
    /// Some of a long list.
    Some(&'a [String]),
}

/// The metrics that resources of a type may have: asking for others would only cost time.
pub fn metrics_of(resource_type: ResourceType) -> &'static [Metric] {
    use Metric as M;
    match resource_type {
        ResourceType::Node => &[M::Cpu, M::Memory, M::Disk, M::Temperature],
        ResourceType::Vm | ResourceType::Container | ResourceType::DockerContainer => {
            &[M::Cpu, M::Memory, M::Disk, M::DiskRead, M::DiskWrite, M::NetIn, M::NetOut]
        }
        ResourceType::Host => {
            &[M::Cpu, M::Memory, M::Disk, M::DiskRead, M::DiskWrite, M::NetIn, M::NetOut, M::Temperature]
        }
        ResourceType::Storage | ResourceType::PbsDatastore => &[M::Usage, M::Used, M::Total, M::Available],
        ResourceType::DockerHost | ResourceType::Pbs => &[M::Cpu, M::Memory, M::Disk],
        ResourceType::KubernetesCluster => &[M::Nodes, M::NodesReady, M::Pods, M::PodsRunning],
        ResourceType::Pmg => &[M::Cpu, M::Memory, M::Disk, M::MailQueue],
    }
}

/// The question for spans of `span_ms`.
pub fn spans_question(
    resource_type: ResourceType,
    resources: Resources<'_>,
    metrics: &[Metric],
    span_ms: i64,
) -> String {
    let mut parts = vec![];
    for metric in metrics {
        let selector = format!("{}{}", series_name(*metric), matchers(resource_type, resources, None));
        for (statistic, function) in
            [("mean", "avg_over_time"), ("min", "min_over_time"), ("max", "max_over_time")]
        {
            let name = metric.name();
            parts.push(format!(
                "label_replace(label_replace({function}({selector}[{span_ms}ms]), \
                 \"{METRIC_LABEL}\", \"{name}\", \"\", \"\"), \"{STATISTIC_LABEL}\", \"{statistic}\", \"\", \"\")"
            ));
        }
    }
    parts.join(" or ")
}

/// The question for the samples themselves, over so many milliseconds.
pub fn samples_question(
    resource_type: ResourceType,
    resources: Resources<'_>,
    metrics: &[Metric],
    range_ms: i64,
) -> String {
    let names = metrics.iter().map(|metric| series_name(*metric)).collect::<Vec<_>>().join("|");
    format!("{}[{range_ms}ms]", matchers(resource_type, resources, Some(&names)))
}

fn matchers(resource_type: ResourceType, resources: Resources<'_>, names: Option<&str>) -> String {
    let names = names.map(|names| format!("__name__=~{},", quoted(names))).unwrap_or_default();
    let ids = match resources {
        Resources::One(id) => format!("resource_id={}", quoted(id)),
        Resources::Some(ids) => {
            let escaped: Vec<String> = ids.iter().map(|id| escaped(id)).collect();
            format!("resource_id=~{}", quoted(&escaped.join("|")))
        }
    };
    format!("{{{names}resource_type={},{ids}}}", quoted(resource_type.name()))
}

/// A text in quotes, whatever is in it: ids come from outside.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A text as a regular expression for just that text.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// An answer of the engine.
#[derive(Debug, Deserialize)]
pub struct Answer {
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
struct Data {
    #[serde(default)]
    result: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    metric: BTreeMap<String, String>,
    /// Of a matrix.
    #[serde(default)]
    values: Vec<(f64, String)>,
    /// Of a vector.
    #[serde(default)]
    value: Option<(f64, String)>,
}

impl Answer {
    fn rows(self) -> Result<Vec<Row>, String> {
        if self.status != "success" {
            return Err(self.error.unwrap_or_else(|| "an error without words".to_owned()));
        }
        Ok(self.data.map(|data| data.result).unwrap_or_default())
    }

    /// The one number of an answer, where it has one.
    pub fn number(self) -> Result<Option<f64>, String> {
        Ok(self.rows()?.first().and_then(|row| row.value.as_ref()?.1.parse().ok()))
    }

    /// The series of an answer to [`samples_question`]; those outside of the range are left out.
    pub fn samples(
        self,
        resource_type: ResourceType,
        range_ms: std::ops::RangeInclusive<i64>,
    ) -> Result<Vec<Series>, String> {
        let mut out = vec![];
        for row in self.rows()? {
            let Some((key, _)) = key_of(resource_type, &row.metric) else { continue };
            let point = |(second, text): &(f64, String)| {
                let at = (second * 1000.0).round() as i64;
                let value = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
                range_ms.contains(&at).then_some(Point { at, value, min: value, max: value })
            };
            let points: Vec<Point> = row.values.iter().filter_map(point).collect();
            if !points.is_empty() {
                out.push(Series { key, points });
            }
        }
        out.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(out)
    }

    /// The series of an answer to [`spans_question`]. A span is asked for at its last millisecond; its point stands
    /// `offset_ms` after its beginning.
    pub fn spans(
        self,
        resource_type: ResourceType,
        span_ms: i64,
        offset_ms: i64,
    ) -> Result<Vec<Series>, String> {
        /// What is known of a span; a statistic may be missing.
        type Statistics = [Option<f64>; 3];
        let mut found: BTreeMap<SeriesKey, BTreeMap<i64, Statistics>> = BTreeMap::new();
        for row in self.rows()? {
            let Some((key, statistic)) = key_of(resource_type, &row.metric) else { continue };
            let place = match statistic {
                Some("mean") => 0,
                Some("min") => 1,
                Some("max") => 2,
                _ => continue,
            };
            let spans = found.entry(key).or_default();
            for (second, text) in &row.values {
                let Some(value) = text.parse::<f64>().ok().filter(|value| value.is_finite()) else {
                    continue;
                };
                let end = (second * 1000.0).round() as i64;
                let start = end.div_euclid(span_ms) * span_ms;
                if let Some(slot) = spans.entry(start).or_default().get_mut(place) {
                    *slot = Some(value);
                }
            }
        }
        let series = found.into_iter().map(|(key, spans)| {
            let point = |(start, [mean, min, max]): (i64, Statistics)| {
                let value = mean?;
                let (min, max) = (min.unwrap_or(value).min(value), max.unwrap_or(value).max(value));
                Some(Point { at: start + offset_ms, value, min, max })
            };
            Series { key, points: spans.into_iter().filter_map(point).collect() }
        });
        Ok(series.filter(|series| !series.points.is_empty()).collect())
    }
}

/// Which series a row is of, and which statistic.
fn key_of(
    resource_type: ResourceType,
    labels: &BTreeMap<String, String>,
) -> Option<(SeriesKey, Option<&str>)> {
    let metric = if let Some(name) = labels.get(METRIC_LABEL) {
        Metric::from_name(name)?
    } else {
        let name = labels.get("__name__")?;
        Metric::EVERY.into_iter().find(|metric| series_name(*metric) == *name)?
    };
    let resource_id = labels.get("resource_id")?.as_str().into();
    let key = SeriesKey { resource_type, resource_id, metric };
    Some((key, labels.get(STATISTIC_LABEL).map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_break_out_of_a_question() {
        let odd = "a\"} or up{x=\"\\\n";
        let question = samples_question(ResourceType::Vm, Resources::One(odd), &[Metric::Cpu], 1000);
        assert_eq!(
            question,
            "{__name__=~\"pulse_cpu_percent\",resource_type=\"vm\",resource_id=\"a\\\"} or up{x=\\\"\\\\\\n\"}[1000ms]"
        );
        let ids = ["a.b|c".to_owned(), "d".to_owned()];
        let question = spans_question(ResourceType::Vm, Resources::Some(&ids), &[Metric::Cpu], 60_000);
        assert!(question.contains(r#"resource_id=~"a\\.b\\|c|d"}[60000ms]"#), "{question}");
    }

    #[test]
    fn every_metric_of_the_pipeline_is_asked_for() {
        let all: std::collections::HashSet<Metric> =
            ResourceType::EVERY.into_iter().flat_map(metrics_of).copied().collect();
        assert_eq!(all.len(), Metric::EVERY.len());
    }

    #[test]
    fn what_an_engine_says_is_an_answer_or_an_error() {
        let answer = |text: &str| serde_json::from_str::<Answer>(text).unwrap();
        let refused = answer(r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#);
        assert_eq!(refused.number(), Err("parse error".into()));
        let spans = answer(
            r#"{"status":"success","data":{"resultType":"matrix","result":[
                {"metric":{"resource_id":"a","pulse_metric":"cpu","pulse_statistic":"mean"},"values":[[59.999,"2"],[119.999,"NaN"]]},
                {"metric":{"resource_id":"a","pulse_metric":"cpu","pulse_statistic":"max"},"values":[[59.999,"5"]]},
                {"metric":{"resource_id":"a","pulse_metric":"elsewhere","pulse_statistic":"max"},"values":[[59.999,"5"]]}]}}"#,
        );
        let series = spans.spans(ResourceType::Vm, 60_000, 30_000).unwrap();
        assert_eq!(series.len(), 1);
        assert_eq!(series[0].points, [Point { at: 30_000, value: 2.0, min: 2.0, max: 5.0 }]);
    }
}
