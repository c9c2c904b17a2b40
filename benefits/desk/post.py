"""What a batch did, posted in one statement: everything or nothing."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from benefits.desk.load import DeskState
from benefits.holds.domain import Ended, Placed
from benefits.points import ledger
from benefits.points.domain import Posting
from benefits.points.events import PointsCredited
from benefits.redemptions.cancelling import Cancelled
from benefits.redemptions.domain import Issued, PoolCode
from marketplace.kernel.event import Event
from marketplace.kernel.ids import bucket_of
from marketplace.platform.eventlog.events import WRITE as EVENTS
from marketplace.platform.eventlog.events import event_row
from marketplace.platform.http.idempotency import WRITE as OUTCOMES
from marketplace.platform.http.idempotency import Key, Outcome, outcome_row
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.writes import Write, Writes

_STOCK = Write(
    "stocks",
    "offer_id uuid, slice smallint, initial bigint, remaining bigint, held bigint, sold bigint",
    """UPDATE stock s SET initial = s.initial + d.initial, remaining = s.remaining + d.remaining, held = s.held + d.held,
    sold = s.sold + d.sold FROM {rows}
    WHERE s.offer_id = d.offer_id AND s.slice = d.slice RETURNING 1""",
)

_LIMITS = Write(
    "limits",
    'bucket smallint, member_id uuid, offer_id uuid, "window" text, used int',
    """INSERT INTO limit_used (bucket, member_id, offer_id, "window", used) SELECT * FROM {rows}
    ON CONFLICT (bucket, member_id, offer_id, "window") DO UPDATE SET used = excluded.used""",
)

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

_GIVEN_BACK = Write(
    "given_back",
    "bucket smallint, id uuid",
    """UPDATE voucher v SET status = 'cancelled' FROM {rows}
    WHERE v.bucket = d.bucket AND v.id = d.id AND v.status = 'issued' RETURNING 1""",
)

_EARNINGS = Write(
    "earned",
    "bucket smallint, member_id uuid, reference text, transaction_id uuid, points bigint, kind text, "
    "occurred_at timestamptz, credited_by text",
    """INSERT INTO earning (bucket, member_id, reference, transaction_id, points, kind, occurred_at, credited_by, credited_at)
    SELECT d.*, {now} FROM {rows}""",
)

_HOLDS = Write(
    "placed",
    "bucket smallint, id uuid, member_id uuid, offer_id uuid, revision int, partner_id uuid, quantity int, points bigint, "
    "slice smallint, windows text[], voucher_days int, coded bool, settlement json, reference text, deadline timestamptz",
    """INSERT INTO hold (bucket, id, member_id, offer_id, revision, partner_id, quantity, points, slice, windows,
                      voucher_days, coded, settlement, reference, deadline, status, held_at, posted_quantity, reason)
    SELECT d.*, 'held', {now}, 0, '' FROM {rows}""",
)

# The guard of "exactly one end": only a hold that still stands can have one.
_ENDS = Write(
    "ended",
    "bucket smallint, id uuid, status text, posted int, redemption_id uuid, reason text",
    """UPDATE hold h SET status = d.status, posted_quantity = d.posted, redemption_id = d.redemption_id, reason = d.reason,
    ended_at = {now} FROM {rows}
    WHERE h.bucket = d.bucket AND h.id = d.id AND h.status = 'held' RETURNING 1""",
)

_CODES = Write(
    "codes",
    "offer_id uuid, seq bigint, state text, hold_id uuid, bucket smallint, voucher_id uuid",
    """UPDATE offer_code c SET state = d.state, hold_id = d.hold_id, bucket = d.bucket, voucher_id = d.voucher_id
    FROM {rows}
    WHERE c.offer_id = d.offer_id AND c.seq = d.seq AND c.state <> 'issued' RETURNING 1""",
)


class Effects:
    """What the errands of a batch came to, collected in their order."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.postings: list[Posting] = []
        self.issued: list[Issued] = []
        self.cancelled: list[Cancelled] = []
        self.credited: list[tuple[PointsCredited, str]] = []
        self.placed: list[Placed] = []
        self.ended: list[Ended] = []
        self.events: list[tuple[int, Event]] = []
        self.outcomes: list[tuple[Key, Outcome]] = []
        self._codes: dict[tuple[UUID, int], tuple[str, UUID | None, int | None, UUID | None]] = {}

    def tell(self, member_id: UUID, event: Event) -> None:
        """Publish the fact in its member's bucket."""
        self.events.append((bucket_of(member_id), event))

    def hand_out(self, issued: Issued) -> None:
        """Note whose codes the redemption's are from now on."""
        wish = issued.terms.wish
        for code in issued.terms.codes:
            self._codes[wish.offer_id, code.seq] = ("issued", None, bucket_of(wish.member_id), wish.voucher_id)

    def set_codes(self, offer_id: UUID, codes: Iterable[PoolCode], hold_id: UUID | None) -> None:
        """Note that the codes are held by the hold, or free again."""
        for code in codes:
            self._codes[offer_id, code.seq] = ("free" if hold_id is None else "held", hold_id, None, None)

    async def post(self, work: UnitOfWork, state: DeskState, now: datetime) -> None:
        """Write everything in one statement; what it does not find as it was loaded undoes the batch."""
        writes = Writes(now)
        ledger.post(writes, self.postings, state.members)
        writes.add(_STOCK, _stock_rows(state))
        writes.add(_LIMITS, self._limit_rows(state))
        writes.add(_ISSUED, [_issued_row(one) for one in self.issued])
        self._add_undone(writes)
        writes.add(_EARNINGS, [_earning_row(*one) for one in self.credited])
        writes.add(_HOLDS, [_hold_row(one) for one in self.placed])
        writes.add(_ENDS, [_end_row(one) for one in self.ended])
        writes.add(_CODES, [(*code, *what) for code, what in sorted(self._codes.items())])
        writes.add(EVENTS, [event_row(event, bucket) for bucket, event in self.events])
        writes.add(OUTCOMES, [outcome_row(key, outcome) for key, outcome in self.outcomes])
        await writes.run(work)

    def _add_undone(self, writes: Writes) -> None:
        undone = [(bucket_of(one.redemption.member_id), one) for one in self.cancelled]
        writes.add(_CANCELLED, [(bucket, one.redemption.redemption_id, one.event.reason) for bucket, one in undone])
        writes.add(_GIVEN_BACK, [(bucket, one.redemption.voucher_id) for bucket, one in undone])

    def _limit_rows(self, state: DeskState) -> list[tuple[object, ...]]:
        counted: list[tuple[UUID, UUID, Iterable[str]]] = [
            (terms.wish.member_id, terms.wish.offer_id, terms.windows)
            for terms in (
                *(one.terms for one in self.issued),
                *(one.terms for one in self.placed),
                *(one.hold.terms for one in self.ended),
            )
        ]
        undone = [one.redemption for one in self.cancelled]
        counted += [(one.member_id, one.offer_id, one.windows) for one in undone]
        keys = {(member_id, offer_id, window) for member_id, offer_id, windows in counted for window in windows}
        return [(bucket_of(key[0]), *key, state.used[key]) for key in keys]


def _stock_rows(state: DeskState) -> list[tuple[object, ...]]:
    return [
        (offer_id, number, part.initial_change, part.remaining_change, part.held_change, part.sold_change)
        for offer_id, stock in state.stock.items()
        for number, part in stock.slices.items()
        if part.changed
    ]


def _issued_row(one: Issued) -> tuple[object, ...]:
    wish, terms = one.terms.wish, one.terms
    return (
        bucket_of(wish.member_id), wish.redemption_id, wish.member_id, wish.offer_id, terms.revision, terms.partner_id,
        wish.quantity, terms.points, terms.slice, terms.windows, terms.settlement, wish.voucher_id, wish.code,
        one.expires_at, [code.code for code in terms.codes],
    )  # fmt: skip


def _earning_row(event: PointsCredited, actor: str) -> tuple[object, ...]:
    return (
        bucket_of(event.member_id), event.member_id, event.reference, event.transaction_id, event.points, event.kind,
        event.occurred_at, actor,
    )  # fmt: skip


def _hold_row(one: Placed) -> tuple[object, ...]:
    wish, terms = one.terms.wish, one.terms
    return (
        bucket_of(wish.member_id), one.hold_id, wish.member_id, wish.offer_id, terms.revision, terms.partner_id,
        wish.quantity, terms.points, terms.slice, terms.windows, terms.voucher_days, bool(terms.codes),
        terms.settlement, one.reference, one.deadline,
    )  # fmt: skip


def _end_row(one: Ended) -> tuple[object, ...]:
    event = one.event
    return (
        bucket_of(event.member_id), event.hold_id, event.status, event.posted_quantity, event.redemption_id, event.reason,
    )  # fmt: skip
