"""PlaceHold and EndHold: points and units are set aside at the desk, and redeemed or returned."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg
import msgspec

from benefits.desk.context import EarlierRead, EarlierSale, PointsContext, PointsKind
from benefits.holds.domain import (
    End,
    EndedHold,
    EndIds,
    Hold,
    HoldEndedAlready,
    HoldStatus,
    PlacedHold,
    end_hold,
    place_hold,
)
from benefits.holds.schemas import HoldInput, HoldRedemption, HoldView
from benefits.points.domain import LotPart, PointsPostingCode
from benefits.points.ledger import postings_of
from benefits.redemptions.commands import new_request, record_issued, redemption_view
from benefits.redemptions.domain import Admitted, PoolCode, RedemptionRefused, RedemptionRequest
from benefits.redemptions.events import SettlementTerms
from marketplace.kernel.codes import new_code
from marketplace.kernel.ids import bucket_of, uuid7s
from marketplace.kernel.refusals import NotFound
from marketplace.platform.batching.commands import ok
from marketplace.platform.http.idempotency import Key, Outcome
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.rows import Columns
from marketplace.platform.postgres.writes import Write

_MEMBERS_OWN = Columns("bucket smallint, id uuid, member_id uuid")

_HOLDS = f"SELECT h.* FROM {_MEMBERS_OWN.table(1, 'wanted')} JOIN hold h USING (bucket, id, member_id)"

_HELD_CODES = (
    "SELECT hold_id, seq, code FROM offer_code WHERE hold_id = ANY($1::uuid[]) AND state = 'held' ORDER BY seq"
)

_PLACED = Write(
    "placed",
    "bucket smallint, id uuid, member_id uuid, offer_id uuid, revision int, partner_id uuid, quantity int, points bigint, "
    "slice smallint, windows text[], voucher_days int, coded bool, settlements json, reference text, deadline timestamptz",
    """INSERT INTO hold (bucket, id, member_id, offer_id, revision, partner_id, quantity, points, slice, windows,
                      voucher_days, coded, settlements, reference, deadline, status, held_at, posted_quantity, reason)
    SELECT d.*, 'held', {now}, 0, '' FROM {rows}""",
)

# The guard of "exactly one end": only a hold that still stands can have one.
_ENDED = Write(
    "ended",
    "bucket smallint, id uuid, status text, posted int, redemption_id uuid, reason text",
    """UPDATE hold h SET status = d.status, posted_quantity = d.posted, redemption_id = d.redemption_id, reason = d.reason,
    ended_at = {now} FROM {rows}
    WHERE h.bucket = d.bucket AND h.id = d.id AND h.status = 'held' RETURNING 1""",
)


class PlaceHold(msgspec.Struct, frozen=True):
    """Points and units are to be set aside; the hold's id is the request's redemption id."""

    request: RedemptionRequest
    minutes: int
    reference: str
    key: Key
    language: str

    weight = 1

    @property
    def members(self) -> tuple[UUID, ...]:
        """The member whose points are set aside."""
        return (self.request.member_id,)


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
        """The member whose points were set aside."""
        return (self.member_id,)


def new_place(body: HoldInput, key: Key, language: str, unix_ms: int) -> PlaceHold:
    """Return the command."""
    request = new_request(body.member_id, body.offer_id, body.quantity, unix_ms)
    return PlaceHold(request, body.minutes, body.reference, key, language)


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
    """Return the command."""
    bucket = bucket_of(hold_id)
    redemption_id, voucher_id, release_id, expiry_id = uuid7s(4, bucket, unix_ms)
    ids = EndIds(redemption_id, voucher_id, release_id, expiry_id, new_code(bucket))
    return EndHold(member_id, hold_id, how, quantity, reason, ids, key, language)


def _place(command: PlaceHold, batch: PointsContext) -> Outcome:
    request, state = command.request, batch.state
    if request.offer_id not in state.offers or request.member_id not in state.members:
        raise NotFound
    hold_id = request.redemption_id
    placed, expired = place_hold(request, hold_id, command.minutes, command.reference, state, batch.rules, batch.now)
    batch.post(expired)
    if isinstance(placed, list):
        raise RedemptionRefused(placed, command.language)
    terms = placed.terms
    row = (
        bucket_of(request.member_id), hold_id, request.member_id, request.offer_id, terms.revision, terms.partner_id,
        request.quantity, terms.points, terms.slice, terms.windows, terms.voucher_days, bool(terms.codes),
        terms.settlements, placed.reference, placed.deadline,
    )  # fmt: skip
    batch.post(placed.postings)
    batch.record(_PLACED, row)
    batch.count(request.member_id, request.offer_id, terms.windows)
    batch.hold_codes(request.offer_id, terms.codes, hold_id)
    batch.publish(placed.event)
    return ok(_placed_view(placed), 201)


def _placed_view(placed: PlacedHold) -> HoldView:
    request, event = placed.terms.request, placed.event
    return HoldView(
        id=placed.hold_id,
        status=HoldStatus.HELD,
        member_id=request.member_id,
        offer_id=request.offer_id,
        quantity=request.quantity,
        points=placed.terms.points,
        reference=placed.reference,
        held_at=event.held_at,
        deadline=placed.deadline,
        posted_quantity=0,
        redemption=None,
    )


async def _load_holds(work: UnitOfWork, commands: Sequence[EndHold]) -> dict[UUID, Hold]:
    """Return the holds by id, with the lots that they took from and their codes. The wallet's lock guards its holds too."""
    keys = sorted({(bucket_of(one.hold_id), one.hold_id, one.member_id) for one in commands})
    taken: dict[UUID, list[LotPart]] = defaultdict(list)
    for row in await postings_of(work, [key[:2] for key in keys], PointsPostingCode.HOLD):
        taken[row["transaction_id"]].append(LotPart(row["expires_on"], row["points"]))
    codes: dict[UUID, list[PoolCode]] = defaultdict(list)
    rows = await work.fetch(_HOLDS, _MEMBERS_OWN.json(keys))
    if any(row["coded"] for row in rows):
        for row in await work.fetch(_HELD_CODES, [key[1] for key in keys]):
            codes[row["hold_id"]].append(PoolCode(row["seq"], row["code"]))
    return {row["id"]: _hold(row, taken[row["id"]], codes[row["id"]]) for row in rows}


def _hold(row: asyncpg.Record, parts: list[LotPart], codes: list[PoolCode]) -> Hold:
    unused = row["id"]  # the ids of a redemption out of the hold come with its end
    settlements = msgspec.convert(row["settlements"], tuple[SettlementTerms, ...])
    terms = Admitted(
        request=RedemptionRequest(row["member_id"], row["offer_id"], row["quantity"], unused, unused, unused, ""),
        partner_id=row["partner_id"],
        revision=row["revision"],
        points=row["points"],
        slice=row["slice"],
        windows=tuple(row["windows"]),
        codes=tuple(codes),
        voucher_days=row["voucher_days"],
        settlement=settlements[-1],
        settlements=settlements,
    )
    return Hold(row["id"], terms, parts, row["status"], row["reference"], row["held_at"], row["deadline"])


def _sales(found: Mapping[UUID, Hold]) -> list[EarlierSale]:
    terms = [hold.terms for hold in found.values()]
    return [EarlierSale(one.request.member_id, one.request.offer_id, one.slice, one.windows) for one in terms]


_HOLDS_TO_END = EarlierRead(_load_holds, _sales)


def _end(command: EndHold, batch: PointsContext) -> Outcome:
    found = batch.found(_HOLDS_TO_END).get(command.hold_id)
    if found is None:
        raise NotFound
    ended = end_hold(
        found, command.how, command.quantity, command.reason, command.ids, batch.state, batch.rules, batch.now
    )
    event, request = ended.event, found.terms.request
    batch.post(ended.postings)
    batch.record(
        _ENDED,
        (bucket_of(event.member_id), found.id, event.status, event.posted_quantity, event.redemption_id, event.reason),
    )
    batch.count(request.member_id, request.offer_id, found.terms.windows)
    batch.free_codes(request.offer_id, found.terms.codes[event.posted_quantity :])
    batch.publish(event)
    if ended.issued is not None:
        record_issued(ended.issued, batch)
    if event.status == "expired" and command.how != "expire":
        raise HoldEndedAlready(status=HoldStatus.EXPIRED.value)  # it is, from now on; the caller came too late
    return ok(_ended_view(ended))


def _ended_view(ended: EndedHold) -> HoldView:
    hold, event = ended.hold, ended.event
    redemption = None
    if ended.issued is not None:
        view = redemption_view(ended.issued)
        redemption = HoldRedemption(view.id, view.points, view.voucher)
    return HoldView(
        id=hold.id,
        status=HoldStatus(event.status),
        member_id=event.member_id,
        offer_id=event.offer_id,
        quantity=event.quantity,
        points=hold.terms.points,
        reference=hold.reference,
        held_at=hold.held_at,
        deadline=hold.deadline,
        posted_quantity=event.posted_quantity,
        redemption=redemption,
    )


PLACE_HOLD = PointsKind(PlaceHold, _place, request=lambda command: command.request, writes=(_PLACED,))
END_HOLD = PointsKind(EndHold, _end, earlier=_HOLDS_TO_END, writes=(_ENDED,))
