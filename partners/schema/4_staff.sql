-- A partner's people: invitations, sessions, the company's own provider.
-- Edited in place until 0.1.0 (docs/decisions/0031-schema-files.md).

-- A person who works for a partner. `email` is in lower case; one address may belong to people of several partners.
CREATE TABLE partner_staff (
    id uuid PRIMARY KEY,
    partner_id uuid NOT NULL CONSTRAINT partner_staff_partner REFERENCES partner (id),
    email text NOT NULL CONSTRAINT partner_staff_lower CHECK (email = lower(email)),
    name text NOT NULL,
    roles text[] NOT NULL
        CONSTRAINT partner_staff_roles CHECK (
            cardinality(roles) > 0
            AND roles <@ ARRAY['owner', 'developer', 'marketer', 'finance', 'counter']
        ),
    status text NOT NULL CONSTRAINT partner_staff_status CHECK (status IN ('invited', 'active', 'disabled')),
    version bigint NOT NULL CONSTRAINT partner_staff_version CHECK (version > 0),
    password_hash text,
    totp_sealed bytea,
    totp_step bigint NOT NULL DEFAULT 0,
    recovery_hashes text[] NOT NULL DEFAULT '{}',
    provider_subject text,
    demo boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT partner_staff_email UNIQUE (partner_id, email),
    CONSTRAINT partner_staff_of UNIQUE (id, partner_id),
    CONSTRAINT partner_staff_subject UNIQUE (partner_id, provider_subject),
    -- Who is active can prove who they are in exactly one way: password and second factor, or the company's provider.
    CONSTRAINT partner_staff_proof CHECK (
        (password_hash IS NULL) = (totp_sealed IS NULL)
        AND (status <> 'active' OR (password_hash IS NULL) <> (provider_subject IS NULL))
        AND (status = 'active' OR (password_hash IS NULL AND provider_subject IS NULL))
    )
);
CREATE INDEX partner_staff_by_email ON partner_staff (email);

-- A location at which a person works; a person without any works at all of them.
CREATE TABLE partner_staff_location (
    staff_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    location_id text NOT NULL,
    PRIMARY KEY (staff_id, location_id),
    CONSTRAINT partner_staff_location_place FOREIGN KEY (partner_id, location_id)
        REFERENCES partner_location (partner_id, id) ON DELETE CASCADE,
    -- Both references carry the partner: nobody can be given another partner's location.
    CONSTRAINT partner_staff_location_staff FOREIGN KEY (staff_id, partner_id)
        REFERENCES partner_staff (id, partner_id) ON DELETE CASCADE
);

-- A one-time link: to accept an invitation, or for a new password. The link holds the token.
CREATE TABLE partner_staff_invitation (
    token_hash bytea PRIMARY KEY,
    staff_id uuid NOT NULL CONSTRAINT partner_staff_invitation_staff REFERENCES partner_staff (id) ON DELETE CASCADE,
    purpose text NOT NULL CONSTRAINT partner_staff_invitation_purpose CHECK (purpose IN ('join', 'password')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    mail_id uuid  -- the message with the link; messages are deleted some time after they ended
);
CREATE INDEX partner_staff_invitation_by_staff ON partner_staff_invitation (staff_id);

-- A signed-in browser of a partner's person. The cookie holds the token.
CREATE TABLE partner_staff_session (
    id uuid PRIMARY KEY,
    token_hash bytea NOT NULL CONSTRAINT partner_staff_session_token UNIQUE,
    staff_id uuid NOT NULL CONSTRAINT partner_staff_session_staff REFERENCES partner_staff (id) ON DELETE CASCADE,
    csrf text NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    ip text NOT NULL,
    user_agent text NOT NULL
);
CREATE INDEX partner_staff_session_by_staff ON partner_staff_session (staff_id) WHERE ended_at IS NULL;
CREATE INDEX partner_staff_session_expires_at ON partner_staff_session (expires_at);

-- A counter of guesses in a window: for an e-mail address, a person's second factor, an internet address.
CREATE TABLE partner_staff_guess (
    key bytea PRIMARY KEY,
    since timestamptz NOT NULL,
    tries integer NOT NULL CONSTRAINT partner_staff_guess_tries CHECK (tries > 0)
);

-- A partner's own OpenID Connect provider, by which its people sign in.
CREATE TABLE partner_identity_provider (
    partner_id uuid PRIMARY KEY CONSTRAINT partner_identity_provider_partner REFERENCES partner (id),
    issuer text NOT NULL,
    client_id text NOT NULL,
    secret_sealed bytea NOT NULL,
    version bigint NOT NULL CONSTRAINT partner_identity_provider_version CHECK (version > 0),
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);
