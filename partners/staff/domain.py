"""The rules for a partner's people: their states, who may sign in, passwords. Pure."""

from marketplace.kernel.mail_addresses import address_key
from marketplace.kernel.refusals import InvalidField
from marketplace.kernel.states import Transitions
from partners.registry.domain import PartnerStatus
from partners.roles import StaffRole, StaffStatus

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
