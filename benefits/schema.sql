-- The benefits' tables: members and their points, offers and their stock, redemptions, vouchers and holds. Edited in place
-- until 0.1.0 (docs/decisions/0031-schema-files.md); the table classes say the same, and a test holds the two together.
--
-- Keys of member-side tables begin with `bucket`, the last ten bits of the member's id. Rows that change with every redemption
-- keep room on their page (fillfactor), so that the change stays there (HOT).
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

-- A member of the club; member-side, by bucket.
CREATE TABLE member (
    bucket smallint NOT NULL CONSTRAINT member_bucket CHECK (bucket BETWEEN 0 AND 1023),
    id uuid NOT NULL,
    tier text NOT NULL,
    status text NOT NULL CONSTRAINT member_status CHECK (status IN ('active', 'blocked')),
    name text NOT NULL,
    phone text NOT NULL DEFAULT '',
    vehicle text NOT NULL DEFAULT '',
    joined_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, id)
);

-- ONE ID's subject -> our member id. Read at sign-in and kept in memory: it is not on the path of a redemption.
CREATE TABLE member_subject (
    subject text PRIMARY KEY,
    member_id uuid NOT NULL
);

-- A member's points: `balance` can be spent, `held` waits for a hold's end. Its row is the lock of all below.
CREATE TABLE wallet (
    bucket smallint NOT NULL CONSTRAINT wallet_bucket CHECK (bucket BETWEEN 0 AND 1023),
    member_id uuid NOT NULL,
    balance bigint NOT NULL DEFAULT 0,
    held bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (bucket, member_id),
    CONSTRAINT wallet_not_overdrawn CHECK (balance >= 0 AND held >= 0)
) WITH (fillfactor = 80, autovacuum_analyze_scale_factor = 1);

-- The member's points that are gone from `expires_on`: one row for each expiry month.
CREATE TABLE lot (
    bucket smallint NOT NULL CONSTRAINT lot_bucket CHECK (bucket BETWEEN 0 AND 1023),
    member_id uuid NOT NULL,
    expires_on date NOT NULL,
    points bigint NOT NULL DEFAULT 0 CONSTRAINT lot_not_overdrawn CHECK (points >= 0),
    unspent boolean GENERATED ALWAYS AS (points > 0) STORED,
    PRIMARY KEY (bucket, member_id, expires_on)
) WITH (fillfactor = 80, autovacuum_analyze_scale_factor = 1);
-- An index on `points` would be written whenever they change, and the row's key with it. `unspent` changes twice in a lot's
-- life.
CREATE INDEX lot_unspent ON lot (expires_on) WHERE unspent;

-- The book of points, append only: from `source` to `destination`, both sub-accounts of the member's bucket.
CREATE TABLE points_posting (
    bucket smallint NOT NULL CONSTRAINT points_posting_bucket CHECK (bucket BETWEEN 0 AND 1023),
    transaction_id uuid NOT NULL,
    line smallint NOT NULL,
    member_id uuid NOT NULL,
    code text NOT NULL
        CONSTRAINT points_posting_code CHECK (
            code IN ('earning', 'redemption', 'cancellation', 'forfeiture', 'expiry', 'hold', 'release', 'gift')
        ),
    source text NOT NULL,
    destination text NOT NULL,
    counterparty uuid,
    expires_on date NOT NULL,
    points bigint NOT NULL CONSTRAINT points_posting_positive CHECK (points > 0),
    reverses uuid,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, transaction_id, line),
    CONSTRAINT points_posting_accounts CHECK (
        source IN ('wallet', 'held', 'programme', 'partner', 'expired', 'gift')
        AND destination IN ('wallet', 'held', 'programme', 'partner', 'expired', 'gift')
        AND source <> destination
    )
) WITH (autovacuum_vacuum_insert_threshold = 1000000, autovacuum_analyze_scale_factor = 1);
CREATE INDEX points_posting_member ON points_posting (bucket, member_id, transaction_id);

-- What the OEM's systems credited, by their own reference: unique for each member.
CREATE TABLE earning (
    bucket smallint NOT NULL CONSTRAINT earning_bucket CHECK (bucket BETWEEN 0 AND 1023),
    member_id uuid NOT NULL,
    reference text NOT NULL,
    transaction_id uuid NOT NULL,
    points bigint NOT NULL CONSTRAINT earning_positive CHECK (points > 0),
    kind text NOT NULL,
    occurred_at timestamptz NOT NULL,
    credited_at timestamptz NOT NULL,
    credited_by text NOT NULL,
    PRIMARY KEY (bucket, member_id, reference)
) WITH (autovacuum_vacuum_insert_threshold = 1000000, autovacuum_analyze_scale_factor = 1);

-- An offer and where it stands; its content is in its revisions, its search fields are those of the current one.
CREATE TABLE offer (
    id uuid PRIMARY KEY,
    partner_id uuid NOT NULL,
    sku text NOT NULL,
    status text NOT NULL
        CONSTRAINT offer_status CHECK (status IN ('draft', 'in_review', 'live', 'rejected', 'paused', 'ended')),
    revision integer NOT NULL,
    version bigint NOT NULL,
    scenario text NOT NULL
        CONSTRAINT offer_scenario CHECK (
            scenario IN ('clothing', 'dining', 'lodging', 'mobility', 'entertainment', 'learning', 'shopping',
                'wellness', 'finance', 'travel')
        ),
    price_points bigint NOT NULL CONSTRAINT offer_price CHECK (price_points > 0),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    terms text[] NOT NULL,
    created_at timestamptz NOT NULL,
    published_at timestamptz,
    reason text NOT NULL DEFAULT '',
    CONSTRAINT offer_sku UNIQUE (partner_id, sku),
    CONSTRAINT offer_sale CHECK (ends_at IS NULL OR ends_at > starts_at)
);
CREATE INDEX offer_live ON offer (scenario, published_at DESC, id DESC) WHERE status = 'live';
CREATE INDEX offer_live_all ON offer (published_at DESC, id DESC) WHERE status = 'live';
CREATE INDEX offer_partner ON offer (partner_id, id);
CREATE INDEX offer_review ON offer (status, id);
CREATE INDEX offer_terms ON offer USING gin (terms) WHERE status = 'live';

-- What an offer said at a time; never changed: redemptions name it.
CREATE TABLE offer_revision (
    offer_id uuid NOT NULL,
    revision integer NOT NULL,
    content jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    PRIMARY KEY (offer_id, revision)
);

-- How many units are left; no row means without limit. One slice unless the installation cuts it into several.
CREATE TABLE stock (
    offer_id uuid NOT NULL,
    slice smallint NOT NULL DEFAULT 0,
    initial bigint NOT NULL,
    remaining bigint NOT NULL,
    held bigint NOT NULL DEFAULT 0,
    sold bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (offer_id, slice),
    CONSTRAINT stock_conserved CHECK (initial = remaining + held + sold),
    CONSTRAINT stock_not_oversold CHECK (remaining >= 0 AND held >= 0 AND sold >= 0)
) WITH (fillfactor = 50);

-- The units redeemed from stock, counted along the event log. No CHECK on the sign: a count that is wrong must show as a
-- breach, not stop the consumer.
CREATE TABLE offer_sold (
    offer_id uuid PRIMARY KEY,
    units bigint NOT NULL
);

-- A code of the partner's own: free, held by a hold, or issued with a voucher (whose bucket stands beside it).
CREATE TABLE offer_code (
    offer_id uuid NOT NULL,
    seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    partner_id uuid NOT NULL,
    code text NOT NULL,
    state text NOT NULL DEFAULT 'free',
    hold_id uuid,
    bucket smallint,
    voucher_id uuid,
    uploaded_at timestamptz NOT NULL,
    PRIMARY KEY (offer_id, seq),
    CONSTRAINT offer_code_once UNIQUE (partner_id, code),
    CONSTRAINT offer_code_state CHECK (
        state IN ('free', 'held', 'issued')
        AND (state = 'held') = (hold_id IS NOT NULL)
        AND (state = 'issued') = (voucher_id IS NOT NULL)
        AND (bucket IS NULL) = (voucher_id IS NULL)
    )
);
CREATE INDEX offer_code_free ON offer_code (offer_id, seq) WHERE state = 'free';
CREATE INDEX offer_code_hold ON offer_code (hold_id) WHERE state = 'held';

-- Points spent on an offer, with all that was in force when it was made.
CREATE TABLE redemption (
    bucket smallint NOT NULL CONSTRAINT redemption_bucket CHECK (bucket BETWEEN 0 AND 1023),
    id uuid NOT NULL,
    member_id uuid NOT NULL,
    offer_id uuid NOT NULL,
    revision integer NOT NULL,
    partner_id uuid NOT NULL,
    quantity integer NOT NULL,
    points bigint NOT NULL,
    slice smallint,
    windows text[] NOT NULL,
    settlement json NOT NULL,
    status text NOT NULL CONSTRAINT redemption_status CHECK (status IN ('issued', 'cancelled')),
    redeemed_at timestamptz NOT NULL,
    cancelled_at timestamptz,
    reason text NOT NULL DEFAULT '',
    -- A voucher is found by its own key; an index on voucher.redemption_id would cost every redemption.
    voucher_id uuid NOT NULL,
    PRIMARY KEY (bucket, id),
    CONSTRAINT redemption_positive CHECK (quantity > 0 AND points > 0)
) WITH (autovacuum_vacuum_insert_threshold = 1000000, autovacuum_analyze_scale_factor = 1);
CREATE INDEX redemption_member ON redemption (bucket, member_id, id);
CREATE INDEX redemption_partner ON redemption (partner_id, id);
ALTER TABLE redemption ALTER windows SET STATISTICS 0, ALTER settlement SET STATISTICS 0, ALTER voucher_id SET STATISTICS 0;

-- The right to the benefit, with its code.
CREATE TABLE voucher (
    bucket smallint NOT NULL CONSTRAINT voucher_bucket CHECK (bucket BETWEEN 0 AND 1023),
    id uuid NOT NULL,
    code text NOT NULL,
    redemption_id uuid NOT NULL,
    member_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    offer_id uuid NOT NULL,
    revision integer NOT NULL,
    quantity integer NOT NULL,
    status text NOT NULL CONSTRAINT voucher_status CHECK (status IN ('issued', 'used', 'expired', 'cancelled')),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    partner_codes text[] NOT NULL DEFAULT '{}',
    location_id text NOT NULL DEFAULT '',
    reference text NOT NULL DEFAULT '',
    occasion integer NOT NULL DEFAULT 1,
    PRIMARY KEY (bucket, id),
    CONSTRAINT voucher_code UNIQUE (bucket, code),
    CONSTRAINT voucher_used CHECK ((status = 'used') = (used_at IS NOT NULL))
) WITH (autovacuum_vacuum_insert_threshold = 1000000, autovacuum_analyze_scale_factor = 1);
CREATE INDEX voucher_due ON voucher (expires_at) WHERE status = 'issued';
ALTER TABLE voucher ALTER partner_codes SET STATISTICS 0;

-- How many units of an offer a member has had in a window; locked through the member's wallet.
CREATE TABLE limit_used (
    bucket smallint NOT NULL CONSTRAINT limit_used_bucket CHECK (bucket BETWEEN 0 AND 1023),
    member_id uuid NOT NULL,
    offer_id uuid NOT NULL,
    "window" text NOT NULL,
    used integer NOT NULL CONSTRAINT limit_used_not_negative CHECK (used >= 0),
    PRIMARY KEY (bucket, member_id, offer_id, "window")
) WITH (autovacuum_vacuum_insert_threshold = 1000000, autovacuum_analyze_scale_factor = 1);

-- Points and units set aside until a deadline, with all that was in force when they were.
CREATE TABLE hold (
    bucket smallint NOT NULL CONSTRAINT hold_bucket CHECK (bucket BETWEEN 0 AND 1023),
    id uuid NOT NULL,
    member_id uuid NOT NULL,
    offer_id uuid NOT NULL,
    revision integer NOT NULL,
    partner_id uuid NOT NULL,
    quantity integer NOT NULL,
    points bigint NOT NULL,
    slice smallint,
    windows text[] NOT NULL,
    voucher_days integer NOT NULL,
    coded boolean NOT NULL,
    settlements json NOT NULL,
    reference text NOT NULL,
    status text NOT NULL CONSTRAINT hold_status CHECK (status IN ('held', 'posted', 'voided', 'expired')),
    held_at timestamptz NOT NULL,
    deadline timestamptz NOT NULL,
    ended_at timestamptz,
    posted_quantity integer NOT NULL DEFAULT 0,
    redemption_id uuid,
    reason text NOT NULL DEFAULT '',
    PRIMARY KEY (bucket, id),
    CONSTRAINT hold_ended CHECK ((status = 'held') = (ended_at IS NULL)),
    CONSTRAINT hold_positive CHECK (quantity > 0 AND points > 0),
    CONSTRAINT hold_posted CHECK (
        posted_quantity BETWEEN 0 AND quantity
        AND (status = 'posted') = (posted_quantity > 0)
        AND (status = 'posted') = (redemption_id IS NOT NULL)
    )
) WITH (autovacuum_analyze_scale_factor = 1);
CREATE INDEX hold_due ON hold (deadline) WHERE status = 'held';
CREATE INDEX hold_member ON hold (bucket, member_id) WHERE status = 'held';

-- No report goes through vouchers and limits: that they are big is all that PostgreSQL needs to know.
DO $$
DECLARE
    kept record;
BEGIN
    FOR kept IN
        SELECT a.attrelid::regclass AS owner, a.attname, few.target
        FROM (VALUES
            ('wallet', 10), ('lot', 10), ('points_posting', 10), ('earning', 10), ('redemption',
            10), ('hold', 10), ('voucher', 1), ('limit_used', 1)
        ) AS few (name, target)
        JOIN pg_attribute a ON a.attrelid = few.name::regclass AND a.attnum > 0 AND a.attstattarget IS DISTINCT FROM 0
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER %I SET STATISTICS %s', kept.owner, kept.attname, kept.target);
    END LOOP;
END $$;
