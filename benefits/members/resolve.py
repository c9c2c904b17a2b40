"""From ONE ID's subject to our member: made at first sight, kept up to date by the OEM's system."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from benefits.members.domain import MemberStatus, Tier
from benefits.members.schemas import MemberInput, MemberResult
from marketplace.kernel.ids import bucket_of, uuid7
from marketplace.kernel.refusals import NotFound
from marketplace.platform.http.bodies import UnfitItem
from marketplace.platform.postgres.database import DB, UnitOfWork, columns

_MEMBERS = """
INSERT INTO member (bucket, id, tier, status, name, phone, vehicle, joined_at)
SELECT *, $8::timestamptz FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
ON CONFLICT (bucket, id) DO UPDATE SET tier = excluded.tier, status = excluded.status, name = excluded.name,
    phone = excluded.phone, vehicle = excluded.vehicle
"""

_WALLETS = (
    "INSERT INTO wallet (bucket, member_id) SELECT * FROM unnest($1::smallint[], $2::uuid[]) ON CONFLICT DO NOTHING"
)


class MemberCaller(msgspec.Struct, frozen=True):
    """The member who asks."""

    id: UUID
    subject: str

    @property
    def actor(self) -> str:
        """The name under which idempotency knows the member."""
        return f"member:{self.id}"


class Member(msgspec.Struct, frozen=True):
    """A member as we keep them."""

    id: UUID
    tier: Tier
    status: MemberStatus
    name: str
    vehicle: str


class KnownMember(msgspec.Struct, frozen=True):
    """A subject, the member's id, and whether the member was made just now."""

    subject: str
    member_id: UUID
    created: bool


async def upsert(
    work: UnitOfWork, members: Sequence[MemberInput], now: datetime, *, only_new: bool = False
) -> list[KnownMember]:
    """Make or update members, and return each with its id, in their order. The last of equal subjects counts.

    With `only_new` known members stay as they are: a first sign-in knows less of them than the OEM's system.
    """
    latest = {member.subject: member for member in members}
    subjects = sorted(latest)
    known = await _claim(work, subjects, [uuid7() for _ in subjects])
    rows = []
    for subject in subjects:
        (member_id, created), member = known[subject], latest[subject]
        if only_new and not created:
            continue
        rows.append(
            (bucket_of(member_id), member_id, member.tier, member.status, member.name, member.phone, member.vehicle)
        )
    await work.execute(_MEMBERS, *columns(rows, 7), now)
    ids = sorted(row[1] for row in rows)
    await work.execute(_WALLETS, [bucket_of(member_id) for member_id in ids], ids)
    return [KnownMember(member.subject, *known[member.subject]) for member in members]


def results_of(known: Sequence[KnownMember], unfit: Sequence[UnfitItem]) -> list[MemberResult]:
    """Return the results of a call in its order: of its members, and of what in it cannot be one."""
    found = [MemberResult(one.subject, one.member_id, "created" if one.created else "updated") for one in known]
    for item in unfit:
        found.insert(item.index, MemberResult(item.text("subject"), None, "refused", item.message))
    return found


async def _claim(work: UnitOfWork, subjects: list[str], ids: list[UUID]) -> dict[str, tuple[UUID, bool]]:
    # Two first sign-ins at once: the primary key lets one insert, the other waits for it and reads its id.
    inserted = await work.fetch(
        "INSERT INTO member_subject (subject, member_id) SELECT * FROM unnest($1::text[], $2::uuid[])"
        " ON CONFLICT DO NOTHING RETURNING subject, member_id",
        subjects, ids,
    )  # fmt: skip
    claimed = {row["subject"]: (row["member_id"], True) for row in inserted}
    others = [subject for subject in subjects if subject not in claimed]
    for row in await work.fetch("SELECT subject, member_id FROM member_subject WHERE subject = ANY($1)", others):
        claimed[row["subject"]] = (row["member_id"], False)
    return claimed


async def load_member(member_id: UUID) -> Member:
    """Return the member. Raises NotFound."""
    row = await DB.fetchrow(
        "SELECT id, tier, status, name, vehicle FROM member WHERE bucket = $1 AND id = $2",
        bucket_of(member_id),
        member_id,
    )
    if row is None:
        raise NotFound
    return Member(**row)
