"""Who a verified subject is: looked up once, made at first sight, remembered by the process."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from litestar import Request

from benefits.members.resolve import MemberCaller, upsert
from benefits.members.schemas import MOST_NAME, MemberInput
from benefits.services import BenefitsServices
from marketplace.kernel.clock import Clock
from marketplace.kernel.text import line_or
from marketplace.platform.batching.batch_loader import BatchLoader
from marketplace.platform.http.identity import identity_of
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.postgres.quick_ids import quick

_REMEMBERED = 100_000
"""How many subjects are kept in memory (about 20 MB); the mapping never changes, so it is never stale."""


class Directory:
    """Subject -> member id. On a member day nearly everybody comes for the first time: those who come at once are looked up,
    and made, together.
    """

    def __init__(self, clock: Clock) -> None:
        """Begin with nobody remembered."""
        self._clock = clock
        self._remembered: OrderedDict[str, UUID] = OrderedDict()
        self._known: BatchLoader[str, UUID | None] = BatchLoader(_look_up)
        self._made: BatchLoader[tuple[str, str], UUID] = BatchLoader(self._make)

    async def member_id(self, subject: str, name: str) -> UUID:
        """Return the member's id for a verified subject; one who was never seen is made, with the lowest tier."""
        known = self._remembered.get(subject)
        if known is not None:
            return known
        # Who is known does not wait for those who have to be made: these are two questions.
        found = await self._known.get(subject) or await self._made.get((subject, name))
        self._remembered[subject] = member_id = quick(found)
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return member_id

    async def _make(self, people: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], UUID]:
        members = [MemberInput(subject=subject, name=name or subject[:MOST_NAME]) for subject, name in people]
        async with unit_of_work() as work:
            made = await upsert(work, members, self._clock.now(), only_new=True)
        return {person: result.member_id for person, result in zip(people, made, strict=True)}


async def _look_up(subjects: Sequence[str]) -> Mapping[str, UUID | None]:
    rows = await DB.fetch("SELECT subject, member_id FROM member_subject WHERE subject = ANY($1::text[])", subjects)
    return dict.fromkeys(subjects) | {row["subject"]: row["member_id"] for row in rows}


async def member_caller(request: Request[Any, Any, Any]) -> MemberCaller:
    """Litestar dependency: the member whose ONE ID token this is; a member's first token makes them known."""
    caller = await identity_of(request).caller(request, "members")
    name = line_or(caller.claims.get("name"), "", MOST_NAME)
    directory = BenefitsServices.of(request).members
    return MemberCaller(await directory.member_id(caller.subject, name), caller.subject)
