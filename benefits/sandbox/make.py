"""The members' side of a new sandbox: test members with points, and offers whose redemption always ends in one way."""

from typing import Any
from uuid import UUID, uuid5

import msgspec

from benefits.desk.context import PointsCommand
from benefits.members.resolve import upsert
from benefits.members.schemas import MemberInput
from benefits.offers.domain import OfferStatus
from benefits.offers.register import OfferRules, register, take_step
from benefits.offers.schemas import OfferInput
from benefits.offers.tables import OfferRow
from benefits.points.commands import new_credit
from benefits.points.schemas import EarningInput
from benefits.redemptions.commands import new_redeem
from benefits.redemptions.schemas import RedemptionInput
from benefits.sandbox.simulated_fulfilment import FAILED, SLOW
from marketplace.kernel.text import Text
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.packages import SandboxContext
from marketplace.platform.postgres.database import unit_of_work

_ACTOR = "sandbox"
_OUT_OF_REACH = 10_000_000  # the most that a price may be
_PEOPLE = (("gold", "金卡测试会员", 100_000), ("standard", "普通测试会员", 5_000), ("standard", "积分不足测试会员", 10))
_EARLIER = "先到测试会员"

# answers -> (Chinese title, English title, points, stock)
_OFFERS: dict[str, tuple[str, str, int, int | None]] = {
    "sold_out": ("沙箱：总是售罄", "Sandbox: always sold out", 1, 1),
    "insufficient_points": ("沙箱：总是积分不足", "Sandbox: never enough points", _OUT_OF_REACH, None),
    SLOW: ("沙箱：履约缓慢", "Sandbox: slow fulfilment", 100, None),
    FAILED: ("沙箱：履约失败", "Sandbox: failing fulfilment", 100, None),
}


async def make(context: SandboxContext, desk: BatchExecutor[PointsCommand]) -> None:
    """Make members and offers, and say in `context.made` what they are; what is there already stays."""
    people = [*_PEOPLE, ("standard", _EARLIER, 1)]
    ids = await _members(context, desk, people)
    context.made["members"] = [
        {"id": str(member_id), "subject": _subject(place), "name": name, "tier": tier, "points": points}
        for place, (member_id, (tier, name, points)) in enumerate(zip(ids, people, strict=True))
        if name != _EARLIER
    ]
    offers = {answers: await _offer(context, answers) for answers in _OFFERS}
    context.made["offers"] = [
        {"id": str(offer_id), "sku": _sku(answers), "title": {"zh-CN": title.zh, "en": title.en}, "answers": answers}
        for answers, offer_id in offers.items()
        for title in [_title(answers)]
    ]
    # The only unit goes to somebody who came before: sold out by the rules, not by an exception to them.
    request = RedemptionInput(offer_id=offers["sold_out"], quantity=1)
    await desk.submit(new_redeem(ids[-1], request, "sandbox-sold-out", "en", context.clock.unix_ms()))


async def _members(
    context: SandboxContext, desk: BatchExecutor[PointsCommand], people: list[tuple[str, str, int]]
) -> list[UUID]:
    now = context.clock.now()
    wanted = [
        msgspec.convert({"subject": _subject(place), "name": name, "tier": tier}, MemberInput)
        for place, (tier, name, _) in enumerate(people)
    ]
    async with unit_of_work() as work:
        ids = [made.member_id for made in await upsert(work, wanted, now)]
    earnings = [
        EarningInput(reference="sandbox", member_id=member_id, points=points, kind="activity", occurred_at=now)
        for member_id, (_, _, points) in zip(ids, people, strict=True)
    ]
    await desk.submit(new_credit(earnings, _ACTOR, context.clock.unix_ms()))
    return ids


async def _offer(context: SandboxContext, answers: str) -> UUID:
    title, (_, _, points, stock) = _title(answers), _OFFERS[answers]
    offer_id = uuid5(context.partner_id, answers)
    if await OfferRow.exists().where(OfferRow.id == offer_id, OfferRow.status == OfferStatus.LIVE):
        return offer_id
    now, settings = context.clock.now(), context.settings
    words: dict[str, Any] = {"zh-CN": title.zh, "en": title.en}
    body = {
        "sku": _sku(answers),
        "scenario": "shopping",
        "title": words,
        "description": words,
        "terms": words,
        "price": {"points": points, "cash": None},
        "sale": {"starts_at": now.isoformat(), "ends_at": None},
        "voucher_days": 30,
        "stock": stock,
    }
    async with unit_of_work() as work:
        offer = msgspec.convert(body, OfferInput)
        rules = OfferRules(settings.calendar, settings.currency)
        await register(work, context.partner_id, offer, _ACTOR, rules, now, offer_id)
        for step in ("submit", "approve"):
            await take_step(work, offer_id, step, now)
    return offer_id


def _subject(place: int) -> str:
    return f"sandbox-member-{place + 1}"


def _sku(answers: str) -> str:
    return f"SANDBOX-{answers.upper().replace('_', '-')}"


def _title(answers: str) -> Text:
    chinese, english, _, _ = _OFFERS[answers]
    return Text(chinese, english)
