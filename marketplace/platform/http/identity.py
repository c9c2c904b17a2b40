"""Authentication: bearer tokens of four audiences. Each is refused by the other three before any look-up."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Literal, NamedTuple

import msgspec
import structlog
from joserfc import jwt
from joserfc.jwk import KeySet
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from marketplace.kernel.clock import WALL
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.http import rate_limits
from marketplace.platform.services import PlatformServices
from marketplace.platform.validation.foreign import UnreadableError, verify_jwt

logger = structlog.get_logger()

AudienceName = Literal["members", "partner", "points", "admin"]
COUNTED: frozenset[AudienceName] = frozenset({"partner", "points"})
"""Audiences whose callers are programs: each of their requests is counted. Bad tokens are counted for every audience."""

AdminRole = Literal["operations", "finance", "finance_approver", "auditor"]

_LEEWAY_S = 10
_MAX_TOKEN = 8192
_CACHE = 20_000
_ACCESS_TOKEN_TYPES = {"at+jwt", "application/at+jwt"}
_SCHEMES = ("bearer", "dpop")
_ADMITTED = "admitted"


class Unauthenticated(Refusal):
    """The token is not valid here."""

    kind = Kind.UNAUTHENTICATED
    code = "unauthenticated"
    oauth_error: ClassVar[str] = "invalid_token"
    zh = "访问令牌无效：{zh_reason}。"
    en = "The access token is not valid here: {en_reason}."
    explanation = Explanation(
        Text("没有访问令牌，或令牌无效、已过期。", "There is no access token, or it is not valid or has expired."),
        Text(
            "请获取新的令牌，以 Authorization: Bearer 发送。",
            "Request a new token and send it as `Authorization: Bearer`.",
        ),
    )

    def __init__(self, zh_reason: str, en_reason: str) -> None:
        """Give the reason in both languages."""
        super().__init__(zh_reason=zh_reason, en_reason=en_reason)


class NoToken(Unauthenticated):
    """No token was sent."""

    oauth_error = ""

    def __init__(self) -> None:
        """The message needs no details."""
        super().__init__("缺少 Bearer 令牌", "there is no bearer token")


class Expired(Unauthenticated):
    """The token has expired."""

    def __init__(self) -> None:
        """The message needs no details."""
        super().__init__("已过期", "it has expired")


class ProofNeeded(Unauthenticated):
    """A DPoP-bound token came without a valid proof, or an unbound token came with the DPoP scheme."""

    code = "invalid_dpop_proof"
    explanation = Explanation(
        Text("DPoP 证明缺失或无效。", "The DPoP proof is missing or not valid."),
        Text("请按 RFC 9449 为该请求生成新的证明。", "Create a fresh proof for this request as RFC 9449 says."),
    )
    oauth_error = "invalid_dpop_proof"


class InsufficientScope(Refusal):
    """The token is valid, but lacks the scope or role."""

    kind = Kind.FORBIDDEN
    code = "insufficient_scope"
    oauth_error: ClassVar[str] = "insufficient_scope"
    zh = "访问令牌缺少权限：{needed}。"
    en = "The access token lacks {needed}."
    explanation = Explanation(
        Text("访问令牌缺少此操作所需的权限。", "The access token lacks the scope that the operation needs."),
        Text("请为客户端申请该权限，再获取新的令牌。", "Have the scope granted to the client and request a new token."),
    )

    @property
    def scope(self) -> str:
        """The scope that the token would need; empty for a role."""
        needed = str(self.details["needed"])
        return needed if ":" in needed else ""


class IdentityUnavailable(Refusal):
    """The issuer's keys cannot be fetched now."""

    kind = Kind.UNAVAILABLE
    code = "identity_unavailable"
    zh = "身份服务暂时不可用，请稍后再试。"
    en = "The identity service does not respond; try again shortly."
    explanation = Explanation(
        Text(
            "身份服务暂时无法访问，令牌无法验证。",
            "The identity provider cannot be reached, so the token cannot be verified.",
        ),
        Text("请稍后重试。", "Try again after Retry-After."),
    )


class Caller(msgspec.Struct, frozen=True):
    """The subject of a verified token."""

    audience: AudienceName
    subject: str
    client_id: str
    scopes: frozenset[str]
    roles: frozenset[str]
    claims: dict[str, Any]
    expires_at: float

    @property
    def actor(self) -> str:
        """The caller's name in the audit log and in idempotency keys."""
        return f"{self.audience}:{self.subject}"


KeySource = Callable[[bool], Awaitable[KeySet]]
"""Returns an issuer's public keys, the same object until they change. `True` asks for fresh ones, because a token did not verify
with the known ones.
"""

Possession = Callable[[ASGIConnection[Any, Any, Any, Any], Caller, str], Awaitable[None]]
"""Verifies the proof that the sender of a token holds the key to which it is bound (RFC 9449). Raises Unauthenticated."""


class Verifier(msgspec.Struct, frozen=True):
    """One audience: whose tokens are valid there, and for what resource."""

    name: AudienceName
    issuer: str
    audience: str
    keys: KeySource
    token_types: frozenset[str]
    possession: Possession | None = None


class _Verified(NamedTuple):
    """A verified token's caller, and the keys that verified it."""

    caller: Caller
    keys: KeySet


class Identity:
    """Verifies bearer tokens and caches verified ones (a verification costs 40 to 140 µs) until the issuer's keys change: a token
    of a withdrawn key must not stay valid here. Expired tokens are cached as well: a sender that repeats one is not counted
    for it, and causes no further signature check.
    """

    def __init__(self) -> None:
        """Start with no audience; packages add theirs."""
        self._verifiers: dict[str, Verifier] = {}
        self._verified: OrderedDict[tuple[str, str], _Verified] = OrderedDict()

    def accept(
        self, name: AudienceName, issuer: str, audience: str, keys: KeySource, possession: Possession | None = None
    ) -> None:
        """Accept the issuer's tokens for an audience. Tokens must say that they are access tokens (RFC 9068 §4).

        With `possession` the issuer is our own: its tokens name one audience, as a text, and may be bound to a key.
        """
        types = frozenset(_ACCESS_TOKEN_TYPES)
        self._verifiers[name] = Verifier(name, issuer, audience, keys, types, possession)

    async def caller(self, request: ASGIConnection[Any, Any, Any, Any], name: AudienceName) -> Caller:
        """Return the caller: the one that `admit` found for this request, or the token's subject.

        Raises Unauthenticated, and RateLimited for an unknown token from an address that sent too many bad ones: a refused token
        costs a signature check as well. A member's or a person's token that has just expired does not count as bad: thousands of
        phones behind one address wake up with such a token and renew it.
        """
        admitted: Caller | None = request.scope["state"].get(_ADMITTED)
        if admitted is not None and admitted.audience == name:
            return admitted
        try:
            return await self._whose(request, name)
        except NoToken:
            raise
        except Unauthenticated as refusal:
            if name in COUNTED or not isinstance(refusal, Expired):
                await rate_limits.count_bad_token(request)
            raise

    async def _whose(self, request: ASGIConnection[Any, Any, Any, Any], name: AudienceName) -> Caller:
        _, token = _sent(_authorization(request))
        verifier = self._verifiers[name]
        keys = await verifier.keys(False)
        known = self._verified.get((name, token))
        if known is None or known.keys is not keys:
            rate_limits.check_bad_tokens(request)
            known = self._verified[name, token] = await _verify(token, verifier, keys)
            if len(self._verified) > _CACHE:
                self._verified.popitem(last=False)
        if known.caller.expires_at <= WALL.unix_s():
            raise Expired
        return known.caller

    def remembered(self, name: AudienceName, token: str) -> Caller | None:
        """Return the caller of a token that was verified here recently, or None."""
        known = self._verified.get((name, token))
        return None if known is None else known.caller

    async def admit(self, request: ASGIConnection[Any, Any, Any, Any], name: AudienceName) -> Caller:
        """Return the caller, as `caller` does, after checking that they may use the token. The guard calls it once per request.

        A program is counted before its proof is checked, which costs a row. A token that is bound to a key comes as DPoP, with a
        proof; any other one as Bearer (RFC 9449 §7). Raises Unauthenticated, RateLimited.
        """
        caller = await self.caller(request, name)
        if name in COUNTED:
            await rate_limits.count(request, "client", caller.client_id)
        scheme, token = _sent(_authorization(request))
        possession = self._verifiers[name].possession
        bound = possession is not None and "cnf" in caller.claims
        if (scheme == "dpop") != bound:
            raise ProofNeeded(
                "令牌类型与请求方式不符",
                "it is bound to a key and must come as DPoP, or is not and must come as Bearer",
            )
        if bound and possession is not None:
            await possession(request, caller, token)
        request.scope["state"][_ADMITTED] = caller
        return caller


async def _verify(token: str, verifier: Verifier, keys: KeySet) -> _Verified:
    decoded, keys = await _decode(token, verifier, keys)
    kind = str(decoded.header.get("typ", "")).lower()
    claims = decoded.claims
    if kind not in verifier.token_types:
        raise Unauthenticated("不是访问令牌", "it is not an access token")
    if claims.get("iss") != verifier.issuer:
        raise Unauthenticated("签发者不符", "it is from another issuer")
    # Our own tokens name one audience as a text, never a list (other issuers may send a list of one).
    listed = [] if verifier.possession else [[verifier.audience]]
    if claims.get("aud") not in (verifier.audience, *listed):
        raise Unauthenticated("受众不符", "it was issued for another audience")
    now = WALL.unix_s()
    expires_at, subject = claims.get("exp"), claims.get("sub")
    if not isinstance(expires_at, int | float):
        raise Unauthenticated("没有到期时间", "it has no expiry")
    if any(_later(claims.get(name), now) for name in ("nbf", "iat")):
        raise Unauthenticated("尚未生效", "it is not valid yet")
    if not isinstance(subject, str) or not subject:
        raise Unauthenticated("缺少主体", "it has no subject")
    return _Verified(_caller(verifier.name, subject, claims, float(expires_at)), keys)


async def _decode(token: str, verifier: Verifier, keys: KeySet) -> tuple[jwt.Token, KeySet]:
    """Return the token and the keys that verify it: refetched ones, if the token may be signed by a new key."""
    while True:
        try:
            return verify_jwt(token, keys), keys
        except UnreadableError as error:
            earlier, keys = keys, await verifier.keys(True)
            if keys is earlier:  # unchanged keys give the same result
                raise Unauthenticated("签名或格式有误", "its signature or format is wrong") from error


def _caller(name: AudienceName, subject: str, claims: dict[str, Any], expires_at: float) -> Caller:
    scope, roles = claims.get("scope", ""), claims.get("roles", [])
    return Caller(
        audience=name,
        subject=subject,
        client_id=str(claims.get("client_id", "")),
        scopes=frozenset(scope.split()) if isinstance(scope, str) else frozenset(),
        roles=frozenset(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else frozenset(),
        claims=claims,
        expires_at=expires_at,
    )


def _authorization(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the raw header. The framework would build a dictionary of all headers, which costs more than all else here."""
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            return str(value, "latin-1")
    return ""


def _sent(header: str) -> tuple[str, str]:
    # Not cached: a stranger's header is kept no longer than its request.
    scheme, _, token = header.partition(" ")
    scheme, token = scheme.lower(), token.strip()
    if scheme not in _SCHEMES or not token:
        raise NoToken
    if len(token) > _MAX_TOKEN:
        raise Unauthenticated("令牌过长", "it is too long")
    return scheme, token


def _later(instant: Any, now: float) -> bool:
    return instant is not None and (not isinstance(instant, int | float) or instant > now + _LEEWAY_S)


def require_scope(caller: Caller, scope: str) -> None:
    """Raise InsufficientScope unless the token has the scope."""
    if scope not in caller.scopes:
        raise InsufficientScope(needed=scope)


def require_role(caller: Caller, *roles: AdminRole) -> None:
    """Raise InsufficientScope unless the person has one of the roles."""
    if not caller.roles.intersection(roles):
        raise InsufficientScope(needed=" / ".join(roles))


_AUDIENCES: tuple[tuple[str, AudienceName], ...] = (
    ("/v1/partner/", "partner"),
    ("/v1/points/", "points"),
    ("/v1/admin/", "admin"),
    ("/v1/finance/", "admin"),
    ("/v1/", "members"),
)
"""Path prefix -> audience; the first match counts."""


def audience_of(path: str) -> AudienceName | None:
    """Return the audience of the path, or None if it needs no token."""
    for prefix, name in _AUDIENCES:
        if path.startswith(prefix):
            return name
    return None


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Litestar guard of the whole application: no body is read, and nothing is looked up, before the token is verified.

    The route's `opt` may require a `scope`, list the permitted staff `roles`, or mark the route `public`; `counted` makes a
    public route count its requests by address, as `admit` counts those of OAuth clients by client. Members and staff are not
    counted: half a million of them come at once on a member day, and each is one person.
    """
    audience = audience_of(connection.scope["path"])
    if audience is None or handler.opt.get("public"):
        if handler.opt.get("counted"):
            await rate_limits.count(connection, "address", rate_limits.address_of(connection))
        return
    identity = PlatformServices.of(connection).identity
    caller = await identity.admit(connection, audience)
    if "scope" in handler.opt:
        require_scope(caller, handler.opt["scope"])
    if audience == "admin":
        require_role(caller, *handler.opt.get("roles", ()))


async def admin(request: Request[Any, Any, Any]) -> Caller:
    """Litestar dependency: the operations, finance or audit person of the request; the guard has checked their role."""
    return await identity_of(request).caller(request, "admin")


def identity_of(request: Request[Any, Any, Any]) -> Identity:
    """Return the application's identity service."""
    return PlatformServices.of(request).identity
