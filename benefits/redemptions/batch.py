"""A batch of wishes in one unit of work: load and lock, decide in order of arrival, post in a few statements."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from benefits.offers.cache import OfferCache
from benefits.points.domain import Posting
from benefits.points.ledger import lock_members, post
from benefits.redemptions.domain import Issued, Refused, State, StockState, Wish, decide
from benefits.redemptions.schemas import RedemptionView, VoucherRef
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.clock import Clock
from marketplace.kernel.facts import Fact, NotFound
from marketplace.kernel.ids import bucket_of
from marketplace.platform.database import UnitOfWork, columns
from marketplace.platform.events import INSERT as INSERT_EVENTS
from marketplace.platform.events import event_row
from marketplace.platform.idempotency import Key, KeyReused, Outcome, settle
from marketplace.platform.problems import problem_body, status_of

_KEYS = """
SELECT i.bucket, i.caller, i.key, i.fingerprint, i.status, i.body
FROM unnest($1::smallint[], $2::text[], $3::text[]) AS wanted (bucket, caller, key)
JOIN idempotency i USING (bucket, caller, key)
"""

_USED = """
SELECT u.member_id, u.offer_id, u.used
FROM unnest($1::smallint[], $2::uuid[], $3::uuid[]) AS wanted (bucket, member_id, offer_id)
JOIN limit_used u ON u.bucket = wanted.bucket AND u.member_id = wanted.member_id AND u.offer_id = wanted.offer_id
                 AND u."window" = 'ever'
"""

_STOCK = (
    "SELECT offer_id, slice, remaining FROM stock WHERE offer_id = ANY($1::uuid[]) ORDER BY offer_id, slice FOR UPDATE"
)

_POST = """
WITH sold AS (
    UPDATE stock s SET remaining = s.remaining - d.taken, sold = s.sold + d.taken
    FROM unnest($1::uuid[], $2::smallint[], $3::bigint[]) AS d (offer_id, slice, taken)
    WHERE s.offer_id = d.offer_id AND s.slice = d.slice AND s.remaining >= d.taken RETURNING 1
), limits AS (
    INSERT INTO limit_used (bucket, member_id, offer_id, "window", used)
    SELECT b, m, o, 'ever', u FROM unnest($4::smallint[], $5::uuid[], $6::uuid[], $7::int[]) AS d (b, m, o, u)
    ON CONFLICT (bucket, member_id, offer_id, "window") DO UPDATE SET used = excluded.used
), redeemed AS (
    INSERT INTO redemption (bucket, id, member_id, offer_id, revision, partner_id, quantity, points, slice, settlement,
                            status, redeemed_at, reason)
    SELECT b, i, m, o, r, p, q, n, s, t, 'issued', $32::timestamptz, ''
    FROM unnest($8::smallint[], $9::uuid[], $10::uuid[], $11::uuid[], $12::int[], $13::uuid[], $14::int[], $15::bigint[],
                $16::smallint[], $17::jsonb[]) AS d (b, i, m, o, r, p, q, n, s, t)
), vouchers AS (
    INSERT INTO voucher (bucket, id, code, redemption_id, member_id, partner_id, offer_id, revision, quantity, status,
                         expires_at, location_id, reference)
    SELECT b, i, c, r, m, p, o, v, q, 'issued', e, '', ''
    FROM unnest($18::smallint[], $19::uuid[], $20::text[], $21::uuid[], $22::uuid[], $23::uuid[], $24::uuid[], $25::int[],
                $26::int[], $27::timestamptz[]) AS d (b, i, c, r, m, p, o, v, q, e)
), outcomes AS (
    INSERT INTO idempotency (bucket, caller, key, fingerprint, status, body, created_at)
    SELECT b, c, k, f, s, y, $32
    FROM unnest($28::smallint[], $29::text[], $30::text[], $31::bytea[], $33::smallint[], $34::bytea[]) AS d (b, c, k, f, s, y)
)
SELECT count(*) FROM sold
"""


class Request(msgspec.Struct, frozen=True):
    """A wish with its idempotency key and the language of its caller."""

    wish: Wish
    key: Key
    language: str


class StockMismatchError(RuntimeError):
    """The stock's row gave less than was loaded under its lock; the transaction must not commit."""


class Answers(msgspec.Struct):
    """What the batch has answered so far, by key: a copy of a request in the same batch is a replay like any other."""

    outcomes: dict[tuple[str, str], tuple[bytes, Outcome]]

    def known(self, key: Key) -> Outcome | Fact | None:
        """Return the earlier answer as a replay, the refusal of a reused key, or None for a new key."""
        found = self.outcomes.get((key.caller, key.key))
        if found is None:
            return None
        try:
            return settle(found[0], found[1], key.fingerprint)
        except KeyReused as refusal:
            return refusal


async def redeem_batch(
    work: UnitOfWork, requests: Sequence[Request], cache: OfferCache, calendar: Calendar, clock: Clock
) -> list[Outcome | Fact]:
    """Decide the requests in order and post what was decided; return an outcome, or a fact to raise, for each.

    Locks in one order: wallets by id, then stock by offer. Keys are looked up after the wallets are locked, so a copy
    of the same request at another worker has either committed by then or waits for us.
    """
    state, database_now = await _load(work, requests, cache)
    now = clock.shifted(database_now)
    answers = await _earlier_answers(work, requests)
    issued: list[Issued] = []
    postings, fresh, results = [], [], []
    for request in requests:
        earlier = answers.known(request.key)
        if earlier is not None:
            results.append(earlier)
            continue
        outcome, verdict_postings, fulfilled = _decide(request, state, calendar, now)
        postings += verdict_postings
        if fulfilled is not None:
            issued.append(fulfilled)
        answers.outcomes[request.key.caller, request.key.key] = (request.key.fingerprint, outcome)
        fresh.append((request.key, outcome))
        results.append(outcome)
    if fresh:
        wallets = {member_id: member.wallet for member_id, member in state.members.items()}
        await post(work, postings, wallets)
        await _post(work, issued, fresh, state, now)
    return results


def _decide(
    request: Request, state: State, calendar: Calendar, now: datetime
) -> tuple[Outcome, list[Posting], Issued | None]:
    wish = request.wish
    if wish.offer_id not in state.offers or wish.member_id not in state.members:
        return refusal_outcome(NotFound(), request.language), [], None
    verdict = decide(wish, state, calendar, now)
    if verdict.issued is None:
        return refusal_outcome(Refused(verdict.reasons, request.language), request.language), [*verdict.swept], None
    issued = verdict.issued
    body = msgspec.json.encode(redemption_view(issued))
    return Outcome(201, body), [*verdict.swept, *issued.postings], issued


def refusal_outcome(fact: Fact, language: str) -> Outcome:
    """Return the stored answer of a refusal."""
    return Outcome(status_of(fact), msgspec.json.encode(problem_body(fact, language)))


def redemption_view(issued: Issued) -> RedemptionView:
    """Return a fresh redemption as the API shows it."""
    wish = issued.wish
    return RedemptionView(
        id=wish.redemption_id,
        status="issued",
        offer_id=wish.offer_id,
        revision=issued.revision,
        quantity=wish.quantity,
        points=issued.points,
        cash=None,
        redeemed_at=issued.event.issued_at,
        voucher=VoucherRef(wish.voucher_id, wish.code, "issued", issued.expires_at),
    )


async def _load(work: UnitOfWork, requests: Sequence[Request], cache: OfferCache) -> tuple[State, datetime]:
    members, now = await lock_members(work, [request.wish.member_id for request in requests])
    offers = await cache.terms(work, [request.wish.offer_id for request in requests])
    limited = sorted(offer_id for offer_id, offer in offers.items() if offer.limited)
    stock = {}
    if limited:
        for row in await work.fetch(_STOCK, limited):
            stock[row["offer_id"]] = StockState(row["slice"], row["remaining"])
    return State(members, offers, stock, await _used(work, requests, offers.keys())), now


async def _used(
    work: UnitOfWork, requests: Sequence[Request], offers: Collection[UUID]
) -> dict[tuple[UUID, UUID], int]:
    wanted = [
        (bucket_of(request.wish.member_id), request.wish.member_id, request.wish.offer_id)
        for request in requests
        if request.wish.offer_id in offers
    ]
    rows = await work.fetch(_USED, *columns(wanted, 3))
    return {(row["member_id"], row["offer_id"]): row["used"] for row in rows}


async def _earlier_answers(work: UnitOfWork, requests: Sequence[Request]) -> Answers:
    keys = [(request.key.bucket, request.key.caller, request.key.key) for request in requests]
    rows = await work.fetch(_KEYS, *columns(keys, 3))
    return Answers(
        {(row["caller"], row["key"]): (row["fingerprint"], Outcome(row["status"], row["body"])) for row in rows}
    )


async def _post(
    work: UnitOfWork, issued: Sequence[Issued], fresh: Sequence[tuple[Key, Outcome]], state: State, now: datetime
) -> None:
    sold = sorted((offer_id, stock.slice, stock.taken) for offer_id, stock in state.stock.items() if stock.taken)
    limits = {
        (bucket_of(i.wish.member_id), i.wish.member_id, i.wish.offer_id): state.used[i.wish.member_id, i.wish.offer_id]
        for i in issued
    }
    keys = [(key.bucket, key.caller, key.key, key.fingerprint) for key, _ in fresh]
    count = await work.fetchval(
        _POST,
        *columns(sold, 3),
        *columns([(*who, used) for who, used in limits.items()], 4),
        *columns([_redemption_row(one) for one in issued], 10),
        *columns([_voucher_row(one) for one in issued], 10),
        *columns(keys, 4),
        now,
        [outcome.status for _, outcome in fresh],
        [outcome.body for _, outcome in fresh],
    )
    if count != len(sold):
        raise StockMismatchError(f"{len(sold)} stocks were to change, {count} did")
    if issued:
        rows = [event_row(one.event, now, bucket_of(one.wish.member_id)) for one in issued]
        await work.execute(INSERT_EVENTS, *columns(rows, 6))


def _redemption_row(one: Issued) -> tuple[object, ...]:
    wish = one.wish
    return (
        bucket_of(wish.member_id), wish.redemption_id, wish.member_id, wish.offer_id, one.revision, one.partner_id,
        wish.quantity, one.points, one.slice, msgspec.to_builtins(one.settlement),
    )  # fmt: skip


def _voucher_row(one: Issued) -> tuple[object, ...]:
    wish = one.wish
    return (
        bucket_of(wish.member_id), wish.voucher_id, wish.code, wish.redemption_id, wish.member_id, one.partner_id,
        wish.offer_id, one.revision, wish.quantity, one.expires_at,
    )  # fmt: skip
