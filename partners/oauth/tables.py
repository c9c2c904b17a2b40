"""OAuth clients, the server's signing keys, used assertions. Checks stand in the migration that follows."""

from piccolo.columns import JSONB, UUID, Array, Boolean, Bytea, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class OauthClient(Table, db=DB):
    """A system that may ask for tokens: a partner's, or one of the OEM's."""

    client_id = Text(primary_key=True, null=False, default=None)
    name = Text(null=False, default=None)
    audience = Text(null=False, default=None)
    partner_id = UUID(null=True, default=None)
    auth_method = Text(null=False, default=None)
    secret_hash = Bytea(null=True, default=None)
    jwks = JSONB(null=True, default=None)
    scopes = Array(base_column=Text(), null=False, default=None)
    status = Text(null=False, default=None)
    demo = Boolean(null=False, default=False)
    created_at = Timestamptz(null=False, default=None)
    created_by = Text(null=False, default=None)
    revoked_at = Timestamptz(null=True, default=None)


class OauthSigningKey(Table, db=DB):
    """A key that signs, or signed, access tokens; its private part is encrypted under the program's secret."""

    kid = Text(primary_key=True, null=False, default=None)
    algorithm = Text(null=False, default=None)
    public_jwk = JSONB(null=False, default=None)
    private_sealed = Bytea(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    retired_at = Timestamptz(null=True, default=None)


class OauthAssertion(Table, db=DB):
    """A client assertion that was used; kept until it would have expired anyway."""

    client_id = Text(null=False, default=None)
    jti = Text(primary_key=True, null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
