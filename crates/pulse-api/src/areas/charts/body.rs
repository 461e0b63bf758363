//! The body of `/api/charts`, written series by series: nothing but the text is ever in memory as a whole.

use std::{
    collections::{HashMap, HashSet},
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use pulse_core::{
    Snapshot,
    metric::{Metric, ResourceType, Sample, Unit},
};
use pulse_monitor::pipeline::{current, guest_series_id};
use pulse_store::{MetricStore, Point, RangeQuery, Selector, Series};

use super::whole_second;
use crate::error::ApiError;

/// Points per series where there are few: what a sparkline can show.
const MOST_POINTS: usize = 120;

/// Points per series where there are very many.
const LEAST_POINTS: usize = 12;

/// Points of all series together.
const BUDGET: usize = 500_000;

/// Writes the body.
pub(super) async fn write(
    store: &dyn MetricStore,
    world: &Snapshot,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<u8>, ApiError> {
    let points = points_per_series(world);
    let (guests, types) = guests(world);
    let live = current(world);
    let range = (from, to, points);
    let mut text = Text::default();
    text.open("data");
    for kind in [ResourceType::Vm, ResourceType::Container] {
        let guests = guests.clone();
        text = section(store, text, kind, &live, range, move |id| guests.get(id).cloned()).await?;
    }
    text.close();
    let same = |id: &str| Some(id.to_owned());
    let container = |id: &str| id.rsplit('/').next().map(str::to_owned);
    for (name, kind) in [
        ("nodeData", ResourceType::Node),
        ("storageData", ResourceType::Storage),
        ("dockerData", ResourceType::DockerContainer),
        ("dockerHostData", ResourceType::DockerHost),
        ("hostData", ResourceType::Host),
        ("pbsData", ResourceType::Pbs),
        ("datastoreData", ResourceType::PbsDatastore),
        ("pmgData", ResourceType::Pmg),
        ("k8sData", ResourceType::KubernetesCluster),
    ] {
        text.open(name);
        let name_of = if kind == ResourceType::DockerContainer { container } else { same };
        text = section(store, text, kind, &live, range, name_of).await?;
        text.close();
    }
    let now = whole_second(to);
    let types = serde_json::to_string(&types).map_err(|error| ApiError::internal("write charts", error))?;
    let oldest = text.oldest.unwrap_or(now);
    let end =
        format!(r#""guestTypes":{types},"timestamp":{now},"stats":{{"oldestDataTimestamp":{oldest}}}}}"#);
    text.out.extend_from_slice(end.as_bytes());
    Ok(text.out)
}

/// Fewer points each, the more series there are.
fn points_per_series(world: &Snapshot) -> u32 {
    let instances = world.instances.values();
    let guests: usize = instances.clone().map(|view| view.guests.len() * 7).sum();
    let others: usize = instances.map(|view| (view.nodes.len() + view.storages.len()) * 4).sum();
    let containers: usize = world.docker_hosts.values().map(|host| (host.containers.len() + 1) * 7).sum();
    let series = guests + others + containers + world.hosts.len() * 8 + world.kubernetes_clusters.len() * 4;
    u32::try_from((BUDGET / series.max(1)).clamp(LEAST_POINTS, MOST_POINTS)).unwrap_or(u32::MAX)
}

/// Guests: by the id of their series their id on the wire, and by that what they are.
fn guests(world: &Snapshot) -> (Arc<HashMap<String, String>>, HashMap<String, &'static str>) {
    let mut ids = HashMap::new();
    let mut types = HashMap::new();
    for guest in
        world.instances.values().flat_map(|view| view.guests.iter()).filter(|guest| !guest.is_template)
    {
        ids.insert(guest_series_id(&guest.instance, guest.vmid), guest.id.to_string());
        types.insert(guest.id.to_string(), if guest.kind.is_vm() { "vm" } else { "container" });
    }
    (Arc::new(ids), types)
}

/// Writes all resources of one type into the open object: what the store has, and the current value of those that it
/// has nothing of in this range.
async fn section(
    store: &dyn MetricStore,
    text: Text,
    kind: ResourceType,
    live: &[Sample],
    (from, to, points): (Timestamp, Timestamp, u32),
    name_of: impl Fn(&str) -> Option<String> + Clone + Send + 'static,
) -> Result<Text, ApiError> {
    let is_space = matches!(kind, ResourceType::Storage | ResourceType::PbsDatastore);
    let metrics = if is_space { vec![Metric::Usage] } else { Vec::new() };
    let selector = Selector { resource_type: kind, resource_id: None, metrics: metrics.clone() };
    let query = RangeQuery { selector, from, to, max_points: Some(points) };
    let shared = Arc::new(Mutex::new((text, HashSet::<Arc<str>>::new())));
    let writer = shared.clone();
    let stored_name_of = name_of.clone();
    let mut last: Option<(Arc<str>, bool)> = None;
    let each = move |series: Series| {
        let mut shared = writer.lock().unwrap_or_else(PoisonError::into_inner);
        let (text, seen) = &mut *shared;
        let id = series.key.resource_id.clone();
        if last.as_ref().is_none_or(|(last, _)| *last != id) {
            let name = stored_name_of(&id);
            text.resource(name.as_deref());
            last = Some((id.clone(), name.is_some()));
            seen.insert(id);
        }
        if last.as_ref().is_some_and(|(_, is_shown)| *is_shown) {
            text.series(&series);
        }
    };
    store.query_each(query, Box::new(each)).await?;
    let (mut text, seen) = std::mem::take(&mut *shared.lock().unwrap_or_else(PoisonError::into_inner));
    text.end_resource();

    let mut last: Option<&Arc<str>> = None;
    let missing = live.iter().filter(|sample| {
        let key = &sample.series;
        key.resource_type == kind
            && (metrics.is_empty() || metrics.contains(&key.metric))
            && !seen.contains(&key.resource_id)
    });
    for sample in missing {
        let id = &sample.series.resource_id;
        if last != Some(id) {
            text.resource(name_of(id).as_deref());
            last = Some(id);
        }
        if text.resource.is_some() {
            let (at, value) = (sample.at.as_millisecond(), sample.value);
            let point = Point { at, value, min: value, max: value };
            text.series(&Series { key: sample.series.clone(), points: vec![point] });
        }
    }
    text.end_resource();
    Ok(text)
}

/// The text so far.
#[derive(Debug)]
struct Text {
    out: Vec<u8>,
    /// Whether a resource of the open object was written before.
    has_resource: bool,
    /// Whether the object of a resource is open, and whether it has a series.
    resource: Option<bool>,
    oldest: Option<i64>,
}

impl Default for Text {
    fn default() -> Self {
        Self { out: b"{".to_vec(), has_resource: false, resource: None, oldest: None }
    }
}

impl Text {
    fn open(&mut self, name: &str) {
        self.has_resource = false;
        self.put(format_args!("\"{name}\":{{"));
    }

    fn close(&mut self) {
        self.put(format_args!("}},"));
    }

    /// Begins a resource; `None` for one that is not shown any more.
    fn resource(&mut self, name: Option<&str>) {
        self.end_resource();
        let Some(name) = name.and_then(|name| serde_json::to_string(name).ok()) else { return };
        let comma = if self.has_resource { "," } else { "" };
        self.put(format_args!("{comma}{name}:{{"));
        self.has_resource = true;
        self.resource = Some(false);
    }

    fn end_resource(&mut self) {
        if self.resource.take().is_some() {
            self.put(format_args!("}}"));
        }
    }

    fn series(&mut self, series: &Series) {
        let metric = match series.key.metric {
            // The contract's name of a storage's use.
            Metric::Usage => "disk",
            other => other.name(),
        };
        let comma = if self.resource == Some(true) { "," } else { "" };
        self.put(format_args!("{comma}\"{metric}\":["));
        self.resource = Some(true);
        for (i, point) in series.points.iter().filter(|point| point.value.is_finite()).enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let (at, value) = (point.at / 1000 * 1000, round(series.key.metric, point.value));
            self.put(format_args!("{comma}{{\"timestamp\":{at},\"value\":{value}}}"));
            self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        }
        self.put(format_args!("]"));
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing into memory does not fail.
        let _ = self.out.write_fmt(text);
    }
}

/// Percentages to hundredths, bytes to whole ones: what follows is noise that only makes the body longer.
fn round(metric: Metric, value: f64) -> f64 {
    match metric.unit() {
        Unit::Percent | Unit::Celsius | Unit::Count => (value * 100.0).round() / 100.0,
        Unit::BytesPerSecond | Unit::Bytes => value.round(),
    }
}
