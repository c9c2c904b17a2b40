"""Dispatches a request: to the live application, or to the sandbox of the partner whose credentials it has.

A request with sandbox credentials never reaches the live application's handlers. It is passed on, before its body is read, to the
partner's sandbox, which has the same routes, desks, consumers and jobs on its own database and with its own clock. No query has
to filter by `livemode`, so none can forget to.
"""

import base64
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec
from litestar import Litestar, Request
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from marketplace.kernel.refusals import Refusal
from marketplace.platform.http import rate_limits
from marketplace.platform.http.identity import COUNTED, AudienceName, Caller, Identity, Unauthenticated, audience_of
from marketplace.platform.http.problems import handle_refusal
from marketplace.platform.services import PlatformServices
from marketplace.sandbox import tokens
from marketplace.sandbox.instances import SandboxServices
from marketplace.settings import Settings

_MOST_TOKEN = 8192
_SCHEMES = (b"bearer", b"dpop")


class Introduced(Identity):
    """The identity service of a sandbox: callers were verified before the dispatch."""

    async def caller(self, request: ASGIConnection[Any, Any, Any, Any], name: AudienceName) -> Caller:
        """Return the verified caller. Raises Unauthenticated for a token of another audience."""
        caller: Caller = request.scope["state"]["introduced"]
        if caller.audience != name:
            raise Unauthenticated("受众不符", "it was issued for another audience")
        return caller

    async def admit(self, request: ASGIConnection[Any, Any, Any, Any], name: AudienceName) -> Caller:
        """Return the same: the token's proof, if any, was verified as well, and the partner's request counted.

        Test members are one partner's program: without a count it could keep a sandbox, and this process, busy.
        """
        introduced: Caller = request.scope["state"]["introduced"]
        if introduced.audience not in COUNTED:
            await rate_limits.count(request, "client", introduced.client_id)
        return await self.caller(request, name)


class SandboxMiddleware(ASGIMiddleware):
    """Dispatches requests with sandbox credentials to their partner's sandbox; others cost an inspection of their token."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, settings: Settings) -> None:
        """Store the keys that decrypt test members' tokens."""
        self._ring = settings.keys

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on, to the live application or a sandbox."""
        audience = audience_of(scope["path"])
        token = _token(scope) if audience is not None else None
        if token is None or not _is_sandboxed(scope["litestar_app"], token, audience):
            await next_app(scope, receive, send)
            return
        request: Request[Any, Any, Any] = Request(scope)
        try:
            found = await self._introduce(request, token)
            if found is not None:
                caller, partner_id = found
                opened = await SandboxServices.of(request).sandboxes.of(partner_id)
                await opened.answer(caller, scope, receive, send)
                return
        except Refusal as refusal:  # refusals of the sandbox's own handlers do not arrive here
            # Not the live application, which lacks this state: it would consider a verified proof a replay.
            await handle_refusal(request, refusal).to_asgi_response(None, request)(scope, receive, send)
            return
        await next_app(scope, receive, send)  # not a member of any sandbox: the live application refuses it as usual

    async def _introduce(self, request: ASGIConnection[Any, Any, Any, Any], token: str) -> tuple[Caller, UUID] | None:
        if token.startswith(tokens.TOKEN_PREFIX):
            found = tokens.read_member_token(self._ring, token)
            if found is not None:
                await tokens.SandboxAccess.of(request).admits(found[1])
            return found
        if audience_of(request.scope["path"]) != "partner":
            return None
        return await tokens.SandboxAccess.of(request).partner_of(request)


def _is_sandboxed(app: Litestar, token: str, audience: AudienceName | None) -> bool:
    if token.startswith(tokens.TOKEN_PREFIX) or audience != "partner":
        return token.startswith(tokens.TOKEN_PREFIX)
    # Reading a token costs a third of its whole processing; only verified tokens are cached.
    known = PlatformServices.of(app).identity.remembered("partner", token)
    return _says_sandbox(token) if known is None else known.claims.get("livemode") is False


def _token(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.partition(b" ")
            good = scheme.lower() in _SCHEMES and len(token) <= _MOST_TOKEN
            return token.strip().decode("latin-1") if good else None
    return None


class _Claims(msgspec.Struct):
    livemode: Any = True


def _says_sandbox(token: str) -> bool:
    """Return whether a token claims to be a sandbox's. The claim is not trusted; it only selects where the token is verified."""
    parts = token.split(".")
    if len(parts) == 3:
        # RecursionError: deeply nested arrays from somebody who probes the server.
        with suppress(ValueError, msgspec.MsgspecError, RecursionError):
            claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), type=_Claims)
            return claims.livemode is False
    return False
