//! The tables of `vault.db`: an append-only list of migrations. What shipped is never edited.
//!
//! A row is the JSON of a domain type (`record`), the columns it is found by, and sealed bytes beside it. Times are
//! nanoseconds since 1970. Where a column and the record say the same, the column is what was compared and swapped.

/// The migrations, oldest first; `PRAGMA user_version` counts those a file has seen.
pub(super) const MIGRATIONS: &[&str] = &[FIRST];

const FIRST: &str = "
CREATE TABLE vault (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    vault_id    TEXT NOT NULL,
    generation  INTEGER NOT NULL,
    key_check   BLOB NOT NULL
) STRICT;

CREATE TABLE workspaces (
    id          TEXT PRIMARY KEY NOT NULL,
    record      TEXT NOT NULL,
    sealed_key  BLOB NOT NULL
) STRICT;

CREATE TABLE connections (
    id            TEXT PRIMARY KEY NOT NULL,
    workspace     TEXT NOT NULL REFERENCES workspaces (id),
    connector     TEXT NOT NULL,
    label         TEXT NOT NULL COLLATE NOCASE,
    status        TEXT NOT NULL,
    version       INTEGER NOT NULL,
    purge_after   INTEGER,
    last_used_at  INTEGER,
    record        TEXT NOT NULL,
    UNIQUE (workspace, label)
) STRICT;
CREATE INDEX connections_to_purge ON connections (purge_after) WHERE purge_after IS NOT NULL;

CREATE TABLE credentials (
    connection  TEXT PRIMARY KEY NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    version     INTEGER NOT NULL,
    policy      TEXT NOT NULL,
    issuer      TEXT NOT NULL,
    sealed      BLOB NOT NULL
) STRICT;

CREATE TABLE clients (
    id         TEXT PRIMARY KEY NOT NULL,
    workspace  TEXT NOT NULL REFERENCES workspaces (id),
    connector  TEXT NOT NULL,
    issuer     TEXT NOT NULL,
    proven     INTEGER NOT NULL,
    record     TEXT NOT NULL,
    secret     BLOB
) STRICT;
CREATE INDEX clients_for ON clients (workspace, connector, issuer, id) WHERE proven;

CREATE TABLE authorizations (
    id            TEXT PRIMARY KEY NOT NULL,
    workspace     TEXT NOT NULL REFERENCES workspaces (id),
    state_digest  TEXT NOT NULL UNIQUE,
    expires_at    INTEGER NOT NULL,
    record        TEXT NOT NULL,
    verifier      BLOB NOT NULL
) STRICT;

-- Outlives the connections it speaks of.
CREATE TABLE activity (
    id          TEXT PRIMARY KEY NOT NULL,
    workspace   TEXT NOT NULL,
    connection  TEXT,
    at          INTEGER NOT NULL,
    record      TEXT NOT NULL
) STRICT;
CREATE INDEX activity_of_workspace ON activity (workspace, at, id);
CREATE INDEX activity_of_connection ON activity (workspace, connection, at, id);
";
