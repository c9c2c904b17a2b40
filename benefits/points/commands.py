"""Credit, Gift and ExpirePoints: points that come, pass from member to member, and end."""

import secrets
from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec.structs import replace

from benefits.desk.context import PointsContext, PointsKind
from benefits.points.credit import decide_credit
from benefits.points.domain import expire_due, wallet_change
from benefits.points.events import PointsExpired
from benefits.points.gift import decide_gift
from benefits.points.schemas import EarningInput, EarningResult, EarningResults, GiftView
from marketplace.kernel.ids import ID_BITS, bucket_of, uuid7, uuid7_values
from marketplace.platform.batching.commands import CommandRead, ok
from marketplace.platform.http.idempotency import Key, Outcome
from marketplace.platform.postgres.quick_ids import quick, quick_ids
from marketplace.platform.postgres.reads import Read
from marketplace.platform.postgres.writes import Write

_BY_REFERENCE = Read(
    "bucket smallint, member_id uuid, reference text",
    """SELECT ROW(wanted.member_id, wanted.reference, found.points, found.kind, found.occurred_at)
    FROM {wanted} CROSS JOIN LATERAL (
        SELECT points, kind, occurred_at FROM earning e
        WHERE e.bucket = wanted.bucket AND e.member_id = wanted.member_id AND e.reference = wanted.reference OFFSET 0
    ) AS found""",
)

_CREDITED = Write(
    "credited",
    "bucket smallint, member_id uuid, reference text, transaction_id uuid, points bigint, kind text, "
    "occurred_at timestamptz, credited_by text",
    """INSERT INTO earning (bucket, member_id, reference, transaction_id, points, kind, occurred_at, credited_by, credited_at)
    SELECT d.*, {now} FROM {rows}""",
)

_PAIR = (2 * ID_BITS + 7) // 8
"""Bytes of randomness for the two ids of an earning: drawn together for a call."""


class Credit(msgspec.Struct, frozen=True):
    """The OEM credits earnings; the reference of each is its key. `ids` has a pair for each: expiry and earning.

    `refused`: results of those that are refused already, by their index in the call, in its order.
    """

    earnings: list[EarningInput]
    actor: str
    ids: list[tuple[UUID, UUID]]
    refused: Sequence[tuple[int, EarningResult]] = ()

    key = None
    language = "en"

    @property
    def weight(self) -> int:
        """A call of a thousand earnings is a batch of its own."""
        return len(self.earnings)

    @property
    def members(self) -> tuple[UUID, ...]:
        """The members who are credited."""
        return tuple(earning.member_id for earning in self.earnings)


class Gift(msgspec.Struct, frozen=True):
    """One member gives points to another. `ids`: of the two expiries and of the two transactions, giver's first."""

    giver: UUID
    recipient: UUID
    points: int
    ids: tuple[UUID, UUID, UUID, UUID]
    key: Key
    language: str

    weight = 2

    @property
    def members(self) -> tuple[UUID, ...]:
        """Giver and recipient."""
        return (self.giver, self.recipient)


class ExpirePoints(msgspec.Struct, frozen=True):
    """The points of lots that are due expire; `ids` has one for each member."""

    members: tuple[UUID, ...]
    ids: tuple[UUID, ...]

    key = None
    language = "en"

    @property
    def weight(self) -> int:
        """As many as there are wallets."""
        return len(self.members)


def new_credit(
    earnings: list[EarningInput], actor: str, unix_ms: int, refused: Sequence[tuple[int, EarningResult]] = ()
) -> Credit:
    """Return the command for a call's earnings, of which some are refused already."""
    quickly = [replace(earning, member_id=quick(earning.member_id)) for earning in earnings]
    drawn = secrets.token_bytes(_PAIR * len(quickly))
    ids = []
    for index, earning in enumerate(quickly):
        own = int.from_bytes(drawn[index * _PAIR : (index + 1) * _PAIR])
        expiry_id, earning_id = quick_ids(uuid7_values(2, bucket_of(earning.member_id), unix_ms, own))
        ids.append((expiry_id, earning_id))
    return Credit(quickly, actor, ids, refused)


def new_gift(giver: UUID, recipient: UUID, points: int, key: Key, language: str, unix_ms: int) -> Gift:
    """Return the command."""
    first, second = bucket_of(giver), bucket_of(recipient)
    ids = (uuid7(first, unix_ms), uuid7(second, unix_ms), uuid7(first, unix_ms), uuid7(second, unix_ms))
    return Gift(giver, recipient, points, ids, key, language)


def new_expiry(members: Sequence[UUID], unix_ms: int) -> ExpirePoints:
    """Return the command."""
    return ExpirePoints(tuple(members), tuple(uuid7(bucket_of(member_id), unix_ms) for member_id in members))


def _references(commands: Sequence[Credit]) -> list[tuple[int, UUID, str]]:
    earnings = [earning for command in commands for earning in command.earnings]
    return [(bucket_of(one.member_id), one.member_id, one.reference) for one in earnings]


def _by_reference(rows: Sequence[tuple[UUID, str, int, str, object]]) -> dict[tuple[UUID, str], EarningInput]:
    return {(row[0], row[1]): EarningInput(row[1], row[0], *row[2:]) for row in rows}  # type: ignore[arg-type]


_EARNED = CommandRead(_BY_REFERENCE, _references, _by_reference)


def _credit(command: Credit, batch: PointsContext) -> Outcome:
    members, earned, results = batch.state.members, batch.found(_EARNED), []
    for earning, ids in zip(command.earnings, command.ids, strict=True):
        member_id, key = earning.member_id, (earning.member_id, earning.reference)
        credited = decide_credit(earning, members.get(member_id), earned.get(key), ids, batch.rules, batch.now)
        results.append(credited.result)
        event = credited.event
        if event is not None:
            earned[key] = earning
            row = (
                bucket_of(member_id), member_id, event.reference, event.transaction_id, event.points, event.kind,
                event.occurred_at, command.actor,
            )  # fmt: skip
            batch.post(credited.postings)
            batch.record(_CREDITED, row)
            batch.publish(event)
    for index, result in command.refused:
        results.insert(index, result)
    return ok(EarningResults(results))


def _give(command: Gift, batch: PointsContext) -> Outcome:
    giver, recipient = batch.state.members.get(command.giver), batch.state.members.get(command.recipient)
    gift = decide_gift(giver, recipient, command.points, command.ids, batch.rules, batch.now)
    batch.post(gift.postings)
    batch.publish(gift.event)
    return ok(GiftView(command.ids[2], command.recipient, command.points, gift.balance, batch.now), 201)


def _expire(command: ExpirePoints, batch: PointsContext) -> Outcome:
    total, today = 0, batch.rules.calendar.day_of(batch.now)
    for member_id, transaction_id in zip(command.members, command.ids, strict=True):
        if member_id not in batch.state.members:
            continue
        expired = expire_due(batch.state.members[member_id].wallet, transaction_id, today, batch.now)
        points = -wallet_change(expired)
        if points:
            batch.post(expired)
            batch.publish(
                PointsExpired(member_id=member_id, transaction_id=transaction_id, points=points, expired_at=batch.now)
            )
            total += points
    return ok({"points": total})


CREDIT = PointsKind(Credit, _credit, reads=(_EARNED,), writes=(_CREDITED,))
GIFT = PointsKind(Gift, _give)
EXPIRE_POINTS = PointsKind(ExpirePoints, _expire)
