"""The rows loaded for one request to the OAuth server, as Authlib's models, and the effects to write after its decision."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin

from partners.oauth.clients.credentials import dead_secret
from partners.oauth.clients.redirect_addresses import is_registered
from partners.oauth.clients.secrets import secret_matches
from partners.oauth.domain import Client, Grant, Secret, granted_scope, narrowed
from partners.oauth.server.assertions import UsedAssertion
from partners.oauth.server.dpop import Proof

RETRY = timedelta(seconds=60)
"""How long a rotation's response is repeated: longer than a client's timeout, too short for a thief to live on."""


class CodeUsed(msgspec.Struct, frozen=True):
    """An authorization code was exchanged; `jkt` binds the family of a public client to its key."""

    digest: bytes
    grant_id: UUID
    jkt: str | None


class GrantEnded(msgspec.Struct, frozen=True):
    """A grant must be revoked, with all its tokens."""

    grant: Grant
    reason: str


class RefreshIssued(msgspec.Struct, frozen=True):
    """A refresh token was issued."""

    digest: bytes
    grant_id: UUID


class Rotated(msgspec.Struct, frozen=True):
    """A refresh token was exchanged for another: `asked` is the request's fingerprint, `answer` the response."""

    digest: bytes
    successor: bytes
    asked: bytes
    answer: dict[str, Any]


class SecretTried(msgspec.Struct, frozen=True):
    """An expired or revoked secret was used."""

    client: Client
    secret: Secret


class TokenEnded(msgspec.Struct, frozen=True):
    """One access token was revoked."""

    jti: str
    expires_at: datetime


Effect = UsedAssertion | Proof | CodeUsed | GrantEnded | RefreshIssued | Rotated | SecretTried | TokenEnded


class AuthorizationCode(AuthorizationCodeMixin):  # type: ignore[misc]  # Authlib has no types
    """A stored authorization code with its grant."""

    def __init__(self, row: Mapping[str, Any], grant: Grant) -> None:
        """Set both. `code_challenge` and its method are where Authlib reads them."""
        self.digest: bytes = row["digest"]
        self.client_id: str = row["code_client_id"]
        self.redirect_uri: str = row["redirect_uri"]
        self.code_challenge: str = row["challenge"]
        self.code_challenge_method = "S256"
        self.jkt: str | None = row["code_jkt"]
        self.expires_at: datetime = row["code_expires_at"]
        self.used = row["used_at"] is not None
        self.grant = grant
        self.allowed: frozenset[str] = frozenset()

    def get_redirect_uri(self) -> str:
        """Return the address of the authorization request, which the exchange must name again."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Return the granted scopes that are still allowed."""
        return " ".join(narrowed(sorted(self.grant.scopes), self.grant.effective, self.allowed))


class RefreshToken(TokenMixin):  # type: ignore[misc]  # Authlib has no types
    """A stored refresh token with its grant."""

    def __init__(self, row: Mapping[str, Any], grant: Grant) -> None:
        """Set both."""
        self.digest: bytes = row["digest"]
        self.expires_at: datetime = row["token_expires_at"]
        self.created_at: datetime = row["token_created_at"]
        self.rotated_at: datetime | None = row["rotated_at"]
        self.successor_used: bool = row["successor_used"]
        self.asked: bytes | None = row["asked"]
        self.answer_sealed: bytes | None = row["answer_sealed"]
        self.grant = grant

    def check_client(self, client: "LoadedClient") -> bool:
        """Return whether the token was issued to the client."""
        return bool(self.grant.client_id == client.get_client_id())

    def get_scope(self) -> str:
        """Return the granted scopes; a refresh cannot ask for more (RFC 6749 §6)."""
        return " ".join(sorted(self.grant.scopes))

    def is_retry(self, asked: bytes, now: datetime) -> bool:
        """Return whether the same request is repeated so soon that its response was probably lost.

        If the successor was used, the response was received: then a second use of this token is theft, however soon.
        """
        return (
            self.rotated_at is not None
            and now < self.rotated_at + RETRY
            and not self.successor_used
            and self.answer_sealed is not None
            and self.asked == asked
        )


class LoadedClient(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """A client as Authlib sees it. An unknown client is an object, too, so that it fails like a wrong secret."""

    def __init__(self, row: Client | None, gone: Client | None, now: datetime, tried: Callable[[Effect], None]) -> None:
        """Set the row, or None for a client that is unknown, revoked (`gone`), or a demo client."""
        self.row = row
        self._gone = gone
        self._now = now
        self._tried = tried

    def get_client_id(self) -> str:
        """Return the id that tokens carry as `client_id`."""
        return "" if self.row is None else self.row.client_id

    def get_default_redirect_uri(self) -> None:
        """Return none: each authorization request must name its redirect URI."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Return the token's scope; None makes Authlib answer `invalid_scope`."""
        return None if self.row is None else granted_scope(self.row, scope)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether the address is registered for the client."""
        row = self.row
        return row is not None and is_registered(redirect_uri, row.redirect_uris, row.application_type)

    def check_client_secret(self, client_secret: str) -> bool:
        """Return whether the secret is the client's and valid. The use of an expired or revoked one becomes an effect."""
        known = () if self.row is None else self.row.secrets
        if self.row is not None and any(
            secret_matches(client_secret, secret.digest) and secret.works(self._now) for secret in known
        ):
            return True
        secret_matches(client_secret, None)  # an unknown client takes as long as a wrong secret
        stale = self.row or self._gone
        dead = None if stale is None else dead_secret(stale, client_secret, self._now)
        if stale is not None and dead is not None:
            self._tried(SecretTried(stale, dead))
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Return whether the client was registered for the method; introspection needs one other than `none`."""
        if endpoint == "introspection" and method == "none":
            return False
        return self.row is not None and self.row.auth_method == method

    def check_response_type(self, response_type: str) -> bool:
        """Return whether the client may send people to the authorization endpoint."""
        return response_type == "code" and self.check_grant_type("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the client may use the grant."""
        return self.row is not None and grant_type in self.row.grant_types


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one request, and its time. `fetched` has the published keys of clients (`jwks_uri`)."""

    now: datetime
    clients: Mapping[str, Client]
    fetched: Mapping[str, dict[str, Any]] = {}
    code: AuthorizationCode | None = None
    refresh: RefreshToken | None = None
    proof: Proof | None = None
