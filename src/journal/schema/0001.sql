CREATE TABLE identity (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    chain_id   TEXT NOT NULL,
    address    TEXT NOT NULL,
    holder_pid INTEGER
) STRICT;

CREATE TABLE rounds (
    id             INTEGER PRIMARY KEY,
    topic_id       INTEGER NOT NULL,
    nonce          INTEGER NOT NULL,
    window_end     INTEGER NOT NULL,
    state          TEXT NOT NULL,
    reason         TEXT,
    value          TEXT,
    attempts       INTEGER NOT NULL DEFAULT 0,
    transaction_id INTEGER REFERENCES transactions (id),
    fee            TEXT,
    opened_at      TEXT NOT NULL,
    predicted_at   TEXT,
    finished_at    TEXT,
    UNIQUE (topic_id, nonce)
) STRICT;
CREATE INDEX rounds_by_state ON rounds (state);

CREATE TABLE failures (
    id       INTEGER PRIMARY KEY,
    round_id INTEGER NOT NULL REFERENCES rounds (id),
    at       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    message  TEXT NOT NULL
) STRICT;
CREATE INDEX failures_by_round ON failures (round_id);

CREATE TABLE transactions (
    id             INTEGER PRIMARY KEY,
    hash           TEXT NOT NULL UNIQUE,
    kind           TEXT NOT NULL,
    topic_id       INTEGER NOT NULL,
    round_id       INTEGER REFERENCES rounds (id),
    bytes          BLOB,
    sequence       INTEGER NOT NULL,
    fee            TEXT NOT NULL,
    gas_limit      INTEGER NOT NULL,
    timeout_height INTEGER NOT NULL,
    state          TEXT NOT NULL,
    prepared_at    TEXT NOT NULL,
    broadcast_at   TEXT,
    endpoint       TEXT,
    height         INTEGER,
    code           INTEGER,
    codespace      TEXT,
    log            TEXT,
    fee_paid       TEXT,
    gas_used       INTEGER,
    CHECK ((kind = 'payload') = (round_id IS NOT NULL)),
    CHECK (state NOT IN ('prepared', 'broadcast') OR bytes IS NOT NULL)
) STRICT;
CREATE INDEX transactions_live ON transactions (kind, topic_id, round_id)
    WHERE state IN ('prepared', 'broadcast');
CREATE INDEX transactions_by_round ON transactions (round_id);

CREATE TABLE spend (
    day   TEXT PRIMARY KEY,
    uallo TEXT NOT NULL
) STRICT;
