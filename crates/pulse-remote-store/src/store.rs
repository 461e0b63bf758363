//! The store: the trait on one side, the engine on the other.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use pulse_core::{
    Clock,
    metric::{Metric, Sample},
};
use pulse_store::{EachSeries, MetricStore, RangeQuery, Series, StoreError, StoreStats};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

use crate::{
    client::{Client, RemoteOptions},
    read::{self, Answer, Resources},
    sender::{self, Message, Shared},
};

/// So many resources are asked for in one question.
const RESOURCES_AT_ONCE: usize = 50;
/// A question may be this long; what engines accept is 16 kB and more.
const MOST_ID_BYTES: usize = 400;
/// Closing waits this long for the last samples.
const CLOSE_GRACE: Duration = Duration::from_secs(10);

/// Keeps history in an engine that takes Prometheus remote write and answers PromQL.
#[derive(Debug)]
pub struct RemoteStore {
    client: Arc<Client>,
    shared: Arc<Shared>,
    messages: mpsc::Sender<Message>,
    most_queued: usize,
}

#[derive(Debug, Deserialize)]
struct Names {
    #[serde(default)]
    data: Vec<String>,
}

impl RemoteStore {
    /// Starts the task that sends. The engine need not be there yet: samples wait for it.
    pub fn start(options: &RemoteOptions, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let client = Arc::new(Client::new(options)?);
        let shared = Arc::new(Shared::default());
        let (messages, inbox) = mpsc::channel(16);
        tokio::spawn(sender::run(client.clone(), shared.clone(), clock, options.send_every, inbox));
        Ok(Self { client, shared, messages, most_queued: options.most_queued })
    }

    /// The ids of all resources of a type that have a sample in the range.
    async fn resources(&self, query: &RangeQuery) -> Result<Vec<String>, StoreError> {
        let form = [
            ("match[]", format!("{{resource_type=\"{}\"}}", query.selector.resource_type.name())),
            ("start", seconds(query.from.as_millisecond())),
            ("end", seconds(query.to.as_millisecond())),
        ];
        let Names { mut data } = self.client.ask("/api/v1/label/resource_id/values", &form).await?;
        data.sort_unstable();
        Ok(data)
    }

    async fn answer(
        &self,
        query: &RangeQuery,
        resources: Resources<'_>,
        metrics: &[Metric],
    ) -> Result<Vec<Series>, StoreError> {
        let kind = query.selector.resource_type;
        let (from, to) = (query.from.as_millisecond().max(0), query.to.as_millisecond());
        let failed = |problem| StoreError::Remote { doing: "read history", problem };
        if from > to || metrics.is_empty() {
            return Ok(vec![]);
        }
        let spans = query.spans();
        let (span, offset) = (spans.span_ms, spans.offset_ms);
        if span <= 1 {
            let question = read::samples_question(kind, resources, metrics, to - from + 1);
            let form = [("query", question), ("time", seconds(to))];
            let answer: Answer = self.client.ask("/api/v1/query", &form).await?;
            return answer.samples(kind, from..=to).map_err(failed);
        }
        let question = read::spans_question(kind, resources, metrics, span);
        // A span is asked for at its last millisecond: a window begins just behind its left end.
        let last_of = |at: i64| at.div_euclid(span) * span + span - 1;
        let form = [
            ("query", question),
            ("start", seconds(last_of(from))),
            ("end", seconds(last_of(to))),
            ("step", seconds(span)),
        ];
        let answer: Answer = self.client.ask("/api/v1/query_range", &form).await?;
        answer.spans(kind, span, offset).map_err(failed)
    }
}

/// Milliseconds as the seconds of a request.
fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}

#[async_trait::async_trait]
impl MetricStore for RemoteStore {
    fn append(&self, samples: Vec<Sample>) {
        self.shared.push(samples, self.most_queued);
    }

    async fn query(&self, query: RangeQuery) -> Result<Vec<Series>, StoreError> {
        let out = Arc::new(std::sync::Mutex::new(vec![]));
        let sink = out.clone();
        let each = move |series| sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(series);
        self.query_each(query, Box::new(each)).await?;
        let answer = std::mem::take(&mut *out.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        Ok(answer)
    }

    async fn query_each(&self, query: RangeQuery, mut each: EachSeries) -> Result<(), StoreError> {
        let possible = read::metrics_of(query.selector.resource_type).iter().copied();
        let wanted = &query.selector.metrics;
        let metrics: Vec<Metric> =
            possible.filter(|metric| wanted.is_empty() || wanted.contains(metric)).collect();
        if let Some(id) = &query.selector.resource_id {
            self.answer(&query, Resources::One(id), &metrics).await?.into_iter().for_each(each);
            return Ok(());
        }
        let ids = self.resources(&query).await?;
        for ids in ids.chunks(RESOURCES_AT_ONCE) {
            let mut ids = ids;
            // Long ids go in smaller parts: the question has each of them three times per metric.
            while !ids.is_empty() {
                let mut bytes = 0;
                let fit = ids.iter().take_while(|id| {
                    bytes += id.len() + 1;
                    bytes <= MOST_ID_BYTES
                });
                let (now, later) = ids.split_at(fit.count().max(1).min(ids.len()));
                ids = later;
                self.answer(&query, Resources::Some(now), &metrics).await?.into_iter().for_each(&mut each);
            }
        }
        Ok(())
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        let (last_flush, problem) = self.shared.state();
        // Those of the last minutes: looking further back costs more than the figure is worth.
        let form = [(
            "query",
            "count(last_over_time({__name__=~\"pulse_.+\",resource_type!=\"\"}[10m]))".to_owned(),
        )];
        let counted = match self.client.ask::<Answer>("/api/v1/query", &form).await {
            Ok(answer) => answer.number(),
            Err(error) => Err(error.to_string()),
        };
        let (series, problem) = match counted {
            Ok(count) => (count.unwrap_or(0.0) as u64, problem),
            Err(error) => (0, Some(problem.unwrap_or(error))),
        };
        // Tiers and disk are the engine's business: it has figures of its own for them.
        Ok(StoreStats {
            is_enabled: true,
            total_writes: self.shared.sent.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            buffered_samples: self.shared.waiting() as u64,
            series,
            last_flush,
            problem,
            ..StoreStats::default()
        })
    }

    async fn flush(&self) -> Result<(), StoreError> {
        let (answer, done) = oneshot::channel();
        self.messages.send(Message::Flush(answer)).await.map_err(|_| StoreError::Closed)?;
        done.await.map_err(|_| StoreError::Closed)?
    }

    async fn close(&self) {
        let (answer, done) = oneshot::channel();
        if self.messages.send(Message::Close(answer)).await.is_ok() {
            // The task goes on in vain where the engine takes too long; it ends with the runtime.
            drop(tokio::time::timeout(CLOSE_GRACE, done).await);
        }
    }
}
