"""OAuth clients: what they may do, and when they are believed. Pure."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

import msgspec

from marketplace.kernel.refusals import InvalidField
from marketplace.kernel.text import Text
from partners.registry.domain import ADMITTED, PartnerStatus

Audience = Literal["partner", "points"]
AuthMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
GrantType = Literal["client_credentials", "authorization_code", "refresh_token"]
ClientKind = Literal["own", "integrator"]
"""`own`: a system of one partner, or of the OEM. `integrator`: somebody else's application, which acts for whoever lets it."""
ApplicationType = Literal["web", "native"]

PARTNER_SCOPE_TEXTS: dict[str, Text] = {
    "offers:read": Text("查看本公司的权益商品。", "See the company's offers."),
    "offers:write": Text(
        "登记和修改本公司的权益商品，并提交审核。",
        "Register and change the company's offers, and hand them in for review.",
    ),
    "codes:write": Text("上传本公司权益商品的兑换码。", "Upload voucher codes of the company's offers."),
    "webhooks:manage": Text(
        "管理 Webhook 端点，查看向其发送的消息。",
        "Keep the company's webhook endpoints, and see what was sent to them.",
    ),
    "events:read": Text("读取与本公司有关的事件。", "Read the events that concern the company."),
    "vouchers:verify": Text("在柜台查验兑换券是否有效。", "Ask at the counter whether a voucher is good."),
    "vouchers:use": Text("核销兑换券。", "Take a voucher."),
    "redemptions:read": Text(
        "查看本公司商品的兑换记录，不含会员身份。",
        "See redemptions of the company's offers, without the person behind them.",
    ),
    "statements:read": Text("查看结算单及其明细。", "Read the company's statements and their lines."),
    "locations:write": Text("添加可核销的门店。", "Add the company's places where vouchers are taken."),
    "contracts:read": Text("查看本公司的合同。", "Read the company's contracts."),
    "contracts:sign": Text("签署本公司的合同。", "Sign the company's contracts."),
    "staff:manage": Text(
        "邀请本公司员工、分配角色、终止其访问。", "Invite the company's people, give them roles, and end their access."
    ),
}
"""Scope -> the sentence that the consent page shows."""

PARTNER_SCOPES: dict[str, str] = {scope: text.en for scope, text in PARTNER_SCOPE_TEXTS.items()}
OEM_SCOPES: dict[str, str] = {
    "points:write": "Credit earnings to members.",
    "members:write": "Create and change members, their tiers and vehicles.",
}
SCOPES: dict[Audience, dict[str, str]] = {"partner": PARTNER_SCOPES, "points": OEM_SCOPES}
"""What a client of each audience can be given."""

_ACCEPTING = frozenset({"codes:write", "vouchers:verify", "vouchers:use"})
"""What only a partner that accepts points has to do with. One that did so once still takes the vouchers of that time.

Offers may be written in any case: whether one may be registered depends on the day's contract, and its refusal says so.
"""

AT_THE_COUNTER = frozenset({"vouchers:verify", "vouchers:use"})
"""What remains to a suspended partner: its members hold vouchers that they paid for, and did nothing wrong."""

MAX_GRACE_HOURS = 24
"""The longest time in which an old secret works beside the new one."""


class ClientStatus(StrEnum):
    """Whether a client is believed."""

    ACTIVE = "active"
    """It gets tokens."""
    REVOKED = "revoked"
    """Never again; its tokens end within half a minute."""


class Secret(msgspec.Struct, frozen=True):
    """What is kept of a client secret. It works until `expires_at`, and not at all once it is revoked."""

    id: UUID
    digest: bytes
    expires_at: datetime | None
    revoked_at: datetime | None

    def works(self, now: datetime) -> bool:
        """Return whether the secret is good at the instant."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """An OAuth client, with its partner's status (None for a system of the OEM, and for an integrator's application)."""

    client_id: str
    name: str = ""
    publisher: str = ""
    kind: ClientKind = "own"
    audience: Audience
    partner_id: UUID | None
    auth_method: AuthMethod
    secrets: tuple[Secret, ...] = ()
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    scopes: frozenset[str]
    grant_types: frozenset[str] = frozenset({"client_credentials"})
    redirect_uris: tuple[str, ...] = ()
    application_type: ApplicationType = "web"
    dpop_bound: bool = False
    livemode: bool = True
    locations: frozenset[str] = frozenset()
    status: str
    demo: bool
    partner_status: str | None
    accepts_points: bool = True
    """False when every contract that the partner signed only lets it grant points."""

    @property
    def allowed(self) -> frozenset[str]:
        """What the client may do at present: what it was registered for, within its partner's contracts and state."""
        return in_state(self.partner_status, by_contract(self.scopes, accepts_points=self.accepts_points))


def by_contract(scopes: frozenset[str], *, accepts_points: bool) -> frozenset[str]:
    """Return what of the scopes a partner's contracts have a use for."""
    return scopes if accepts_points else scopes - _ACCEPTING


def in_state(partner_status: str | None, scopes: frozenset[str]) -> frozenset[str]:
    """Return what of the scopes a partner in the state may do; None is a client that is no partner's."""
    if partner_status is None or partner_status in ADMITTED:
        return scopes
    return scopes & AT_THE_COUNTER if partner_status == PartnerStatus.SUSPENDED else frozenset()


def is_known(client: Client, mode: str) -> bool:
    """Return whether the client exists for this installation: revoked ones do not, and demo credentials not in production."""
    return client.status == ClientStatus.ACTIVE and (not client.demo or mode in {"demo", "test"})


def is_admitted(client: Client) -> bool:
    """Return whether the client's partner, if it has one, may call at present: a suspended one if it is for vouchers."""
    return client.partner_status is None or client.partner_status in ADMITTED or bool(client.allowed)


def check_scopes(audience: Audience, scopes: list[str]) -> list[str]:
    """Return the scopes in order, each once. Raises InvalidField for one that clients of the audience cannot have."""
    for place, scope in enumerate(scopes):
        if scope not in SCOPES[audience]:
            allowed = ", ".join(SCOPES[audience])
            raise InvalidField(f"scopes[{place}]", f"只能是 {allowed} 之一。", f"must be one of {allowed}.")
    return sorted(set(scopes))


def granted_scope(client: Client, asked: str | None) -> str | None:
    """Return the scope of a token, or None when one is asked for that the client does not have.

    A client that asks for none gets all of its own (RFC 6749 §3.3 wants a default or a refusal). What its partner may not do
    while it is suspended is left out: a till that asks for more, as every day, still has to take vouchers.
    """
    own = by_contract(client.scopes, accepts_points=client.accepts_points)
    wanted = (asked or "").split() or sorted(own)
    if not own.issuperset(wanted):
        return None
    # A partner that may not call at all is told that, by who asks next.
    return " ".join(narrowed(wanted, client.allowed) if is_admitted(client) else wanted) or None


def narrowed(asked: Iterable[str], *limits: frozenset[str]) -> list[str]:
    """Return what of the scopes lies within every limit, in order: the client's, the person's, the grant's."""
    return [scope for scope in dict.fromkeys(asked) if all(scope in limit for limit in limits)]


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a person let an application do for their company, as things are at present: consent and refresh family in one.

    `person_scopes` is what the person's roles allow today; it is empty for somebody who is disabled. `locations` are those where
    the person works; none means all of them.
    """

    id: UUID
    client_id: str
    partner_id: UUID
    staff_id: UUID
    scopes: frozenset[str]
    person_scopes: frozenset[str]
    partner_status: str
    jkt: str | None
    revoked: bool
    accepts_points: bool = True
    locations: frozenset[str] = frozenset()

    @property
    def effective(self) -> frozenset[str]:
        """What may be done under the grant now: what was granted, the person may still do, contracts and state allow."""
        if self.revoked:
            return frozenset()
        theirs = by_contract(self.scopes & self.person_scopes, accepts_points=self.accepts_points)
        return in_state(self.partner_status, theirs)
