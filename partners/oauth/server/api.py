"""The OAuth server's endpoints over HTTP. Each one calls the module of its name."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Reference, RequestBody, Schema
from litestar.params import FromPath, HeaderParameter
from litestar.types import ExceptionHandlersMap

from marketplace.kernel.clock import Clock
from marketplace.platform.http.challenge import BEARER, refused_token
from marketplace.platform.http.problems import HttpRequest
from marketplace.settings import Settings
from partners.oauth.clients import registration
from partners.oauth.clients.jwks import ASSERTION_ALGORITHMS
from partners.oauth.clients.registration import RegistrationRefused
from partners.oauth.domain import OEM_SCOPES, PARTNER_SCOPES
from partners.oauth.server import par, token_endpoints
from partners.oauth.server.adapters import AUTH_METHODS, CONFIDENTIAL, TokenAnswer
from partners.oauth.server.consent import parts_of
from partners.oauth.server.keys import KEEP_S
from partners.oauth.server.request_parsing import FORM, sent
from partners.oauth.server.responses import (
    IntrospectionResponse,
    Jwks,
    PushedResponse,
    RegisteredClient,
    ServerMetadata,
    TokenError,
    TokenResponse,
)
from partners.oauth.server.token import issue_token

_PUBLIC: list[dict[str, list[str]]] = [{}]
_CLIENT: list[dict[str, list[str]]] = [{"client": []}, {}]  # or by form parameters: a secret, or a signed assertion
_REGISTRATION: list[dict[str, list[str]]] = [{"registration": []}]
_COUNTED = {"counted": True}  # by address: the caller is not authenticated yet
_TEXT = Schema(type=OpenAPIType.STRING)
_CREDENTIALS = ("client_id", "client_secret", "client_assertion_type", "client_assertion")
_REFUSED = {
    400: ResponseSpec(TokenError, description="Refused (RFC 6749 §5.2)", generate_examples=False),
    401: ResponseSpec(TokenError, description="The client is not believed", generate_examples=False),
}

RegistrationTokenHeader = Annotated[
    str | None, HeaderParameter(name="Authorization", required=False, description="`Bearer` and the token for it.")
]


@dataclass
class _Form(Operation):
    """Describes the form of an endpoint. It is read from the raw body, so that a repeated parameter is detected."""

    names: ClassVar[tuple[str, ...]] = ()
    needed: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        properties: dict[str, Reference | Schema] = dict.fromkeys((*self.names, *_CREDENTIALS), _TEXT)
        schema = Schema(type=OpenAPIType.OBJECT, properties=properties, required=list(self.needed) or None)
        self.request_body = RequestBody(content={FORM: OpenAPIMediaType(schema=schema)}, required=True)


@dataclass
class TokenOperation(_Form):
    """The form of /oauth/token."""

    names = ("grant_type", "scope", "resource", "code", "redirect_uri", "code_verifier", "refresh_token")
    needed = ("grant_type",)


@dataclass
class PushOperation(_Form):
    """The form of /oauth/par."""

    names = (
        "response_type", "redirect_uri", "scope", "state", "resource", "code_challenge", "code_challenge_method", "dpop_jkt",
    )  # fmt: skip
    needed = ("response_type", "redirect_uri", "code_challenge", "code_challenge_method")


@dataclass
class AboutTokenOperation(_Form):
    """The form of /oauth/introspect and /oauth/revoke."""

    names = ("token", "token_type_hint")
    needed = ("token",)


def _plain(answer: TokenAnswer) -> Response[bytes]:
    return Response(
        msgspec.json.encode(answer.body),
        status_code=answer.status,
        headers=answer.headers,
        media_type="application/json",
    )


@post(
    "/oauth/token",
    opt=_COUNTED,
    tags=["oauth"],
    operation_id="issue_token",
    summary="Issue an access token",
    status_code=200,
    operation_class=TokenOperation,
    security=_CLIENT,
    responses={200: ResponseSpec(TokenResponse, description="The token", generate_examples=False), **_REFUSED},
)
async def token(request: HttpRequest) -> Response[bytes]:
    """Client credentials, authorization code with PKCE, refresh token (RFC 6749 §4.4, §4.1.3, §6).

    Authenticated as the client was registered. `resource`, if given, must be the audience of the client. With a `DPoP` header
    the token is bound to the proof's key (RFC 9449). Errors are those of RFC 6749, not problem documents.
    """
    return _plain(await issue_token(parts_of(request), await sent(request)))


@post(
    "/oauth/par",
    opt=_COUNTED,
    tags=["oauth"],
    operation_id="push_authorization_request",
    summary="Push an authorization request",
    status_code=201,
    operation_class=PushOperation,
    security=_CLIENT,
    responses={201: ResponseSpec(PushedResponse, description="Where it lies", generate_examples=False), **_REFUSED},
)
async def push(request: HttpRequest) -> Response[bytes]:
    """Pushed authorization requests (RFC 9126): send `request_uri` to /oauth/authorize in place of the request, once."""
    return _plain(await par.push(parts_of(request), await sent(request)))


@post(
    "/oauth/introspect",
    opt=_COUNTED,
    tags=["oauth"],
    operation_id="introspect_token",
    summary="Introspect a token",
    status_code=200,
    operation_class=AboutTokenOperation,
    security=_CLIENT,
    responses={
        200: ResponseSpec(IntrospectionResponse, description="What the token says", generate_examples=False),
        **_REFUSED,
    },
)
async def introspect(request: HttpRequest) -> Response[bytes]:
    """Introspection (RFC 7662). Another client's token is answered like an unknown one: `{"active": false}`."""
    return _plain(await token_endpoints.introspect(parts_of(request), await sent(request)))


@post(
    "/oauth/revoke",
    opt=_COUNTED,
    tags=["oauth"],
    operation_id="revoke_token",
    summary="Revoke a token",
    status_code=200,
    operation_class=AboutTokenOperation,
    security=_CLIENT,
    responses={200: ResponseSpec(None, description="It works no more"), **_REFUSED},
)
async def revoke(request: HttpRequest) -> Response[bytes]:
    """Revocation (RFC 7009): a refresh token is revoked with its whole grant, an access token alone."""
    return _plain(await token_endpoints.revoke(parts_of(request), await sent(request)))


@get(
    "/.well-known/oauth-authorization-server",
    tags=["oauth"],
    operation_id="get_oauth_server_metadata",
    summary="Get the OAuth server's metadata",
    security=_PUBLIC,
)
async def metadata(settings: NamedDependency[Settings]) -> ServerMetadata:
    """Server metadata (RFC 8414)."""
    base = f"{settings.base_url}/oauth"
    return ServerMetadata(
        issuer=settings.issuer,
        authorization_endpoint=f"{base}/authorize",
        token_endpoint=f"{base}/token",
        pushed_authorization_request_endpoint=f"{base}/par",
        introspection_endpoint=f"{base}/introspect",
        revocation_endpoint=f"{base}/revoke",
        registration_endpoint=f"{base}/register",
        jwks_uri=f"{base}/jwks.json",
        scopes_supported=sorted(PARTNER_SCOPES | OEM_SCOPES),
        response_types_supported=["code"],
        response_modes_supported=["query"],
        grant_types_supported=["authorization_code", "client_credentials", "refresh_token"],
        code_challenge_methods_supported=["S256"],
        token_endpoint_auth_methods_supported=AUTH_METHODS,
        token_endpoint_auth_signing_alg_values_supported=ASSERTION_ALGORITHMS,
        introspection_endpoint_auth_methods_supported=CONFIDENTIAL,
        introspection_endpoint_auth_signing_alg_values_supported=ASSERTION_ALGORITHMS,
        revocation_endpoint_auth_methods_supported=AUTH_METHODS,
        revocation_endpoint_auth_signing_alg_values_supported=ASSERTION_ALGORITHMS,
        dpop_signing_alg_values_supported=ASSERTION_ALGORITHMS,
        authorization_response_iss_parameter_supported=True,
        request_parameter_supported=False,
        request_uri_parameter_supported=False,  # not of plain requests; a pushed one is
        ui_locales_supported=["zh-CN", "en"],
        service_documentation=f"{settings.base_url}/docs",
    )


@get(
    "/oauth/jwks.json",
    tags=["oauth"],
    operation_id="get_oauth_jwks",
    summary="Get the server's public keys",
    security=_PUBLIC,
)
async def jwks(request: HttpRequest) -> Response[Jwks]:
    """The keys that verify our access tokens (RFC 7517)."""
    published = msgspec.convert(await parts_of(request).local_keys.published(), Jwks)
    return Response(published, headers={"Cache-Control": f"public, max-age={KEEP_S}"})


def _refused(request: HttpRequest, refused: RegistrationRefused) -> Response[bytes]:
    headers = {"Cache-Control": "no-store"}
    if refused.status == 401:
        sent = "authorization" in request.headers
        headers["WWW-Authenticate"] = refused_token(refused.error) if sent else BEARER
    body = {"error": refused.error, "error_description": refused.description}
    return Response(
        msgspec.json.encode(body), status_code=refused.status, headers=headers, media_type="application/json"
    )


_HANDLERS: ExceptionHandlersMap = {RegistrationRefused: _refused}
_OWN = {
    200: ResponseSpec(RegisteredClient, description="The client", generate_examples=False),
    **_REFUSED,
}


@dataclass
class RegisterOperation(Operation):
    """The body of a registration: JSON; unknown fields are ignored."""

    def __post_init__(self) -> None:
        schema = Schema(
            type=OpenAPIType.OBJECT, description="Client metadata (RFC 7591 §2); `client_name` is required."
        )
        self.request_body = RequestBody(content={"application/json": OpenAPIMediaType(schema=schema)}, required=True)


@post(
    "/oauth/register",
    opt=_COUNTED,
    tags=["oauth"],
    operation_id="register_client",
    summary="Register a client",
    status_code=201,
    operation_class=RegisterOperation,
    security=_REGISTRATION,
    exception_handlers=_HANDLERS,
    responses={
        201: ResponseSpec(RegisteredClient, description="The client, with its secret", generate_examples=False),
        **_REFUSED,
    },
)
async def register(
    request: HttpRequest,
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
    token: RegistrationTokenHeader = None,
) -> Response[bytes]:
    """Dynamic registration (RFC 7591). Operations issue the initial access token, which fixes owner and scopes."""
    found = registration.read_metadata(request.headers.get("content-type"), await request.body())
    return _registered(await registration.register(settings, _bearer(token), found, clock.now()), 201)


@get(
    "/oauth/register/{client_id:str}",
    opt=_COUNTED,
    tags=["oauth"],
    operation_id="get_registered_client",
    summary="Get a client's own registration",
    security=_REGISTRATION,
    exception_handlers=_HANDLERS,
    responses=_OWN,
)
async def get_registration(
    client_id: FromPath[str], settings: NamedDependency[Settings], token: RegistrationTokenHeader = None
) -> Response[bytes]:
    """The current registration, by the registration access token (RFC 7592 §2.1)."""
    return _registered(await registration.see(settings, client_id, _bearer(token)), 200)


@put(
    "/oauth/register/{client_id:str}",
    opt=_COUNTED,
    tags=["oauth"],
    operation_id="replace_registered_client",
    summary="Replace a client's own registration",
    operation_class=RegisterOperation,
    security=_REGISTRATION,
    exception_handlers=_HANDLERS,
    responses=_OWN,
)
async def change_registration(
    client_id: FromPath[str],
    request: HttpRequest,
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
    token: RegistrationTokenHeader = None,
) -> Response[bytes]:
    """The metadata is replaced as a whole (RFC 7592 §2.2). Scopes can only be removed; the authentication method is fixed."""
    found = registration.read_metadata(request.headers.get("content-type"), await request.body())
    client = await registration.change(settings, client_id, _bearer(token), found, clock.now())
    parts_of(request).client_cache.invalidate()
    return _registered(client, 200)


@delete(
    "/oauth/register/{client_id:str}",
    opt=_COUNTED,
    tags=["oauth"],
    operation_id="delete_registered_client",
    summary="Delete a client's own registration",
    status_code=204,
    security=_REGISTRATION,
    exception_handlers=_HANDLERS,
    responses={204: ResponseSpec(None, description="It is revoked"), 401: _REFUSED[401]},
)
async def delete_registration(
    client_id: FromPath[str], request: HttpRequest, clock: NamedDependency[Clock], token: RegistrationTokenHeader = None
) -> None:
    """The client is revoked with all its tokens (RFC 7592 §2.3)."""
    await registration.remove(client_id, _bearer(token), clock.now())
    parts_of(request).client_cache.invalidate()


def _bearer(header: str | None) -> str | None:
    scheme, _, found = (header or "").partition(" ")
    return found.strip() if scheme.lower() == "bearer" and found.strip() else None


def _registered(client: RegisteredClient, status: int) -> Response[bytes]:
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Response(msgspec.json.encode(client), status_code=status, headers=headers, media_type="application/json")


ROUTES = (
    token,
    push,
    introspect,
    revoke,
    metadata,
    jwks,
    register,
    get_registration,
    change_registration,
    delete_registration,
)
