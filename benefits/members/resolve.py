"""From ONE ID's subject to our member: made at first sight, kept up to date by the OEM's system."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request

from benefits.members.schemas import MemberIn, MemberResult
from marketplace.kernel.facts import NotFound
from marketplace.kernel.ids import bucket_of, uuid7
from marketplace.platform.database import DB, UnitOfWork, columns, unit_of_work
from marketplace.platform.identity import identity_of
from marketplace.platform.quick_ids import quick
from marketplace.platform.requests import clock_of

_REMEMBERED = 100_000
"""How many subjects are kept in memory (about 20 MB); the mapping never changes, so it is never stale."""

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
    tier: str
    status: str
    name: str
    vehicle: str


class Directory:
    """Subject -> member id, remembered: the mapping never changes, so it is never stale."""

    def __init__(self) -> None:
        """Begin with nobody remembered."""
        self._remembered: OrderedDict[str, UUID] = OrderedDict()

    async def member_id(self, subject: str, name: str, now: datetime) -> UUID:
        """Return the member's id for a verified subject; one who was never seen is made, with the lowest tier."""
        known = self._remembered.get(subject)
        if known is not None:
            return known
        found: UUID | None = await DB.fetchval("SELECT member_id FROM member_subject WHERE subject = $1", subject)
        if found is None:
            person = MemberIn(subject=subject, name=name[:100] or subject[:100])
            async with unit_of_work() as work:
                found = (await upsert(work, [person], now, only_new=True))[0].member_id
        self._remembered[subject] = member_id = quick(found)
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return member_id


async def member_caller(request: Request[Any, Any, Any]) -> MemberCaller:
    """Litestar dependency: the member whose ONE ID token this is; a member's first token makes them known."""
    caller = await identity_of(request).caller(request, "members")
    name = caller.claims.get("name")
    directory: Directory = request.app.state.members
    member_id = await directory.member_id(
        caller.subject, name if isinstance(name, str) else "", clock_of(request).now()
    )
    return MemberCaller(member_id, caller.subject)


async def upsert(
    work: UnitOfWork, members: Sequence[MemberIn], now: datetime, *, only_new: bool = False
) -> list[MemberResult]:
    """Make or update members, and return a result for each, in their order. The last of equal subjects counts.

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
    return [
        MemberResult(member.subject, known[member.subject][0], "created" if known[member.subject][1] else "updated")
        for member in members
    ]


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
