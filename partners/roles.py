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
    """Where a person of a partner stands."""

    INVITED = "invited"
    """A message with a link is under way; nobody can sign in yet."""
    ACTIVE = "active"
    """May sign in, as far as the partner may."""
    DISABLED = "disabled"
    """May not; what was done in the person's name stays, and sessions and grants ended with this step."""


class StaffRole(StrEnum):
    """What a person does at the partner; one may have several roles."""

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
"""The most that a person of the role can pass on to an application that acts in their name."""


def scopes_of(roles: frozenset[StaffRole]) -> frozenset[str]:
    """Return what a person with these roles may do, and so may let an application do."""
    return frozenset().union(*(SCOPES_OF[role] for role in roles))


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A person of a partner who is signed in at this moment, in a session that was looked up in the database."""

    staff_id: UUID
    partner_id: UUID
    name: str
    roles: frozenset[StaffRole]
    session_id: UUID
    signed_in_at: datetime

    @property
    def actor(self) -> str:
        """The name under which audit and idempotency know the person; nothing in it names them to others."""
        return f"staff:{self.staff_id}"
