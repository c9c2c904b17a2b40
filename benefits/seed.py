"""The demo's members and offers, and their past, through the same use cases as everything later."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec

from benefits.desk.batch import PointsBatch
from benefits.desk.registry import COMMANDS
from benefits.members.resolve import upsert
from benefits.members.schemas import MemberInput
from benefits.offers.cache import OfferCache
from benefits.offers.register import OfferRules, register, take_step
from benefits.offers.schemas import OfferInput
from benefits.points.commands import new_credit
from benefits.points.expire import next_expiry
from benefits.points.schemas import EarningInput
from benefits.redemptions.commands import new_cancel, new_redeem
from benefits.redemptions.counter_batch import CounterBatch
from benefits.redemptions.counter_commands import Use
from benefits.redemptions.expire import expire_vouchers
from benefits.redemptions.schemas import CancellationInput, RedemptionInput, RedemptionView, VoucherUseInput
from benefits.rules import PointsRules
from marketplace.demo.world_things import (
    Cancelled,
    DemoMember,
    DemoOffer,
    Earned,
    Moment,
    PlannedRedemption,
    Used,
    World,
)
from marketplace.platform.eventlog import audit
from marketplace.platform.http.idempotency import Outcome
from marketplace.platform.http.paging import Cursors
from marketplace.platform.packages import SeedContext
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work

ACTOR = "admin:staff-ops"
OEM = "client:demo-oem"

_STEPS: dict[str, tuple[tuple[str, str], ...]] = {
    "draft": (),
    "in_review": (("submit", ""),),
    "live": (("submit", ""), ("approve", "")),
    "paused": (("submit", ""), ("approve", ""), ("pause", "车辆例行检修，下月恢复。")),
    "rejected": (("submit", ""), ("reject", "请补充产品登记编码与风险提示后重新提交。")),
}
"""How an offer came to the state that the world wants it in, with what was said on the way."""


async def seed(context: SeedContext) -> None:
    """Make the world's members and offers, and let its history happen, day by day."""
    world: World = context.world
    whole = len(world.history) + 40
    members = await _members(world.members)
    context.progress("benefits", 10, whole)
    offers = await _offers(context, world.offers)
    context.progress("benefits", 40, whole)
    await _History(context, members, offers).run(world.history, whole)


async def _members(members: Sequence[DemoMember]) -> list[UUID]:
    """Make the members, those of a month together, and return their ids in the given order."""
    together: defaultdict[tuple[int, int], list[DemoMember]] = defaultdict(list)
    for member in members:
        together[member.joined_at.year, member.joined_at.month].append(member)
    ids: dict[str, UUID] = {}
    for group in together.values():
        people = [
            MemberInput(one.subject, one.name, tier=one.tier, phone=one.phone, vehicle=one.vehicle) for one in group
        ]
        async with unit_of_work() as work:
            made = await upsert(work, people, min(one.joined_at for one in group))
        ids |= {result.subject: result.member_id for result in made}
    return [ids[member.subject] for member in members]


async def _offers(context: SeedContext, offers: Sequence[DemoOffer]) -> dict[str, tuple[UUID, UUID]]:
    """Register the offers and take each to its state; return SKU -> (offer id, partner id)."""
    rules = OfferRules(context.settings.calendar, context.settings.currency)
    made = {}
    async with unit_of_work() as work:
        for offer in sorted(offers, key=lambda offer: offer.registered_at):
            partner_id: UUID = context.made[f"partner:{offer.partner}"]
            actor = f"client:demo-{offer.partner}"
            body = offer_body(offer, context.settings.currency)
            offer_id = await register(work, partner_id, body, actor, rules, offer.registered_at)
            for number, (action, reason) in enumerate(_STEPS[offer.state], start=1):
                at = offer.registered_at + timedelta(hours=5 * number)
                await take_step(work, offer_id, action, at, reason=reason)
                if action != "submit":
                    await audit.record(work, ACTOR, f"offer.{action}", str(offer_id), at, reason=reason)
            made[offer.sku] = (offer_id, partner_id)
    return made


def offer_body(offer: DemoOffer, currency: str) -> OfferInput:
    """Return the offer as its partner would send it, with every bound of the wire checked."""
    fields: dict[str, Any] = {
        name: getattr(offer, name)
        for name in (
            "sku",
            "scenario",
            "title",
            "description",
            "terms",
            "stock",
            "per_member",
            "tiers",
            "voucher_days",
            "image",
        )
    }
    fields |= {
        "price": {"points": offer.points, "cash": None},
        "sale": {"starts_at": offer.starts_at, "ends_at": offer.ends_at},
        "settlement_price": {"amount": offer.settlement_minor, "currency": currency},
        "value": {"amount": offer.value_minor, "currency": currency},
    }
    return msgspec.convert(msgspec.to_builtins(fields), OfferInput)


class _History:
    """Lets the world's moments happen, each at its own instant."""

    def __init__(self, context: SeedContext, members: list[UUID], offers: dict[str, tuple[UUID, UUID]]) -> None:
        settings = context.settings
        self.context, self.calendar = context, settings.calendar
        self.members, self.offers = members, offers
        self.points = PointsBatch(COMMANDS, PointsRules.of(settings), OfferCache(), context.clock)
        self.counter = CounterBatch(context.clock, Cursors(settings.keys))
        self.issued: dict[int, tuple[UUID, UUID, RedemptionView]] = {}

    async def run(self, history: Sequence[Moment], whole: int) -> None:
        """Take the moments in order, those of a business day in one unit of work, and let time pass in between."""
        day: list[Moment] = []
        for done, moment in enumerate([*history, None], start=whole - len(history)):
            if day and (moment is None or self.calendar.day_of(moment.at) != self.calendar.day_of(day[0].at)):
                await self._day(day)
                day = []
                self.context.progress("benefits", min(done, whole), whole)
            if moment is not None:
                day.append(moment)

    async def _day(self, moments: Sequence[Moment]) -> None:
        midnight = self.calendar.start_of(self.calendar.day_of(moments[0].at))
        if self.issued:
            await expire_vouchers(midnight)
        if self.calendar.day_of(midnight).day == 1:
            await self._expire_points(midnight)
        async with unit_of_work() as work:
            for moment in moments:
                await self._earn(work, moment.earned, moment.at)
                await self._redeem(work, moment.wanted, moment.at)
                await self._use(work, moment.used, moment.at)
                for one in moment.cancelled:
                    await self._cancel(work, one, moment.at)

    async def _earn(self, work: UnitOfWork, earned: Sequence[Earned], at: datetime) -> None:
        if not earned:
            return
        body = [EarningInput(one.reference, self.members[one.member], one.points, one.kind, at) for one in earned]
        await self.points.run_at(work, [new_credit(body, OEM, int(at.timestamp() * 1000))], at)

    async def _expire_points(self, midnight: datetime) -> None:
        while True:
            expiry = await next_expiry(self.calendar.day_of(midnight), int(midnight.timestamp() * 1000))
            if expiry is None:
                return
            async with unit_of_work() as work:
                await self.points.run_at(work, [expiry], midnight)

    async def _redeem(self, work: UnitOfWork, wanted: Sequence[PlannedRedemption], at: datetime) -> None:
        """Redeem in a batch of the desk's. Who wants more than they have is refused, as anybody would be."""
        if not wanted:
            return
        unix_ms = int(at.timestamp() * 1000)
        commands = []
        for one in wanted:
            body = RedemptionInput(self.offers[one.sku][0], one.quantity)
            commands.append(new_redeem(self.members[one.member], body, uuid4().hex, "zh-CN", unix_ms))
        outcomes = await self.points.run_at(work, commands, at)
        for one, outcome in zip(wanted, outcomes, strict=True):
            if isinstance(outcome, Outcome) and outcome.status == 201:
                view = msgspec.json.decode(outcome.body, type=RedemptionView)
                self.issued[one.number] = (self.members[one.member], self.offers[one.sku][1], view)

    async def _use(self, work: UnitOfWork, used: Sequence[Used], at: datetime) -> None:
        taken = []
        for one in used:
            if one.number in self.issued:
                _, partner_id, view = self.issued.pop(one.number)
                body = VoucherUseInput(code=view.voucher.code, reference=one.reference, location_id=one.place)
                taken.append(Use(partner_id, body, None, "zh-CN"))
        if taken:
            await self.counter.run_at(work, taken, at)

    async def _cancel(self, work: UnitOfWork, one: Cancelled, at: datetime) -> None:
        """Give it back. An installation may allow less time than the world's people take: refused, as for anybody."""
        if one.number in self.issued:
            member_id, _, view = self.issued.pop(one.number)
            body, unix_ms = CancellationInput(reason=one.reason), int(at.timestamp() * 1000)
            command = new_cancel(member_id, view.id, body, uuid4().hex, "zh-CN", unix_ms)
            await self.points.run_at(work, [command], at)
