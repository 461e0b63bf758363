-- What happened to an alert, once per kind and opening. `opening` is the alert's id and when it began.
CREATE TABLE notify_notice(
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    opening TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    alert TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX notify_notice_opening ON notify_notice(opening);
CREATE INDEX notify_notice_at ON notify_notice(at_ms);

-- One message to one destination. status: pending, sending, sent, dlq, cancelled. kind: firing, resolved, digest.
CREATE TABLE notify_item(
    id TEXT PRIMARY KEY,
    destination TEXT NOT NULL,
    kind TEXT NOT NULL,
    group_key TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    last_attempt_ms INTEGER,
    completed_ms INTEGER,
    last_error TEXT
) STRICT;
CREATE INDEX notify_item_destination ON notify_item(destination, status, due_ms);
CREATE INDEX notify_item_status ON notify_item(status, completed_ms);

-- Which notice is told by which item. state: queued, held (until it is known whether the firing was delivered), delivered,
-- digested, cancelled, failed.
CREATE TABLE notify_delivery(
    notice INTEGER NOT NULL,
    destination TEXT NOT NULL,
    item TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY(notice, destination)
) STRICT, WITHOUT ROWID;
CREATE INDEX notify_delivery_item ON notify_delivery(item);

-- Every attempt to send.
CREATE TABLE notify_attempt(
    id INTEGER PRIMARY KEY,
    item TEXT NOT NULL,
    destination TEXT NOT NULL,
    name TEXT NOT NULL,
    service TEXT NOT NULL,
    url TEXT NOT NULL,
    kind TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    alerts INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    took_ms INTEGER NOT NULL,
    is_delivered INTEGER NOT NULL,
    status_code INTEGER,
    error TEXT,
    payload_bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX notify_attempt_at ON notify_attempt(at_ms);
