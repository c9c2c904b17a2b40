"""Who calls with a token of ours: a partner's system, or one of the OEM's."""

from uuid import UUID

import msgspec

from marketplace.kernel.facts import Fact, Kind
from marketplace.platform.identity import Caller, Unauthenticated, identity_of, need_scope
from marketplace.platform.problems import HttpRequest
from partners.oauth.domain import Client, is_admitted
from partners.oauth.gate import gate_of
from partners.onboarding.domain import PartnerStatus


class PartnerStopped(Fact):
    """The token is good, but its partner may not call at present: it is suspended, or has left."""

    kind = Kind.FORBIDDEN
    code = "partner_stopped"
    zh = "合作方当前状态为 {status}，不能调用接口。"
    en = "The partner is {status} and may not call."


class PartnerSuspended(PartnerStopped):
    """The same for a suspended partner, which may come back: its vouchers wait for it."""

    zh = "合作方已被暂停，暂不能调用接口；已发出的兑换券仍然有效，恢复后可继续核销。"
    en = (
        "The partner is suspended and may not call. Issued vouchers stay good and can be used again once it is resumed."
    )


class PartnerCaller(msgspec.Struct, frozen=True):
    """A partner's system. `actor` is its name in audit and idempotency."""

    partner_id: UUID
    client_id: str
    scopes: frozenset[str]
    actor: str


class OemCaller(msgspec.Struct, frozen=True):
    """One of the OEM's own systems."""

    client_id: str
    scopes: frozenset[str]
    actor: str


async def partner_caller(request: HttpRequest) -> PartnerCaller:
    """Litestar dependency `partner`: the partner's system that asks.

    `opt["scope"]` of the route names the scope that it needs; without it any good token of a partner will do. Raises
    Unauthenticated (also for a revoked client), InsufficientScope, PartnerStopped.
    """
    caller = await identity_of(request).caller(request, "partner")
    client = await _admitted(request, caller)
    if client.partner_id is None:
        raise Unauthenticated("不是合作方的令牌", "it is not a partner's")
    return PartnerCaller(client.partner_id, client.client_id, caller.scopes, caller.actor)


async def oem_caller(request: HttpRequest) -> OemCaller:
    """Litestar dependency `oem`: the OEM's system that asks; `opt["scope"]` as for partners."""
    caller = await identity_of(request).caller(request, "points")
    client = await _admitted(request, caller)
    if client.partner_id is not None:
        raise Unauthenticated("不是主机厂系统的令牌", "it is not one of the OEM's systems'")
    return OemCaller(client.client_id, caller.scopes, caller.actor)


async def _admitted(request: HttpRequest, caller: Caller) -> Client:
    client = await gate_of(request).known(caller.client_id)
    if client is None:
        raise Unauthenticated("客户端已被撤销", "its client was revoked")
    if not is_admitted(client):
        refusal = PartnerSuspended if client.partner_status == PartnerStatus.SUSPENDED else PartnerStopped
        raise refusal(status=client.partner_status)
    scope = request.route_handler.opt.get("scope")
    if scope is not None:
        need_scope(caller, scope)
    return client
