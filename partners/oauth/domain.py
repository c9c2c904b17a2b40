"""OAuth clients: what they may do, and when they are believed. Pure."""

from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

import msgspec

from marketplace.kernel.facts import InvalidField
from partners.onboarding.domain import ADMITTED

Audience = Literal["partner", "points"]
AuthMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]

PARTNER_SCOPES: dict[str, str] = {
    "offers:read": "See one's own offers.",
    "offers:write": "Register and change offers, and hand them in for review.",
    "codes:write": "Upload the voucher codes of one's own offers.",
    "webhooks:manage": "Keep webhook endpoints, and see what was sent to them.",
    "events:read": "Read the events that concern one.",
    "vouchers:verify": "Ask at the counter whether a voucher is good.",
    "vouchers:use": "Take a voucher.",
    "redemptions:read": "See redemptions of one's own offers, without the person behind them.",
    "statements:read": "Read statements and their lines.",
    "reconciliations:write": "Hand in one's own file for reconciliation.",
    "locations:write": "Add the places where vouchers are taken.",
    "contracts:read": "Read one's own contracts.",
    "contracts:sign": "Sign one's own contracts.",
    "staff:manage": "Invite one's own staff, give them roles, and end their access.",
}
OEM_SCOPES: dict[str, str] = {
    "points:write": "Credit earnings to members.",
    "members:write": "Create and change members, their tiers and vehicles.",
}
SCOPES: dict[Audience, dict[str, str]] = {"partner": PARTNER_SCOPES, "points": OEM_SCOPES}
"""What a client of each audience can be given."""


class ClientStatus(StrEnum):
    """Whether a client is believed."""

    ACTIVE = "active"
    """It gets tokens."""
    REVOKED = "revoked"
    """Never again; its tokens end within half a minute."""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """An OAuth client, with its partner's status (None for a system of the OEM)."""

    client_id: str
    audience: Audience
    partner_id: UUID | None
    auth_method: AuthMethod
    secret_hash: bytes | None
    jwks: dict[str, Any] | None
    scopes: frozenset[str]
    status: str
    demo: bool
    partner_status: str | None


def is_known(client: Client, mode: str) -> bool:
    """Return whether the client exists for this installation: revoked ones do not, and demo credentials not in production."""
    return client.status == ClientStatus.ACTIVE and (not client.demo or mode in {"demo", "test"})


def is_admitted(client: Client) -> bool:
    """Return whether the client's partner, if it has one, may call at present."""
    return client.partner_status is None or client.partner_status in ADMITTED


def check_scopes(audience: Audience, scopes: list[str]) -> list[str]:
    """Return the scopes in order, each once. Raises InvalidField for one that clients of the audience cannot have."""
    for place, scope in enumerate(scopes):
        if scope not in SCOPES[audience]:
            allowed = ", ".join(SCOPES[audience])
            raise InvalidField(f"scopes[{place}]", f"只能是 {allowed} 之一。", f"must be one of {allowed}.")
    return sorted(set(scopes))


def granted_scope(client: Client, asked: str | None) -> str | None:
    """Return the scope of a token, or None when one is asked for that the client does not have.

    A client that asks for none gets all of its own (RFC 6749 §3.3 wants a default or a refusal).
    """
    wanted = (asked or "").split()
    if not wanted:
        return " ".join(sorted(client.scopes))
    return " ".join(dict.fromkeys(wanted)) if client.scopes.issuperset(wanted) else None
