-- The core schema. Migrations are append-only: this file never changes once it has shipped.
--
-- Foreign keys stand where the child has an index that begins with them: without one, each change of a parent would
-- read the whole child table.
--
-- Times are milliseconds since 1970. Ids are the 16 bytes of a UUID. `no` is a place in the store's own order (see
-- `store_clock`); nothing is ever ordered by time or by id. Columns named `body` hold one value of session-api as JSON.

-- One row. Each group commit raises `tick`; a number given out within a group is tick * 2^20 + k.
CREATE TABLE store_clock (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    tick INTEGER NOT NULL
) STRICT;
INSERT INTO store_clock VALUES (1, 1);

CREATE TABLE sessions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    key        TEXT NOT NULL UNIQUE,
    -- The key of the session that started it, which need not be here.
    parent     TEXT,
    principal  TEXT NOT NULL,
    shared     INTEGER NOT NULL DEFAULT 0,
    title      TEXT,
    model      TEXT,
    epoch      INTEGER NOT NULL DEFAULT 0,
    last_seq   INTEGER NOT NULL DEFAULT 0,
    messages   INTEGER NOT NULL DEFAULT 0,
    open_turn  BLOB,
    -- Set while rows wait and no turn is open: the place in the queue of sessions, when its first row is due, who may
    -- run it (NULL: anybody), and whether that row is held by a back-off, which lets commands pass.
    queue_no   INTEGER,
    ready_at   INTEGER,
    runner     BLOB,
    held       INTEGER,
    changed    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_queue ON sessions (queue_no, ready_at, runner) WHERE queue_no IS NOT NULL;
CREATE INDEX sessions_parent ON sessions (parent) WHERE parent IS NOT NULL;

-- Hashes of (channel, account, external id). They outlive everything else.
CREATE TABLE seen (
    hash    BLOB PRIMARY KEY,
    inbound BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- state: 0 pending, 1 taken by a turn, 2 settled, 3 dead letter.
CREATE TABLE inbox (
    no          INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE,
    session_id  INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    runner      BLOB,
    plain       INTEGER NOT NULL,
    coalesce_ms INTEGER,
    hold_until  INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,
    turn_id     BLOB,
    founder     INTEGER NOT NULL DEFAULT 0,
    outcome     INTEGER,
    error       TEXT,
    died_at     INTEGER,
    accepted_at INTEGER NOT NULL,
    body        TEXT NOT NULL
) STRICT;
CREATE INDEX inbox_open ON inbox (session_id, no) WHERE state < 2;
CREATE INDEX inbox_dead ON inbox (no) WHERE state = 3;

-- state: 0 running, 1 suspended, 2 done, 3 failed. `wake_at`: when an open turn may be taken by anybody.
CREATE TABLE turns (
    id             BLOB PRIMARY KEY,
    session_id     INTEGER NOT NULL,
    state          INTEGER NOT NULL,
    worker         BLOB NOT NULL,
    token          INTEGER NOT NULL,
    wake_at        INTEGER,
    epoch          INTEGER NOT NULL,
    attempt        INTEGER NOT NULL,
    steps          INTEGER NOT NULL DEFAULT 0,
    -- The rows' ids, one behind the other.
    founders       BLOB NOT NULL,
    -- Who alone may run it while that worker lives; NULL: anybody.
    runner         BLOB,
    stopped_by     BLOB,
    spent          INTEGER NOT NULL DEFAULT 0,
    record_version INTEGER,
    record_body    TEXT,
    started_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX turns_wake ON turns (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX turns_running ON turns (worker) WHERE state = 0;

CREATE TABLE journal (
    turn_id BLOB NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    no      INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    body    TEXT NOT NULL,
    PRIMARY KEY (turn_id, no)
) STRICT, WITHOUT ROWID;

-- pk = session * 2^32 + seq: one clustered range for each session, and one tree to write.
CREATE TABLE messages (
    pk   INTEGER PRIMARY KEY,
    id   BLOB NOT NULL UNIQUE,
    no   INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE checkpoints (
    session_id INTEGER NOT NULL REFERENCES sessions (id),
    no         INTEGER NOT NULL,
    id         BLOB NOT NULL,
    upto       INTEGER NOT NULL,
    summary    TEXT NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (session_id, no)
) STRICT, WITHOUT ROWID;

-- state: 0 open, 1 allowed, 2 denied, 3 superseded, 4 expired.
CREATE TABLE approvals (
    no         INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,
    turn_id    BLOB NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    session_id INTEGER NOT NULL,
    state      INTEGER NOT NULL,
    needs      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    body       TEXT NOT NULL
) STRICT;
CREATE INDEX approvals_turn ON approvals (turn_id);
CREATE INDEX approvals_open ON approvals (no) WHERE state = 0;

-- state: 0 not split yet, 1 parts to send, 2 finished (or never ours to send).
CREATE TABLE outbox (
    no         INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,
    session    TEXT NOT NULL,
    turn_id    BLOB,
    state      INTEGER NOT NULL,
    channel    TEXT NOT NULL,
    chat       TEXT NOT NULL,
    hold_until INTEGER NOT NULL DEFAULT 0,
    -- Whose part of it is being sent.
    worker     BLOB,
    body       TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_session ON outbox (session, no);
CREATE INDEX outbox_turn ON outbox (turn_id, no) WHERE turn_id IS NOT NULL;
CREATE INDEX outbox_due ON outbox (channel, chat, no) WHERE state < 2;

-- state: 0 pending, 1 sending, 2 sent, 3 failed, 4 unknown.
CREATE TABLE parts (
    outbox_no   INTEGER NOT NULL REFERENCES outbox (no) ON DELETE CASCADE,
    idx         INTEGER NOT NULL,
    id          BLOB NOT NULL,
    state       INTEGER NOT NULL,
    platform_id TEXT,
    attempts    INTEGER NOT NULL DEFAULT 0,
    doubted     INTEGER NOT NULL DEFAULT 0,
    token       INTEGER NOT NULL DEFAULT 0,
    error       TEXT,
    body        TEXT,
    PRIMARY KEY (outbox_no, idx)
) STRICT, WITHOUT ROWID;

-- Parts shown while their turn runs, until the turn's message takes them over.
CREATE TABLE drafts (
    id          BLOB PRIMARY KEY,
    no          INTEGER NOT NULL,
    turn_id     BLOB NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    platform_id TEXT,
    -- A message of the turn has taken it over.
    taken       INTEGER NOT NULL DEFAULT 0,
    route       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX drafts_turn ON drafts (turn_id, no);

CREATE TABLE sources (
    channel    TEXT NOT NULL,
    account    TEXT NOT NULL,
    worker     BLOB NOT NULL,
    token      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (channel, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE cursors (
    channel    TEXT NOT NULL,
    account    TEXT NOT NULL,
    name       TEXT NOT NULL,
    generation INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    PRIMARY KEY (channel, account, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    id          BLOB PRIMARY KEY,
    owner       TEXT NOT NULL,
    name        TEXT NOT NULL,
    definition  TEXT NOT NULL,
    next_run_at INTEGER,
    worker      BLOB,
    token       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_due ON jobs (next_run_at) WHERE next_run_at IS NOT NULL;

CREATE TABLE kv (
    owner      TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
    no          INTEGER PRIMARY KEY,
    reservation BLOB,
    at          INTEGER NOT NULL,
    session_id  INTEGER,
    session     TEXT NOT NULL,
    turn_id     BLOB NOT NULL,
    principal   TEXT NOT NULL,
    purpose     INTEGER NOT NULL,
    provider    TEXT NOT NULL,
    model       TEXT NOT NULL,
    input       INTEGER NOT NULL,
    cached      INTEGER NOT NULL,
    output      INTEGER NOT NULL,
    estimated   INTEGER NOT NULL,
    cost        INTEGER
) STRICT;
CREATE UNIQUE INDEX usage_reservation ON usage (reservation) WHERE reservation IS NOT NULL;
CREATE INDEX usage_at ON usage (at, cost);

-- What `usage` costs in each UTC hour, kept by the triggers below: a monthly cap reads 744 rows, not all calls.
CREATE TABLE spent (
    hour   INTEGER PRIMARY KEY,
    micros INTEGER NOT NULL
) STRICT;
CREATE TRIGGER usage_added AFTER INSERT ON usage WHEN new.cost > 0 BEGIN
    INSERT INTO spent VALUES (new.at / 3600000, new.cost)
    ON CONFLICT (hour) DO UPDATE SET micros = micros + excluded.micros;
    UPDATE turns SET spent = spent + new.cost WHERE id = new.turn_id;
END;
CREATE TRIGGER usage_removed AFTER DELETE ON usage WHEN old.cost > 0 BEGIN
    UPDATE spent SET micros = micros - old.cost WHERE hour = old.at / 3600000;
END;

CREATE TABLE reservations (
    turn_id    BLOB NOT NULL,
    id         BLOB NOT NULL,
    at         INTEGER NOT NULL,
    session_id INTEGER,
    session    TEXT NOT NULL,
    principal  TEXT NOT NULL,
    purpose    INTEGER NOT NULL,
    model      TEXT NOT NULL,
    ceiling    INTEGER NOT NULL,
    PRIMARY KEY (turn_id, id)
) STRICT, WITHOUT ROWID;

-- Chains are named by the session's key: they outlive the session.
CREATE TABLE audit (
    no      INTEGER PRIMARY KEY,
    session TEXT NOT NULL,
    place   INTEGER NOT NULL,
    hash    TEXT NOT NULL,
    body    TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX audit_chain ON audit (session, place);
