"""The demo ONE ID over HTTP: discovery, keys, the page to choose a person, tokens, userinfo."""

from collections.abc import Sequence
from typing import Any

from authlib.oauth2 import OAuth2Error
from litestar import Request, Response, Router, get, post
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from marketplace.demo.oneid import DemoPerson, OneId
from marketplace.demo.oneid_server import SCOPES, OneIdResponse, OneIdServer, ReceivedRequest
from marketplace.settings import Settings
from marketplace.web.pages import PageTemplate, page, page_router

PEOPLE_SHOWN = 40
"""With more people than that, the page needs a search."""


def routes(settings: Settings, people: Sequence[DemoPerson] | None = None) -> list[ControllerRouterHandler]:
    """Return the demo ONE ID's routes for `create_app(extra_routes=…)`, under {base_url}/oneid.

    Without `people` those of the data folder are used. Raises DemoInProductionError outside demo and test settings.
    """
    oneid = OneId(settings, people)
    server = OneIdServer(oneid)
    machine = Router(
        "/oneid",
        route_handlers=[_discovery(oneid), _keys(oneid), _token(server), _userinfo(oneid)],
        include_in_schema=False,
    )
    return [machine, page_router("/oneid", _authorize(server, oneid), _sign_in(server, oneid), csrf=False)]


def _discovery(oneid: OneId) -> Any:
    issuer = oneid.issuer
    document = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks.json",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "name", "preferred_username", "roles", "tier"],
        "authorization_response_iss_parameter_supported": True,
    }

    @get("/.well-known/openid-configuration")
    async def discovery() -> dict[str, Any]:
        """Return the discovery document (OpenID Connect Discovery 1.0)."""
        return document

    return discovery


def _keys(oneid: OneId) -> Any:
    @get("/jwks.json")
    async def keys() -> dict[str, Any]:
        """Return the public keys."""
        return oneid.keys()

    return keys


def _token(server: OneIdServer) -> Any:
    @post("/token", status_code=200)
    async def token(request: Request[Any, Any, Any]) -> Response[Any]:
        """Exchange a code (RFC 6749 §4.1.3)."""
        form = (await request.body()).decode("utf-8", "replace")
        answer: OneIdResponse = server.create_token_response(ReceivedRequest("POST", request.headers, "", form))
        return Response(answer.body, status_code=answer.status, headers=_plain(answer.headers))

    return token


def _userinfo(oneid: OneId) -> Any:
    @get("/userinfo")
    async def userinfo(request: Request[Any, Any, Any]) -> Response[Any]:
        """Return the claims about the access token's person."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        claims = oneid.userinfo(token.strip()) if scheme.lower() == "bearer" else None
        if claims is None:
            return Response(None, status_code=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return Response(claims)

    return userinfo


def _authorize(server: OneIdServer, oneid: OneId) -> Any:
    @get("/authorize")
    async def authorize(request: Request[Any, Any, Any]) -> PageTemplate | Response[Any]:
        """Show the people to choose from, once the client's request is valid."""
        query = request.scope["query_string"].decode("latin-1")
        received = ReceivedRequest("GET", request.headers, query, "")
        refused = _check(server, received)
        return refused or _choice(request, oneid, received)

    return authorize


def _sign_in(server: OneIdServer, oneid: OneId) -> Any:
    @post("/authorize", status_code=200)
    async def sign_in(request: Request[Any, Any, Any]) -> PageTemplate | Response[Any]:
        """Accept the choice and redirect the browser back with a code."""
        form = (await request.body()).decode("utf-8", "replace")
        received = ReceivedRequest("POST", request.headers, "", form)
        refused = _check(server, received)
        if refused is not None:
            return refused
        person = oneid.people.get(received.form.get("login", ""))
        if person is None:
            return _choice(request, oneid, received)
        grant = server.get_consent_grant(received, end_user=person)
        return _follow(server.create_authorization_response(received, grant_user=person, grant=grant))

    return sign_in


def _check(server: OneIdServer, received: ReceivedRequest) -> Response[Any] | None:
    """Return the refusal of an authorization request, or None if it is valid.

    An error goes back to the client only by a registered address; otherwise the person sees it here.
    """
    try:
        server.get_consent_grant(received)
    except OAuth2Error as error:
        return _follow(server.handle_error_response(received, error))
    return None


def _follow(answer: OneIdResponse) -> Response[Any]:
    if "Location" in answer.headers:
        return Redirect(answer.headers["Location"], status_code=303)
    return Response(answer.body, status_code=answer.status, headers=_plain(answer.headers))


def _plain(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "content-type"}


def _choice(request: Request[Any, Any, Any], oneid: OneId, received: ReceivedRequest) -> PageTemplate:
    wanted = received.form.get("find", "").strip().casefold()
    found = [
        person
        for person in oneid.people.values()
        if not wanted or wanted in f"{person.login} {person.name} {person.note}".casefold()
    ]
    kept = [(name, value) for name, value in received.pairs if name not in {"login", "find"}]
    return page(
        request,
        "demo/sign_in.html",
        members=[person for person in found if person.kind == "member"][:PEOPLE_SHOWN],
        staff=[person for person in found if person.kind == "staff"][:PEOPLE_SHOWN],
        parameters=kept,
        find=received.form.get("find", ""),
        many=len(oneid.people) > PEOPLE_SHOWN,
    )
