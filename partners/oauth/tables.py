"""OAuth clients and what is given to them; the server's signing keys. Checks stand in the migrations that follow."""

from piccolo.columns import JSONB, UUID, Array, Boolean, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class OauthClient(Table, db=DB):
    """A system that may ask for tokens: a partner's, one of the OEM's, or an application that acts for partners."""

    client_id = Text(primary_key=True, null=False, default=None)
    name = Text(null=False, default=None)
    publisher = Text(null=False, default="")
    kind = Text(null=False, default="own")
    audience = Text(null=False, default=None)
    partner_id = UUID(null=True, default=None)
    auth_method = Text(null=False, default=None)
    jwks = JSONB(null=True, default=None)
    jwks_uri = Text(null=True, default=None)
    scopes = Array(base_column=Text(), null=False, default=None)
    grant_types = Array(base_column=Text(), null=False, default=["client_credentials"])
    redirect_uris = Array(base_column=Text(), null=False, default=[])
    application_type = Text(null=False, default="web")
    dpop_bound = Boolean(null=False, default=False)
    livemode = Boolean(null=False, default=True)
    registration_hash = Bytea(null=True, default=None)
    status = Text(null=False, default=None)
    demo = Boolean(null=False, default=False)
    created_at = Timestamptz(null=False, default=None)
    created_by = Text(null=False, default=None)
    revoked_at = Timestamptz(null=True, default=None)


class OauthSecret(Table, db=DB):
    """What is kept of a client secret; a client has several while it changes from one to the next."""

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


class OauthGrant(Table, db=DB):
    """What a person let an application do for their company; all refresh tokens that come of it are one family."""

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


class OauthCode(Table, db=DB):
    """An authorization code, by its hash: good for a minute, once."""

    digest = Bytea(primary_key=True, null=False, default=None)
    grant_id = UUID(null=False, default=None)
    client_id = Text(null=False, default=None)
    redirect_uri = Text(null=False, default=None)
    challenge = Text(null=False, default=None)
    jkt = Text(null=True, default=None)
    expires_at = Timestamptz(null=False, default=None)
    used_at = Timestamptz(null=True, default=None)


class OauthRefreshToken(Table, db=DB):
    """A refresh token, by its hash; once rotated it knows its successor, and for a short while the answer that was given."""

    digest = Bytea(primary_key=True, null=False, default=None)
    grant_id = UUID(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
    rotated_at = Timestamptz(null=True, default=None)
    successor = Bytea(null=True, default=None)
    asked = Bytea(null=True, default=None)
    answer_sealed = Bytea(null=True, default=None)


class OauthPushedRequest(Table, db=DB):
    """An authorization request that a client left with us before it sends the browser (RFC 9126)."""

    digest = Bytea(primary_key=True, null=False, default=None)
    client_id = Text(null=False, default=None)
    parameters = JSONB(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
    used_at = Timestamptz(null=True, default=None)


class OauthDpopProof(Table, db=DB):
    """A DPoP proof that was used; kept while it could be shown again."""

    digest = Bytea(primary_key=True, null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)


class OauthRevokedToken(Table, db=DB):
    """An access token that ended before its time; kept until it would have ended anyway."""

    jti = Text(primary_key=True, null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)


class OauthInitialToken(Table, db=DB):
    """What lets somebody register a client by themselves (RFC 7591 §3), by its hash."""

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


class OauthSigningKey(Table, db=DB):
    """A key that signs, signed or will sign access tokens; its private part is encrypted under the program's secret."""

    kid = Text(primary_key=True, null=False, default=None)
    algorithm = Text(null=False, default=None)
    public_jwk = JSONB(null=False, default=None)
    private_sealed = Bytea(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    signs_from = Timestamptz(null=True, default=None)
    retired_at = Timestamptz(null=True, default=None)


class OauthAssertion(Table, db=DB):
    """A client assertion that was used; kept until it would have expired anyway."""

    client_id = Text(null=False, default=None)
    jti = Text(primary_key=True, null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
