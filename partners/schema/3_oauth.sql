-- OAuth clients, grants and tokens; the server's signing keys.
-- Edited in place until 0.1.0 (docs/decisions/0031-schema-files.md).

-- A system that may ask for tokens: a partner's, one of the OEM's, or an application that acts for partners.
CREATE TABLE oauth_client (
    client_id text PRIMARY KEY,
    name text NOT NULL,
    publisher text NOT NULL,
    kind text NOT NULL,
    audience text NOT NULL,
    partner_id uuid CONSTRAINT oauth_client_partner REFERENCES partner (id),
    auth_method text NOT NULL,
    jwks jsonb,
    jwks_uri text,
    scopes text[] NOT NULL,
    grant_types text[] NOT NULL,
    redirect_uris text[] NOT NULL,
    application_type text NOT NULL CONSTRAINT oauth_client_application CHECK (application_type IN ('web', 'native')),
    dpop_bound boolean NOT NULL,
    livemode boolean NOT NULL,
    registration_hash bytea,
    status text NOT NULL,
    demo boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT oauth_client_grants CHECK (
        cardinality(grant_types) > 0
        AND grant_types <@ ARRAY['client_credentials', 'authorization_code', 'refresh_token']
        AND ('authorization_code' = ANY (grant_types)) = (cardinality(redirect_uris) > 0)
    ),
    CONSTRAINT oauth_client_keys CHECK (
        CASE auth_method
            WHEN 'private_key_jwt' THEN (jwks IS NULL) <> (jwks_uri IS NULL)
            WHEN 'client_secret_basic' THEN jwks IS NULL AND jwks_uri IS NULL
            WHEN 'client_secret_post' THEN jwks IS NULL AND jwks_uri IS NULL
            WHEN 'none' THEN jwks IS NULL AND jwks_uri IS NULL AND NOT 'client_credentials' = ANY (grant_types)
            ELSE false
        END
    ),
    CONSTRAINT oauth_client_kind CHECK (
        CASE kind
            WHEN 'own' THEN audience IN ('partner', 'points') AND (audience = 'partner') = (partner_id IS NOT NULL)
            WHEN 'integrator' THEN audience = 'partner' AND partner_id IS NULL
                AND NOT 'client_credentials' = ANY (grant_types)
            ELSE false
        END
    ),
    CONSTRAINT oauth_client_status CHECK (
        status IN ('active', 'revoked')
        AND (status = 'revoked') = (revoked_at IS NOT NULL)
    )
);
CREATE INDEX oauth_client_by_partner ON oauth_client (partner_id, client_id);

-- The locations to which a partner bound a client; a client without any works at all of them.
CREATE TABLE oauth_client_location (
    client_id text NOT NULL CONSTRAINT oauth_client_location_client REFERENCES oauth_client (client_id),
    partner_id uuid NOT NULL,
    location_id text NOT NULL,
    PRIMARY KEY (client_id, location_id),
    CONSTRAINT oauth_client_location_place FOREIGN KEY (partner_id, location_id)
        REFERENCES partner_location (partner_id, id)
);

-- A client secret, by its hash; a client has several during a rotation.
CREATE TABLE oauth_secret (
    id uuid PRIMARY KEY,
    client_id text NOT NULL CONSTRAINT oauth_secret_client REFERENCES oauth_client (client_id),
    digest bytea NOT NULL CONSTRAINT oauth_secret_bytes CHECK (octet_length(digest) = 32),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz,
    successor uuid,
    revoked_at timestamptz,
    warned_at timestamptz,
    reused_at timestamptz,
    CONSTRAINT oauth_secret_digest UNIQUE (client_id, digest)
);
CREATE INDEX oauth_secret_expires_at ON oauth_secret (expires_at) WHERE expires_at IS NOT NULL;

-- What a person allowed an application to do for their company; its refresh tokens are one family.
CREATE TABLE oauth_grant (
    id uuid PRIMARY KEY,
    client_id text NOT NULL CONSTRAINT oauth_grant_client REFERENCES oauth_client (client_id),
    partner_id uuid NOT NULL CONSTRAINT oauth_grant_partner REFERENCES partner (id),
    staff_id uuid NOT NULL,
    scopes text[] NOT NULL CONSTRAINT oauth_grant_scopes CHECK (cardinality(scopes) > 0),
    jkt text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    revoked_for text,
    CONSTRAINT oauth_grant_revoked CHECK ((revoked_at IS NULL) = (revoked_for IS NULL))
);
CREATE INDEX oauth_grant_by_client ON oauth_grant (client_id);
CREATE INDEX oauth_grant_by_partner ON oauth_grant (partner_id, id);

-- An authorization code, by its hash: valid for a minute, once.
CREATE TABLE oauth_code (
    digest bytea PRIMARY KEY,
    grant_id uuid NOT NULL CONSTRAINT oauth_code_grant REFERENCES oauth_grant (id) CONSTRAINT oauth_code_one UNIQUE,
    client_id text NOT NULL,
    redirect_uri text NOT NULL,
    challenge text NOT NULL,
    jkt text,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX oauth_code_expires_at ON oauth_code (expires_at);

-- A refresh token, by its hash. A rotated one has its successor and, for a short time, the response.
CREATE TABLE oauth_refresh_token (
    digest bytea PRIMARY KEY,
    grant_id uuid NOT NULL CONSTRAINT oauth_refresh_token_grant REFERENCES oauth_grant (id),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    rotated_at timestamptz,
    successor bytea,
    asked bytea,
    answer_sealed bytea,
    CONSTRAINT oauth_refresh_token_rotated CHECK (
        (rotated_at IS NULL) = (successor IS NULL)
        AND (rotated_at IS NULL) = (asked IS NULL)
    )
);
CREATE INDEX oauth_refresh_token_answer ON oauth_refresh_token (rotated_at) WHERE answer_sealed IS NOT NULL;
CREATE INDEX oauth_refresh_token_by_grant ON oauth_refresh_token (grant_id);
CREATE INDEX oauth_refresh_token_expires_at ON oauth_refresh_token (expires_at);
-- A family is linear: a token has one successor, and a family one unrotated token.
CREATE UNIQUE INDEX oauth_refresh_token_newest ON oauth_refresh_token (grant_id) WHERE rotated_at IS NULL;
CREATE UNIQUE INDEX oauth_refresh_token_successor ON oauth_refresh_token (successor) WHERE successor IS NOT NULL;

-- A pushed authorization request (RFC 9126).
CREATE TABLE oauth_pushed_request (
    digest bytea PRIMARY KEY,
    client_id text NOT NULL CONSTRAINT oauth_pushed_request_client REFERENCES oauth_client (client_id),
    parameters jsonb NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX oauth_pushed_request_expires_at ON oauth_pushed_request (expires_at);

-- A used client assertion; kept until it would have expired.
CREATE TABLE oauth_assertion (
    client_id text NOT NULL,
    jti text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, jti)
);
CREATE INDEX oauth_assertion_expires_at ON oauth_assertion (expires_at);

-- A used DPoP proof; kept while it could be replayed.
CREATE TABLE oauth_dpop_proof (
    digest bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX oauth_dpop_proof_expires_at ON oauth_dpop_proof (expires_at);

-- A revoked access token; kept until it would have expired.
CREATE TABLE oauth_revoked_token (
    jti text PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX oauth_revoked_token_expires_at ON oauth_revoked_token (expires_at);

-- An initial access token (RFC 7591 §3), by its hash.
CREATE TABLE oauth_initial_token (
    id uuid PRIMARY KEY,
    digest bytea NOT NULL CONSTRAINT oauth_initial_token_digest UNIQUE,
    partner_id uuid CONSTRAINT oauth_initial_token_partner REFERENCES partner (id),
    publisher text NOT NULL DEFAULT '',
    scopes text[] NOT NULL,
    livemode boolean NOT NULL DEFAULT true,
    uses_left integer NOT NULL CONSTRAINT oauth_initial_token_uses CHECK (uses_left >= 0),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz NOT NULL
);

-- A key that signs, signed or will sign access tokens; its private part is encrypted under the program's secret.
CREATE TABLE oauth_signing_key (
    kid text PRIMARY KEY,
    algorithm text NOT NULL CONSTRAINT oauth_signing_key_algorithm CHECK (algorithm IN ('ES256')),
    public_jwk jsonb NOT NULL,
    private_sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    signs_from timestamptz,
    retired_at timestamptz
);
-- At most one key is current, however many processes start at once.
CREATE UNIQUE INDEX oauth_signing_key_current ON oauth_signing_key ((true)) WHERE retired_at IS NULL;
