"""The token endpoint: load the rows, decide in memory with Authlib, write the effects; all in one transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import unit_of_work
from marketplace.settings import Settings
from partners.oauth.access.client_cache import ClientCache
from partners.oauth.clients.remote_keys import RemoteKeySets
from partners.oauth.clients.secrets import digest
from partners.oauth.domain import Client
from partners.oauth.server.adapters import TOKEN_LIFETIME_S, Server, ServerRequest, TokenAnswer, refusal
from partners.oauth.server.authlib_models import Loaded, RefreshToken
from partners.oauth.server.dpop import Proof, at_token_endpoint
from partners.oauth.server.effects import ANSWER_PURPOSE, changes_snapshot, load_clients, load_code, load_refresh, post
from partners.oauth.server.grants import ByCode, ByRefresh, ClientCredentials, S256Only
from partners.oauth.server.keys import LocalKeys, SigningKey, SigningKeys
from partners.oauth.server.request_parsing import FormRequest, named_clients, parse_form

PATH = "/oauth/token"

_CLIENT_CREDENTIALS = "client_credentials"


class OauthParts(msgspec.Struct, frozen=True):
    """The dependencies of the OAuth server's endpoints; one set for each application."""

    settings: Settings
    clock: Clock
    client_cache: ClientCache
    signing: SigningKeys
    local_keys: LocalKeys
    remote_keys: RemoteKeySets

    async def fetched(self, names: set[str], form: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Fetch the published keys that a client's assertion needs, before any transaction. Raises InvalidClientError."""
        found = {}
        if "client_assertion" in form:
            for name in names:
                client = await self.client_cache.peek(name) or await _issued_just_now(name)
                if client is not None and client.jwks_uri is not None:
                    found[name] = await self.remote_keys.of(client, form["client_assertion"])
        return found


async def _issued_just_now(client_id: str) -> Client | None:
    async with unit_of_work() as work:
        return (await load_clients(work, {client_id})).get(client_id)


class _Asked(msgspec.Struct, frozen=True):
    """A parsed token request."""

    form: dict[str, str]
    authorization: str | None
    proof: Proof | None


async def issue_token(parts: OauthParts, sent: FormRequest) -> TokenAnswer:
    """Return the response to a token request, success or error.

    An assertion, a proof, a code and a refresh token are accepted once, even if copies arrive at the same time.
    """
    settings, now = parts.settings, parts.clock.now()
    try:
        form = parse_form(sent.content_type, sent.body)
        names = named_clients(form, sent.authorization)
        asked = _Asked(form, sent.authorization, at_token_endpoint(sent.proofs, f"{settings.base_url}{PATH}"))
        key = await parts.signing.current(now)
        known = await _from_snapshot(parts, asked, names, key, now)
        if known is not None:
            return known
        fetched = await parts.fetched(names, form)
    except OAuth2Error as error:
        return refusal(error)
    async with unit_of_work() as work:
        loaded = Loaded(
            now=now,
            clients=await load_clients(work, names),
            fetched=fetched,
            code=await load_code(work, digest(form["code"])) if "code" in form else None,
            refresh=await load_refresh(work, digest(form["refresh_token"])) if "refresh_token" in form else None,
            proof=asked.proof,
        )
        answer = _decide(settings, loaded, key, asked)
        answer = await post(work, settings, answer, now)
    if changes_snapshot(answer.effects):
        parts.client_cache.invalidate()
    return answer


async def _from_snapshot(
    parts: OauthParts, asked: _Asked, names: set[str], key: SigningKey, now: datetime
) -> TokenAnswer | None:
    """Answer the most frequent request, a system with its secret, without the database. Return None for any other.

    The client cache decides at every resource, too. A client that another process revoked a moment ago could get a token
    here, but no resource would accept it. A request that the snapshot does not allow is checked against the database.
    """
    plain = asked.form["grant_type"] == _CLIENT_CREDENTIALS and asked.proof is None
    if not plain or len(names) != 1 or "client_assertion" in asked.form:
        return None
    client = await parts.client_cache.peek(next(iter(names)))
    if client is None or not client.secrets:
        return None
    answer = _decide(parts.settings, Loaded(now=now, clients={client.client_id: client}), key, asked)
    return answer if answer.status == 200 and not answer.effects else None


def _decide(settings: Settings, loaded: Loaded, key: SigningKey, asked: _Asked) -> TokenAnswer:
    server = Server(settings, loaded, key)
    server.register_grant(ClientCredentials)
    server.register_grant(ByCode, [S256Only()])
    server.register_grant(ByRefresh)
    try:
        request = ServerRequest("POST", f"{settings.base_url}{PATH}", asked.form, asked.authorization)
        answer: TokenAnswer = server.create_token_response(request)
    except OAuth2Error as error:  # an insecure address: Authlib raises this outside its own error handling
        return refusal(error)
    if answer.status == 200 and not answer.body and loaded.refresh is not None:
        return msgspec.structs.replace(answer, body=_given_before(settings, loaded.refresh, loaded.now))
    return answer


def _given_before(settings: Settings, token: RefreshToken, now: datetime) -> dict[str, Any]:
    """Return the stored response of the rotation, with `expires_in` reduced by the time since then."""
    if token.answer_sealed is None or token.rotated_at is None:
        raise InvalidRequestError
    given: dict[str, Any] = msgspec.json.decode(settings.keys.decrypt(ANSWER_PURPOSE, token.answer_sealed))
    gone = max(0, int((now - token.rotated_at).total_seconds()))
    return given | {"expires_in": max(1, TOKEN_LIFETIME_S - gone)}
