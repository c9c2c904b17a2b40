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
        # An owner who lost password or second factor: operations delete both and invite the owner again.
        (StaffStatus.ACTIVE, "reset"): StaffStatus.INVITED,
        # A person who returns is invited again: the old password and second factor are not accepted.
        (StaffStatus.DISABLED, "invite"): StaffStatus.INVITED,
        (StaffStatus.INVITED, "invite"): StaffStatus.INVITED,
    }
)


MAY_SIGN_IN = frozenset({PartnerStatus.APPROVED, PartnerStatus.ACTIVE, PartnerStatus.SUSPENDED})
"""The partner statuses in which people can sign in. Those of a suspended one can read why, but not grant (`ADMITTED`)."""

LEAST_PASSWORD, MOST_PASSWORD = 12, 128
_LEAST_LETTERS = 6
_LEAST_NAME = 4


def normal_email(email: str) -> str:
    """Return the address in the form that is stored and looked up: case is ignored, since it reaches the same mailbox."""
    return address_key(email)


def check_password(password: str, email: str) -> None:
    """Refuse a password that is easy to guess: short, of few different characters, or with the mailbox's name in it.

    Digits or symbols are not required: such rules make passwords worse (NIST SP 800-63B §3.1.1.2). Raises InvalidField.
    """
    mailbox = email.partition("@")[0].lower()
    if len(password) < LEAST_PASSWORD:
        raise InvalidField(
            "password", f"至少 {LEAST_PASSWORD} 个字符。", f"must have at least {LEAST_PASSWORD} characters."
        )
    if len(password) > MOST_PASSWORD:
        raise InvalidField(
            "password", f"最多 {MOST_PASSWORD} 个字符。", f"must have at most {MOST_PASSWORD} characters."
        )
    if len(set(password)) < _LEAST_LETTERS:
        raise InvalidField(
            "password",
            f"至少要有 {_LEAST_LETTERS} 个不同的字符。",
            f"must have at least {_LEAST_LETTERS} different characters.",
        )
    if len(mailbox) >= _LEAST_NAME and mailbox in password.lower():
        raise InvalidField("password", "不能包含邮箱名。", "must not contain the name of the mailbox.")


def check_roles(roles: list[StaffRole]) -> list[StaffRole]:
    """Return the roles in the order of StaffRole. Raises InvalidField for an empty list or a duplicate."""
    if not roles or len(set(roles)) != len(roles):
        raise InvalidField("roles", "至少一个角色，且不能重复。", "must name at least one role, and none twice.")
    return [role for role in StaffRole if role in roles]
