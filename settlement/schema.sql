-- Settlement's tables: the money book and its periods, statements, payouts. Edited in place until 0.1.0
-- (docs/decisions/0031-schema-files.md); the table classes say the same, and a test holds the two together. Keyed by partner.

-- An amount that moved between two accounts of a partner.
CREATE TABLE money_posting (
    partner_id uuid NOT NULL,
    id uuid NOT NULL,
    transaction_id uuid NOT NULL,
    code text NOT NULL,
    source text NOT NULL,
    destination text NOT NULL,
    amount_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    currency text NOT NULL CONSTRAINT money_posting_currency CHECK (currency ~ '^[A-Z]{3}$'),
    occurred_at timestamptz NOT NULL,
    period date NOT NULL,
    redemption_id uuid,
    voucher_id uuid,
    offer_id uuid,
    revision integer,
    quantity integer,
    reference text NOT NULL DEFAULT '',
    location_id text NOT NULL DEFAULT '',
    contract_id uuid,
    contract_version bigint,
    reverses uuid,
    payout_id uuid,
    occasion integer NOT NULL DEFAULT 1 CONSTRAINT money_posting_occasion CHECK (occasion > 0),
    cycle text NOT NULL,
    zone text NOT NULL,
    PRIMARY KEY (partner_id, id),
    CONSTRAINT money_posting_reverses UNIQUE (partner_id, reverses),
    -- A use that was undone can happen again: each occasion stands in the book once.
    CONSTRAINT money_posting_redemption UNIQUE (partner_id, redemption_id, code, occasion),
    CONSTRAINT money_posting_payout UNIQUE (partner_id, payout_id, code),
    CONSTRAINT money_posting_original FOREIGN KEY (partner_id, reverses) REFERENCES money_posting (partner_id, id),
    -- No amount of ours comes near the most; it keeps sums inside a bigint and inside what JSON readers hold exactly (2^53).
    CONSTRAINT money_posting_amount CHECK (
        amount_minor BETWEEN 1 AND 1000000000000000
        AND tax_minor BETWEEN 0 AND amount_minor
    ),
    -- Each code has its accounts.
    CONSTRAINT money_posting_code CHECK (
        (code, source, destination) IN (
            ('benefit_on_issue', 'oem:benefits', 'partner:payable'),
            ('benefit_on_use', 'oem:benefits', 'partner:payable'),
            ('dealer_share', 'dealer:receivable', 'partner:payable'),
            ('partner_share', 'partner:payable', 'oem:benefits'),
            ('commission', 'partner:payable', 'oem:commission'),
            ('benefit_on_issue_reversed', 'partner:payable', 'oem:benefits'),
            ('benefit_on_use_reversed', 'partner:payable', 'oem:benefits'),
            ('dealer_share_reversed', 'partner:payable', 'dealer:receivable'),
            ('partner_share_reversed', 'oem:benefits', 'partner:payable'),
            ('commission_reversed', 'oem:commission', 'partner:payable'),
            ('payout', 'partner:payable', 'oem:bank'),
            ('points_granted', 'partner:payable', 'oem:points')
        )
    ),
    CONSTRAINT money_posting_period CHECK (
        CASE cycle
            WHEN 'monthly' THEN extract(day FROM period) = 1
            WHEN 'ten_day' THEN extract(day FROM period) IN (1, 11, 21)
            WHEN 'weekly' THEN extract(isodow FROM period) = 1
            ELSE false
        END
    ),
    CONSTRAINT money_posting_reversal CHECK ((code LIKE '%\_reversed') = (reverses IS NOT NULL)),
    -- Each code names what it is about: a payout, a grant's contract, or a redemption with its contract.
    CONSTRAINT money_posting_subject CHECK (
        CASE code
            WHEN 'payout' THEN payout_id IS NOT NULL
                AND num_nonnulls(redemption_id, voucher_id, offer_id, revision, quantity, contract_id, contract_version) = 0
            WHEN 'points_granted' THEN num_nonnulls(payout_id, redemption_id, voucher_id, offer_id, revision, quantity) = 0
                AND num_nulls(contract_id, contract_version) = 0
            ELSE payout_id IS NULL AND quantity > 0
                AND num_nulls(redemption_id, voucher_id, offer_id, revision, quantity, contract_id, contract_version) = 0
        END
    )
);
-- By the bucket of the redemption, so that checks compare the book with the event log a few buckets at a time.
CREATE INDEX money_posting_bucket ON money_posting (
    ((get_byte(uuid_send(redemption_id), 14) & 3) << 8 | get_byte(uuid_send(redemption_id), 15))
) WHERE redemption_id IS NOT NULL;
-- Each grant stands in the book once, whatever event brought it. By the bucket of its event, as the one above.
CREATE UNIQUE INDEX money_posting_grant ON money_posting (
    ((get_byte(uuid_send(partner_id), 14) & 3) << 8 | get_byte(uuid_send(partner_id), 15)), partner_id, transaction_id
) WHERE code = 'points_granted';
CREATE INDEX money_posting_slice ON money_posting (partner_id, currency, cycle, period, occurred_at, id)
    WHERE code <> 'payout';

-- A partner's first open period in a currency and cycle; its row is the lock between posting and closing.
-- `open_from` is null while nothing was closed yet.
CREATE TABLE settlement_period (
    partner_id uuid NOT NULL,
    currency text NOT NULL CONSTRAINT settlement_period_currency CHECK (currency ~ '^[A-Z]{3}$'),
    cycle text NOT NULL,
    open_from date,
    PRIMARY KEY (partner_id, currency, cycle),
    CONSTRAINT settlement_period_open_from CHECK (
        open_from IS NULL OR CASE cycle
            WHEN 'monthly' THEN extract(day FROM open_from) = 1
            WHEN 'ten_day' THEN extract(day FROM open_from) IN (1, 11, 21)
            WHEN 'weekly' THEN extract(isodow FROM open_from) = 1
            ELSE false
        END
    )
);

-- What the OEM and a partner owe each other for a closed period, in one currency.
CREATE TABLE statement (
    partner_id uuid NOT NULL,
    id uuid NOT NULL,
    currency text NOT NULL CONSTRAINT statement_currency CHECK (currency ~ '^[A-Z]{3}$'),
    period date NOT NULL,
    cycle text NOT NULL,
    lines integer NOT NULL,
    gross_minor bigint NOT NULL,
    reversed_minor bigint NOT NULL,
    total_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    partner_share_minor bigint NOT NULL,
    dealer_share_minor bigint NOT NULL,
    commission_minor bigint NOT NULL,
    granted_minor bigint NOT NULL,
    content_hash text NOT NULL CONSTRAINT statement_hash CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    status text NOT NULL CONSTRAINT statement_status CHECK (status IN ('closed', 'approved', 'paid', 'settled')),
    closed_by text NOT NULL,
    closed_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    due_on date,
    paid_at timestamptz,
    PRIMARY KEY (partner_id, id),
    CONSTRAINT statement_slice UNIQUE (partner_id, currency, cycle, period),
    -- A second person approves.
    CONSTRAINT statement_four_eyes CHECK (approved_by <> closed_by),
    CONSTRAINT statement_period_day CHECK (
        CASE cycle
            WHEN 'monthly' THEN extract(day FROM period) = 1
            WHEN 'ten_day' THEN extract(day FROM period) IN (1, 11, 21)
            WHEN 'weekly' THEN extract(isodow FROM period) = 1
            ELSE false
        END
    ),
    CONSTRAINT statement_settled CHECK (
        CASE status
            WHEN 'closed' THEN true
            WHEN 'settled' THEN total_minor = 0 AND due_on IS NULL
            ELSE total_minor <> 0
        END
    ),
    CONSTRAINT statement_steps CHECK (
        (approved_at IS NULL) = (status = 'closed')
        AND (approved_by IS NULL) = (approved_at IS NULL)
        AND (paid_at IS NOT NULL) = (status = 'paid')
    ),
    CONSTRAINT statement_totals CHECK (
        lines >= 0
        AND gross_minor >= 0
        AND reversed_minor >= 0
        AND granted_minor >= 0
        AND total_minor = gross_minor - reversed_minor - partner_share_minor - commission_minor - granted_minor
    )
);
CREATE INDEX statement_period ON statement (period DESC, id DESC);

-- A statement's total, paid to the partner.
CREATE TABLE payout (
    partner_id uuid NOT NULL,
    id uuid NOT NULL,
    statement_id uuid NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT payout_amount CHECK (amount_minor BETWEEN 1 AND 1000000000000000),
    currency text NOT NULL CONSTRAINT payout_currency CHECK (currency ~ '^[A-Z]{3}$'),
    rail text NOT NULL CONSTRAINT payout_rail CHECK (rail IN ('manual')),
    reference text NOT NULL,
    paid_on date NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id),
    CONSTRAINT payout_statement UNIQUE (partner_id, statement_id),
    CONSTRAINT payout_of FOREIGN KEY (partner_id, statement_id) REFERENCES statement (partner_id, id)
);
CREATE INDEX payout_recorded ON payout (recorded_at DESC, id DESC);
