"""Revocation (RFC 7009) and introspection (RFC 7662): Authlib's endpoints over preloaded rows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error, TokenMixin
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from marketplace.platform.validation.foreign import UnreadableError, verify_jwt
from marketplace.settings import Settings
from partners.oauth.access.client_cache import GRANT_COLUMNS, GRANT_FROM, grant_of
from partners.oauth.clients.secrets import digest
from partners.oauth.domain import Client, Grant, is_admitted
from partners.oauth.server.adapters import (
    AUTH_METHODS,
    CONFIDENTIAL,
    Server,
    ServerRequest,
    TokenAnswer,
    grant_id_of,
    instant,
    refusal,
)
from partners.oauth.server.authlib_models import GrantEnded, Loaded, LoadedClient, RefreshToken, TokenEnded
from partners.oauth.server.effects import changes_snapshot, load_clients, load_refresh, post
from partners.oauth.server.request_parsing import FormRequest, named_clients, read_form
from partners.oauth.server.token import OauthParts
from partners.oauth.tables import OauthRevokedTokenRow

REVOKE = "/oauth/revoke"
INTROSPECT = "/oauth/introspect"

_TYPE = "at+jwt"


class KnownToken(TokenMixin):  # type: ignore[misc]  # Authlib has no types
    """One of our tokens that a client revokes or introspects, with the state that it depends on."""

    def __init__(
        self,
        client_id: str,
        client: Client | None,
        claims: Mapping[str, Any] | None,
        grant: Grant | None,
        refresh: RefreshToken | None = None,
        *,
        revoked: bool = False,
    ) -> None:
        """Set the `claims` of an access token, or the refresh token."""
        self.client_id = client_id
        self.client = client
        self.claims = claims or {}
        self.grant = grant
        self.refresh = refresh
        self._revoked = revoked

    def check_client(self, client: LoadedClient) -> bool:
        """Return whether the token was given to the client."""
        return bool(self.client_id == client.get_client_id())

    def is_expired(self) -> bool:
        """Return False: expired tokens are not loaded."""
        return False

    def is_revoked(self) -> bool:
        """Return whether the token, or something that it depends on, was revoked. A resource would refuse it, too."""
        if self._revoked or self.client is None or not is_admitted(self.client):
            return True
        if self.refresh is not None and self.refresh.rotated_at is not None:
            return True
        grant = self.grant
        if grant is None:
            return "grant" in self.claims
        return not grant.effective


class _Anybodys:
    """What both endpoints read from a request."""

    server: Server
    token: KnownToken | None = None

    def check_params(self, request: ServerRequest, client: LoadedClient) -> None:  # noqa: ARG002 - Authlib's signature
        """Raise InvalidRequestError without a token. An unknown token_type_hint is ignored (RFC 7009 §2.1)."""
        if "token" not in request.form:
            raise InvalidRequestError("token is missing.")

    def query_token(self, token_string: str, token_type_hint: str | None) -> KnownToken | None:  # noqa: ARG002 - Authlib's
        """Return the loaded token, or None if we did not issue it."""
        return self.token


class TokenRevocation(_Anybodys, RevocationEndpoint):  # type: ignore[misc]  # Authlib has no types
    """Revokes a token. An unknown token counts as revoked (RFC 7009 §2.2)."""

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def revoke_token(self, token: KnownToken, request: ServerRequest) -> None:  # noqa: ARG002 - Authlib's signature
        """Revoke a refresh token with its family and all access tokens of the grant, or one access token."""
        if token.refresh is not None:
            self.server.effects.append(GrantEnded(token.refresh.grant, "revoked_by_application"))
        elif token.claims:
            self.server.effects.append(TokenEnded(token.claims["jti"], instant(token.claims["exp"])))


class Introspection(_Anybodys, IntrospectionEndpoint):  # type: ignore[misc]  # Authlib has no types
    """Introspects a client's own token. Another client's token is answered like one that does not exist."""

    CLIENT_AUTH_METHODS = CONFIDENTIAL

    def check_permission(
        self,
        token: KnownToken,
        client: LoadedClient,
        request: ServerRequest,  # noqa: ARG002 - Authlib's signature
    ) -> bool:
        """Return whether the client may introspect the token."""
        return token.check_client(client)

    def introspect_token(self, token: KnownToken) -> dict[str, Any]:
        """Return the token's claims, with its current scope."""
        allowed = frozenset() if token.client is None else token.client.allowed
        if token.grant is not None:
            allowed &= token.grant.effective
        if token.refresh is not None:
            scopes = sorted(token.refresh.grant.scopes & allowed)
            return {
                "client_id": token.client_id,
                "scope": " ".join(scopes),
                "token_type": "refresh_token",
                "exp": int(token.refresh.expires_at.timestamp()),
                "iat": int(token.refresh.created_at.timestamp()),
                "iss": self.server.settings.issuer,
            }
        names = ("client_id", "sub", "aud", "iss", "exp", "iat", "jti", "livemode", "cnf")
        claims = {name: token.claims[name] for name in names if name in token.claims}
        scopes = [scope for scope in token.claims["scope"].split() if scope in allowed]
        return claims | {"scope": " ".join(scopes), "token_type": "DPoP" if "cnf" in claims else "Bearer"}


class _Asked(msgspec.Struct, frozen=True):
    form: dict[str, str]
    names: set[str]
    claims: dict[str, Any] | None
    fetched: dict[str, dict[str, Any]]


async def revoke(parts: OauthParts, sent: FormRequest) -> TokenAnswer:
    """Return the response to a revocation request, success or error."""
    return await _answer(parts, sent, TokenRevocation, REVOKE)


async def introspect(parts: OauthParts, sent: FormRequest) -> TokenAnswer:
    """Return the response to an introspection request, success or error."""
    return await _answer(parts, sent, Introspection, INTROSPECT)


async def _answer(
    parts: OauthParts, sent: FormRequest, kind: type[TokenRevocation] | type[Introspection], path: str
) -> TokenAnswer:
    settings, now = parts.settings, parts.clock.now()
    try:
        form = read_form(sent.content_type, sent.body)
        names = named_clients(form, sent.authorization)
        asked = _Asked(form, names, await _claims(parts, form.get("token", "")), await parts.fetched(names, form))
        request = ServerRequest("POST", f"{settings.base_url}{path}", form, sent.authorization)
    except OAuth2Error as error:
        return refusal(error)
    async with unit_of_work() as work:
        clients = await load_clients(work, names)
        server = Server(settings, Loaded(now=now, clients=clients, fetched=asked.fetched))
        endpoint = kind(server)
        endpoint.token = await _load(work, settings, asked, now)
        server.register_endpoint(endpoint)
        answer: TokenAnswer = server.create_endpoint_response(kind.ENDPOINT_NAME, request)
        answer = await post(work, settings, answer, now)
    if changes_snapshot(answer.effects):
        parts.client_cache.invalidate()
    return answer


async def _claims(parts: OauthParts, token: str) -> dict[str, Any] | None:
    """Return the claims of an access token that we issued and that has not expired, else None."""
    if token.count(".") != 2:
        return None
    for fresh in (False, True):
        try:
            found = verify_jwt(token, await parts.local_keys(fresh))
        except UnreadableError:
            continue
        good = found.header.get("typ") == _TYPE and _is_ours(parts, found.claims)
        return found.claims if good else None
    return None


def _is_ours(parts: OauthParts, claims: dict[str, Any]) -> bool:
    """Return whether the claims have the form that we issue, and have not expired."""
    settings, ends = parts.settings, claims.get("exp")
    return (
        claims.get("iss") == settings.issuer
        and all(isinstance(claims.get(name), str) for name in ("aud", "jti", "client_id", "scope", "sub"))
        and isinstance(ends, int | float)
        and ends > parts.clock.now().timestamp()
    )


async def _load(work: UnitOfWork, settings: Settings, asked: _Asked, now: datetime) -> KnownToken | None:
    if asked.claims is not None:
        claims = asked.claims
        grant_id, grant = grant_id_of(claims), None
        if grant_id is not None:
            row = await work.fetchrow(f"SELECT {GRANT_COLUMNS} FROM {GRANT_FROM} WHERE g.id = $1", grant_id)
            grant = None if row is None else grant_of(row)
        revoked = await work.run(OauthRevokedTokenRow.exists().where(OauthRevokedTokenRow.jti == claims["jti"]))
        client = (await load_clients(work, {claims["client_id"]})).get(claims["client_id"])
        if client is not None and claims["aud"] != settings.audience(client.audience):
            return None
        return KnownToken(claims["client_id"], _active(client), claims, grant, revoked=revoked)
    refresh = await load_refresh(work, digest(asked.form.get("token", "")))
    if refresh is None or refresh.expires_at <= now:
        return None
    client_id = refresh.grant.client_id
    client = (await load_clients(work, {client_id})).get(client_id)
    return KnownToken(client_id, _active(client), None, refresh.grant, refresh)


def _active(client: Client | None) -> Client | None:
    return client if client is not None and client.status == "active" else None
