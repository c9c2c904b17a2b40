"""Redeem and Cancel: what a member does at the desk."""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from benefits.desk.context import EarlierRead, EarlierSale, PointsContext, PointsKind
from benefits.points.domain import Account, PointsPostingCode, Posting
from benefits.points.ledger import postings_of
from benefits.redemptions.cancel import CancelledRedemption, RedemptionToCancel, decide_cancel
from benefits.redemptions.domain import (
    Issued,
    RedemptionRefused,
    RedemptionRequest,
    RedemptionStatus,
    VoucherStatus,
    decide,
)
from benefits.redemptions.schemas import (
    CancellationInput,
    CancelledView,
    ForfeitedLot,
    RedemptionInput,
    RedemptionView,
    ReturnedLot,
    VoucherRef,
)
from marketplace.kernel.codes import CODE_BITS, new_code
from marketplace.kernel.ids import ID_BITS, bucket_of, uuid7, uuid7_values
from marketplace.kernel.refusals import NotFound
from marketplace.platform.batching.commands import ok
from marketplace.platform.http.idempotency import Key, Outcome, key_for
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.quick_ids import quick, quick_ids
from marketplace.platform.postgres.rows import Columns
from marketplace.platform.postgres.writes import Write

_OPERATION = "POST /v1/redemptions"

_MEMBERS_OWN = Columns("bucket smallint, id uuid, member_id uuid")

# The voucher is locked as well: a counter takes it without its member's wallet.
_TO_CANCEL = f"""
SELECT r.id AS redemption_id, r.member_id, r.partner_id, r.offer_id, r.revision, r.quantity, r.points, r.slice, r.windows,
       r.settlement, r.redeemed_at, v.id AS voucher_id, v.code, v.status, v.expires_at, v.partner_codes
FROM {_MEMBERS_OWN.table(1, "wanted")}
JOIN redemption r ON r.bucket = wanted.bucket AND r.id = wanted.id AND r.member_id = wanted.member_id
JOIN voucher v ON v.bucket = r.bucket AND v.id = r.voucher_id
"""

# A redemption and its voucher: half of their columns are the same.
_ISSUED = Write(
    "issued",
    "bucket smallint, id uuid, member_id uuid, offer_id uuid, revision int, partner_id uuid, quantity int, points bigint, "
    "slice smallint, windows text[], settlement json, voucher_id uuid, code text, expires_at timestamptz, partner_codes text[]",
    """INSERT INTO redemption (bucket, id, member_id, offer_id, revision, partner_id, quantity, points, slice, windows,
                            settlement, status, redeemed_at, reason, voucher_id)
    SELECT d.bucket, d.id, d.member_id, d.offer_id, d.revision, d.partner_id, d.quantity, d.points, d.slice, d.windows,
           d.settlement, 'issued', {now}, '', d.voucher_id FROM {rows}""",
    """INSERT INTO voucher (bucket, id, code, redemption_id, member_id, partner_id, offer_id, revision, quantity, expires_at,
                         partner_codes, status, location_id, reference)
    SELECT d.bucket, d.voucher_id, d.code, d.id, d.member_id, d.partner_id, d.offer_id, d.revision, d.quantity, d.expires_at,
           d.partner_codes, 'issued', '', '' FROM {rows}""",
)

_CANCELLED = Write(
    "cancelled",
    "bucket smallint, id uuid, reason text",
    """UPDATE redemption r SET status = 'cancelled', cancelled_at = {now}, reason = d.reason
    FROM {rows} WHERE r.bucket = d.bucket AND r.id = d.id AND r.status = 'issued' RETURNING 1""",
)

_VOUCHERS_CANCELLED = Write(
    "vouchers_cancelled",
    "bucket smallint, id uuid",
    """UPDATE voucher v SET status = 'cancelled' FROM {rows}
    WHERE v.bucket = d.bucket AND v.id = d.id AND v.status = 'issued' RETURNING 1""",
)


class Redeem(msgspec.Struct, frozen=True):
    """A member redeems points for an offer."""

    request: RedemptionRequest
    key: Key
    language: str

    weight = 1

    @property
    def members(self) -> tuple[UUID, ...]:
        """The member whose wallet pays."""
        return (self.request.member_id,)


class Cancel(msgspec.Struct, frozen=True):
    """A member cancels a redemption. `ids`: of the expiry and of the cancellation."""

    member_id: UUID
    redemption_id: UUID
    reason: str
    ids: tuple[UUID, UUID]
    key: Key
    language: str

    weight = 1

    @property
    def members(self) -> tuple[UUID, ...]:
        """The member whose wallet gets the points back."""
        return (self.member_id,)


def new_request(member_id: UUID, offer_id: UUID, quantity: int, unix_ms: int) -> RedemptionRequest:
    """Return a request with the ids and the code that it will have if it is fulfilled; all carry the member's bucket."""
    bucket = bucket_of(member_id)
    drawn = secrets.randbits(3 * ID_BITS + CODE_BITS)
    redemption_id, voucher_id, expiry_id = quick_ids(uuid7_values(3, bucket, unix_ms, drawn >> CODE_BITS))
    code = new_code(bucket, drawn & (2**CODE_BITS - 1))
    return RedemptionRequest(member_id, quick(offer_id), quantity, redemption_id, voucher_id, expiry_id, code)


def new_redeem(member_id: UUID, body: RedemptionInput, key: str | None, language: str, unix_ms: int) -> Redeem:
    """Return the command. Its outcome is 201 or a refusal, both stored. Raises MissingKey or InvalidField for the key."""
    whole_key = key_for(f"member:{member_id}", key, _OPERATION, body, bucket_of(member_id))
    return Redeem(new_request(member_id, body.offer_id, body.quantity, unix_ms), whole_key, language)


def new_cancel(
    member_id: UUID, redemption_id: UUID, body: CancellationInput, key: str | None, language: str, unix_ms: int
) -> Cancel:
    """Return the command. A key means the same on a page and over the API. Raises MissingKey or InvalidField for the key."""
    bucket = bucket_of(member_id)
    whole_key = key_for(f"member:{member_id}", key, f"{_OPERATION}/{redemption_id}/cancel", body, bucket)
    ids = (uuid7(bucket, unix_ms), uuid7(bucket, unix_ms))
    return Cancel(member_id, redemption_id, body.reason, ids, whole_key, language)


def _redeem(command: Redeem, batch: PointsContext) -> Outcome:
    request, state = command.request, batch.state
    if request.offer_id not in state.offers or request.member_id not in state.members:
        raise NotFound
    decision = decide(request, state, batch.rules.calendar, batch.now)
    batch.post(decision.expired)
    if decision.issued is None:
        raise RedemptionRefused(decision.reasons, command.language)
    batch.post(decision.issued.postings)
    record_issued(decision.issued, batch)
    return ok(redemption_view(decision.issued), 201)


def record_issued(issued: Issued, batch: PointsContext) -> None:
    """Have the redemption written with its voucher, codes and limits, and published. Its postings are the caller's."""
    request, terms = issued.terms.request, issued.terms
    row = (
        bucket_of(request.member_id), request.redemption_id, request.member_id, request.offer_id, terms.revision,
        terms.partner_id, request.quantity, terms.points, terms.slice, terms.windows, terms.settlement, request.voucher_id,
        request.code, issued.expires_at, [code.code for code in terms.codes],
    )  # fmt: skip
    batch.record(_ISSUED, row)
    batch.count(request.member_id, request.offer_id, terms.windows)
    batch.issue_codes(request.offer_id, terms.codes, request.voucher_id)
    batch.publish(issued.event)


def redemption_view(issued: Issued) -> RedemptionView:
    """Return a fresh redemption as the API shows it."""
    request, terms = issued.terms.request, issued.terms
    return RedemptionView(
        id=request.redemption_id,
        status=RedemptionStatus.ISSUED,
        offer_id=request.offer_id,
        revision=terms.revision,
        quantity=request.quantity,
        points=terms.points,
        cash=None,
        redeemed_at=issued.event.issued_at,
        voucher=VoucherRef(
            request.voucher_id,
            request.code,
            VoucherStatus.ISSUED,
            issued.expires_at,
            [code.code for code in terms.codes],
        ),
    )


async def redemptions_to_cancel(
    work: UnitOfWork, wanted: Iterable[tuple[UUID, UUID]], *, lock: bool
) -> dict[UUID, RedemptionToCancel]:
    """Look up by (member, redemption) and return by redemption id, with voucher and payment; missing ones are left out."""
    keys = sorted({(bucket_of(member_id), redemption_id, member_id) for member_id, redemption_id in wanted})
    statement = _TO_CANCEL + (" ORDER BY v.bucket, v.id FOR UPDATE OF v" if lock else "")
    rows = await work.fetch(statement, _MEMBERS_OWN.json(keys))
    taken: dict[UUID, list[Posting]] = defaultdict(list)
    for row in await postings_of(work, [key[:2] for key in keys], PointsPostingCode.REDEMPTION):
        # Back to the wallet, whether it was paid from there or out of a hold.
        posting = Posting(
            code=PointsPostingCode.REDEMPTION, source=Account.WALLET, destination=Account.PARTNER, **dict(row)
        )
        taken[row["transaction_id"]].append(posting)
    return {
        row["redemption_id"]: msgspec.convert(dict(row) | {"taken": taken[row["redemption_id"]]}, RedemptionToCancel)
        for row in rows
    }


async def _load_to_cancel(work: UnitOfWork, commands: Sequence[Cancel]) -> dict[UUID, RedemptionToCancel]:
    return await redemptions_to_cancel(work, [(one.member_id, one.redemption_id) for one in commands], lock=True)


def _sales(found: Mapping[UUID, RedemptionToCancel]) -> list[EarlierSale]:
    return [EarlierSale(one.member_id, one.offer_id, one.slice, one.windows) for one in found.values()]


_REDEMPTIONS = EarlierRead(_load_to_cancel, _sales)


def _cancel(command: Cancel, batch: PointsContext) -> Outcome:
    found = batch.found(_REDEMPTIONS).get(command.redemption_id)
    if found is None or found.member_id != command.member_id or command.member_id not in batch.state.members:
        raise NotFound
    cancelled = decide_cancel(found, batch.state, command.reason, command.ids, batch.rules, batch.now)
    bucket = bucket_of(found.member_id)
    batch.post([*cancelled.expired, *cancelled.postings])
    batch.record(_CANCELLED, (bucket, found.redemption_id, cancelled.event.reason))
    batch.record(_VOUCHERS_CANCELLED, (bucket, found.voucher_id))
    batch.count(found.member_id, found.offer_id, found.windows)
    batch.publish(cancelled.event)
    return ok(cancelled_view(cancelled))


def cancelled_view(cancelled: CancelledRedemption) -> CancelledView:
    """Return a cancelled redemption with what came back."""
    case = cancelled.redemption
    return CancelledView(
        id=case.redemption_id,
        status=RedemptionStatus.CANCELLED,
        offer_id=case.offer_id,
        revision=case.revision,
        quantity=case.quantity,
        points=case.points,
        cash=None,
        redeemed_at=case.redeemed_at,
        voucher=VoucherRef(case.voucher_id, case.code, VoucherStatus.CANCELLED, case.expires_at, []),
        points_returned=cancelled.event.points_returned,
        points_forfeited=cancelled.event.points_forfeited,
        returned_lots=[
            ReturnedLot(came.points, came.expires_on, "original" if came.expires_on == taken.expires_on else "restored")
            for taken, came in cancelled.back
        ],
        forfeited_lots=[ForfeitedLot(gone.points, gone.expires_on) for gone in cancelled.forfeited],
    )


REDEEM = PointsKind(Redeem, _redeem, request=lambda command: command.request, writes=(_ISSUED,))
CANCEL = PointsKind(Cancel, _cancel, earlier=_REDEMPTIONS, writes=(_CANCELLED, _VOUCHERS_CANCELLED))
