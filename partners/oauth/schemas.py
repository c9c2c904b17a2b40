"""What goes over the wire about OAuth clients and the server."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from partners.fields import Line, ShortLine
from partners.oauth.domain import AuthMethod

ScopeName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[a-z_]+:[a-z_]+$(?!\n)")]


class NewClient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client to be issued. `jwks` holds its public keys and goes with `private_key_jwt` only."""

    name: ShortLine
    auth_method: AuthMethod = "client_secret_basic"
    scopes: Annotated[list[ScopeName], msgspec.Meta(min_length=1, max_length=20)]
    jwks: dict[str, Any] | None = None


class IssuedClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client just issued. The secret is told once; of it only a hash is kept."""

    client_id: str
    client_secret: str | None
    name: str
    auth_method: str
    scopes: list[str]
    audience: str
    partner_id: UUID | None
    token_endpoint: str
    issuer: str


class ClientView(msgspec.Struct, frozen=True, kw_only=True):
    """A client as operations see it."""

    client_id: str
    name: str
    auth_method: str
    scopes: list[str]
    audience: str
    partner_id: UUID | None
    status: str
    demo: bool
    created_at: datetime
    revoked_at: datetime | None


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a client is revoked."""

    reason: Line


class TokenResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An access token (RFC 6749 §5.1): a JWT by RFC 9068, good for `expires_in` seconds."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


class TokenError(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no token (RFC 6749 §5.2)."""

    error: str
    error_description: str = ""


class ServerMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What the server can do (RFC 8414)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    service_documentation: str


class Jwks(msgspec.Struct, frozen=True):
    """A key set (RFC 7517): public keys only."""

    keys: list[dict[str, str]]
