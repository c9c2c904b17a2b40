"""A batch of commands that move points: lock and load, decide in order of arrival, write; one statement in and one out."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request

from benefits.desk.context import EarlierSale, PointsCommand, PointsContext, PointsKind
from benefits.offers.cache import VERSIONS, OfferCache
from benefits.offers.domain import OfferTerms
from benefits.offers.stock_rows import CODES, STOCK, own_slices, stock_of
from benefits.points.ledger import LOCKED_WALLETS, WALLETS, are_as_seen, lock_wallets, member_states, wallet_keys
from benefits.redemptions.domain import PoolCode, RedemptionRequest, State
from benefits.redemptions.limits import LIMITS
from benefits.rules import PointsRules
from benefits.services import BenefitsServices
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.clock import Clock, FixedClock
from marketplace.kernel.errors import TryAgainError
from marketplace.kernel.ids import bucket_of
from marketplace.kernel.refusals import Refusal
from marketplace.platform.batching.commands import Registry, Source, handle_all
from marketplace.platform.batching.executor import BatchExecutor, Decided
from marketplace.platform.http.idempotency import READ as ANSWERED
from marketplace.platform.http.idempotency import Answers, Outcome
from marketplace.platform.postgres.database import UnitOfWork

_MANY = 48
"""From how many members on a batch locks their wallets first. It may have begun beside another one, and is likely to have members
in common with that: then everything would be read twice.
"""

_ROUNDS = 3
"""How often offers or wallets may change while a batch loads them before it is taken again from the start."""


def points_desk(request: Request[Any, Any, Any]) -> BatchExecutor[PointsCommand]:
    """Return the process's desk of points.

    Read from the application and not by dependency injection: the framework resolves several dependencies of one handler
    in a task group, which costs as much as the rest of its work (docs/performance.md).
    """
    return BenefitsServices.of(request).points_desk


class PointsBatch(msgspec.Struct, frozen=True):
    """How a batch is decided; `number` is this process's, by which it prefers a slice of a hot offer's stock."""

    registry: Registry[PointsKind[Any]]
    rules: PointsRules
    cache: OfferCache
    clock: Clock
    number: int = 0

    async def decide(self, work: UnitOfWork, commands: Sequence[PointsCommand]) -> Decided:
        """Decide the commands in their order: an outcome, or a refusal to raise, for each, and how to write it."""
        context, answers = await _load(self, work, commands)
        results = handle_all(self.registry, commands, context, answers)
        return Decided(results, lambda: context.write(work))

    async def run_at(
        self, work: UnitOfWork, commands: Sequence[PointsCommand], at: datetime
    ) -> Sequence[Outcome | Refusal]:
        """Decide and write in this unit of work as if it were that instant: for grants, the demo's past, and tests."""
        batch = msgspec.structs.replace(self, clock=FixedClock(at))
        decided = await batch.decide(work, commands)
        await decided.write()
        return decided.results


async def _load(
    batch: PointsBatch, work: UnitOfWork, commands: Sequence[PointsCommand]
) -> tuple[PointsContext, Answers]:
    """Lock and load what the commands need; return it with what was answered before under their keys.

    The context's instant is the database's. One statement locks the wallets and reads everything; it sees what was committed
    before it began. (Many wallets, and those of commands with an earlier read, are locked by a statement of their own first.)
    Everything is read again, under the locks, if one of these changed while a lock was waited for: a wallet, the day, an
    offer. That is safe for a copy of the same command at another worker: it has committed by then, or it waits for us; a
    refused copy changed no wallet, and its key is unique. Raises TryAgainError if a stock slice was emptied while its lock
    was waited for, or if offers change in every round.
    """
    groups, cache, calendar = batch.registry.grouped(commands), batch.cache, batch.rules.calendar
    member_ids = {member for command in commands for member in command.members}
    earlier = [(kind.earlier, own) for kind, own in groups if kind.earlier is not None]
    found: dict[Source[Any], Any] = {}
    sales: list[EarlierSale] = []
    locked = len(member_ids) >= _MANY or bool(earlier)
    if locked:
        member_ids = await lock_wallets(work, member_ids)
        for source, own in earlier:
            found[source] = await source.load(work, own)
            sales += source.sales(found[source])
    requests = [kind.request(command) for kind, own in groups if kind.request is not None for command in own]
    own_reads = [(read, read.keys(own)) for kind, own in groups for read in kind.reads]
    keys = [command.key.columns for command in commands if command.key is not None]
    offer_ids = {request.offer_id for request in requests}
    wallet_rows = wallet_keys(member_ids)
    now = batch.clock.now()
    for _ in range(_ROUNDS):
        day = calendar.day_of(now)
        offers = await cache.remembered(work, offer_ids)
        demand = _demand(requests, offers)
        slices = await own_slices(work, demand, offers, batch.number)
        wallets = WALLETS if locked else LOCKED_WALLETS
        rows, at = await batch.registry.read(
            work,
            [
                (wallets, wallet_rows),
                (STOCK, _stock_keys(sales, offers, demand, slices)),
                (CODES, [(offer_id, units) for offer_id, units in demand.items() if offers[offer_id].has_pool]),
                (ANSWERED, keys),
                (VERSIONS, [(offer_id,) for offer_id in offers]),
                (LIMITS, _limit_keys(requests, sales, offers, calendar, now)),
                *((own.read, own_keys) for own, own_keys in own_reads),
            ],
        )
        now, locked = batch.clock.shifted(at), True
        fresh = not await cache.refresh(work, rows[VERSIONS])
        if fresh and calendar.day_of(now) == day and are_as_seen(rows[wallets]):
            break
        # Keep only the locked wallets: one that was created after the first read is not locked.
        wallet_rows = wallet_keys(member_id for member_id, *_ in rows[wallets])
    else:
        raise TryAgainError
    state = State(
        members=member_states(rows[wallets]),
        offers=offers,
        stock=stock_of(rows[STOCK], demand, slices, offers, batch.number),
        used={(member_id, offer_id, window): count for member_id, offer_id, window, count in rows[LIMITS]},
        codes=_codes(rows[CODES], demand, offers),
    )
    found |= {own: own.collect(rows[own.read]) for own, _ in own_reads}
    return PointsContext(batch.registry, state, batch.rules, now, found), Answers(rows[ANSWERED])


def _demand(requests: Sequence[RedemptionRequest], offers: Mapping[UUID, OfferTerms]) -> dict[UUID, int]:
    """Return how many units the batch wants of each offer that has a stock or a pool of codes."""
    demand: dict[UUID, int] = defaultdict(int)
    for request in requests:
        offer = offers.get(request.offer_id)
        if offer is not None and (offer.limited or offer.has_pool):
            demand[request.offer_id] += request.quantity
    return demand


def _stock_keys(
    sales: Sequence[EarlierSale],
    offers: Mapping[UUID, OfferTerms],
    demand: Mapping[UUID, int],
    own: Mapping[UUID, int],
) -> list[tuple[UUID, int]]:
    """Return the rows of the stock that the batch sells from or gives back to."""
    rows: dict[UUID, set[int]] = defaultdict(set)
    for sale in sales:
        if sale.slice is not None:
            rows[sale.offer_id].add(sale.slice)
    for offer_id in demand:
        rows[offer_id].update([own[offer_id]] if offer_id in own else range(offers[offer_id].slices))
    return [(offer_id, part) for offer_id, parts in rows.items() for part in parts]


def _limit_keys(
    requests: Sequence[RedemptionRequest],
    sales: Sequence[EarlierSale],
    offers: Mapping[UUID, OfferTerms],
    calendar: Calendar,
    now: datetime,
) -> list[tuple[int, UUID, UUID, str]]:
    """Return the windows in which something of this batch counts, or counted."""
    windows: dict[UUID, Iterable[str]] = {
        offer_id: offer.content.windows(calendar, now).keys() for offer_id, offer in offers.items()
    }
    counted: list[tuple[UUID, UUID, Iterable[str]]] = [
        *((request.member_id, request.offer_id, windows.get(request.offer_id, ())) for request in requests),
        *((sale.member_id, sale.offer_id, sale.windows) for sale in sales),
    ]
    return list(
        {(bucket_of(member_id), member_id, offer_id, name) for member_id, offer_id, names in counted for name in names}
    )


def _codes(
    rows: Iterable[tuple[UUID, int, str]], demand: Mapping[UUID, int], offers: Mapping[UUID, OfferTerms]
) -> dict[UUID, deque[PoolCode]]:
    codes: dict[UUID, deque[PoolCode]] = {offer_id: deque() for offer_id in demand if offers[offer_id].has_pool}
    for offer_id, seq, code in rows:
        codes[offer_id].append(PoolCode(seq, code))
    return codes
