"""OAuth clients: their scopes, and when they are accepted. Pure."""

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
"""`own`: a system of one partner, or of the OEM. `integrator`: a third party's application, which acts by people's consent."""
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
"""The scopes that a client of each audience can have."""

_ACCEPTING = frozenset({"codes:write", "vouchers:verify", "vouchers:use"})
"""The scopes for partners that accept points only. A partner that used to accept them still takes the vouchers of that time.

Offers may be drafted by any partner: the contract in force decides whether one may be registered, and the refusal says so.
"""

AT_THE_COUNTER = frozenset({"vouchers:verify", "vouchers:use"})
"""The scopes of a suspended partner: members hold vouchers that they paid for, and must be able to use them."""

MAX_GRACE_HOURS = 24
"""The longest grace period of an old secret."""


class ClientStatus(StrEnum):
    """Whether a client is accepted."""

    ACTIVE = "active"
    """It gets tokens."""
    REVOKED = "revoked"
    """It gets no more tokens; its existing ones end within half a minute."""


class Secret(msgspec.Struct, frozen=True):
    """A stored client secret. It is valid until `expires_at`, or until it is revoked."""

    id: UUID
    digest: bytes
    expires_at: datetime | None
    revoked_at: datetime | None

    def works(self, now: datetime) -> bool:
        """Return whether the secret is valid at the instant."""
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
        """The client's current scopes: the registered ones, limited by its partner's contracts and status."""
        return in_state(self.partner_status, by_contract(self.scopes, accepts_points=self.accepts_points))


def by_contract(scopes: frozenset[str], *, accepts_points: bool) -> frozenset[str]:
    """Return the scopes that apply under the partner's contracts."""
    return scopes if accepts_points else scopes - _ACCEPTING


def in_state(partner_status: str | None, scopes: frozenset[str]) -> frozenset[str]:
    """Return the scopes allowed in the partner's status; None means that the client belongs to no partner."""
    if partner_status is None or partner_status in ADMITTED:
        return scopes
    return scopes & AT_THE_COUNTER if partner_status == PartnerStatus.SUSPENDED else frozenset()


def is_known(client: Client, mode: str) -> bool:
    """Return whether the client is accepted by this installation: not revoked, and no demo client in production."""
    return client.status == ClientStatus.ACTIVE and (not client.demo or mode in {"demo", "test"})


def is_admitted(client: Client) -> bool:
    """Return whether the client's partner, if any, may call now; a suspended one may for vouchers only."""
    return client.partner_status is None or client.partner_status in ADMITTED or bool(client.allowed)


def check_scopes(audience: Audience, scopes: list[str]) -> list[str]:
    """Return the scopes sorted, without duplicates. Raises InvalidField for one that clients of the audience cannot have."""
    for place, scope in enumerate(scopes):
        if scope not in SCOPES[audience]:
            allowed = ", ".join(SCOPES[audience])
            raise InvalidField(f"scopes[{place}]", f"只能是 {allowed} 之一。", f"must be one of {allowed}.")
    return sorted(set(scopes))


def granted_scope(client: Client, asked: str | None) -> str | None:
    """Return the scope of a token, or None if a requested scope is not the client's.

    A request without scope gets all of the client's (RFC 6749 §3.3 asks for a default or an error). Scopes that a suspended
    partner may not use are left out: a till that requests its usual scopes must still take vouchers.
    """
    own = by_contract(client.scopes, accepts_points=client.accepts_points)
    wanted = (asked or "").split() or sorted(own)
    if not own.issuperset(wanted):
        return None
    # The caller refuses a partner that may not call at all.
    return " ".join(narrowed(wanted, client.allowed) if is_admitted(client) else wanted) or None


def narrowed(asked: Iterable[str], *limits: frozenset[str]) -> list[str]:
    """Return, sorted, the scopes that are within every limit: the client's, the person's, the grant's."""
    return [scope for scope in dict.fromkeys(asked) if all(scope in limit for limit in limits)]


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The current state of what a person allowed an application to do for their company: consent and refresh family in one.

    `person_scopes` is what the person's roles allow now; empty for a disabled person. `locations` are those where
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
        """The grant's current scopes: granted, still allowed to the person, and allowed by contracts and status."""
        if self.revoked:
            return frozenset()
        theirs = by_contract(self.scopes & self.person_scopes, accepts_points=self.accepts_points)
        return in_state(self.partner_status, theirs)
