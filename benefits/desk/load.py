"""What a batch needs to know, loaded set-based and locked in one order: wallets, vouchers to be cancelled, stock, codes."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from benefits.desk.errands import Cancel, Earn, EndHold, PlaceHold, PointsErrand, Redeem
from benefits.holds.domain import Hold
from benefits.offers.cache import VERSIONS, OfferCache
from benefits.offers.domain import OfferTerms
from benefits.offers.stock import OfferStock, Slice
from benefits.points.domain import Account, Code, LotPart, Posting
from benefits.points.ledger import LOCKED_WALLETS, WALLETS, are_as_seen, lock_wallets, member_states, wallet_keys
from benefits.points.schemas import EarningInput
from benefits.redemptions.cancelling import Cancelling
from benefits.redemptions.domain import Admitted, PoolCode, State, Wish
from benefits.redemptions.events import SettlementTerms
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.clock import Clock
from marketplace.kernel.errors import TryAgainError
from marketplace.kernel.ids import bucket_of
from marketplace.platform.http.idempotency import READ as ANSWERED
from marketplace.platform.http.idempotency import Answers
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.reads import NOW, Read, read_all
from marketplace.platform.postgres.rows import Columns

_USED = Read(
    'bucket smallint, member_id uuid, offer_id uuid, "window" text',
    """SELECT ROW(wanted.member_id, wanted.offer_id, wanted."window", found.used)
    FROM {wanted} CROSS JOIN LATERAL (
        SELECT used FROM limit_used u WHERE u.bucket = wanted.bucket AND u.member_id = wanted.member_id
                                        AND u.offer_id = wanted.offer_id AND u."window" = wanted."window" OFFSET 0
    ) AS found""",
)

# Locked in order by this one read, after the wallets: two desks cannot wait for each other.
_STOCK = Read(
    "offer_id uuid, slice smallint",
    """SELECT ROW(s.offer_id, s.slice, s.remaining) FROM {wanted}
    JOIN stock s USING (offer_id, slice) ORDER BY s.offer_id, s.slice FOR UPDATE OF s""",
)

_LEFT = "SELECT offer_id, slice, remaining FROM stock WHERE offer_id = ANY($1::uuid[])"

_CODES = Read(
    "offer_id uuid, units int",
    """SELECT ROW(c.offer_id, c.seq, c.code) FROM {wanted} CROSS JOIN LATERAL (
        SELECT offer_id, seq, code FROM offer_code WHERE offer_id = wanted.offer_id AND state = 'free'
        ORDER BY seq LIMIT wanted.units FOR UPDATE SKIP LOCKED
    ) AS c ORDER BY c.offer_id, c.seq""",
)

_WITH_MEMBER = Columns("bucket smallint, id uuid, member_id uuid")
_TRANSACTIONS = Columns("bucket smallint, transaction_id uuid")

# The voucher is locked as well: a counter takes it without its member's wallet.
_CANCELLING = f"""
SELECT r.id AS redemption_id, r.member_id, r.partner_id, r.offer_id, r.revision, r.quantity, r.points, r.slice, r.windows,
       r.settlement, r.redeemed_at, v.id AS voucher_id, v.code, v.status, v.expires_at, v.partner_codes
FROM {_WITH_MEMBER.table(1, "wanted")}
JOIN redemption r ON r.bucket = wanted.bucket AND r.id = wanted.id AND r.member_id = wanted.member_id
JOIN voucher v ON v.bucket = r.bucket AND v.id = r.voucher_id
"""

_TAKEN = f"""
SELECT p.transaction_id, p.member_id, p.expires_on, p.points, p.counterparty, p.occurred_at
FROM {_TRANSACTIONS.table(1, "wanted")}
JOIN points_posting p USING (bucket, transaction_id) WHERE p.code = $2 ORDER BY p.transaction_id, p.line
"""

_HOLDS = f"""
SELECT h.* FROM {_WITH_MEMBER.table(1, "wanted")}
JOIN hold h USING (bucket, id, member_id)
"""

_HELD_CODES = (
    "SELECT hold_id, seq, code FROM offer_code WHERE hold_id = ANY($1::uuid[]) AND state = 'held' ORDER BY seq"
)

_EARNED = Read(
    "bucket smallint, member_id uuid, reference text",
    """SELECT ROW(wanted.member_id, wanted.reference, found.points, found.kind, found.occurred_at)
    FROM {wanted} CROSS JOIN LATERAL (
        SELECT points, kind, occurred_at FROM earning e
        WHERE e.bucket = wanted.bucket AND e.member_id = wanted.member_id AND e.reference = wanted.reference OFFSET 0
    ) AS found""",
)

_MANY = 48
"""From how many members on a batch locks their wallets first. It may have begun beside another one, and is likely to have members
in common with that: then everything would be read twice.
"""

_ROUNDS = 3
"""How often offers or wallets may change under a batch's eyes before it is taken again from the start."""


class DeskState(State):
    """The state of a batch at the desk, with what can be undone, ended, and was earned before."""

    redemptions: dict[UUID, Cancelling]
    holds: dict[UUID, Hold]
    earned: dict[tuple[UUID, str], EarningInput]


async def load(
    work: UnitOfWork, errands: Sequence[PointsErrand], cache: OfferCache, calendar: Calendar, clock: Clock, number: int
) -> tuple[DeskState, Answers, datetime]:
    """Lock and load what the errands need; return it with what was answered before under their keys, and the batch's instant.

    The instant is the database's. `number` is the desk's own, by which it prefers a slice of the stock.

    The wallets are locked and everything is read in one statement, which sees what was committed before it began (many wallets
    are locked before, and those of members whose redemptions or holds are to be undone). If a wallet
    was changed while its lock was waited for, or the day has changed, or an offer, everything is read again, now under the
    locks: a copy of the same errand at another worker has committed by then or waits for us. (One that was refused changes no
    wallet; its key is unique.) Raises TryAgainError if the slice was emptied while its lock was waited for, or offers change
    without an end.
    """
    member_ids = {member for errand in errands for member in errand.members}
    state = DeskState({}, {}, {}, {}, {}, {}, {}, {})
    locked = len(member_ids) >= _MANY or any(isinstance(errand, Cancel | EndHold) for errand in errands)
    if locked:
        member_ids = await lock_wallets(work, member_ids)
        await _load_undoing(work, errands, state)
    wishes = [errand.wish for errand in errands if isinstance(errand, Redeem | PlaceHold)]
    keys = [errand.key.columns for errand in errands if errand.key is not None]
    offer_ids = {wish.offer_id for wish in wishes}
    wallet_rows = wallet_keys(member_ids)
    now = clock.now()
    for _ in range(_ROUNDS):
        day = calendar.day_of(now)
        state.offers = await cache.remembered(work, offer_ids)
        demand = _demand(wishes, state.offers)
        own = await _sliced(work, demand, state.offers, number)
        wallets, answered, versions, stock, used, codes, earned, (now,) = await read_all(
            work,
            [
                (WALLETS if locked else LOCKED_WALLETS, wallet_rows),
                (ANSWERED, keys),
                (VERSIONS, [(offer_id,) for offer_id in state.offers]),
                (_STOCK, _stock_keys(state, demand, own)),
                (_USED, _limit_keys(wishes, state, calendar, now)),
                (_CODES, [(offer_id, n) for offer_id, n in demand.items() if _has_pool(state.offers[offer_id])]),
                (_EARNED, _references(errands)),
                NOW,
            ],
        )
        now, locked = clock.shifted(now), True
        if not await cache.refresh(work, versions) and calendar.day_of(now) == day and are_as_seen(wallets):
            break
        # Those whose locks are had now. A wallet that has appeared since would be changed without one.
        wallet_rows = wallet_keys(member_id for member_id, *_ in wallets)
    else:
        raise TryAgainError
    state.members = member_states(wallets)
    state.used = {(member_id, offer_id, window): count for member_id, offer_id, window, count in used}
    state.earned = {(row[0], row[1]): EarningInput(row[1], row[0], *row[2:]) for row in earned}
    _fill_codes(state, demand, codes)
    _fill_stock(state, demand, own, stock, number)
    return state, Answers(answered), now


def _has_pool(offer: OfferTerms) -> bool:
    return offer.content.codes == "partner"


async def _load_undoing(work: UnitOfWork, errands: Sequence[PointsErrand], state: DeskState) -> None:
    cancels = [(e.member_id, e.redemption_id) for e in errands if isinstance(e, Cancel)]
    if cancels:
        state.redemptions = await redemptions_to_undo(work, cancels, lock=True)
    ends = sorted({(bucket_of(e.hold_id), e.hold_id, e.member_id) for e in errands if isinstance(e, EndHold)})
    if not ends:
        return
    taken: dict[UUID, list[LotPart]] = defaultdict(list)
    for row in await work.fetch(_TAKEN, _TRANSACTIONS.json([end[:2] for end in ends]), Code.HOLD):
        taken[row["transaction_id"]].append(LotPart(row["expires_on"], row["points"]))
    codes: dict[UUID, list[PoolCode]] = defaultdict(list)
    rows = await work.fetch(_HOLDS, _WITH_MEMBER.json(ends))
    if any(row["coded"] for row in rows):
        for row in await work.fetch(_HELD_CODES, [end[1] for end in ends]):
            codes[row["hold_id"]].append(PoolCode(row["seq"], row["code"]))
    state.holds = {row["id"]: _hold(row, taken[row["id"]], codes[row["id"]]) for row in rows}


async def redemptions_to_undo(
    work: UnitOfWork, wanted: Iterable[tuple[UUID, UUID]], *, lock: bool
) -> dict[UUID, Cancelling]:
    """Return redemptions by (member, redemption) with their voucher and how they were paid; those that do not exist lack."""
    keys = sorted({(bucket_of(member_id), redemption_id, member_id) for member_id, redemption_id in wanted})
    statement = _CANCELLING + (" ORDER BY v.bucket, v.id FOR UPDATE OF v" if lock else "")
    rows = await work.fetch(statement, _WITH_MEMBER.json(keys))
    taken: dict[UUID, list[Posting]] = defaultdict(list)
    for row in await work.fetch(_TAKEN, _TRANSACTIONS.json([key[:2] for key in keys]), Code.REDEMPTION):
        # Back to the wallet, whether it was paid from there or out of a hold.
        posting = Posting(code=Code.REDEMPTION, source=Account.WALLET, destination=Account.PARTNER, **dict(row))
        taken[row["transaction_id"]].append(posting)
    return {
        row["redemption_id"]: msgspec.convert(dict(row) | {"taken": taken[row["redemption_id"]]}, Cancelling)
        for row in rows
    }


def _hold(row: asyncpg.Record, parts: list[LotPart], codes: list[PoolCode]) -> Hold:
    terms = _held_terms(row, codes)
    return Hold(row["id"], terms, parts, row["status"], row["reference"], row["held_at"], row["deadline"])


def _held_terms(row: asyncpg.Record, codes: list[PoolCode]) -> Admitted:
    unused = row["id"]  # what a redemption out of the hold is called is decided with its end
    return Admitted(
        wish=Wish(row["member_id"], row["offer_id"], row["quantity"], unused, unused, unused, ""),
        partner_id=row["partner_id"],
        revision=row["revision"],
        points=row["points"],
        slice=row["slice"],
        windows=tuple(row["windows"]),
        codes=tuple(codes),
        voucher_days=row["voucher_days"],
        settlement=msgspec.convert(row["settlement"], SettlementTerms),
    )


def _demand(wishes: Sequence[Wish], offers: Mapping[UUID, OfferTerms]) -> dict[UUID, int]:
    """Return how many units the batch wants of each offer that has a stock or a pool of codes."""
    demand: dict[UUID, int] = defaultdict(int)
    for wish in wishes:
        offer = offers.get(wish.offer_id)
        if offer is not None and (offer.limited or _has_pool(offer)):
            demand[wish.offer_id] += wish.quantity
    return demand


def _stock_keys(state: DeskState, demand: Mapping[UUID, int], own: Mapping[UUID, int]) -> list[tuple[UUID, int]]:
    """Return the rows of the stock that the batch sells from or gives back to."""
    rows: dict[UUID, set[int]] = defaultdict(set)
    for undone in state.redemptions.values():
        if undone.slice is not None:
            rows[undone.offer_id].add(undone.slice)
    for hold in state.holds.values():
        if hold.terms.slice is not None:
            rows[hold.terms.wish.offer_id].add(hold.terms.slice)
    for offer_id in demand:
        rows[offer_id].update([own[offer_id]] if offer_id in own else range(state.offers[offer_id].slices))
    return [(offer_id, part) for offer_id, parts in rows.items() for part in parts]


async def _sliced(
    work: UnitOfWork, demand: Mapping[UUID, int], offers: Mapping[UUID, OfferTerms], number: int
) -> dict[UUID, int]:
    """Return the offers of which one slice, this desk's own, is enough for the batch; the others are locked whole.

    A look without a lock: if the slice is emptied before it is locked, the batch is taken again.
    """
    several = [offer_id for offer_id in demand if offers[offer_id].slices > 1]
    own = {}
    for row in await work.fetch(_LEFT, several) if several else ():
        offer_id = row["offer_id"]
        if row["slice"] == number % offers[offer_id].slices and row["remaining"] >= 2 * demand[offer_id]:
            own[offer_id] = row["slice"]
    return own


def _fill_stock(
    state: DeskState,
    demand: Mapping[UUID, int],
    own: Mapping[UUID, int],
    rows: Iterable[tuple[UUID, int, int]],
    number: int,
) -> None:
    for offer_id, part, remaining in rows:
        if offer_id not in state.stock:
            slices = state.offers[offer_id].slices if offer_id in demand else 1
            state.stock[offer_id] = OfferStock({}, own.get(offer_id, number % slices), offer_id not in own)
        state.stock[offer_id].slices[part] = Slice(remaining)
    for offer_id, units in demand.items():
        if offer_id in state.stock:
            state.stock[offer_id].prepare(units)


def _fill_codes(state: DeskState, demand: Mapping[UUID, int], rows: Iterable[tuple[UUID, int, str]]) -> None:
    for offer_id in demand:
        if _has_pool(state.offers[offer_id]):
            state.codes[offer_id] = deque()
    for offer_id, seq, code in rows:
        state.codes[offer_id].append(PoolCode(seq, code))


def _limit_keys(
    wishes: Sequence[Wish], state: DeskState, calendar: Calendar, now: datetime
) -> list[tuple[int, UUID, UUID, str]]:
    """Return the windows in which something of this batch counts, or counted."""
    windows: dict[UUID, Iterable[str]] = {
        offer_id: offer.content.windows(calendar, now).keys() for offer_id, offer in state.offers.items()
    }
    counted: list[tuple[UUID, UUID, Iterable[str]]] = [
        *((wish.member_id, wish.offer_id, windows.get(wish.offer_id, ())) for wish in wishes),
        *((undone.member_id, undone.offer_id, undone.windows) for undone in state.redemptions.values()),
        *((h.terms.wish.member_id, h.terms.wish.offer_id, h.terms.windows) for h in state.holds.values()),
    ]
    return list(
        {(bucket_of(member_id), member_id, offer_id, name) for member_id, offer_id, names in counted for name in names}
    )


def _references(errands: Sequence[PointsErrand]) -> list[tuple[int, UUID, str]]:
    return [
        (bucket_of(earning.member_id), earning.member_id, earning.reference)
        for errand in errands
        if isinstance(errand, Earn)
        for earning in errand.earnings
    ]
