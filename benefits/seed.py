"""The demo's members and offers, and their past, through the same use cases as everything later."""

import contextlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec

from benefits.members.resolve import upsert
from benefits.members.schemas import MemberIn
from benefits.offers.cache import OfferCache
from benefits.offers.register import Rules as OfferRules
from benefits.offers.register import register, take_step
from benefits.offers.schemas import OfferIn
from benefits.points.credit import Rules as PointsRules
from benefits.points.credit import credit
from benefits.points.expire import expire_points
from benefits.points.schemas import EarningIn
from benefits.redemptions.batch import redeem_batch
from benefits.redemptions.cancel import CancelWindowOver, cancel
from benefits.redemptions.cancel import Rules as CancelRules
from benefits.redemptions.expire import expire_vouchers
from benefits.redemptions.redeem import new_request
from benefits.redemptions.schemas import RedemptionIn, RedemptionView, UseIn
from benefits.redemptions.use_many import Taken, use_many
from marketplace.demo.world_things import Cancelled, DemoMember, DemoOffer, Earned, Moment, Used, Wanted, World
from marketplace.kernel.clock import Clock
from marketplace.platform import audit
from marketplace.platform.database import UnitOfWork, unit_of_work
from marketplace.platform.idempotency import Outcome
from marketplace.platform.package import SeedContext

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


class Past(Clock):
    """A clock that stands at an instant: the past happens when the world says, not when it is written down."""

    def __init__(self, at: datetime) -> None:
        """Stand at the instant."""
        super().__init__()
        self.at = at

    def now(self) -> datetime:
        """Return the instant."""
        return self.at

    def shifted(self, database_time: datetime) -> datetime:  # noqa: ARG002 - that is the point
        """Return the instant, whatever the database's clock says."""
        return self.at


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
        people = [MemberIn(one.subject, one.name, tier=one.tier, phone=one.phone, vehicle=one.vehicle) for one in group]
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


def offer_body(offer: DemoOffer, currency: str) -> OfferIn:
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
    return msgspec.convert(msgspec.to_builtins(fields), OfferIn)


class _History:
    """Lets the world's moments happen, each at its own instant."""

    def __init__(self, context: SeedContext, members: list[UUID], offers: dict[str, tuple[UUID, UUID]]) -> None:
        settings = context.settings
        self.context, self.calendar = context, settings.calendar
        self.members, self.offers, self.cache = members, offers, OfferCache()
        self.points = PointsRules(self.calendar, settings.points_lifetime_months)
        self.cancelling = CancelRules(self.calendar, settings.cancel_window_days, settings.cancel_expired_rule)
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
            await expire_points(self.calendar, midnight)
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
        body = [EarningIn(one.reference, self.members[one.member], one.points, one.kind, at) for one in earned]
        await credit(work, body, self.points, OEM, at)

    async def _redeem(self, work: UnitOfWork, wanted: Sequence[Wanted], at: datetime) -> None:
        """Redeem at the desk's own function. Who wants more than they have is refused, as anybody would be."""
        if not wanted:
            return
        unix_ms = int(at.timestamp() * 1000)
        requests = []
        for one in wanted:
            body = RedemptionIn(self.offers[one.sku][0], one.quantity)
            requests.append(new_request(self.members[one.member], body, uuid4().hex, "zh-CN", unix_ms))
        outcomes = await redeem_batch(work, requests, self.cache, self.calendar, Past(at))
        for one, outcome in zip(wanted, outcomes, strict=True):
            if isinstance(outcome, Outcome) and outcome.status == 201:
                view = msgspec.json.decode(outcome.body, type=RedemptionView)
                self.issued[one.number] = (self.members[one.member], self.offers[one.sku][1], view)

    async def _use(self, work: UnitOfWork, used: Sequence[Used], at: datetime) -> None:
        taken = []
        for one in used:
            if one.number in self.issued:
                _, partner_id, view = self.issued.pop(one.number)
                body = UseIn(code=view.voucher.code, reference=one.reference, location_id=one.place)
                taken.append(Taken(partner_id, body))
        if taken:
            await use_many(work, taken, at)

    async def _cancel(self, work: UnitOfWork, one: Cancelled, at: datetime) -> None:
        if one.number in self.issued:
            member_id, _, view = self.issued.pop(one.number)
            # An installation may allow less time for it than the world's people take: then it is refused, as for anybody.
            with contextlib.suppress(CancelWindowOver):
                await cancel(work, member_id, view.id, one.reason, self.cancelling, Past(at))
