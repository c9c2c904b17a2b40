"""Who works for a partner, and what each role may do: pure."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from marketplace.kernel.mail_addresses import address_key
from marketplace.kernel.refusals import InvalidField
from marketplace.kernel.states import Transitions
from partners.registry.domain import PartnerStatus


class StaffStatus(StrEnum):
    """Where a person of a partner stands."""

    INVITED = "invited"
    """A message with a link is under way; nobody can sign in yet."""
    ACTIVE = "active"
    """May sign in, as far as the partner may."""
    DISABLED = "disabled"
    """May not; what was done in the person's name stays, and sessions and grants ended with this step."""


STAFF: Transitions[StaffStatus] = Transitions(
    {
        (StaffStatus.INVITED, "accept"): StaffStatus.ACTIVE,
        (StaffStatus.INVITED, "disable"): StaffStatus.DISABLED,
        (StaffStatus.ACTIVE, "disable"): StaffStatus.DISABLED,
        # An owner who lost what they prove themselves with: operations take it from them, and they begin anew.
        (StaffStatus.ACTIVE, "reset"): StaffStatus.INVITED,
        # Whoever comes back is invited anew: the old password and the old second factor are not believed.
        (StaffStatus.DISABLED, "invite"): StaffStatus.INVITED,
        (StaffStatus.INVITED, "invite"): StaffStatus.INVITED,
    }
)


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


MAY_SIGN_IN = frozenset({PartnerStatus.APPROVED, PartnerStatus.ACTIVE, PartnerStatus.SUSPENDED})
"""The partners whose people may sign in. Those of a suspended one can read why, and grant nothing (`ADMITTED` decides that)."""

LEAST_PASSWORD, MOST_PASSWORD = 12, 128
_LEAST_LETTERS = 6
_LEAST_NAME = 4


def normal_email(email: str) -> str:
    """Return the address as it is kept and looked for: addresses that differ in case only reach the same mailbox."""
    return address_key(email)


def check_password(password: str, email: str) -> None:
    """Refuse a password that is guessed first: short, of few different letters, or with the mailbox's name in it.

    No wish for digits or signs: they make passwords worse (NIST SP 800-63B §3.1.1.2). Raises InvalidField.
    """
    mailbox = email.partition("@")[0].lower()
    if len(password) < LEAST_PASSWORD:
        raise InvalidField(
            "password", f"至少 {LEAST_PASSWORD} 个字符。", f"needs at least {LEAST_PASSWORD} characters."
        )
    if len(password) > MOST_PASSWORD:
        raise InvalidField(
            "password", f"最多 {MOST_PASSWORD} 个字符。", f"may have {MOST_PASSWORD} characters at the most."
        )
    if len(set(password)) < _LEAST_LETTERS:
        raise InvalidField(
            "password", f"至少要有 {_LEAST_LETTERS} 个不同的字符。", f"needs {_LEAST_LETTERS} different characters."
        )
    if len(mailbox) >= _LEAST_NAME and mailbox in password.lower():
        raise InvalidField("password", "不能包含邮箱名。", "must not contain the name of the mailbox.")


def check_roles(roles: list[StaffRole]) -> list[StaffRole]:
    """Return the roles in the order of StaffRole. Raises InvalidField for none, or one named twice."""
    if not roles or len(set(roles)) != len(roles):
        raise InvalidField("roles", "至少一个角色，且不能重复。", "names no role, or one twice.")
    return [role for role in StaffRole if role in roles]
