CREATE TABLE agent_command (
    id          TEXT    NOT NULL PRIMARY KEY,
    asked_ms    INTEGER NOT NULL,
    asked_by    TEXT    NOT NULL,
    host_id     TEXT    NOT NULL,
    hostname    TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    command     TEXT    NOT NULL,
    outcome     TEXT,
    exit_code   INTEGER,
    error       TEXT,
    ended_ms    INTEGER
) STRICT;
