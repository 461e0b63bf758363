CREATE TABLE audit_event (
    id          TEXT    NOT NULL PRIMARY KEY,
    at_ms       INTEGER NOT NULL,
    event       TEXT    NOT NULL,
    user        TEXT    NOT NULL,
    ip          TEXT    NOT NULL,
    path        TEXT    NOT NULL,
    success     INTEGER NOT NULL,
    details     TEXT    NOT NULL,
    signature   TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_event_success ON audit_event (success);
CREATE INDEX audit_event_at ON audit_event (at_ms);
