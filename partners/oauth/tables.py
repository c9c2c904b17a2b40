"""OAuth clients, grants and tokens; the server's signing keys."""

from piccolo.columns import JSONB, UUID, Array, Boolean, Bytea, Integer, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from marketplace.platform.postgres.columns import References
from marketplace.platform.postgres.database import DB


class OauthClientRow(Table, db=DB, tablename="oauth_client"):
    """A system that may ask for tokens: a partner's, one of the OEM's, or an application that acts for partners."""

    client_id = Text(primary_key=True, null=False, default=None)
    name = Text(null=False, default=None)
    publisher = Text(null=False, default=None)
    kind = Text(null=False, default=None)
    audience = Text(null=False, default=None)
    partner_id = UUID(null=True, default=None)
    auth_method = Text(null=False, default=None)
    jwks = JSONB(null=True, default=None)
    jwks_uri = Text(null=True, default=None)
    scopes = Array(base_column=Text(), null=False, default=None)
    grant_types = Array(base_column=Text(), null=False, default=None)
    redirect_uris = Array(base_column=Text(), null=False, default=None)
    application_type = Text(null=False, default=None)
    dpop_bound = Boolean(null=False, default=None)
    livemode = Boolean(null=False, default=None)
    registration_hash = Bytea(null=True, default=None)
    status = Text(null=False, default=None)
    demo = Boolean(null=False, default=False)
    created_at = Timestamptz(null=False, default=None)
    created_by = Text(null=False, default=None)
    revoked_at = Timestamptz(null=True, default=None)

    oauth_client_partner = References([partner_id], "partner", ["id"])
    oauth_client_application = Check("application_type IN ('web', 'native')")
    oauth_client_grants = Check(
        "cardinality(grant_types) > 0 AND grant_types <@ ARRAY['client_credentials', 'authorization_code', "
        "'refresh_token'] AND ('authorization_code' = ANY (grant_types)) = (cardinality(redirect_uris) > 0)"
    )
    oauth_client_keys = Check(
        "CASE auth_method WHEN 'private_key_jwt' THEN (jwks IS NULL) <> (jwks_uri IS NULL) WHEN "
        "'client_secret_basic' THEN jwks IS NULL AND jwks_uri IS NULL WHEN 'client_secret_post' THEN jwks IS NULL "
        "AND jwks_uri IS NULL WHEN 'none' THEN jwks IS NULL AND jwks_uri IS NULL AND NOT 'client_credentials' = "
        "ANY (grant_types) ELSE false END"
    )
    oauth_client_kind = Check(
        "CASE kind WHEN 'own' THEN audience IN ('partner', 'points') AND (audience = 'partner') = (partner_id IS "
        "NOT NULL) WHEN 'integrator' THEN audience = 'partner' AND partner_id IS NULL AND NOT "
        "'client_credentials' = ANY (grant_types) ELSE false END"
    )
    oauth_client_status = Check("status IN ('active', 'revoked') AND (status = 'revoked') = (revoked_at IS NOT NULL)")


class OauthClientLocationRow(Table, db=DB, tablename="oauth_client_location"):
    """The locations to which a partner bound a client; a client without any works at all of them."""

    client_id = Text(primary_key=True, null=False, default=None)
    partner_id = UUID(null=False, default=None)
    location_id = Text(primary_key=True, null=False, default=None)

    oauth_client_location_client = References([client_id], "oauth_client", ["client_id"])
    oauth_client_location_place = References([partner_id, location_id], "partner_location", ["partner_id", "id"])


class OauthSecretRow(Table, db=DB, tablename="oauth_secret"):
    """A client secret, by its hash; a client has several during a rotation."""

    id = UUID(primary_key=True, null=False, default=None)
    client_id = Text(null=False, default=None)
    digest = Bytea(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    created_by = Text(null=False, default=None)
    expires_at = Timestamptz(null=True, default=None)
    successor = UUID(null=True, default=None)
    revoked_at = Timestamptz(null=True, default=None)
    warned_at = Timestamptz(null=True, default=None)
    reused_at = Timestamptz(null=True, default=None)

    oauth_secret_client = References([client_id], "oauth_client", ["client_id"])
    oauth_secret_bytes = Check("octet_length(digest) = 32")
    oauth_secret_digest = Unique([client_id, digest])


class OauthGrantRow(Table, db=DB, tablename="oauth_grant"):
    """What a person allowed an application to do for their company; its refresh tokens are one family."""

    id = UUID(primary_key=True, null=False, default=None)
    client_id = Text(null=False, default=None)
    partner_id = UUID(null=False, default=None)
    staff_id = UUID(null=False, default=None)
    scopes = Array(base_column=Text(), null=False, default=None)
    jkt = Text(null=True, default=None)
    created_at = Timestamptz(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
    used_at = Timestamptz(null=True, default=None)
    revoked_at = Timestamptz(null=True, default=None)
    revoked_for = Text(null=True, default=None)

    oauth_grant_client = References([client_id], "oauth_client", ["client_id"])
    oauth_grant_partner = References([partner_id], "partner", ["id"])
    oauth_grant_scopes = Check("cardinality(scopes) > 0")
    oauth_grant_revoked = Check("(revoked_at IS NULL) = (revoked_for IS NULL)")


class OauthCodeRow(Table, db=DB, tablename="oauth_code"):
    """An authorization code, by its hash: valid for a minute, once."""

    digest = Bytea(primary_key=True, null=False, default=None)
    grant_id = UUID(null=False, default=None)
    client_id = Text(null=False, default=None)
    redirect_uri = Text(null=False, default=None)
    challenge = Text(null=False, default=None)
    jkt = Text(null=True, default=None)
    expires_at = Timestamptz(null=False, default=None)
    used_at = Timestamptz(null=True, default=None)

    oauth_code_grant = References([grant_id], "oauth_grant", ["id"])
    oauth_code_one = Unique([grant_id])


class OauthRefreshTokenRow(Table, db=DB, tablename="oauth_refresh_token"):
    """A refresh token, by its hash. A rotated one has its successor and, for a short time, the response."""

    digest = Bytea(primary_key=True, null=False, default=None)
    grant_id = UUID(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
    rotated_at = Timestamptz(null=True, default=None)
    successor = Bytea(null=True, default=None)
    asked = Bytea(null=True, default=None)
    answer_sealed = Bytea(null=True, default=None)

    oauth_refresh_token_grant = References([grant_id], "oauth_grant", ["id"])
    oauth_refresh_token_rotated = Check(
        "(rotated_at IS NULL) = (successor IS NULL) AND (rotated_at IS NULL) = (asked IS NULL)"
    )


class OauthPushedRequestRow(Table, db=DB, tablename="oauth_pushed_request"):
    """A pushed authorization request (RFC 9126)."""

    digest = Bytea(primary_key=True, null=False, default=None)
    client_id = Text(null=False, default=None)
    parameters = JSONB(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
    used_at = Timestamptz(null=True, default=None)

    oauth_pushed_request_client = References([client_id], "oauth_client", ["client_id"])


class OauthDpopProofRow(Table, db=DB, tablename="oauth_dpop_proof"):
    """A used DPoP proof; kept while it could be replayed."""

    digest = Bytea(primary_key=True, null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)


class OauthRevokedTokenRow(Table, db=DB, tablename="oauth_revoked_token"):
    """A revoked access token; kept until it would have expired."""

    jti = Text(primary_key=True, null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)


class OauthInitialTokenRow(Table, db=DB, tablename="oauth_initial_token"):
    """An initial access token (RFC 7591 §3), by its hash."""

    id = UUID(primary_key=True, null=False, default=None)
    digest = Bytea(null=False, default=None)
    partner_id = UUID(null=True, default=None)
    publisher = Text(null=False, default="")
    scopes = Array(base_column=Text(), null=False, default=None)
    livemode = Boolean(null=False, default=True)
    uses_left = Integer(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    created_by = Text(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)

    oauth_initial_token_digest = Unique([digest])
    oauth_initial_token_partner = References([partner_id], "partner", ["id"])
    oauth_initial_token_uses = Check("uses_left >= 0")


class OauthSigningKeyRow(Table, db=DB, tablename="oauth_signing_key"):
    """A key that signs, signed or will sign access tokens; its private part is encrypted under the program's secret."""

    kid = Text(primary_key=True, null=False, default=None)
    algorithm = Text(null=False, default=None)
    public_jwk = JSONB(null=False, default=None)
    private_sealed = Bytea(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    signs_from = Timestamptz(null=True, default=None)
    retired_at = Timestamptz(null=True, default=None)

    oauth_signing_key_algorithm = Check("algorithm IN ('ES256')")


class OauthAssertionRow(Table, db=DB, tablename="oauth_assertion"):
    """A used client assertion; kept until it would have expired."""

    client_id = Text(primary_key=True, null=False, default=None)
    jti = Text(primary_key=True, null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
