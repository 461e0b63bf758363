//! One connection: TLS, HTTP/1.1, faults, workers, log.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    Asked, Reply, RequestRecord, Site,
    answer::{Never, Payload, form_pairs, percent_decode},
    bend::{huge, renamed, renamed_path, repeated, skewed, target, wrong},
};
use crate::faults::{Effect, Line, Question};

/// The real daemons drop an idle connection after this.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// The real daemons take no larger body.
const LARGEST_BODY: usize = 512 * 1024;
/// A handshake takes no longer than this.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves one connection; without an acceptor it stays silent.
pub(super) async fn serve(
    site: Arc<Site>,
    host: usize,
    tcp: TcpStream,
    line: Line,
    acceptor: Option<TlsAcceptor>,
    cancelled: CancellationToken,
) {
    let Some(acceptor) = acceptor else {
        cancelled.cancelled().await;
        return;
    };
    let handshake = site.journal.begin_handshake();
    let tls = tokio::select! {
        () = cancelled.cancelled() => return,
        done = tokio::time::timeout(HANDSHAKE, acceptor.accept(tcp)) => match done {
            Ok(Ok(tls)) => tls,
            // A client that does not like the certificate ends here; that is its business.
            Ok(Err(_)) | Err(_) => return,
        },
    };
    drop(handshake);
    let reset = CancellationToken::new();
    let service = service_fn(|request| answer(Arc::clone(&site), host, line, reset.clone(), request));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(KEEP_ALIVE)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(tls), service);
    tokio::select! {
        () = cancelled.cancelled() => return,
        ended = &mut connection => {
            if let Err(error) = ended {
                tracing::trace!(%error, "connection ended");
            }
            return;
        }
        () = reset.cancelled() => {}
    }
    let (tcp, _) = connection.into_parts().io.into_inner().into_inner();
    // Without lingering the kernel sends RST instead of FIN.
    if let Err(error) = tcp.set_zero_linger() {
        tracing::warn!(%error, "cannot reset a connection");
    }
}

async fn answer(
    site: Arc<Site>,
    host: usize,
    line: Line,
    reset: CancellationToken,
    request: Request<Incoming>,
) -> Result<Response<Payload>, Never> {
    let started = Instant::now();
    let at = site.clock.now();
    let node = Arc::clone(&site.hosts[host].name);
    if site.faults.line(&node) != line {
        // The listener has not noticed yet, but the fault holds from the moment it was added.
        reset.cancel();
        return std::future::pending().await;
    }
    let (head, body) = request.into_parts();
    let path = percent_decode(head.uri.path(), false);
    let query = head.uri.query().unwrap_or_default().to_owned();
    let short = path.strip_prefix("/api2/json").unwrap_or(&path).to_owned();
    let _in_flight = site.journal.enter(&node, &short);
    let mut record = RequestRecord {
        at,
        node: node.to_string(),
        identity: None,
        method: head.method.to_string(),
        path: short.clone(),
        query: query.clone(),
        status: None,
        duration_ms: 0.0,
    };
    let Ok(body) = Limited::new(body, LARGEST_BODY).collect().await.map(http_body_util::Collected::to_bytes)
    else {
        let reply = Reply { closes: true, ..Reply::new(413, Bytes::new()) };
        record.status = Some(413);
        site.journal.add(record);
        return Ok(reply.into_response());
    };
    let renames = site.faults.renames();
    let (path, gone) = renamed_path(path, &renames);
    let about = target(&path).filter(|name| *name != "localhost").unwrap_or(&node).to_owned();
    let identity = claimed_identity(&head.headers);
    let question = Question {
        node: &node,
        about: &about,
        method: head.method.as_str(),
        path: &short,
        query: &query,
        identity: &identity,
    };
    let strike = site.faults.strike(&question);
    match strike.effect {
        Some(Effect::Hang) => {
            site.journal.add(record);
            hang(&site, &question).await;
            // Nobody hears this unless the fault was removed meanwhile: then the connection ends without an answer.
            reset.cancel();
            return std::future::pending().await;
        }
        Some(Effect::Reset) => {
            site.journal.add(record);
            reset.cancel();
            return std::future::pending().await;
        }
        _ => {}
    }
    let asked = Asked {
        host,
        method: head.method.clone(),
        path,
        query: form_pairs(&query),
        headers: head.headers,
        body,
    };
    // A slow call keeps one of the few workers busy, so others have to wait: as with the real daemons.
    let workers = &site.hosts.iter().find(|host| *host.name == *about).unwrap_or(&site.hosts[host]).workers;
    let Ok(worker) = Arc::clone(workers).acquire_owned().await else {
        reset.cancel();
        return std::future::pending().await;
    };
    let mut reply = match &strike.effect {
        Some(Effect::Status { code, text }) => site.product.refusal(*code, text),
        Some(Effect::HtmlPage) => Reply::new(200, Bytes::from_static(PAGE.as_bytes()))
            .with(http::header::CONTENT_TYPE, "text/html; charset=utf-8"),
        _ if let Some(name) = &gone => site.product.refusal(500, &format!("hostname lookup '{name}' failed")),
        _ => site.product.answer(&asked),
    };
    let skew = site.product.clock_skew(&about);
    if skew != 0 {
        reply.body = skewed(&reply.body, skew);
    }
    if !renames.is_empty() && gone.is_none() {
        reply.body = renamed(&reply.body, &renames);
    }
    match strike.effect {
        Some(Effect::GarbageJson) => {
            reply.body = Bytes::from_static(b"{\"data\":[{\"node\":pve1,}, \xff\xfe");
        }
        Some(Effect::EmptyBody) => reply.body = Bytes::new(),
        Some(Effect::HugeBody { mebibytes }) => reply.body = huge(mebibytes),
        Some(Effect::HugeList { entries }) => reply.body = repeated(&reply.body, entries),
        Some(Effect::WrongType { ref field, ref value }) => reply.body = wrong(&reply.body, field, value),
        _ => {}
    }
    let wait = strike.delay + reply.delay.mul_f64(site.delay_factor);
    if strike.hold.is_zero() {
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        drop(worker);
    } else {
        // A process that waits for a disk cannot be interrupted: it is busy even when nobody waits for it any more.
        let busy = tokio::spawn(async move {
            tokio::time::sleep(strike.hold.max(wait)).await;
            drop(worker);
        });
        let _ = busy.await;
    }
    record.identity = reply.identity.take();
    record.status = Some(reply.status);
    record.duration_ms = started.elapsed().as_secs_f64() * 1e3;
    site.journal.add(record);
    Ok(match strike.effect {
        Some(Effect::HalfJson { percent, honest_length }) => reply.into_cut_response(percent, honest_length),
        Some(Effect::StallBody { percent }) => {
            let (site, owned) = (Arc::clone(&site), (node, about, head.method, short, query, identity));
            let end = async move {
                let (node, about, method, path, query, identity) = &owned;
                let method = method.as_str();
                hang(&site, &Question { node, about, method, path, query, identity }).await;
            };
            reply.into_stalled_response(percent, Box::pin(end))
        }
        Some(Effect::SlowBody { bytes_per_second }) => reply.into_slow_response(bytes_per_second),
        _ => reply.into_response(),
    })
}

/// Who a caller says to be: `token:…`, `ticket:…` or `nobody`.
fn claimed_identity(headers: &http::HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    if let Some(line) = text(http::header::AUTHORIZATION) {
        let token = line.split_once("APIToken").map_or("", |(_, token)| token.trim_start_matches(['=', ' ']));
        let name = token.split(['=', ':']).next().unwrap_or_default();
        return format!("token:{name}");
    }
    // PVE:user@realm:stamp::signature
    let ticket = text(http::header::COOKIE).and_then(|line| line.split_once("AuthCookie="));
    let ticket = ticket.map(|(_, ticket)| percent_decode(ticket, false));
    match ticket.as_deref().and_then(|ticket| ticket.split(':').nth(1)) {
        Some(user) => format!("ticket:{user}"),
        None => "nobody".to_owned(),
    }
}

/// Waits until no fault makes this request hang any more.
async fn hang(site: &Site, question: &Question<'_>) {
    let mut changes = site.faults.watch();
    while site.faults.hangs(question) {
        if changes.changed().await.is_err() {
            return;
        }
    }
}

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\
    <body><h1>Welcome</h1><form><input name=\"user\"></form></body></html>\n";
