"""What an offer is, and how it comes to be on sale."""

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from benefits.members.domain import TIERS, Tier
from benefits.points.domain import MAX_POINTS
from marketplace.kernel.calendar import Calendar, in_utc
from marketplace.kernel.money import Money
from marketplace.kernel.refusals import Explanation, InvalidField, Refusal, refuse_all
from marketplace.kernel.scenarios import Scenario
from marketplace.kernel.search import search_terms
from marketplace.kernel.states import Transitions
from marketplace.kernel.text import Text
from partners.contracts.domain import PartnerTerms
from partners.contracts.pricing import Unit
from partners.fields import SCENARIOS

MAX_STOCK = 10_000_000
MAX_IMAGE = 20_000

_NOT_IN_A_PICTURE = ("<script", "<!doctype", "<!entity", "<foreignobject", "javascript:", "<iframe", "xlink:href")
_EVENT_HANDLER = re.compile(r"\son[a-z]+\s*=")


class OfferStatus(StrEnum):
    """Where an offer stands."""

    DRAFT = "draft"  # the partner writes
    IN_REVIEW = "in_review"  # operations read
    LIVE = "live"  # members may redeem it within its sale window
    REJECTED = "rejected"  # operations said why not; the partner may write again
    PAUSED = "paused"  # taken off by the partner or operations; may come back
    ENDED = "ended"  # over for good


TRANSITIONS: Transitions[OfferStatus] = Transitions(
    {
        (OfferStatus.DRAFT, "edit"): OfferStatus.DRAFT,
        (OfferStatus.DRAFT, "submit"): OfferStatus.IN_REVIEW,
        (OfferStatus.DRAFT, "end"): OfferStatus.ENDED,
        (OfferStatus.IN_REVIEW, "approve"): OfferStatus.LIVE,
        (OfferStatus.IN_REVIEW, "reject"): OfferStatus.REJECTED,
        (OfferStatus.IN_REVIEW, "withdraw"): OfferStatus.DRAFT,
        (OfferStatus.REJECTED, "edit"): OfferStatus.DRAFT,
        (OfferStatus.REJECTED, "end"): OfferStatus.ENDED,
        (OfferStatus.LIVE, "pause"): OfferStatus.PAUSED,
        (OfferStatus.LIVE, "end"): OfferStatus.ENDED,
        (OfferStatus.PAUSED, "resume"): OfferStatus.LIVE,
        # What members will see must be seen by operations first: an edited offer goes through review again.
        (OfferStatus.PAUSED, "edit"): OfferStatus.DRAFT,
        (OfferStatus.PAUSED, "end"): OfferStatus.ENDED,
    }
)


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a member pays for one unit. `cash` is part of the model; offers with a cash part come with a later release."""

    points: Annotated[int, msgspec.Meta(ge=1, le=MAX_POINTS)]
    cash: Money | None = None


class Sale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the offer is on sale: from `starts_at` until just before `ends_at`; null means without end."""

    starts_at: Annotated[datetime, msgspec.Meta(tz=True)]
    ends_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


LimitWindow = Literal["ever", "day", "week", "month", "campaign"]
"""How long a limit counts: for ever, a business day, week (Monday to Sunday) or month, or the offer's present sale."""

CodeSource = Literal["ours", "partner"]
"""Whose codes are on the vouchers: ours alone, or one of the partner's own uploaded codes for each unit beside it."""


class MemberLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many units one member may have within a window."""

    window: LimitWindow
    units: Annotated[int, msgspec.Meta(ge=1, le=1000)]


class OfferContent(msgspec.Struct, frozen=True):
    """What one revision of an offer says; kept for ever, since redemptions name it."""

    scenario: Scenario
    title: Text
    description: Text
    terms: Text
    price: Price
    per_member: int | None
    tiers: tuple[Tier, ...]
    sale: Sale
    voucher_days: int
    settlement_price: Money | None
    value: Money | None
    image: str | None
    limits: tuple[MemberLimit, ...] = ()
    codes: CodeSource = "ours"

    def windows(self, calendar: Calendar, now: datetime) -> dict[str, int | None]:
        """Return the limit windows that a redemption counts in now, as `limit_used.window` stores them, each with its limit.

        "Ever" is always counted, so that a limit that is set later includes earlier redemptions.
        """
        limits = {limit.window: limit.units for limit in self.limits}
        found: dict[str, int | None] = {"ever": self.per_member or limits.get("ever")}
        day = calendar.day_of(now)
        if "day" in limits:
            found[f"day:{day}"] = limits["day"]
        if "week" in limits:
            year, week, _ = day.isocalendar()
            found[f"week:{year}-W{week:02d}"] = limits["week"]
        if "month" in limits:
            found[f"month:{day:%Y-%m}"] = limits["month"]
        if "campaign" in limits:
            found[f"campaign:{in_utc(self.sale.starts_at):%Y-%m-%dT%H:%M:%SZ}"] = limits["campaign"]
        return found

    def search_terms(self, partner_name: Text) -> list[str]:
        """Return the terms under which members find the offer: title, partner and scenario, in both languages."""
        sign, name = SCENARIOS[self.scenario]
        return search_terms(f"{self.title.zh} {self.title.en} {partner_name.zh} {partner_name.en} {sign} {name}")


def unit_of(offer_id: UUID, content: OfferContent) -> Unit:
    """Return one unit of an offer as contracts price it."""
    cash = content.price.cash
    return Unit(offer_id, content.scenario, content.price.points, content.settlement_price, cash.amount if cash else 0)


class OfferTerms(msgspec.Struct, frozen=True):
    """An offer with all that a decision needs of it: its current revision, its partner and contracts."""

    offer_id: UUID
    partner_id: UUID
    status: str
    revision: int
    version: int
    content: OfferContent
    partner: PartnerTerms
    slices: int

    @property
    def unit(self) -> Unit:
        """What its contract prices."""
        return unit_of(self.offer_id, self.content)

    @property
    def limited(self) -> bool:
        """Whether there is a stock; it is cut into `slices`."""
        return self.slices > 0

    @property
    def has_pool(self) -> bool:
        """Whether its vouchers carry codes that the partner uploaded."""
        return self.content.codes == "partner"


class StockBelowSold(Refusal):
    """The wanted stock is less than what is sold already."""

    code = "stock_below_sold"
    zh = "库存不能少于已售出的 {sold} 份。"
    en = "Stock cannot be set below the {sold} units already sold."
    explanation = Explanation(
        Text("库存不能少于已售出的份数。", "The stock cannot be set below the units already sold."),
        Text("请设为 sold 或更多。", "Set it to `sold` or more."),
    )


class SettlementPriceTooHigh(Refusal):
    """The offer asks for more per unit than the contract allows."""

    code = "settlement_price_too_high"
    zh = "结算价 {wanted} 超过合同上限 {found}（最小货币单位）。"
    en = "The settlement price {wanted} is above the contract's maximum {found} (minor units)."
    explanation = Explanation(
        Text("结算价超过合同约定的上限。", "The settlement price is above the contract's maximum."),
        Text("请降低 settlement_price，或修订合同。", "Lower settlement_price, or amend the contract."),
    )


class PointsNotAccepted(Refusal):
    """The contract in force does not have members spend points with the partner."""

    code = "points_not_accepted"
    zh = "当前合同（第 {version} 版）不含接受积分，不能登记或上架优惠。"
    en = "The contract in force (version {version}) does not accept points: it can have no offers on sale."
    explanation = Explanation(
        Text("生效的合同不含接受积分的条款。", "The contract in force does not include accepting points."),
        Text("请先签订含该条款的合同。", "Agree on a contract that accepts points first."),
    )


class SettlementPriceMissing(Refusal):
    """Neither the offer nor the contract says what the OEM pays for a unit: nobody could ever redeem it."""

    code = "settlement_price_missing"
    zh = "请填写 settlement_price（每份结算价）：当前合同没有约定默认结算价。"
    en = "Name a settlement_price: the contract in force sets none for offers without one."
    explanation = Explanation(
        Text(
            "合同没有约定默认结算价，优惠也未填写。",
            "Neither the offer nor the contract in force sets a settlement price.",
        ),
        Text("请填写 settlement_price。", "Set settlement_price."),
    )


class SkuTaken(Refusal):
    """The partner already has an offer of that SKU."""

    code = "sku_taken"
    zh = "该 SKU 已有优惠：{offer_id}。"
    en = "The SKU already has an offer: {offer_id}."
    explanation = Explanation(
        Text("该 SKU 已有优惠。", "An offer with this SKU already exists."),
        Text("请修改 offer_id 所示的优惠，或换用其他 SKU。", "Update the offer in `offer_id`, or use another SKU."),
    )


def check_content(content: OfferContent, currency: str) -> None:
    """Raise InvalidField, or InvalidFields, for what the schema cannot say: sale window, currencies, a cash part, the picture."""
    refuse_all(_content_faults(content, currency))


def _content_faults(content: OfferContent, currency: str) -> Iterator[InvalidField]:
    if content.price.cash is not None:
        yield InvalidField(
            "price.cash",
            "暂不支持积分加现金，请设为 null。",
            "an offer with a cash part is not possible yet; set it to null.",
        )
    if content.sale.ends_at is not None and content.sale.ends_at <= content.sale.starts_at:
        yield InvalidField("sale.ends_at", "须晚于 starts_at。", "must be later than starts_at.")
    for field, money in (("settlement_price", content.settlement_price), ("value", content.value)):
        if money is not None and money.currency != currency:
            yield InvalidField(
                f"{field}.currency", f"须为 {currency}。", f"must be {currency}, the currency of this programme."
            )
    windows = [limit.window for limit in content.limits]
    if len(set(windows)) != len(windows):
        yield InvalidField("limits", "同一期限不可重复。", "must not name a window twice.")
    if "ever" in windows and content.per_member is not None:
        yield InvalidField("limits", "与 per_member 重复。", "says the same as per_member: give one of them.")
    if len(set(content.tiers)) != len(content.tiers):
        yield InvalidField("tiers", "不可重复。", "must not name a tier twice.")
    if content.image is not None:
        yield from picture_faults(content.image)


def picture_faults(svg: str) -> Iterator[InvalidField]:
    """Give what keeps the picture from being a plain SVG.

    It is only ever served as an image under a policy that runs nothing; refusing what could run is the second lock.
    """
    text = svg.strip()
    lowered = text.lower()
    if not (lowered.startswith("<svg") and lowered.endswith("</svg>")):
        yield InvalidField("image", "须为以 <svg 开头的 SVG 文本。", "must be SVG text that begins with <svg.")
    for forbidden in _NOT_IN_A_PICTURE:
        if forbidden in lowered:
            yield InvalidField("image", f"不可含 {forbidden}。", f"must not contain {forbidden}.")
    if _EVENT_HANDLER.search(lowered):
        yield InvalidField("image", "不可含事件处理。", "must not contain event handlers.")


def all_tiers(tiers: tuple[Tier, ...]) -> bool:
    """Tell whether the offer is for everybody: no tiers named, or all of them."""
    return not tiers or len(tiers) == len(TIERS)
