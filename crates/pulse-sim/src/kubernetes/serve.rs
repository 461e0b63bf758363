//! Answers requests: who may ask, which list or watch is meant, and what is true at that version.

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http::{Request, Response, StatusCode, header};
use http_body_util::{StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Event, Resource, Shared, metrics_of};
use crate::net::form_pairs;

type Body = BoxBody<Bytes, Infallible>;

/// Serves until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((tcp, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (acceptor, shared, stop) = (acceptor.clone(), Arc::clone(&shared), stop.clone());
        tasks.spawn(async move {
            let Ok(tls) = acceptor.accept(tcp).await else { return };
            let service = service_fn(|request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(answer(&shared, &request)) }
            });
            let connection =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(tls), service);
            tokio::select! {
                () = stop.cancelled() => {}
                ended = connection => drop(ended),
            }
        });
    }
}

fn whole(status: StatusCode, value: &Value) -> Response<Body> {
    let bytes = Bytes::from(value.to_string());
    reply(status, Box::pin(stream::once(async move { bytes })))
}

fn reply(status: StatusCode, body: Pin<Box<dyn Stream<Item = Bytes> + Send + Sync>>) -> Response<Body> {
    let frames = body.map(|bytes| Ok(Frame::data(bytes)));
    let mut response = Response::new(BoxBody::new(StreamBody::new(frames)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// A failure in the API's own form.
fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": code})
}

fn refuse(code: StatusCode, reason: &str, message: &str) -> Response<Body> {
    whole(code, &status(code.as_u16(), reason, message))
}

fn answer(shared: &Arc<Shared>, request: &Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default();
    shared.lock().asked.push(request.uri().to_string());
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if authorization != Some(&format!("Bearer {}", shared.token)) {
        return refuse(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized");
    }
    if path == "/version" {
        let version =
            json!({"major": "1", "minor": "30", "gitVersion": "v1.30.1+k3s1", "platform": "linux/amd64"});
        return whole(StatusCode::OK, &version);
    }
    if let Some(kind) = path.strip_prefix("/apis/metrics.k8s.io/v1beta1/") {
        return metrics(shared, kind);
    }
    let Some((resource, namespace)) = meant(&path) else {
        return refuse(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource");
    };
    if shared.lock().forbidden.contains(&resource) {
        let message = format!("{} is forbidden: User \"sim\" cannot list resource", resource.plural());
        return refuse(StatusCode::FORBIDDEN, "Forbidden", &message);
    }
    let pairs = form_pairs(query);
    let parameter = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if parameter("watch") == Some("true") {
        let from = parameter("resourceVersion").and_then(|text| text.parse().ok()).unwrap_or(0);
        let seconds = parameter("timeoutSeconds").and_then(|text| text.parse().ok()).unwrap_or(300);
        let wants_bookmarks = parameter("allowWatchBookmarks") == Some("true");
        return follow(shared, resource, namespace, from, Duration::from_secs(seconds), wants_bookmarks);
    }
    let limit = parameter("limit").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX).max(1);
    list(shared, resource, namespace.as_deref(), limit, parameter("continue"))
}

/// The resource and the namespace of a path.
fn meant(path: &str) -> Option<(Resource, Option<String>)> {
    Resource::ALL.into_iter().find_map(|resource| {
        let rest = path.strip_prefix(resource.group())?;
        if rest.strip_prefix('/') == Some(resource.plural()) {
            return Some((resource, None));
        }
        let (namespace, plural) = rest.strip_prefix("/namespaces/")?.split_once('/')?;
        (plural == resource.plural()).then(|| (resource, Some(namespace.to_owned())))
    })
}

fn metrics(shared: &Shared, kind: &str) -> Response<Body> {
    let world = shared.lock();
    if !world.has_metrics {
        return refuse(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource");
    }
    let (resource, is_node) = if kind == "nodes" { (Resource::Nodes, true) } else { (Resource::Pods, false) };
    let within = kind.strip_prefix("namespaces/").and_then(|rest| rest.strip_suffix("/pods"));
    let items: Vec<Value> = world
        .objects
        .iter()
        .filter(|((of, namespace, _), _)| *of == resource && within.is_none_or(|name| name == namespace))
        .map(|(_, object)| metrics_of(object, is_node))
        .collect();
    whole(
        StatusCode::OK,
        &json!({"kind": "MetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {},
        "items": items}),
    )
}

/// A page of a list. A continuation holds the list's version and the last name; it expires with the version.
fn list(
    shared: &Shared,
    resource: Resource,
    namespace: Option<&str>,
    limit: usize,
    after: Option<&str>,
) -> Response<Body> {
    let world = shared.lock();
    let mut version = world.version;
    let mut last: Option<(String, String)> = None;
    if let Some(token) = after {
        let mut parts = token.splitn(3, '|');
        let (Some(Ok(of)), Some(of_namespace), Some(name)) =
            (parts.next().map(str::parse::<u64>), parts.next(), parts.next())
        else {
            return refuse(StatusCode::BAD_REQUEST, "BadRequest", "continue key is not valid");
        };
        if of < world.oldest {
            let message = "The provided continue parameter is too old to display a consistent list result.";
            return refuse(StatusCode::GONE, "Expired", message);
        }
        version = of;
        last = Some((of_namespace.to_owned(), name.to_owned()));
    }
    let mut rest = world.objects.iter().filter(|((of, in_namespace, name), _)| {
        *of == resource
            && namespace.is_none_or(|wanted| wanted == in_namespace)
            && last.as_ref().is_none_or(|last| (in_namespace, name) > (&last.0, &last.1))
    });
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let left = rest.count();
    let mut meta = json!({"resourceVersion": version.to_string()});
    if left > 0
        && let Some(((_, namespace, name), _)) = page.last()
    {
        meta["continue"] = format!("{version}|{namespace}|{name}").into();
        meta["remainingItemCount"] = left.into();
    }
    let items: Vec<&Value> = page.into_iter().map(|(_, object)| object).collect();
    let kind = format!("{}List", resource.kind());
    let version = resource.group().trim_start_matches("/apis/").trim_start_matches("/api/");
    whole(StatusCode::OK, &json!({"kind": kind, "apiVersion": version, "metadata": meta, "items": items}))
}

/// Where a watch stands.
struct Place {
    shared: Arc<Shared>,
    resource: Resource,
    namespace: Option<String>,
    reached: u64,
    round: u64,
    wants_bookmarks: bool,
    changes: tokio::sync::watch::Receiver<u64>,
    until: tokio::time::Instant,
    is_over: bool,
}

fn follow(
    shared: &Arc<Shared>,
    resource: Resource,
    namespace: Option<String>,
    from: u64,
    limit: Duration,
    wants_bookmarks: bool,
) -> Response<Body> {
    let round = shared.lock().watch_round;
    let place = Place {
        shared: Arc::clone(shared),
        resource,
        namespace,
        reached: from,
        round,
        wants_bookmarks,
        changes: shared.changed.subscribe(),
        until: tokio::time::Instant::now() + limit,
        is_over: false,
    };
    let events = stream::unfold(place, |mut place| async move {
        let bytes = place.next().await?;
        Some((bytes, place))
    });
    // The body has to be shareable, which a stream of this kind is only behind a lock.
    reply(StatusCode::OK, Box::pin(sync_stream(events)))
}

/// Hands a stream on through a channel, so that the body is `Sync`.
fn sync_stream(
    events: impl Stream<Item = Bytes> + Send + 'static,
) -> impl Stream<Item = Bytes> + Send + Sync {
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        let mut events = Box::pin(events);
        loop {
            tokio::select! {
                () = sender.closed() => return,
                event = events.next() => match event {
                    Some(bytes) => if sender.send(bytes).await.is_err() { return },
                    None => return,
                },
            }
        }
    });
    stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) })
}

impl Place {
    /// The next lines; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.is_over {
                return None;
            }
            self.changes.borrow_and_update();
            if let Some(lines) = self.lines() {
                return Some(lines);
            }
            tokio::select! {
                changed = self.changes.changed() => if changed.is_err() { return None },
                () = tokio::time::sleep_until(self.until) => {
                    self.is_over = true;
                    // The last word of a watch whose time is over: from here it can be taken up again.
                    return self.wants_bookmarks.then(|| self.bookmark());
                }
            }
        }
    }

    fn lines(&mut self) -> Option<Bytes> {
        let shared = Arc::clone(&self.shared);
        let world = shared.lock();
        if self.reached < world.oldest.saturating_sub(1) {
            self.is_over = true;
            let gone = status(
                410,
                "Expired",
                &format!("too old resource version: {} ({})", self.reached, world.oldest),
            );
            return Some(line("ERROR", &gone));
        }
        let is_meant = |event: &&Event| {
            let namespace = event.object["metadata"]["namespace"].as_str();
            event.version > self.reached
                && event.resource == self.resource
                && (self.namespace.is_none() || namespace == self.namespace.as_deref())
        };
        let mut text = Vec::new();
        for event in world.events.iter().filter(is_meant) {
            let mut object = event.object.clone();
            object["kind"] = self.resource.kind().into();
            text.extend(line(event.kind, &object));
        }
        self.reached = world.version;
        if world.watch_round != self.round {
            self.is_over = true;
            if self.wants_bookmarks {
                text.extend(self.bookmark());
            }
        }
        (!text.is_empty()).then(|| Bytes::from(text))
    }

    fn bookmark(&self) -> Bytes {
        let object = json!({"kind": self.resource.kind(), "metadata": {"resourceVersion": self.reached.to_string(),
            "creationTimestamp": null}});
        line("BOOKMARK", &object)
    }
}

fn line(kind: &str, object: &Value) -> Bytes {
    let mut text = json!({"type": kind, "object": object}).to_string();
    text.push('\n');
    Bytes::from(text)
}
