-- Webhook endpoints, their deliveries, and each partner's messages.
-- Edited in place until 0.1.0 (docs/decisions/0031-schema-files.md).

-- A webhook endpoint of a partner.
CREATE TABLE webhook_endpoint (
    id uuid PRIMARY KEY,
    partner_id uuid NOT NULL CONSTRAINT webhook_endpoint_partner REFERENCES partner (id),
    url text NOT NULL,
    description text NOT NULL,
    event_types text[] NOT NULL CONSTRAINT webhook_endpoint_types CHECK (cardinality(event_types) > 0),
    status text NOT NULL,
    disabled_reason text,
    failing_since timestamptz,
    keys_sealed bytea NOT NULL,
    public_key text NOT NULL,
    version integer NOT NULL CONSTRAINT webhook_endpoint_version CHECK (version > 0),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT webhook_endpoint_status CHECK (
        status IN ('enabled', 'disabled')
        AND (status = 'disabled') = (disabled_reason IS NOT NULL)
    )
);
CREATE INDEX webhook_endpoint_by_partner ON webhook_endpoint (partner_id, id);

-- Replaced keys of an endpoint, which sign beside the new ones until `until`.
CREATE TABLE webhook_old_keys (
    id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL CONSTRAINT webhook_old_keys_endpoint REFERENCES webhook_endpoint (id) ON DELETE CASCADE,
    keys_sealed bytea NOT NULL,
    until timestamptz NOT NULL
);
CREATE INDEX webhook_old_keys_of_endpoint ON webhook_old_keys (endpoint_id, until);

-- The delivery of a message to an endpoint.
CREATE TABLE webhook_delivery (
    id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL CONSTRAINT webhook_delivery_endpoint REFERENCES webhook_endpoint (id) ON DELETE CASCADE,
    message_id uuid NOT NULL,
    type text NOT NULL,
    body text NOT NULL,
    status text NOT NULL,
    tries integer NOT NULL,
    attempts integer NOT NULL,
    due_at timestamptz,
    claim uuid,
    claimed_until timestamptz,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT webhook_delivery_message UNIQUE (endpoint_id, message_id),
    CONSTRAINT webhook_delivery_claim CHECK ((claim IS NULL) = (claimed_until IS NULL)),
    CONSTRAINT webhook_delivery_status CHECK (
        status IN ('pending', 'delivered', 'failed')
        AND (status = 'pending') = (due_at IS NOT NULL)
        AND (status = 'pending') = (ended_at IS NULL)
    )
);
CREATE INDEX webhook_delivery_by_endpoint ON webhook_delivery (endpoint_id, id);
CREATE INDEX webhook_delivery_created_at ON webhook_delivery (created_at);
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, due_at) WHERE status = 'pending';

-- One attempt: the address, and the response.
CREATE TABLE webhook_attempt (
    delivery_id uuid NOT NULL CONSTRAINT webhook_attempt_delivery REFERENCES webhook_delivery (id) ON DELETE CASCADE,
    number integer NOT NULL,
    at timestamptz NOT NULL,
    url text NOT NULL,
    signature text NOT NULL,
    status integer,
    answer text NOT NULL,
    reason text,
    elapsed_ms integer NOT NULL,
    PRIMARY KEY (delivery_id, number)
);

-- What a partner reads of one event: the body as it is sent, and as it can be listed.
CREATE TABLE partner_event (
    seq bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id uuid NOT NULL CONSTRAINT partner_event_id UNIQUE,
    -- An event of the log is told once, whatever becomes of a consumer's position.
    log_seq bigint NOT NULL CONSTRAINT partner_event_log_seq UNIQUE,
    partner_id uuid NOT NULL,
    type text NOT NULL,
    aggregate_id uuid NOT NULL,
    sequence bigint NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT partner_event_sequence UNIQUE (partner_id, aggregate_id, sequence)
);
CREATE INDEX partner_event_by_partner ON partner_event (partner_id, seq);
CREATE INDEX partner_event_created_at ON partner_event (created_at);

-- How many events of one subject a partner has.
CREATE TABLE partner_event_number (
    partner_id uuid NOT NULL,
    aggregate_id uuid NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (partner_id, aggregate_id)
);

-- An encrypted key of member references. Version 1 has no row: it is derived from the program's secret.
CREATE TABLE member_reference_key (
    version integer PRIMARY KEY CONSTRAINT member_reference_key_version CHECK (version BETWEEN 2 AND 9999),
    key_sealed bytea NOT NULL,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL
);
