"""The OAuth server over HTTP, and operations' side of its clients."""

from dataclasses import dataclass

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.kernel.clock import Clock
from marketplace.kernel.facts import NotFound
from marketplace.platform.database import UnitOfWork
from marketplace.platform.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.identity import Caller
from marketplace.platform.paging import DEFAULT_LIMIT, Cursors, Limit, Page
from marketplace.platform.problems import HttpRequest, language_of, path_id
from marketplace.settings import Settings
from partners.oauth.clients import list_clients, register_client, revoke_client
from partners.oauth.domain import OEM_SCOPES, PARTNER_SCOPES
from partners.oauth.gate import gate_of
from partners.oauth.jwks import ASSERTION_ALGORITHMS
from partners.oauth.keys import public_jwks
from partners.oauth.schemas import (
    ClientView,
    IssuedClient,
    Jwks,
    NewClient,
    Revocation,
    ServerMetadata,
    TokenError,
    TokenResponse,
)
from partners.oauth.server import AUTH_METHODS
from partners.oauth.token import FORM, issue_token
from partners.onboarding.read import require_partner
from partners.secrets_once import reveal, seal

_OPERATIONS = {"roles": ["operations"]}
_ISSUED = {201: ResponseSpec(IssuedClient, description="The client, with its secret", generate_examples=False)}
_PUBLIC: list[dict[str, list[str]]] = [{}]
_TEXT = Schema(type=OpenAPIType.STRING)


@dataclass
class TokenOperation(Operation):
    """Describes the form of /oauth/token, which is read from the raw body so that a parameter sent twice is seen."""

    def __post_init__(self) -> None:
        names = (
            "grant_type",
            "scope",
            "resource",
            "client_id",
            "client_secret",
            "client_assertion_type",
            "client_assertion",
        )
        schema = Schema(type=OpenAPIType.OBJECT, properties=dict.fromkeys(names, _TEXT), required=["grant_type"])
        self.request_body = RequestBody(content={FORM: OpenAPIMediaType(schema=schema)}, required=True)


@post(
    "/oauth/token",
    tags=["oauth"],
    operation_id="issue_token",
    summary="Ask for an access token",
    status_code=200,
    operation_class=TokenOperation,
    security=_PUBLIC,
    responses={
        200: ResponseSpec(TokenResponse, description="The token", generate_examples=False),
        400: ResponseSpec(TokenError, description="Refused (RFC 6749 §5.2)", generate_examples=False),
        401: ResponseSpec(TokenError, description="The client is not believed", generate_examples=False),
    },
)
async def token(request: HttpRequest, settings: NamedDependency[Settings]) -> Response[bytes]:
    """Client credentials (RFC 6749 §4.4), authenticated by `client_secret_basic`, `client_secret_post` or `private_key_jwt`.

    `resource`, if given, must be the audience of the client. Errors are those of RFC 6749, not problem documents.
    """
    headers = request.headers
    answer = await issue_token(
        settings,
        request.app.state.oauth_key,
        headers.get("content-type"),
        await request.body(),
        headers.get("authorization"),
    )
    return Response(
        msgspec.json.encode(answer.body),
        status_code=answer.status,
        headers=answer.headers,
        media_type="application/json",
    )


@get(
    "/.well-known/oauth-authorization-server",
    tags=["oauth"],
    operation_id="oauth_server_metadata",
    summary="What the OAuth server can do",
    security=_PUBLIC,
)
async def metadata(settings: NamedDependency[Settings]) -> ServerMetadata:
    """Server metadata (RFC 8414)."""
    return ServerMetadata(
        issuer=settings.issuer,
        token_endpoint=f"{settings.base_url}/oauth/token",
        jwks_uri=f"{settings.base_url}/oauth/jwks.json",
        scopes_supported=sorted(PARTNER_SCOPES | OEM_SCOPES),
        response_types_supported=[],
        grant_types_supported=["client_credentials"],
        token_endpoint_auth_methods_supported=AUTH_METHODS,
        token_endpoint_auth_signing_alg_values_supported=ASSERTION_ALGORITHMS,
        service_documentation=f"{settings.base_url}/docs",
    )


@get("/oauth/jwks.json", tags=["oauth"], operation_id="oauth_jwks", summary="Our public keys", security=_PUBLIC)
async def jwks() -> Jwks:
    """The keys that verify our access tokens (RFC 7517)."""
    return msgspec.convert(await public_jwks(), Jwks)


class AdminClients(Controller):
    """Operations issue and revoke clients."""

    path = "/v1/admin"
    tags = ["operations"]

    @post(
        "/partners/{partner_id:str}/clients",
        operation_id="issue_partner_client",
        summary="Issue an OAuth client to a partner",
        opt=_OPERATIONS,
        responses=_ISSUED,
    )
    async def issue(
        self,
        partner_id: FromPath[str],
        data: JSONBody[NewClient],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """Answer the client with its secret, this once. The partner must be approved or active."""
        now, identifier = clock.now(), path_id(partner_id)

        async def register(work: UnitOfWork) -> IssuedClient:
            return _sealed(settings, await register_client(work, settings, data, identifier, staff.actor, now))

        whole = request_key(request, staff.actor, key, data)
        outcome = await once(whole, language_of(request), register, status=201, now=now)
        return reveal(outcome, "client_secret", settings.secret_key)

    @get(
        "/partners/{partner_id:str}/clients",
        operation_id="list_partner_clients",
        summary="A partner's OAuth clients",
        opt={"roles": ["operations", "auditor"]},
    )
    async def list_of_partner(
        self,
        partner_id: FromPath[str],
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[str | None] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[ClientView]:
        """All clients, revoked ones too, by id."""
        identifier = path_id(partner_id)
        await require_partner(identifier)
        return await list_clients(identifier, cursors, cursor, limit)

    @post(
        "/oem-clients",
        operation_id="issue_oem_client",
        summary="Issue an OAuth client to one of the OEM's systems",
        opt=_OPERATIONS,
        responses=_ISSUED,
    )
    async def issue_oem(
        self,
        data: JSONBody[NewClient],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """Answer the client with its secret, this once. Its tokens are for `/v1/points`."""
        now = clock.now()

        async def register(work: UnitOfWork) -> IssuedClient:
            return _sealed(settings, await register_client(work, settings, data, None, staff.actor, now))

        whole = request_key(request, staff.actor, key, data)
        outcome = await once(whole, language_of(request), register, status=201, now=now)
        return reveal(outcome, "client_secret", settings.secret_key)

    @get(
        "/oem-clients",
        operation_id="list_oem_clients",
        summary="The OEM's OAuth clients",
        opt={"roles": ["operations", "auditor"]},
    )
    async def list_oem(
        self,
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[str | None] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[ClientView]:
        """All of the OEM's clients, revoked ones too, by id."""
        return await list_clients(None, cursors, cursor, limit)

    @post(
        "/clients/{client_id:str}/revoke",
        operation_id="revoke_client",
        summary="Revoke an OAuth client",
        opt=_OPERATIONS,
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
        """It gets no more tokens, and those that it has end here at once and in other processes within 15 seconds."""
        now = clock.now()

        async def revoke(work: UnitOfWork) -> ClientView:
            return await revoke_client(work, _known_letters(client_id), staff.actor, data.reason, now)

        outcome = await once(request_key(request, staff.actor, key, data), language_of(request), revoke, now=now)
        gate_of(request).forget()
        return outcome.response()


def _sealed(settings: Settings, issued: IssuedClient) -> IssuedClient:
    if issued.client_secret is None:
        return issued
    return msgspec.structs.replace(issued, client_secret=seal(settings.secret_key, issued.client_secret))


def _known_letters(client_id: str) -> str:
    if not client_id.isprintable():  # PostgreSQL cannot even be asked for a text with a NUL in it
        raise NotFound
    return client_id
