//! The tables of `vault.db`: an append-only list of migrations. What shipped is never edited.
//!
//! A row is the JSON of a domain type (`record`), the columns it is found by, and sealed bytes beside it. Times are
//! nanoseconds since 1970. Where a column and the record say the same, the column is what was compared and swapped.

/// The migrations, oldest first; `PRAGMA user_version` counts those a file has seen.
pub(super) const MIGRATIONS: &[&str] = &[FIRST, KEYS, RETURNS, RENEWAL];

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

/// Key slots, rotation, settings, named workspaces; and what a client's secret is sealed for, which is not known of an older
/// one. A record that is no JSON stays as it is.
const KEYS: &str = "
ALTER TABLE vault ADD COLUMN in_keychain INTEGER NOT NULL DEFAULT 1;
ALTER TABLE vault ADD COLUMN rotated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE vault ADD COLUMN rotation_due INTEGER NOT NULL DEFAULT 0;
ALTER TABLE vault ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';

ALTER TABLE workspaces ADD COLUMN name TEXT COLLATE NOCASE;
ALTER TABLE workspaces ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE workspaces ADD COLUMN retiring_key BLOB;
UPDATE workspaces SET name = json_extract(record, '$.name') WHERE json_valid(record);
CREATE UNIQUE INDEX workspaces_by_name ON workspaces (name);

CREATE TABLE key_slots (
    id            TEXT PRIMARY KEY NOT NULL,
    kind          TEXT NOT NULL,
    confirmed_at  INTEGER,
    record        TEXT NOT NULL,
    identity      BLOB,
    key           BLOB NOT NULL,
    proof_key     BLOB NOT NULL,
    proof         BLOB NOT NULL
) STRICT;

UPDATE clients SET record = json_insert(record, '$.server', '', '$.policy', '') WHERE json_valid(record);
";

/// A flow that was taken stays until it has ended; and its answer may come back by other ways than the loopback.
const RETURNS: &str = "
ALTER TABLE authorizations ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;
UPDATE authorizations SET record = json_remove(
    json_set(record, '$.answer', json_object(
        'kind', 'redirect', 'strategy', 'loopback', 'redirect_uri', json_extract(record, '$.redirect_uri')
    )), '$.redirect_uri')
WHERE json_valid(record);
";

/// Renewals: when one is due, what was spent before its answer was there, and the pair before the newest. What was connected
/// before is due at once, which is when its renewal is planned.
const RENEWAL: &str = "
ALTER TABLE connections ADD COLUMN refresh_at INTEGER;
ALTER TABLE connections ADD COLUMN refresh_jitter INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connections ADD COLUMN tokens_at INTEGER;
ALTER TABLE connections ADD COLUMN held_from INTEGER;
ALTER TABLE connections ADD COLUMN held_until INTEGER;
UPDATE connections SET refresh_at = 0
WHERE json_valid(record) AND json_extract(record, '$.oauth') IS NOT NULL
  AND status NOT IN ('needs_reconnect', 'deleting');
CREATE INDEX connections_to_refresh ON connections (refresh_at) WHERE refresh_at IS NOT NULL;
CREATE INDEX connections_by_tokens ON connections (tokens_at) WHERE refresh_at IS NOT NULL;

CREATE TABLE spent_credentials (
    connection  TEXT PRIMARY KEY NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    version     INTEGER NOT NULL,
    at          INTEGER NOT NULL
) STRICT;

CREATE TABLE previous_credentials (
    connection  TEXT PRIMARY KEY NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    version     INTEGER NOT NULL,
    policy      TEXT NOT NULL,
    issuer      TEXT NOT NULL,
    sealed      BLOB NOT NULL
) STRICT;
";
