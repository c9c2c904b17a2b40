-- Contracts, payout accounts, prepaid packs. Edited in place until 0.1.0 (docs/decisions/0031-schema-files.md).

-- One version of a partner's contract. Its terms are in `content`, which is fixed once it was offered. `ends_on` is the
-- current end date. `currency` and `cycle` are generated from the content, for settlement to search.
CREATE TABLE contract (
    id uuid PRIMARY KEY,
    partner_id uuid NOT NULL CONSTRAINT contract_partner REFERENCES partner (id),
    version integer NOT NULL CONSTRAINT contract_version_positive CHECK (version > 0),
    starts_on date NOT NULL,
    ends_on date,
    -- Read from the content by the database itself, so that they cannot say anything else.
    currency text GENERATED ALWAYS AS (content::json ->> 'currency') STORED
        CONSTRAINT contract_currency CHECK (currency ~ '^[A-Z]{3}$'),
    cycle text GENERATED ALWAYS AS (content::json ->> 'cycle') STORED
        CONSTRAINT contract_cycle CHECK (cycle IN ('monthly', 'ten_day', 'weekly')),
    status text NOT NULL
        CONSTRAINT contract_status CHECK (
            status IN ('drafted', 'offered', 'signed_by_oem', 'signed_by_partner', 'signed', 'superseded',
                'withdrawn')
        ),
    content text NOT NULL,
    content_hash text NOT NULL,
    edition bigint NOT NULL,
    drafted_by text NOT NULL,
    drafted_at timestamptz NOT NULL,
    offered_at timestamptz,
    signed_at timestamptz,
    CONSTRAINT contract_content UNIQUE (id, content_hash),
    CONSTRAINT contract_version UNIQUE (partner_id, version),
    CONSTRAINT contract_dates CHECK (ends_on > starts_on),
    CONSTRAINT contract_hash CHECK (content_hash = encode(sha256(convert_to(content, 'UTF8')), 'hex')),
    CONSTRAINT contract_says CHECK (
        (content::json ->> 'partner_id')::uuid = partner_id
        AND (content::json ->> 'version')::int = version
        AND (content::json ->> 'format')::int = 1
        AND content::json #>> '{parties,partner}' IS NOT NULL
    ),
    CONSTRAINT contract_steps CHECK (
        (offered_at IS NOT NULL OR status IN ('drafted', 'withdrawn'))
        AND (signed_at IS NOT NULL) = (status IN ('signed', 'superseded'))
        AND edition > 0
    )
);

-- One side's signature of one content. Append only.
CREATE TABLE contract_signature (
    contract_id uuid NOT NULL,
    party text NOT NULL CONSTRAINT contract_signature_party CHECK (party IN ('oem', 'partner')),
    content_hash text NOT NULL,
    method text NOT NULL,
    actor text NOT NULL,
    signed_at timestamptz NOT NULL,
    signed_by text,
    signed_on date,
    document_reference text,
    PRIMARY KEY (contract_id, party),
    -- A signature is under its contract's own content, and what is signed can no longer be written over.
    CONSTRAINT contract_signature_content FOREIGN KEY (contract_id, content_hash)
        REFERENCES contract (id, content_hash),
    CONSTRAINT contract_signature_method CHECK (
        CASE method
            WHEN 'paper' THEN party = 'partner' AND num_nulls(signed_by, signed_on, document_reference) = 0
            WHEN 'api' THEN num_nonnulls(signed_by, signed_on, document_reference) = 0
            ELSE false
        END
    )
);

-- A partner's payout account. The number is encrypted; `last_four` is shown.
CREATE TABLE payout_account (
    partner_id uuid PRIMARY KEY CONSTRAINT payout_account_partner REFERENCES partner (id),
    version bigint NOT NULL,
    holder text NOT NULL,
    bank text NOT NULL,
    number_sealed bytea NOT NULL,
    last_four text NOT NULL,
    document_reference text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT payout_account_says CHECK (version > 0 AND last_four ~ '^[0-9A-Z]{4}$')
);

-- A partner's prepaid balance. Apart from the partner's row, since every grant updates it. `warned`: the partner was
-- notified of a low balance and has not bought enough since.
CREATE TABLE point_pack (
    partner_id uuid PRIMARY KEY CONSTRAINT point_pack_partner REFERENCES partner (id),
    bought bigint NOT NULL DEFAULT 0,
    granted bigint NOT NULL DEFAULT 0,
    balance bigint NOT NULL DEFAULT 0,
    warned boolean NOT NULL DEFAULT false,
    CONSTRAINT point_pack_sum CHECK (balance >= 0 AND granted >= 0 AND balance = bought - granted)
);

-- Packs that a partner bought. Append only.
CREATE TABLE point_pack_entry (
    partner_id uuid NOT NULL,
    id uuid NOT NULL,
    contract_id uuid NOT NULL CONSTRAINT point_pack_entry_contract REFERENCES contract (id),
    packs integer NOT NULL,
    points bigint NOT NULL,
    price_minor bigint NOT NULL,
    currency text NOT NULL,
    reference text NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id),
    -- A purchase is recorded once.
    CONSTRAINT point_pack_entry_reference UNIQUE (partner_id, reference),
    CONSTRAINT point_pack_entry_says CHECK (packs > 0 AND points > 0 AND price_minor >= 0)
);
