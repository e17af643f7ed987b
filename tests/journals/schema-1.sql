-- A journal as the first schema wrote it.
PRAGMA foreign_keys = off; -- rows come in the order of their tables' names
PRAGMA application_id = 1651470196;
PRAGMA user_version = 1;
PRAGMA journal_mode = wal;
BEGIN TRANSACTION;
CREATE TABLE failures (
    id       INTEGER PRIMARY KEY,
    round_id INTEGER NOT NULL REFERENCES rounds (id),
    at       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    message  TEXT NOT NULL
) STRICT;
INSERT INTO "failures" VALUES(1,2,'2026-11-21T10:00:21.000Z','exception','ValueError: no data');
CREATE TABLE identity (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    chain_id   TEXT NOT NULL,
    address    TEXT NOT NULL,
    holder_pid INTEGER
) STRICT;
INSERT INTO "identity" VALUES(1,'localnet','allo1wallet',6791);
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
INSERT INTO "rounds" VALUES(1,1,100,110,'admitted',NULL,'0.5',1,1,'1010','2026-11-21T10:00:00.000Z','2026-11-21T10:00:01.000Z','2026-11-21T10:00:05.000Z');
INSERT INTO "rounds" VALUES(2,1,120,130,'broadcast',NULL,'0.25',2,2,NULL,'2026-11-21T10:00:20.000Z','2026-11-21T10:00:22.000Z',NULL);
CREATE TABLE spend (
    day   TEXT PRIMARY KEY,
    uallo TEXT NOT NULL
) STRICT;
INSERT INTO "spend" VALUES('2026-11-21','1010');
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
INSERT INTO "transactions" VALUES(1,'7902699BE42C8A8E46FBBB4501726517E86B22C56A189F7625A6DA49081B2451','payload',1,1,NULL,7,'1000',150000,110,'included','2026-11-21T10:00:02.000Z','2026-11-21T10:00:03.000Z','http://127.0.0.1:26657',101,0,'','','1010',140000);
INSERT INTO "transactions" VALUES(2,'2C624232CDD221771294DFBB310ACA000A0DF6AC8B66B696D90EF06FDEFB64A3','payload',1,2,X'38',8,'1000',150000,130,'broadcast','2026-11-21T10:00:23.000Z','2026-11-21T10:00:24.000Z','http://127.0.0.1:26657',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE INDEX rounds_by_state ON rounds (state);
CREATE INDEX failures_by_round ON failures (round_id);
CREATE INDEX transactions_live ON transactions (kind, topic_id, round_id)
    WHERE state IN ('prepared', 'broadcast');
CREATE INDEX transactions_by_round ON transactions (round_id);
COMMIT;
