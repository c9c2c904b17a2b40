"""What can be laid on the desk. Each errand carries its ids and codes: a decision makes none."""

import secrets
from collections.abc import Sequence
from typing import TypeAlias
from uuid import UUID

import msgspec
from msgspec.structs import replace

from benefits.holds.domain import End, EndIds
from benefits.points.schemas import EarningInput, EarningResult
from benefits.redemptions.domain import Wish
from marketplace.kernel.codes import CODE_BITS, new_code
from marketplace.kernel.ids import ID_BITS, bucket_of, uuid7, uuid7_values, uuid7s
from marketplace.platform.http.idempotency import Key
from marketplace.platform.postgres.quick_ids import quick, quick_ids


class Redeem(msgspec.Struct, frozen=True):
    """A member wants an offer for points."""

    wish: Wish
    key: Key
    language: str

    weight = 1

    @property
    def members(self) -> tuple[UUID, ...]:
        """Whose wallet it moves."""
        return (self.wish.member_id,)


class Cancel(msgspec.Struct, frozen=True):
    """A member gives a redemption back. `ids`: of the sweep and of the cancellation."""

    member_id: UUID
    redemption_id: UUID
    reason: str
    ids: tuple[UUID, UUID]
    key: Key
    language: str

    weight = 1

    @property
    def members(self) -> tuple[UUID, ...]:
        """Whose wallet it moves."""
        return (self.member_id,)


class Earn(msgspec.Struct, frozen=True):
    """The OEM credits earnings; the reference of each is its key. `ids` has a pair for each: sweep and earning.

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
        """Whose wallets it moves."""
        return tuple(earning.member_id for earning in self.earnings)


class PlaceHold(msgspec.Struct, frozen=True):
    """Points and units are to be set aside; the hold's id is the wish's redemption id."""

    wish: Wish
    minutes: int
    reference: str
    key: Key
    language: str

    weight = 1

    @property
    def members(self) -> tuple[UUID, ...]:
        """Whose wallet it moves."""
        return (self.wish.member_id,)


class EndHold(msgspec.Struct, frozen=True):
    """A hold is to be posted (`quantity` units, all if None), voided or expired; a job's expiry has no key."""

    member_id: UUID
    hold_id: UUID
    how: End
    quantity: int | None
    reason: str
    ids: EndIds
    key: Key | None
    language: str

    weight = 1

    @property
    def members(self) -> tuple[UUID, ...]:
        """Whose wallet it moves."""
        return (self.member_id,)


class Sweep(msgspec.Struct, frozen=True):
    """Points whose lots are over are to expire; `ids` has one for each member."""

    members: tuple[UUID, ...]
    ids: tuple[UUID, ...]

    key = None
    language = "en"

    @property
    def weight(self) -> int:
        """As many as there are wallets."""
        return len(self.members)


class Gift(msgspec.Struct, frozen=True):
    """One member gives points to another. `ids`: of the two sweeps and of the two transactions, giver's first."""

    giver: UUID
    recipient: UUID
    points: int
    ids: tuple[UUID, UUID, UUID, UUID]
    key: Key
    language: str

    weight = 2

    @property
    def members(self) -> tuple[UUID, ...]:
        """Whose wallets it moves."""
        return (self.giver, self.recipient)


_PAIR = (2 * ID_BITS + 7) // 8
"""Bytes of randomness for the two ids of an earning: drawn together for a call."""

PointsErrand: TypeAlias = Redeem | Cancel | Earn | PlaceHold | EndHold | Sweep | Gift


def new_wish(member_id: UUID, offer_id: UUID, quantity: int, unix_ms: int) -> Wish:
    """Return a wish with the ids and the code that it will have if it is fulfilled; all carry the member's bucket."""
    bucket = bucket_of(member_id)
    drawn = secrets.randbits(3 * ID_BITS + CODE_BITS)
    redemption_id, voucher_id, sweep_id = quick_ids(uuid7_values(3, bucket, unix_ms, drawn >> CODE_BITS))
    code = new_code(bucket, drawn & (2**CODE_BITS - 1))
    return Wish(member_id, quick(offer_id), quantity, redemption_id, voucher_id, sweep_id, code)


def new_earn(
    earnings: list[EarningInput], actor: str, unix_ms: int, refused: Sequence[tuple[int, EarningResult]] = ()
) -> Earn:
    """Return the errand of a call's earnings, of which some are refused already."""
    quickly = [replace(earning, member_id=quick(earning.member_id)) for earning in earnings]
    drawn = secrets.token_bytes(_PAIR * len(quickly))
    ids = []
    for place, earning in enumerate(quickly):
        own = int.from_bytes(drawn[place * _PAIR : (place + 1) * _PAIR])
        sweep_id, earning_id = quick_ids(uuid7_values(2, bucket_of(earning.member_id), unix_ms, own))
        ids.append((sweep_id, earning_id))
    return Earn(quickly, actor, ids, refused)


def new_cancel(member_id: UUID, redemption_id: UUID, reason: str, key: Key, language: str, unix_ms: int) -> Cancel:
    """Return the errand of undoing a redemption."""
    bucket = bucket_of(member_id)
    ids = (uuid7(bucket, unix_ms), uuid7(bucket, unix_ms))
    return Cancel(member_id, redemption_id, reason, ids, key, language)


def new_end(
    member_id: UUID,
    hold_id: UUID,
    how: End,
    key: Key | None,
    language: str,
    unix_ms: int,
    *,
    quantity: int | None = None,
    reason: str = "",
) -> EndHold:
    """Return the errand of ending a hold."""
    bucket = bucket_of(hold_id)
    redemption_id, voucher_id, release_id, sweep_id = uuid7s(4, bucket, unix_ms)
    ids = EndIds(redemption_id, voucher_id, release_id, sweep_id, new_code(bucket))
    return EndHold(member_id, hold_id, how, quantity, reason, ids, key, language)


def new_gift(giver: UUID, recipient: UUID, points: int, key: Key, language: str, unix_ms: int) -> Gift:
    """Return the errand of a gift."""
    first, second = bucket_of(giver), bucket_of(recipient)
    ids = (uuid7(first, unix_ms), uuid7(second, unix_ms), uuid7(first, unix_ms), uuid7(second, unix_ms))
    return Gift(giver, recipient, points, ids, key, language)
