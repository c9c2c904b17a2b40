"""Roles: of a partner's people with the scopes that these give, and of the company's staff on the admin API. Pure.

The rooms below `staff` need them as well: OAuth decides by a person's roles what an application may do in their name.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

OPERATIONS = {"roles": ["operations"]}
"""The `opt` of a route of the admin API that only operations may call."""

READERS = {"roles": ["operations", "finance", "finance_approver", "auditor"]}
"""The `opt` of a route that every role of the company's staff may read."""


class StaffStatus(StrEnum):
    """The status of a person of a partner."""

    INVITED = "invited"
    """A message with a link was sent; the person cannot sign in yet."""
    ACTIVE = "active"
    """The person can sign in, if the partner's status allows it."""
    DISABLED = "disabled"
    """The person cannot sign in. Disabling ended all sessions and grants; past actions in the person's name stay."""


class StaffRole(StrEnum):
    """The roles of a partner's people; a person can have several."""

    OWNER = "owner"
    DEVELOPER = "developer"
    MARKETER = "marketer"
    FINANCE = "finance"
    COUNTER = "counter"


_OFFERS = frozenset({"offers:read", "offers:write", "codes:write", "redemptions:read"})
_COUNTER = frozenset({"vouchers:verify", "vouchers:use"})
_FINANCE = frozenset({"statements:read", "redemptions:read", "contracts:read"})
_DEVELOPER = frozenset({"offers:read", "redemptions:read", "webhooks:manage", "events:read", "locations:write"})

SCOPES_OF: dict[StaffRole, frozenset[str]] = {
    StaffRole.OWNER: _OFFERS | _COUNTER | _FINANCE | _DEVELOPER | {"contracts:sign", "staff:manage"},
    StaffRole.DEVELOPER: _DEVELOPER,
    StaffRole.MARKETER: _OFFERS | {"locations:write"},
    StaffRole.FINANCE: _FINANCE,
    StaffRole.COUNTER: _COUNTER,
}
"""The scopes of each role: what its people may do, and can grant to an application."""


def scopes_of(roles: frozenset[StaffRole]) -> frozenset[str]:
    """Return the scopes of a person with these roles, which are also what the person can grant to an application."""
    return frozenset().union(*(SCOPES_OF[role] for role in roles))


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in person of a partner, whose session was read from the database for this request."""

    staff_id: UUID
    partner_id: UUID
    name: str
    roles: frozenset[StaffRole]
    session_id: UUID
    signed_in_at: datetime

    @property
    def actor(self) -> str:
        """The person's name in audit and idempotency. It does not identify them to others."""
        return f"staff:{self.staff_id}"
