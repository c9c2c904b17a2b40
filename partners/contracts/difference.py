"""The difference between two versions, field by field, in words of both languages. Pure."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from marketplace.kernel.calendar import day_after
from marketplace.kernel.ends import both_days
from marketplace.kernel.money import EXPONENTS, Money, format_amount
from marketplace.kernel.text import Text
from partners.contracts.agreement import CommissionRule, Funding, Packs, PriceRule, Proposal
from partners.contracts.schemas import FieldDifference
from partners.fields import SCENARIOS


class Field(msgspec.Struct, frozen=True):
    """The name of a field, and how to say its value."""

    title: Text
    say: Callable[[Any, str], Text]
    """Returns a value in words, for a contract in the currency."""


_WORDS = {
    "accepts_points": Text("接受积分", "accepts points"),
    "grants_points": Text("发放积分", "grants points"),
    "both": Text("接受并发放积分", "accepts and grants points"),
    "on_use": Text("核销时", "when a voucher is used"),
    "on_issue": Text("兑换时", "when it is redeemed"),
    "contained": Text("价内", "contained in prices"),
    "added": Text("价外", "added to prices"),
    "partner": Text("合作方", "the partner"),
    "oem": Text("主机厂", "the OEM"),
    "monthly": Text("每月", "monthly"),
    "ten_day": Text("每旬", "every ten days"),
    "weekly": Text("每周", "weekly"),
}

"""The scenarios' Chinese names; their codes are English words."""


def _both(words: str) -> Text:
    return Text(words, words)


def _money(value: Money, _currency: str = "") -> Text:
    return _both(f"{format_amount(value.amount, value.currency)} {value.currency}")


def rate(ppm: int) -> str:
    """Return parts per million as a percentage, such as `6.25 %`."""
    whole, rest = divmod(ppm, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".") + " %"


def _per_point(micros: int, currency: str) -> Text:
    value = f"{Decimal(micros).scaleb(-6 - EXPONENTS[currency]):f}"
    value = value.rstrip("0").rstrip(".") if "." in value else value
    return Text(f"每积分 {value}", f"{value} a point")


def _days(value: int, _currency: str = "") -> Text:
    return Text(f"{value} 天", f"{value} days")


def _funding(value: Funding, _currency: str = "") -> Text:
    oem, partner, dealer = (rate(ppm) for ppm in (value.oem_ppm, value.partner_ppm, value.dealer_ppm))
    name = f" {value.dealer}" if value.dealer else ""
    return Text(
        f"主机厂 {oem}，合作方 {partner}，经销商{name} {dealer}",
        f"the OEM {oem}, the partner {partner}, the dealer{name} {dealer}",
    )


def _scope(rule: PriceRule | CommissionRule) -> Text:
    """Return what a rule applies to. An offer is named by its id: its title belongs to the package above."""
    named = [Text(*SCENARIOS[scenario]) for scenario in rule.scenarios]
    named += [Text(f"权益商品 {offer}", f"offer {offer}") for offer in rule.offers]
    if not named:
        return Text("全部", "all")
    return Text("、".join(one.zh for one in named), ", ".join(one.en for one in named))


def say_price_rule(rule: PriceRule, currency: str) -> Text:
    """Return a price rule in words: what it applies to, and the price."""
    said = _per_point(rule.per_point_micros or 0, currency) if rule.price is None else _money(rule.price)
    scope = _scope(rule)
    return Text(f"{scope.zh}：{said.zh}", f"{scope.en}: {said.en}")


def say_commission_rule(rule: CommissionRule, currency: str) -> Text:
    """Return a commission rule in words: what it applies to, its base, and the amount."""
    scope, cash = _scope(rule), rule.on == "cash"
    zh, en = [rate(rule.rate_ppm)], [rate(rule.rate_ppm)]
    for minor, chinese, english in (
        (rule.fixed_minor, "另加", "plus"),
        (rule.floor_minor, "最低", "at least"),
        (rule.cap_minor or 0, "最高", "at most"),
    ):
        if minor or (chinese == "最高" and rule.cap_minor is not None):
            zh.append(f"{chinese} {format_amount(minor, currency)}")
            en.append(f"{english} {format_amount(minor, currency)}")
    return Text(
        f"{scope.zh}（{'现金' if cash else '积分'}）：{'，'.join(zh)}",
        f"{scope.en} ({'cash' if cash else 'points'}): {', '.join(en)}",
    )


def _packs(value: Packs, _currency: str) -> Text:
    price, low = _money(value.price).en, value.low_balance_points
    return Text(
        f"每包 {value.points} 积分，{price}；余额低于 {low} 时提醒",
        f"{value.points} points for {price}; a warning below {low}",
    )


def _list(say: Callable[[Any, str], Text]) -> Callable[[Sequence[Any], str], Text]:
    def say_all(values: Sequence[Any], currency: str) -> Text:
        if not values:
            return Text("无", "none")
        said = [say(value, currency) for value in values]
        numbered = [(f"{place}. {one.zh}", f"{place}. {one.en}") for place, one in enumerate(said, start=1)]
        return Text("；".join(zh for zh, _ in numbered), "; ".join(en for _, en in numbered))

    return say_all


def _word(value: str, _currency: str = "") -> Text:
    return _WORDS[value]


def _plain(value: object, _currency: str = "") -> Text:
    return _both(str(value))


FIELDS: Mapping[str, Field] = {
    "starts_on": Field(Text("生效日", "First day"), lambda start, _: both_days(start)),
    "ends_on": Field(Text("截止日", "Last day"), lambda end, _: both_days(day_after(end, -1))),
    "role": Field(Text("角色", "Role"), _word),
    "settlement_basis": Field(Text("结算时点", "Owed from"), _word),
    "settlement_price": Field(Text("默认结算价", "Price of a unit"), _money),
    "per_point_micros": Field(Text("默认积分单价", "Rate for a point"), _per_point),
    "max_settlement_price": Field(Text("结算价上限", "Highest price of a unit"), _money),
    "prices": Field(Text("结算价规则", "Rules of prices"), _list(say_price_rule)),
    "funding": Field(Text("费用分摊", "Funding split"), _funding),
    "commission_ppm": Field(Text("现金默认佣金", "Commission on cash without a rule"), lambda ppm, _: _both(rate(ppm))),
    "commission": Field(Text("佣金规则", "Rules of commission"), _list(say_commission_rule)),
    "tax_rate_ppm": Field(Text("增值税税率", "VAT rate"), lambda ppm, _: _both(rate(ppm))),
    "tax": Field(Text("计税方式", "VAT is"), _word),
    "invoiced_by": Field(Text("开票方", "Invoices are written by"), _word),
    "currency": Field(Text("币种", "Currency"), _plain),
    "cycle": Field(Text("结算周期", "Cycle"), _word),
    "time_zone": Field(Text("周期时区", "Time zone of the cycle"), _plain),
    "payment_terms_days": Field(Text("账期", "Payment within"), _days),
    "minimum_payout": Field(Text("最低付款额", "Smallest payout"), _money),
    "counter_cancel_minutes": Field(
        Text("核销可撤销", "A use can be undone for"), lambda value, _: Text(f"{value} 分钟", f"{value} minutes")
    ),
    "packs": Field(Text("预付积分包", "Prepaid packs of points"), _packs),
    "grant_per_point_micros": Field(Text("后付积分单价", "Rate for a point granted, postpaid"), _per_point),
}
"""All fields of a version, in reading order."""


def difference(before: Proposal | None, after: Proposal) -> list[FieldDifference]:
    """Return the fields that differ; without a previous version, all fields of the first one."""
    changes = []
    for name, field in FIELDS.items():
        old = None if before is None else getattr(before, name)
        new = getattr(after, name)
        if before is None or old != new:
            said = [
                None if value is None else field.say(value, of.currency)
                for value, of in ((old, before or after), (new, after))
            ]
            if said != [None, None]:
                changes.append(FieldDifference(name, field.title, *said))
    return changes
