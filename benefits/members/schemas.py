"""What goes over the wire about members."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec

from benefits.members.domain import MemberStatus, OneIdSubject, Tier
from benefits.points.schemas import PointsView
from marketplace.kernel.text import Text, marked

MAX_MEMBERS = 1000
MOST_NAME = 100


class MemberInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member as the OEM's system knows them; `subject` is their ONE ID subject."""

    subject: OneIdSubject
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_NAME)]
    tier: Tier = "standard"
    status: MemberStatus = MemberStatus.ACTIVE
    phone: Annotated[
        str,
        msgspec.Meta(
            max_length=32,
            examples=["138 0013 8000"],
            description="A telephone number as people write it, a Chinese one without a country's code; may be empty.",
            extra=marked(
                "phone", ("电话号码，如 138 0013 8000，或留空", "a telephone number such as 138 0013 8000, or empty")
            ),
        ),
    ] = ""
    vehicle: Annotated[str, msgspec.Meta(max_length=100)] = ""


class MembersInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 members: new ones are made, known ones brought up to date."""

    members: Annotated[list[MemberInput], msgspec.Meta(min_length=1, max_length=MAX_MEMBERS)]


class MemberResult(msgspec.Struct, frozen=True):
    """The member's id with us; one that is not as described is refused, and `message` says why.

    `subject` is null where that is what is wrong.
    """

    subject: str | None
    member_id: UUID | None
    status: Literal["created", "updated", "refused"]
    message: Text | None = None


class MemberResults(msgspec.Struct, frozen=True):
    """The results, in the order of the call."""

    results: list[MemberResult]


class MemberView(msgspec.Struct, frozen=True):
    """The member, to themselves."""

    id: UUID
    tier: Tier
    name: str
    status: MemberStatus
    vehicle: str


class Me(msgspec.Struct, frozen=True):
    """The signed-in member with their points."""

    member: MemberView
    points: PointsView
