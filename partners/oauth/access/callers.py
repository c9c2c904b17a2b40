"""The caller of one of our tokens: a partner's system, an application acting for a person, or one of the OEM's systems."""

from collections.abc import Mapping
from typing import Any, NoReturn
from uuid import UUID

import msgspec
from litestar.connection import ASGIConnection

from marketplace.kernel.clock import WALL
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.http.identity import (
    Caller,
    InsufficientScope,
    ProofNeeded,
    Unauthenticated,
    identity_of,
)
from marketplace.platform.http.problems import HttpRequest, parse_id
from marketplace.platform.postgres.database import is_live
from marketplace.platform.services import PlatformServices
from partners.oauth.access.client_cache import client_cache_of
from partners.oauth.domain import AT_THE_COUNTER, Client
from partners.oauth.server.dpop import HEADER, InvalidProofError, Proof, check_proof, remember, single
from partners.registry.domain import ADMITTED, PartnerStatus
from partners.registry.tables import PartnerRow

GRANT_CLAIM = "grant"
"""The claim of an access token that names the grant under which an application acts for a person."""


class PartnerStopped(Refusal):
    """The token is valid, but its partner is suspended or terminated."""

    kind = Kind.FORBIDDEN
    code = "partner_stopped"
    zh = "合作方当前状态为 {status}，不能调用接口。"
    en = "The partner is {status} and may not call."
    explanation = Explanation(
        Text("合作方已暂停或终止，不能执行此操作。", "The partner is suspended or terminated and may not do this."),
        Text("请联系运营。", "Contact operations."),
    )


class PartnerSuspended(PartnerStopped):
    """The partner is suspended. It may be resumed; until then it can only verify and use vouchers."""

    zh = "合作方已被暂停：只能查验和核销已发出的兑换券，其他接口暂不可用。"
    en = "The partner is suspended: it may verify and use vouchers that were issued, and nothing else."


class NotYourLocation(Refusal):
    """The client or the person is bound to other locations."""

    kind = Kind.FORBIDDEN
    code = "not_your_location"
    zh = "该凭证或人员只能在以下门店核销：{allowed}。"
    en = "These credentials, or this person, take vouchers only at: {allowed}."
    explanation = Explanation(
        Text(
            "凭证或人员只能在指定门店核销。",
            "The credentials or the person may use vouchers only at certain locations.",
        ),
        Text("请使用 allowed 中的门店编号。", "Send one of the location ids in `allowed`."),
    )


class PartnerCaller(msgspec.Struct, frozen=True):
    """A partner's system, or an application that acts in the name of one of its people (`staff_id`, `grant_id`).

    `actor` names the client, and the person if there is one, in audit and idempotency. `scopes` are the token's current scopes;
    they may be fewer than at issue. `locations` are those to which the client or the person is bound; none means all.
    """

    partner_id: UUID
    client_id: str
    scopes: frozenset[str]
    actor: str
    livemode: bool = True
    staff_id: UUID | None = None
    grant_id: UUID | None = None
    locations: frozenset[str] = frozenset()

    def require_location(self, location_id: str | None) -> None:
        """Raise NotYourLocation unless the client or person works at the location."""
        if self.locations and location_id not in self.locations:
            raise NotYourLocation(wanted=location_id, allowed=sorted(self.locations))


class OemCaller(msgspec.Struct, frozen=True):
    """One of the OEM's own systems."""

    client_id: str
    scopes: frozenset[str]
    actor: str


async def partner_caller(request: HttpRequest) -> PartnerCaller:
    """Litestar dependency `partner`: the calling system of a partner, or the application acting for a person.

    `opt["scope"]` of the route names the required scope; without it any valid token of a partner is accepted. Raises
    Unauthenticated (also for a revoked client, grant or token), InsufficientScope, PartnerStopped.
    """
    caller = await identity_of(request).caller(request, "partner")
    client = await _known(request, caller)
    if client.livemode is not is_live():  # whichever way the request came: sandbox credentials act in the sandbox only
        raise Unauthenticated("沙箱凭证不能用于此处", "it is a sandbox's")
    grant_id = caller.claims.get(GRANT_CLAIM)
    if grant_id is not None:
        return await _in_a_persons_name(request, caller, client, str(grant_id))
    if client.partner_id is None:
        raise Unauthenticated("不是合作方的令牌", "it is not a partner's")
    _need_admitted(client.partner_status, _scope(request))
    scopes = caller.scopes & client.allowed
    _need(request, scopes)
    # A sandbox has locations of its own.
    places = client.locations if client.livemode else frozenset[str]()
    return PartnerCaller(client.partner_id, client.client_id, scopes, caller.actor, client.livemode, locations=places)


async def _in_a_persons_name(request: HttpRequest, caller: Caller, client: Client, named: str) -> PartnerCaller:
    grant_id = parse_id(named)
    grant = None if grant_id is None else await client_cache_of(request).grant(grant_id)
    if grant is None or grant.revoked or grant.client_id != client.client_id:
        raise Unauthenticated("授权已终止", "what was granted has ended")
    if not grant.person_scopes:
        raise Unauthenticated("授权人已停用", "the person who granted it may not do so any more")
    _need_admitted(grant.partner_status, _scope(request))
    scopes = caller.scopes & client.allowed & grant.effective
    _need(request, scopes)
    actor = f"staff:{grant.staff_id}@{client.client_id}"
    places = grant.locations if client.livemode else frozenset[str]()
    return PartnerCaller(
        grant.partner_id, client.client_id, scopes, actor, client.livemode, grant.staff_id, grant.id, places
    )


async def oem_caller(request: HttpRequest) -> OemCaller:
    """Litestar dependency `oem`: the calling system of the OEM; `opt["scope"]` as for partners."""
    caller = await identity_of(request).caller(request, "points")
    client = await _known(request, caller)
    if client.audience != "points" or GRANT_CLAIM in caller.claims:
        raise Unauthenticated("不是主机厂系统的令牌", "it is not one of the OEM's systems'")
    scopes = caller.scopes & client.allowed
    _need(request, scopes)
    return OemCaller(client.client_id, scopes, caller.actor)


async def _known(request: ASGIConnection[Any, Any, Any, Any], caller: Caller) -> Client:
    cache = client_cache_of(request)
    client = await cache.known(caller.client_id)
    if client is None:
        raise Unauthenticated("客户端已被撤销", "its client was revoked")
    if cache.is_revoked(caller.claims.get("jti", "")):
        raise Unauthenticated("令牌已被撤销", "it was revoked")
    return client


def _need_admitted(status: str | None, scope: str | None = None) -> None:
    """Raise PartnerStopped unless the partner may use the scope: a suspended one only the counter's, and no sandbox."""
    if status is None or status in ADMITTED:
        return
    if status != PartnerStatus.SUSPENDED:
        raise PartnerStopped(status=status)
    if scope not in AT_THE_COUNTER:
        raise PartnerSuspended(status=status)


def _scope(request: HttpRequest) -> str | None:
    """Return the scope that the route requires, or None."""
    found: str | None = request.route_handler.opt.get("scope")
    return found


def _need(request: HttpRequest, scopes: frozenset[str]) -> None:
    scope = _scope(request)
    if scope is not None and scope not in scopes:
        raise InsufficientScope(needed=scope)


async def sandboxed_partner(request: ASGIConnection[Any, Any, Any, Any]) -> tuple[Caller, UUID]:
    """Return the verified caller of sandbox credentials, and its partner.

    Called on the live side, before the request enters the sandbox. Raises the refusal of the token.
    """
    identity = PlatformServices.of(request).identity
    caller = await identity.admit(request, "partner")
    client = await _known(request, caller)
    if client.livemode:
        raise Unauthenticated("不是沙箱凭证", "it is not a sandbox's")
    grant_id = parse_id(str(caller.claims.get(GRANT_CLAIM, "")))
    grant = None if grant_id is None else await client_cache_of(request).grant(grant_id)
    partner_id = client.partner_id if grant is None else grant.partner_id
    if partner_id is None:
        raise Unauthenticated("不是合作方的令牌", "it is not a partner's")
    _need_admitted(client.partner_status if grant is None else grant.partner_status)
    return caller, partner_id


async def require_admitted_partner(partner_id: UUID) -> None:
    """Raise PartnerStopped for a partner whose systems may not call; its sandbox's test members may not either."""
    partner = await PartnerRow.select(PartnerRow.status).where(PartnerRow.id == partner_id).first()
    _need_admitted(PartnerStatus.TERMINATED if partner is None else partner["status"])


async def prove_possession(request: ASGIConnection[Any, Any, Any, Any], caller: Caller, token: str) -> None:
    """Verify the DPoP proof of a sender-constrained token (RFC 9449 §7). Raises ProofNeeded."""
    try:
        proof = _proof_of(request, caller, token)
        if not await remember(proof):
            _refuse("The proof was used before.")
    except InvalidProofError as error:
        raise ProofNeeded("DPoP 证明无效", str(error.description)) from error


def _proof_of(request: ASGIConnection[Any, Any, Any, Any], caller: Caller, token: str) -> Proof:
    settings = PlatformServices.of(request).settings
    scope: Mapping[str, Any] = request.scope
    path = scope["raw_path"].decode("ascii", "replace").partition("?")[0]
    sent = single(request.headers.getall(HEADER, []))
    if sent is None:
        _refuse("There is no DPoP proof.")
    proof = check_proof(sent, scope["method"], f"{settings.base_url}{path}", WALL.unix_s(), token)
    cnf = caller.claims["cnf"]
    if not isinstance(cnf, dict) or proof.jkt != cnf.get("jkt"):
        _refuse("The proof is of another key.")
    return proof


def _refuse(description: str) -> NoReturn:
    raise InvalidProofError(description)
