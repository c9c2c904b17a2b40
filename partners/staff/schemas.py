"""The wire format of a partner's people."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from marketplace.kernel.text import marked
from marketplace.platform.outbound.mail_view import MailView
from partners.fields import OneLine, Reference, ShortLine
from partners.registry.schemas import Email
from partners.roles import StaffRole, StaffStatus

Roles = Annotated[list[StaffRole], msgspec.Meta(min_length=1, max_length=5)]
StaffLocations = Annotated[list[Reference], msgspec.Meta(max_length=200)]
Issuer = Annotated[
    str,
    msgspec.Meta(
        min_length=9,
        max_length=500,
        pattern=r"^https?://[!-~]+[^/?#\s]$(?!\n)",
        examples=["https://login.example.com/realms/staff"],
        extra=marked(
            words=(
                "登录服务的 issuer 地址，末尾不带斜杠，如 https://login.example.com/realms/staff",
                "the provider's issuer without a slash at its end, such as https://login.example.com/realms/staff",
            )
        ),
    ),
]
Printable = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=300,
        pattern=r"^[!-~]+$(?!\n)",
        extra=marked(
            words=(" 1 至 300 个可见的 ASCII 字符，不含空格", "1 to 300 visible ASCII characters without blanks")
        ),
    ),
]


class StaffInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An invitation. Without `locations` the person works at all of them."""

    email: Email
    name: ShortLine
    roles: Roles
    locations: StaffLocations = []


class OwnerInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The owner whom operations invite when none of the partner's can sign in."""

    email: Email
    name: ShortLine


class OwnerReset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why an owner is reset; recorded in the audit."""

    reason: OneLine


class StaffContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The members of a person that can be changed. Without `locations` the person works at all of them."""

    name: ShortLine
    roles: Roles
    locations: StaffLocations = []


class StaffView(msgspec.Struct, frozen=True, kw_only=True):
    """A person who works for the partner; `version` is the ETag. `sessions` are browsers signed in at present."""

    id: UUID
    email: str
    name: str
    roles: list[StaffRole]
    locations: list[str]
    status: StaffStatus
    signs_in_by: str | None
    """`password`, `provider`, or null for a person who cannot sign in."""
    sessions: int
    mail: MailView | None
    """The message with the invitation, until the person accepts it; null before it is queued and after it is deleted."""
    created_at: datetime
    changed_at: datetime
    version: int


class EndedSessions(msgspec.Struct, frozen=True):
    """The number of sessions that ended."""

    ended: int


class IdentityProviderInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A partner's own OpenID Connect provider. Omit `client_secret` to keep the stored one."""

    issuer: Issuer
    client_id: Printable
    client_secret: Printable | None = None


class IdentityProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """The provider, without its secret; register `redirect_uri` at the provider; people sign in at `sign_in`."""

    issuer: str
    client_id: str
    redirect_uri: str
    sign_in: str
    changed_at: datetime
    version: int
