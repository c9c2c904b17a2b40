"""Small worlds for tests: a partner with a contract, members with points, live offers; made through the use cases."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec

from benefits.desk.batch import PointsBatch
from benefits.desk.context import PointsCommand
from benefits.desk.registry import COMMANDS
from benefits.invariants import ALL
from benefits.members.resolve import upsert
from benefits.members.schemas import MemberInput
from benefits.offers.cache import OfferCache
from benefits.offers.register import OfferRules, register, take_step
from benefits.offers.schemas import OfferInput
from benefits.points.commands import new_credit
from benefits.points.schemas import EarningInput, EarningResult, EarningResults
from benefits.redemptions.commands import Redeem, new_redeem
from benefits.redemptions.schemas import RedemptionInput
from benefits.rules import PointsRules
from benefits.settings import BenefitsSettings
from marketplace.kernel.clock import Clock
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.http.idempotency import Outcome
from marketplace.platform.invariants.checks import Invariant
from marketplace.platform.postgres.database import unit_of_work
from marketplace.settings import Settings
from tests.support.partner_fixtures import active_partner


class World:
    """One partner, and as many members and offers as a test asks for."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.calendar = settings.calendar
        self.rules = PointsRules.of(settings)
        self.offer_rules = OfferRules(self.calendar, settings.currency, settings.of(BenefitsSettings).stock_slices)
        self.partner_id: UUID

    async def open(self, **contract: Any) -> "World":
        """Make the partner, with a contract in force since last year."""
        self.partner_id = await active_partner(self.settings, self.now, **contract)
        return self

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def members(self, count: int, points: int = 0, tier: str = "standard") -> list[UUID]:
        """Make members, each with the points in one earning of this month."""
        people = [
            MemberInput(subject=f"s-{uuid4().hex}", name=f"M{n}", tier=tier)  # type: ignore[arg-type]
            for n in range(count)
        ]
        async with unit_of_work() as work:
            ids = [result.member_id for result in await upsert(work, people, self.now)]
        if points:
            await self.earn([(member_id, points) for member_id in ids])
        return ids

    async def earn(
        self, earnings: Sequence[tuple[UUID, int]], occurred_at: datetime | None = None, reference: str | None = None
    ) -> list[EarningResult]:
        """Credit points, each under a reference of its own unless one is given."""
        wanted = [
            EarningInput(
                reference=reference or uuid4().hex,
                member_id=member_id,
                points=points,
                kind="service",
                occurred_at=occurred_at or self.now,
            )
            for member_id, points in earnings
        ]
        async with unit_of_work() as work:
            command = new_credit(wanted, "oem:test", self.clock.unix_ms())
            (outcome,) = await self.batch().run_at(work, [command], self.now)
        assert isinstance(outcome, Outcome)
        return msgspec.json.decode(outcome.body, type=EarningResults).results

    async def offer(self, *, live: bool = True, points: int = 100, **fields: Any) -> UUID:
        """Register an offer and put it on sale."""
        body = msgspec.convert(offer_json(points=points, **fields), OfferInput)
        async with unit_of_work() as work:
            offer_id = await register(work, self.partner_id, body, "partner:test", self.offer_rules, self.now)
            if live:
                await take_step(work, offer_id, "submit", self.now)
                await take_step(work, offer_id, "approve", self.now)
        return offer_id

    def batch(self, number: int = 0) -> PointsBatch:
        """How a worker of that number decides batches, with a cache of its own."""
        return PointsBatch(COMMANDS, self.rules, OfferCache(), self.clock, number)

    def desk(self, batch: int = 256, number: int = 0) -> BatchExecutor[PointsCommand]:
        """A desk of its own, as a worker of that number has it."""
        return BatchExecutor("points", self.batch(number).decide, batch=batch, queue=100_000)

    def request(self, member_id: UUID, offer_id: UUID, quantity: int = 1, key: str | None = None) -> Redeem:
        """A redemption for the desk."""
        body = RedemptionInput(offer_id=offer_id, quantity=quantity)
        return new_redeem(member_id, body, key or uuid4().hex, "en", self.clock.unix_ms())


def offer_json(*, points: int = 100, **fields: Any) -> dict[str, Any]:
    """A good offer, as JSON values."""
    return {
        "sku": f"SKU-{uuid4().hex[:12]}",
        "scenario": "lodging",
        "title": {"zh-CN": "汉庭酒店一晚", "en": "One night at Hanting Hotel"},
        "description": {"zh-CN": "标准间。", "en": "A standard room."},
        "terms": {"zh-CN": "提前一天预订。", "en": "Book a day ahead."},
        "price": {"points": points, "cash": None},
        "sale": {"starts_at": "2020-01-01T00:00:00+00:00", "ends_at": None},
        "voucher_days": 30,
        "stock": None,
    } | fields


async def breaches(invariants: Sequence[Invariant] = ALL) -> dict[str, list[Any]]:
    """Every invariant, of points and stock if no others are given, that does not hold now, with its breaches."""
    found: dict[str, list[Any]] = {}
    for invariant in invariants:
        async with unit_of_work("REPEATABLE READ") as work:
            looked = await invariant.inspect(work.fetch, invariant.cut.everything)
        if looked.broken:
            found[invariant.name] = list(looked.breaches)
    return found


LAST_YEAR = date(2025, 1, 1)
