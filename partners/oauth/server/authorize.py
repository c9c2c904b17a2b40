"""The authorization request: parsed, checked with Authlib over preloaded rows, and decided by a person.

Nothing here redirects a browser to an unregistered address: until the redirect URI is known to be the client's, errors are shown
on our own page.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError, OAuth2Error, UnauthorizedClientError

from marketplace.kernel.text import Text
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import publish
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from marketplace.settings import Settings
from partners.oauth.access.client_cache import ACCEPTS_POINTS
from partners.oauth.clients.secrets import CODE, digest, new_token
from partners.oauth.domain import Client, Grant, by_contract, narrowed
from partners.oauth.events import GrantGiven
from partners.oauth.server.adapters import Server, ServerRequest
from partners.oauth.server.authlib_models import Loaded
from partners.oauth.server.effects import load_clients
from partners.oauth.server.grants import ByCode, S256Only
from partners.oauth.server.pushed_requests import load_pushed, use_page, use_pushed
from partners.oauth.tables import OauthCodeRow, OauthGrantRow
from partners.registry.domain import ADMITTED
from partners.roles import SignedIn, scopes_of

PATH = "/oauth/authorize"

CODE_LIFE = timedelta(minutes=1)
GRANT_LIFE = timedelta(days=180)
"""How long a grant is valid before the person must consent again."""

_JKT = re.compile(r"[A-Za-z0-9_-]{43}")


class RequestNotSupportedError(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """Request objects are not read here (RFC 9101 §6.3): push the request instead."""

    error = "request_not_supported"


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """A valid authorization request: the redirect URI is the client's."""

    client: Client
    parameters: dict[str, str]
    redirect_uri: str
    scopes: list[str]
    pushed: bytes | None = None

    def denied(self, description: str) -> AccessDeniedError:
        """Return the error that redirects back to the application."""
        return AccessDeniedError(description, redirect_uri=self.redirect_uri, state=self.parameters.get("state"))

    def answer(self, issuer: str, **values: str | None) -> str:
        """Return the redirect URI with a response: the request's `state`, and our issuer (RFC 9207)."""
        return leading(self.redirect_uri, issuer, self.parameters.get("state"), **values)


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """What the consent page asks: by which application, for which company, and which scopes the person can grant."""

    wanted: AuthorizationRequest
    company: Text
    scopes: list[str]
    left_out: list[str]


def leading(redirect_uri: str, issuer: str, state: str | None, **values: str | None) -> str:
    """Return the redirect URI with the response's parameters."""
    given = {**values, "state": state, "iss": issuer}
    return str(add_params_to_uri(redirect_uri, [(name, value) for name, value in given.items() if value is not None]))


async def read_request(settings: Settings, parameters: Mapping[str, str], now: datetime) -> AuthorizationRequest:
    """Return the request, with its pushed parameters if it names them.

    Raises OAuth2Error, whose `redirect_uri` is set only if it is the client's own.
    """
    async with unit_of_work() as work:
        if "request_uri" in parameters:
            pushed, found = await load_pushed(work, parameters, now)
            return await check_request(work, settings, found, now, pushed)
        return await check_request(work, settings, parameters, now)


async def check_request(
    work: UnitOfWork, settings: Settings, parameters: Mapping[str, str], now: datetime, pushed: bytes | None = None
) -> AuthorizationRequest:
    """Check the request and return it. Raises OAuth2Error as `read_request` does."""
    server, request, grant = await _validated(work, settings, parameters, now)
    client: Client = grant.request.client.row
    try:  # from here on the redirect URI is known to be the client's
        if "request" in parameters:
            raise RequestNotSupportedError
        if parameters.get("response_mode", "query") != "query":
            raise InvalidRequestError("response_mode must be query.")
        if "dpop_jkt" in parameters and not _JKT.fullmatch(parameters["dpop_jkt"]):
            raise InvalidRequestError("dpop_jkt must be a SHA-256 thumbprint.")
        server.check_resource(client, parameters.get("resource"))
        if client.partner_status is not None and client.partner_status not in ADMITTED:
            raise UnauthorizedClientError(f"The partner is {client.partner_status}.")
    except OAuth2Error as error:
        error.redirect_uri, error.state = grant.redirect_uri, parameters.get("state")
        raise
    return AuthorizationRequest(client, dict(parameters), grant.redirect_uri, request.scope.split(), pushed)


async def _validated(
    work: UnitOfWork, settings: Settings, parameters: Mapping[str, str], now: datetime
) -> tuple[Server, ServerRequest, Any]:
    names = {parameters["client_id"]} if "client_id" in parameters else set()
    server = Server(settings, Loaded(now=now, clients=await load_clients(work, names)))
    server.register_grant(ByCode, [S256Only()])
    request = ServerRequest("GET", f"{settings.base_url}{PATH}", parameters)
    return server, request, server.get_consent_grant(request)


async def consent_to(wanted: AuthorizationRequest, person: SignedIn) -> Consent:
    """Return what to ask the person. Raises AccessDeniedError, with redirect, if they can grant none of it."""
    async with unit_of_work() as work:
        return await _consent(work, wanted, person)


async def _consent(work: UnitOfWork, wanted: AuthorizationRequest, person: SignedIn) -> Consent:
    row = await work.fetchrow(
        f"SELECT p.name_zh, p.name_en, p.status, {ACCEPTS_POINTS} FROM partner p WHERE p.id = $1", person.partner_id
    )
    if row is None or row["status"] not in ADMITTED:
        raise wanted.denied("The company may not call at present.")
    if wanted.client.partner_id not in {None, person.partner_id}:
        raise wanted.denied("The application is another company's own.")
    theirs = by_contract(scopes_of(person.roles), accepts_points=row["accepts_points"])
    scopes = narrowed(wanted.scopes, wanted.client.scopes, theirs)
    if not scopes:
        raise wanted.denied("The person may do none of what is asked.")
    left_out = [scope for scope in wanted.scopes if scope not in scopes]
    return Consent(wanted=wanted, company=Text(row["name_zh"], row["name_en"]), scopes=scopes, left_out=left_out)


class DecidedBeforeError(Exception):
    """The same page was answered before."""


async def allow(
    settings: Settings,
    parameters: Mapping[str, str],
    grant_id: UUID,
    person: SignedIn,
    now: datetime,
    pushed: bytes | None,
) -> str:
    """Store the grant with its code, and return where to redirect the browser.

    Everything is checked again in this transaction. Raises OAuth2Error; DecidedBeforeError for a page that was answered before.
    """
    async with unit_of_work() as work:
        wanted = await _decided(work, settings, parameters, grant_id, now, pushed)
        consent = await _consent(work, wanted, person)
        code = new_token(CODE)
        await _keep(work, consent, grant_id, code, person, now)
        return await _location(work, settings, consent, grant_id, code, person, now)


async def deny(
    settings: Settings, parameters: Mapping[str, str], grant_id: UUID, now: datetime, pushed: bytes | None
) -> str:
    """Return where to redirect the browser after a refusal. Raises OAuth2Error, DecidedBeforeError."""
    async with unit_of_work() as work:
        wanted = await _decided(work, settings, parameters, grant_id, now, pushed)
    return wanted.answer(settings.issuer, error="access_denied", error_description="The person did not allow it.")


async def _decided(
    work: UnitOfWork,
    settings: Settings,
    parameters: Mapping[str, str],
    grant_id: UUID,
    now: datetime,
    pushed: bytes | None,
) -> AuthorizationRequest:
    """Return the current request, and mark it and its page as decided, so that neither is decided again."""
    await use_pushed(work, pushed, now)
    wanted = await check_request(work, settings, parameters, now)
    if not await use_page(work, grant_id, wanted.client.client_id, now):
        raise DecidedBeforeError
    return wanted


async def _keep(work: UnitOfWork, consent: Consent, grant_id: UUID, code: str, person: SignedIn, now: datetime) -> None:
    client_id = consent.wanted.client.client_id
    grant = OauthGrantRow(
        id=grant_id,
        client_id=client_id,
        partner_id=person.partner_id,
        staff_id=person.staff_id,
        scopes=consent.scopes,
        created_at=now,
        expires_at=now + GRANT_LIFE,
    )
    await work.run(OauthGrantRow.insert(grant))
    parameters = consent.wanted.parameters
    row = OauthCodeRow(
        digest=digest(code),
        grant_id=grant_id,
        client_id=client_id,
        redirect_uri=consent.wanted.redirect_uri,
        challenge=parameters["code_challenge"],
        jkt=parameters.get("dpop_jkt"),
        expires_at=now + CODE_LIFE,
    )
    await work.run(OauthCodeRow.insert(row))
    await audit.record(
        work, person.actor, "grant.give", f"client:{client_id}", now, grant_id=grant_id, scopes=consent.scopes
    )
    await publish(work, [GrantGiven(person.partner_id, grant_id, client_id, consent.scopes, now)], now)


async def _location(
    work: UnitOfWork, settings: Settings, consent: Consent, grant_id: UUID, code: str, person: SignedIn, now: datetime
) -> str:
    """Return Authlib's response to the request, with our issuer in it."""
    server, request, grant = await _validated(work, settings, consent.wanted.parameters, now)
    server.fresh_code = code
    given = Grant(
        id=grant_id,
        client_id=consent.wanted.client.client_id,
        partner_id=person.partner_id,
        staff_id=person.staff_id,
        scopes=frozenset(consent.scopes),
        person_scopes=scopes_of(person.roles),
        partner_status="active",
        jkt=None,
        revoked=False,
    )
    answer = server.create_authorization_response(request, grant_user=server.person(given), grant=grant)
    return str(add_params_to_uri(answer.headers["Location"], [("iss", settings.issuer)]))
