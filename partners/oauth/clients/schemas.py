"""What goes over the wire about OAuth clients and grants, for operations and partners."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from marketplace.kernel.text import marked
from partners.fields import LINE, LINE_WORDS, OneLine, Reference, ShortLine
from partners.oauth.domain import (
    MAX_GRACE_HOURS,
    ApplicationType,
    AuthMethod,
    ClientKind,
    ClientStatus,
    GrantType,
)

ScopeName = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z_]+:[a-z_]+$(?!\n)",
        extra=marked(words=("权限名，如 offers:read", "the name of a scope, such as offers:read")),
    ),
]
Scopes = Annotated[list[ScopeName], msgspec.Meta(min_length=1, max_length=20)]
RedirectUri = Annotated[str, msgspec.Meta(min_length=1, max_length=500, examples=["https://app.example.com/callback"])]
ClientUrl = Annotated[str, msgspec.Meta(min_length=9, max_length=2048, examples=["https://example.com/jwks.json"])]


class ClientInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client to be issued. With `private_key_jwt` give either `jwks`, its public keys, or `jwks_uri`, where they are published.

    `authorization_code` among the grant types needs `redirect_uris`. A secret expires after `secret_days`, if given. With
    `locations` the client takes vouchers at those only, as a store's till should.
    """

    name: ShortLine
    auth_method: AuthMethod = "client_secret_basic"
    scopes: Scopes
    jwks: dict[str, Any] | None = None
    jwks_uri: ClientUrl | None = None
    grant_types: Annotated[list[GrantType], msgspec.Meta(min_length=1, max_length=3)] | None = None
    redirect_uris: Annotated[list[RedirectUri], msgspec.Meta(max_length=10)] = []
    application_type: ApplicationType = "web"
    dpop_bound: bool = False
    livemode: bool = True
    secret_days: Annotated[int, msgspec.Meta(ge=1, le=730)] | None = None
    locations: Annotated[list[Reference], msgspec.Meta(max_length=1000)] = []


class IntegratorClientInput(ClientInput, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An application that acts for the partners whose people consent. `publisher` is the company that the consent page shows."""

    publisher: ShortLine


class IssuedClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client just issued. The secret is shown once; only its hash is stored."""

    client_id: str
    client_secret: str | None
    name: str
    auth_method: str
    scopes: list[str]
    grant_types: list[str]
    redirect_uris: list[str]
    audience: str
    partner_id: UUID | None
    livemode: bool
    token_endpoint: str
    issuer: str


class ClientView(msgspec.Struct, frozen=True, kw_only=True):
    """A client as operations see it."""

    client_id: str
    name: str
    publisher: str
    kind: ClientKind
    auth_method: str
    scopes: list[str]
    grant_types: list[str]
    redirect_uris: list[str]
    audience: str
    partner_id: UUID | None
    dpop_bound: bool
    livemode: bool
    locations: list[str]
    status: ClientStatus
    demo: bool
    created_at: datetime
    revoked_at: datetime | None


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a client, or a grant, is revoked."""

    reason: OneLine


class SecretRotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`grace_hours` is how long the old secret stays valid; 0 ends it at once. The new one expires after `secret_days`."""

    grace_hours: Annotated[int, msgspec.Meta(ge=0, le=MAX_GRACE_HOURS)] = MAX_GRACE_HOURS
    secret_days: Annotated[int, msgspec.Meta(ge=1, le=730)] | None = None


class RotatedSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A client's new secret, shown once."""

    client_id: str
    client_secret: str
    expires_at: datetime | None
    old_until: datetime
    """When the previous secret expires: after the grace period, or at its own expiry if that is sooner."""


class GrantView(msgspec.Struct, frozen=True, kw_only=True):
    """A grant: an application that a person of the partner allowed to act for it."""

    id: UUID
    client_id: str
    application: str
    publisher: str
    staff_id: UUID
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_for: str | None


class RegistrationTokenInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request for an initial access token, for a partner's clients or for applications of a `publisher`."""

    partner_id: UUID | None = None
    publisher: Annotated[
        str, msgspec.Meta(max_length=80, pattern=rf"^$(?!\n)|{LINE}", extra=marked(words=LINE_WORDS))
    ] = ""
    scopes: Scopes
    uses: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 7
    livemode: bool = True


class RegistrationToken(msgspec.Struct, frozen=True, kw_only=True):
    """An initial access token (RFC 7591 §3), shown once."""

    id: UUID
    initial_access_token: str
    registration_endpoint: str
    scopes: list[str]
    uses: int
    expires_at: datetime
