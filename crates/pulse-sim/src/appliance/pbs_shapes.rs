//! Shapes of a backup server's answers: the envelope, errors, and objects that stand in several lists.

use bytes::Bytes;
use http::{HeaderValue, header};
use serde_json::{Value, json};

use super::backups::StoreTruth;
use crate::net::Reply;

const JSON: &str = "application/json;charset=UTF-8";

pub(super) fn listed(store: &StoreTruth) -> Value {
    let mount = match (store.name.as_str(), store.total) {
        (_, None) => "notmounted",
        ("removable", Some(_)) => "mounted",
        _ => "nonremovable",
    };
    let mut entry = json!({ "backend-type": store.backend, "mount-status": mount, "store": store.name });
    if let Some(maintenance) = store.maintenance {
        entry["maintenance"] = maintenance.into();
    }
    if store.name == "main" {
        entry["comment"] = "all guests".into();
    }
    entry
}

/// A datastore's own status; one in the cloud counts what it asked of its bucket.
pub(super) fn store_status(store: &StoreTruth) -> Value {
    let mut status = json!({
        "avail": store.total.unwrap_or(0) - store.used, "backend-type": store.backend, "total": store.total,
        "used": store.used,
    });
    if store.backend == "s3" {
        let chunks = store.disk_bytes >> 21;
        status["s3-statistics"] = json!({
            "delete": chunks / 50, "downloaded": store.disk_bytes / 20, "get": chunks / 20, "head": chunks / 10,
            "post": chunks / 500, "put": chunks, "uploaded": store.disk_bytes,
        });
    }
    status
}

pub(super) fn gc_status(store: &StoreTruth) -> Value {
    json!({
        "cache-stats": { "hits": 70, "misses": 8 }, "disk-bytes": store.disk_bytes,
        "disk-chunks": store.disk_bytes >> 21, "index-data-bytes": store.index_bytes, "index-file-count": 90,
        "pending-bytes": 0, "pending-chunks": 0, "removed-bad": 0, "removed-bytes": store.disk_bytes / 100,
        "removed-chunks": store.disk_bytes >> 28, "still-bad": 0,
        "upid": upid(1_790_000_000, "garbage_collection", &store.name),
    })
}

pub(super) fn upid(at: u64, kind: &str, id: &str) -> String {
    format!("UPID:vault:0000208D:0002F29E:00000007:{at:08X}:{kind}:{id}:root@pam:")
}

pub(super) fn data(value: &impl serde::Serialize) -> Reply {
    match serde_json::to_vec(&json!({ "data": value })) {
        Ok(body) => Reply::new(200, body.into()).with(header::CONTENT_TYPE, JSON),
        Err(error) => refused(500, &error.to_string()),
    }
}

/// An error in plain text under a JSON content type, as the real one sends them.
pub(super) fn refused(status: u16, text: &str) -> Reply {
    Reply::new(status, Bytes::from(text.to_owned())).with(header::CONTENT_TYPE, JSON)
}

/// With the header that clears the cookie.
pub(super) fn cleared(mut reply: Reply) -> Reply {
    reply.headers.push((
        header::SET_COOKIE,
        HeaderValue::from_static(
            "__Host-PBSAuthCookie=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; SameSite=Lax; HttpOnly; Path=/;",
        ),
    ));
    reply
}
