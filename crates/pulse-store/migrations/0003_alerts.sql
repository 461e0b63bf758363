-- Raised alerts, one row each, as the engine saves them: written when one is raised, changes its state, or closes.
CREATE TABLE alert_active (
    alert_id TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What some types need to know of the time before.
CREATE TABLE alert_memory (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Notices that the notifications have not taken yet.
CREATE TABLE alert_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    body TEXT NOT NULL
) STRICT;

-- History: one row per opening, written when it opens and never changed.
CREATE TABLE alert_opening (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    opened_ms INTEGER NOT NULL,
    level TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX alert_opening_alert ON alert_opening (alert_id, started_ms);
CREATE INDEX alert_opening_resource ON alert_opening (resource_id, started_ms);
CREATE INDEX alert_opening_time ON alert_opening (opened_ms);

-- What happened to an opening, also only ever added to.
CREATE TABLE alert_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    opening_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    type TEXT NOT NULL,
    summary TEXT NOT NULL,
    details TEXT
) STRICT;
CREATE INDEX alert_event_opening ON alert_event (opening_id, id);
