"""OAuth clients on the admin API: issue, rotate, revoke."""

from datetime import datetime

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import NotFound, WrongState
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.identity import Caller
from marketplace.platform.http.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.settings import Settings
from partners.oauth.access.client_cache import client_cache_of
from partners.oauth.clients.clients import list_clients, register_client, revoke_client
from partners.oauth.clients.credentials import ClientRevoked, NoSecret, rotate_secret
from partners.oauth.clients.registration import make_initial_token
from partners.oauth.clients.schemas import (
    ClientInput,
    ClientView,
    IntegratorClientInput,
    IssuedClient,
    RegistrationToken,
    RegistrationTokenInput,
    Revocation,
    RotatedSecret,
    SecretRotation,
)
from partners.oauth.server.consent import parts_of
from partners.oauth.server.keys import RotationUnderWay, SigningKeyView, rotate_signing_key
from partners.one_time_secrets import TooManySecrets, reveal, seal
from partners.registry.read import require_partner
from partners.roles import OPERATIONS

_ISSUED = {201: ResponseSpec(IssuedClient, description="The client, with its secret", generate_examples=False)}
ROTATED = {200: ResponseSpec(RotatedSecret, description="The new secret", generate_examples=False)}


class AdminClients(Controller):
    """OAuth clients, managed by operations."""

    path = "/v1/admin"
    tags = ["operations"]

    @post(
        "/partners/{partner_id:str}/clients",
        operation_id="create_partner_client",
        summary="Create an OAuth client for a partner",
        opt=OPERATIONS | refusals(WrongState),
        responses=_ISSUED,
    )
    async def issue(
        self,
        partner_id: FromPath[PathId],
        data: JSONBody[ClientInput],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """The response holds the secret, which is shown only once. The partner must be approved or active."""
        now, identifier = clock.now(), path_id(partner_id)

        async def register(work: UnitOfWork) -> IssuedClient:
            return _sealed(settings, await register_client(work, settings, data, identifier, staff.actor, now))

        whole = request_key(request, staff.actor, key, data)
        outcome = await once(whole, language_of(request), register, status=201, now=now)
        return reveal(outcome, "client_secret", settings.keys)

    @get(
        "/partners/{partner_id:str}/clients",
        operation_id="list_partner_clients",
        summary="List a partner's OAuth clients",
        opt={"roles": ["operations", "auditor"]},
    )
    async def list_of_partner(
        self,
        partner_id: FromPath[PathId],
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[ClientView]:
        """All clients, revoked ones included, by id."""
        identifier = path_id(partner_id)
        await require_partner(identifier)
        return await list_clients(identifier, cursors, cursor, limit)

    @post(
        "/oem-clients",
        operation_id="create_oem_client",
        summary="Create an OAuth client for one of the OEM's systems",
        opt=OPERATIONS,
        responses=_ISSUED,
    )
    async def issue_oem(
        self,
        data: JSONBody[ClientInput],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """The response holds the secret, which is shown only once. Its tokens are valid for `/v1/points`."""
        now = clock.now()

        async def register(work: UnitOfWork) -> IssuedClient:
            return _sealed(settings, await register_client(work, settings, data, None, staff.actor, now))

        whole = request_key(request, staff.actor, key, data)
        outcome = await once(whole, language_of(request), register, status=201, now=now)
        return reveal(outcome, "client_secret", settings.keys)

    @get(
        "/oem-clients",
        operation_id="list_oem_clients",
        summary="List the OEM's OAuth clients",
        opt={"roles": ["operations", "auditor"]},
    )
    async def list_oem(
        self,
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[ClientView]:
        """All of the OEM's clients, revoked ones included, by id."""
        return await list_clients(None, cursors, cursor, limit)

    @post(
        "/integrator-clients",
        operation_id="create_integrator_client",
        summary="Create an OAuth client for an integrator",
        opt=OPERATIONS,
        responses=_ISSUED,
    )
    async def issue_integrator(
        self,
        data: JSONBody[IntegratorClientInput],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """The response holds the secret, which is shown only once. The client gets tokens by people's consent only."""
        now = clock.now()

        async def register(work: UnitOfWork) -> IssuedClient:
            return _sealed(settings, await register_client(work, settings, data, None, staff.actor, now))

        whole = request_key(request, staff.actor, key, data)
        outcome = await once(whole, language_of(request), register, status=201, now=now)
        return reveal(outcome, "client_secret", settings.keys)

    @get(
        "/integrator-clients",
        operation_id="list_integrator_clients",
        summary="List the OAuth clients of integrators",
        opt={"roles": ["operations", "auditor"]},
    )
    async def list_integrators(
        self,
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[ClientView]:
        """All of them, revoked ones included, by id."""
        return await list_clients(None, cursors, cursor, limit, "integrator")

    @post(
        "/clients/{client_id:str}/rotate-secret",
        operation_id="rotate_client_secret",
        summary="Rotate an OAuth client's secret",
        opt=OPERATIONS | refusals(ClientRevoked, NoSecret, TooManySecrets),
        status_code=200,
        responses=ROTATED,
    )
    async def rotate(
        self,
        client_id: FromPath[str],
        data: JSONBody[SecretRotation],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """The old secret stays valid for `grace_hours`.

        Secrets replaced before keep their promised expiry; `grace_hours` 0 ends all old secrets at once.
        """
        return await answer_rotation(request, settings, _known_letters(client_id), data, staff.actor, key, clock.now())

    @post(
        "/registration-tokens",
        operation_id="create_registration_token",
        summary="Create an initial access token for client registration",
        opt=OPERATIONS,
        responses={201: ResponseSpec(RegistrationToken, description="The token", generate_examples=False)},
    )
    async def issue_initial_token(
        self,
        data: JSONBody[RegistrationTokenInput],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """An initial access token for /oauth/register (RFC 7591), shown only once."""
        now = clock.now()

        async def make(work: UnitOfWork) -> RegistrationToken:
            made = await make_initial_token(work, settings, data, staff.actor, now)
            sealed = seal(settings.keys, made.initial_access_token)
            return msgspec.structs.replace(made, initial_access_token=sealed)

        whole = request_key(request, staff.actor, key, data)
        outcome = await once(whole, language_of(request), make, status=201, now=now)
        return reveal(outcome, "initial_access_token", settings.keys)

    @post(
        "/signing-keys/rotate",
        operation_id="rotate_signing_key",
        summary="Rotate the key that signs access tokens",
        opt=OPERATIONS | refusals(RotationUnderWay),
        responses={201: ResponseSpec(SigningKeyView, description="The key", generate_examples=False)},
    )
    async def rotate_key(
        self,
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """The new key is published at once and signs ten minutes later. The old one is published until its last token expires."""
        now = clock.now()

        async def rotate(work: UnitOfWork) -> SigningKeyView:
            return await rotate_signing_key(work, settings.keys, staff.actor, now)

        whole = request_key(request, staff.actor, key, None)
        outcome = await once(whole, language_of(request), rotate, status=201, now=now)
        parts_of(request).signing.invalidate()
        parts_of(request).local_keys.invalidate()
        return outcome.response()

    @post(
        "/clients/{client_id:str}/revoke",
        operation_id="revoke_client",
        summary="Revoke an OAuth client",
        opt=OPERATIONS,
        status_code=200,
        responses={200: ResponseSpec(ClientView, description="The client", generate_examples=False)},
    )
    async def revoke(
        self,
        client_id: FromPath[str],
        data: JSONBody[Revocation],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """The client gets no more tokens. Its tokens stop working at once in this process, and within 15 seconds in others."""
        now = clock.now()

        async def revoke(work: UnitOfWork) -> ClientView:
            return await revoke_client(work, _known_letters(client_id), staff.actor, data.reason, now)

        outcome = await once(request_key(request, staff.actor, key, data), language_of(request), revoke, now=now)
        client_cache_of(request).invalidate()
        return outcome.response()


async def answer_rotation(
    request: HttpRequest,
    settings: Settings,
    client_id: str,
    data: SecretRotation,
    actor: str,
    key: str | None,
    now: datetime,
) -> Response[bytes]:
    """Rotate a client's secret, once for each idempotency key, and return the response."""

    async def rotate(work: UnitOfWork) -> RotatedSecret:
        return await rotate_secret(
            work, settings, client_id, actor, now, grace_hours=data.grace_hours, secret_days=data.secret_days
        )

    outcome = await once(request_key(request, actor, key, data), language_of(request), rotate, now=now)
    client_cache_of(request).invalidate()
    return reveal(outcome, "client_secret", settings.keys)


def _sealed(settings: Settings, issued: IssuedClient) -> IssuedClient:
    if issued.client_secret is None:
        return issued
    return msgspec.structs.replace(issued, client_secret=seal(settings.keys, issued.client_secret))


def _known_letters(client_id: str) -> str:
    if not client_id.isprintable():  # PostgreSQL refuses a text with a NUL
        raise NotFound
    return client_id
