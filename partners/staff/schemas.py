"""A partner's people on the wire."""

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
    """Somebody who is invited. Without `locations` the person works at all of them."""

    email: Email
    name: ShortLine
    roles: Roles
    locations: StaffLocations = []


class OwnerInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom operations invite when none of a partner's owners can sign in."""

    email: Email
    name: ShortLine


class OwnerReset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why an owner has to prove themselves anew; it stands in the audit."""

    reason: OneLine


class StaffContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be changed of a person. Without `locations` the person works at all of them."""

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
    """`password`, `provider`, or null for somebody who cannot sign in."""
    sessions: int
    mail: MailView | None
    """The message with the invitation, until the person accepts it; null before it is written and after it is forgotten."""
    created_at: datetime
    changed_at: datetime
    version: int


class EndedSessions(msgspec.Struct, frozen=True):
    """How many browsers were signed out."""

    ended: int


class IdentityProviderInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A partner's own OpenID Connect provider. `client_secret` may be left out to keep the one that is there."""

    issuer: Issuer
    client_id: Printable
    client_secret: Printable | None = None


class IdentityProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """The provider, without its secret; `redirect_uri` is what has to be registered there, `sign_in` where people begin."""

    issuer: str
    client_id: str
    redirect_uri: str
    sign_in: str
    changed_at: datetime
    version: int
