-- The platform's tables: the event log, idempotency and sessions, operations. Edited in place until 0.1.0
-- (docs/decisions/0031-schema-files.md); the table classes in tables.py match it, and a test compares the two.
--
-- Tables that grow by every request are cleaned up late (docs/performance.md). Their rows are found by key, so that the
-- best plan is always the same one, and most of them never die:
-- autovacuum_vacuum_insert_threshold: VACUUM comes to rows that were only added when there are a million of them. All that
--     it has to do is to freeze them. With PostgreSQL's thousand it came every minute while a table was small.
--     https://www.postgresql.org/docs/current/runtime-config-vacuum.html#GUC-AUTOVACUUM-VACUUM-INSERT-THRESHOLD
-- autovacuum_analyze_scale_factor: ANALYZE comes when a table has doubled, not when it has grown by a tenth. The younger
--     half of such a table is like the older one.
--     https://www.postgresql.org/docs/current/runtime-config-vacuum.html#GUC-AUTOVACUUM-ANALYZE-SCALE-FACTOR
-- Statistics targets, at the end of this file: ANALYZE reads 300 rows for each; 100 are PostgreSQL's default. Columns by which
--     nobody searches have none.
--     https://www.postgresql.org/docs/current/runtime-config-query.html#GUC-DEFAULT-STATISTICS-TARGET

-- The one event log; append only. Numbered by one identity, settled by transaction id, kept by bucket.
CREATE TABLE event (
    bucket smallint NOT NULL CONSTRAINT event_bucket CHECK (bucket BETWEEN 0 AND 1023),
    seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    type text NOT NULL,
    aggregate text NOT NULL,
    aggregate_id uuid NOT NULL,
    payload json NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, seq)
) WITH (autovacuum_vacuum_insert_threshold = 1000000, autovacuum_analyze_scale_factor = 1);
CREATE INDEX event_xid ON event (xid);
ALTER TABLE event ALTER payload SET STATISTICS 0;

-- A point at which the log may be cut: a snapshot, which says of each transaction whether it had committed.
CREATE TABLE event_tick (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    snapshot pg_snapshot NOT NULL,
    at timestamptz NOT NULL DEFAULT current_timestamp
);

-- One row: the lock that serializes ticks.
CREATE TABLE event_ticker (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT event_ticker_only_row CHECK (only_row)
);
INSERT INTO event_ticker DEFAULT VALUES;

-- How far a consumer has read: the tick where its window begins, and the last event that it took inside it.
CREATE TABLE consumer_position (
    consumer text PRIMARY KEY,
    tick bigint NOT NULL DEFAULT 0,
    seq bigint NOT NULL DEFAULT 0,
    handled bigint NOT NULL DEFAULT 0,
    moved_at timestamptz,
    error text
);

-- The outcome of each Idempotency-Key; status 0 while the first request runs, visible only inside its transaction.
CREATE TABLE idempotency (
    bucket smallint NOT NULL CONSTRAINT idempotency_bucket CHECK (bucket BETWEEN 0 AND 1023),
    caller text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, caller, key)
) WITH (autovacuum_vacuum_insert_threshold = 1000000, autovacuum_analyze_scale_factor = 1);
CREATE INDEX idempotency_created_at ON idempotency (created_at);
ALTER TABLE idempotency ALTER fingerprint SET STATISTICS 0, ALTER body SET STATISTICS 0;

-- How many requests each caller has made in its current minute. Not logged: nothing is lost with a minute's counts, and a
-- commit need not wait for the disk.
CREATE UNLOGGED TABLE rate_window (
    caller text PRIMARY KEY,
    starts_at timestamptz NOT NULL,
    used integer NOT NULL CONSTRAINT rate_window_used CHECK (used >= 0),
    granted integer NOT NULL CONSTRAINT rate_window_granted CHECK (granted >= 0)
) WITH (fillfactor = 50);

-- A person's signed-in browser; the cookie holds the token, this row only its hash.
CREATE TABLE web_session (
    token_hash bytea PRIMARY KEY,
    subject text NOT NULL,
    name text NOT NULL,
    roles jsonb NOT NULL,
    csrf text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX web_session_expires_at ON web_session (expires_at);

-- The result of a submitted form: an address, or a page that waits, encrypted, at an address of its own.
CREATE TABLE form_answer (
    id bytea PRIMARY KEY,
    answer uuid NOT NULL CONSTRAINT form_answer_answer UNIQUE,
    owner bytea NOT NULL,
    page text NOT NULL,
    location text,
    status smallint,
    headers jsonb NOT NULL DEFAULT '{}',
    body_sealed bytea,
    once boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    answered_at timestamptz,
    shown_at timestamptz,
    expires_at timestamptz NOT NULL,
    CONSTRAINT form_answer_lengths CHECK (octet_length(id) = 32 AND octet_length(owner) = 32),
    -- Running: neither. Answered: an address, or a page; the body of a page that is shown once goes when it is shown.
    CONSTRAINT form_answer_state CHECK (
        (answered_at IS NOT NULL) = (location IS NOT NULL OR status IS NOT NULL)
        AND NOT (location IS NOT NULL AND status IS NOT NULL)
        AND (body_sealed IS NOT NULL) = (status IS NOT NULL AND NOT (once AND shown_at IS NOT NULL))
    )
);
CREATE INDEX form_answer_expires_at ON form_answer (expires_at);

-- Who did what to which object; append only, each entry's hash covers the previous one.
CREATE TABLE audit_entry (
    seq bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    details jsonb NOT NULL,
    hash bytea NOT NULL
);

-- One row: the last entry's hash, and the lock that serializes entries.
CREATE TABLE audit_head (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT audit_head_only_row CHECK (only_row),
    hash bytea
);
INSERT INTO audit_head DEFAULT VALUES;

-- A range of one invariant: when it was checked last, when it was last true, and the result.
CREATE TABLE invariant_slice (
    name text NOT NULL,
    -- Ranges are compared as texts in the order of their bytes, whatever the database's collation.
    low text COLLATE "C" NOT NULL DEFAULT '',
    high text COLLATE "C" NOT NULL DEFAULT '',
    cut text NOT NULL DEFAULT '',
    stops_payouts boolean NOT NULL DEFAULT true,
    due_at timestamptz NOT NULL DEFAULT current_timestamp,
    claimed_until timestamptz,
    changed_at timestamptz,
    checked_at timestamptz,
    last_true_at timestamptz,
    broken_since timestamptz,
    rows bigint NOT NULL DEFAULT 0,
    broken bigint NOT NULL DEFAULT 0,
    breaches jsonb NOT NULL DEFAULT '[]',
    took_ms integer NOT NULL DEFAULT 0,
    memo jsonb,
    failed_at timestamptz,
    error text,
    PRIMARY KEY (name, low),
    CONSTRAINT invariant_slice_breaches CHECK (
        (broken > 0) = (jsonb_array_length(breaches) > 0)
        AND (broken > 0) = (broken_since IS NOT NULL)
    ),
    CONSTRAINT invariant_slice_range CHECK (low <= high)
) WITH (fillfactor = 50);  -- its rows change all the time, and stay on their page

-- One row: up to which snapshot the checker knows the changes, and since when.
CREATE TABLE invariant_watch (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT invariant_watch_only_row CHECK (only_row),
    snapshot pg_snapshot NOT NULL DEFAULT pg_current_snapshot(),
    noticed_at timestamptz NOT NULL DEFAULT current_timestamp
);
INSERT INTO invariant_watch DEFAULT VALUES;

-- A queued message; its text is encrypted while it waits, and deleted afterwards. `about` is the id of its subject.
CREATE TABLE outgoing_mail (
    id uuid PRIMARY KEY,
    recipient text NOT NULL,
    subject text NOT NULL,
    text_sealed bytea,
    status text NOT NULL,
    tries integer NOT NULL,
    due_at timestamptz,
    claim uuid,
    claimed_until timestamptz,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    error text NOT NULL DEFAULT '',
    about uuid,
    CONSTRAINT outgoing_mail_claim CHECK ((claim IS NULL) = (claimed_until IS NULL)),
    CONSTRAINT outgoing_mail_status CHECK (
        status IN ('waiting', 'sent', 'failed')
        AND (status = 'waiting') = (due_at IS NOT NULL)
        AND (status = 'waiting') = (text_sealed IS NOT NULL)
        AND (status = 'waiting') = (ended_at IS NULL)
    )
);
CREATE INDEX outgoing_mail_about ON outgoing_mail (about, created_at) WHERE about IS NOT NULL;
CREATE INDEX outgoing_mail_due ON outgoing_mail (due_at) WHERE status = 'waiting';
CREATE INDEX outgoing_mail_ended_at ON outgoing_mail (ended_at);

-- A fingerprint of each secret key under which something here is encrypted (secret_keys.py).
CREATE TABLE secret_key_mark (
    fingerprint bytea PRIMARY KEY,
    since timestamptz NOT NULL
);

-- A key that was derived from the first secret key and survives its rotation.
CREATE TABLE lasting_key (
    name text PRIMARY KEY,
    key_sealed bytea NOT NULL
);

-- One row, in a sandbox's database only: how far its clock is ahead, and what was created in it.
CREATE TABLE sandbox_state (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT sandbox_state_only_row CHECK (only_row),
    ahead interval NOT NULL DEFAULT '0'
        CONSTRAINT sandbox_state_ahead CHECK (ahead >= '0'),
    made jsonb NOT NULL,
    made_at timestamptz NOT NULL DEFAULT current_timestamp
);

-- No query filters by these columns: PostgreSQL needs no statistics but their size.
DO $$
DECLARE
    kept record;
BEGIN
    FOR kept IN
        SELECT a.attrelid::regclass AS owner, a.attname, few.target
        FROM (VALUES
            ('event', 1), ('idempotency', 1)
        ) AS few (name, target)
        JOIN pg_attribute a ON a.attrelid = few.name::regclass AND a.attnum > 0 AND a.attstattarget IS DISTINCT FROM 0
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER %I SET STATISTICS %s', kept.owner, kept.attname, kept.target);
    END LOOP;
END $$;
