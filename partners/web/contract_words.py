"""A version of a contract for reading: sections, terms in words, and the funding split as a bar. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from marketplace.kernel.money import PPM
from marketplace.kernel.text import Text
from partners.contracts.agreement import Funding
from partners.contracts.difference import FIELDS, rate, say_commission_rule, say_price_rule
from partners.contracts.domain import ContractStatus
from partners.contracts.schemas import ContractView

STATUS: dict[ContractStatus, tuple[Text, str]] = {
    ContractStatus.DRAFTED: (Text("起草中", "Draft"), ""),
    ContractStatus.OFFERED: (Text("待双方签署", "To be signed by both"), "warn"),
    ContractStatus.SIGNED_BY_OEM: (Text("待贵公司签署", "To be signed by you"), "warn"),
    ContractStatus.SIGNED_BY_PARTNER: (Text("待主机厂签署", "To be signed by the OEM"), ""),
    ContractStatus.SIGNED: (Text("双方已签署", "Signed by both"), "good"),
    ContractStatus.SUPERSEDED: (Text("已被新版取代", "Superseded"), ""),
    ContractStatus.WITHDRAWN: (Text("主机厂已撤回", "Withdrawn by the OEM"), ""),
}
"""The name of a status, and the tone of its badge."""

WAITING_FOR_PARTNER = frozenset({ContractStatus.OFFERED, ContractStatus.SIGNED_BY_OEM})

METHODS = {
    "api": Text("在线签署", "signed online"),
    "paper": Text("纸质签署，运营已存档", "signed on paper, filed by operations"),
}

_ABSENT: dict[str, Text] = {
    "settlement_price": Text("无统一价格", "no general price"),
    "max_settlement_price": Text("不设上限", "none"),
    "prices": Text("无", "none"),
    "commission": Text("无", "none"),
    "time_zone": Text("平台所在时区", "the marketplace’s"),
    "minimum_payout": Text("不设下限", "none"),
    "packs": Text("未约定，不能发放积分", "none, so no points can be granted"),
}
"""The meaning of an absent term; an absent term that is not listed is not shown."""

_SECTIONS: Sequence[tuple[Text, Sequence[str]]] = (
    (Text("积分与结算", "Points and settlement"), ("role", "settlement_basis")),
    (
        Text("结算价（每份）", "Price of a unit"),
        ("settlement_price", "per_point_micros", "max_settlement_price", "prices"),
    ),
    (Text("佣金", "Commission"), ("commission_ppm", "commission")),
    (Text("税与发票", "Tax and invoices"), ("tax_rate_ppm", "tax", "invoiced_by")),
    (
        Text("周期与付款", "Cycle and payment"),
        ("cycle", "time_zone", "currency", "payment_terms_days", "minimum_payout"),
    ),
    (Text("门店与积分包", "Counter and packs"), ("counter_cancel_minutes", "packs", "grant_per_point_micros")),
)


class TermInWords(msgspec.Struct, frozen=True):
    """A term: its name, and the agreed value in one line, or one for each rule."""

    title: Text
    lines: list[Text]


class Section(msgspec.Struct, frozen=True):
    """A group of terms."""

    title: Text
    terms: list[TermInWords]


class FundingPart(msgspec.Struct, frozen=True):
    """One party's part of the bar: name, share, and start and width in percent."""

    key: str
    name: Text
    share: str
    begins: float
    width: float


def sections_of(contract: ContractView) -> list[Section]:
    """Return all terms except the dates and the funding split, in reading order."""
    return [Section(title, [said for name in names if (said := _term(contract, name))]) for title, names in _SECTIONS]


def funding_bar(funding: Funding) -> list[FundingPart]:
    """Return the parts of the parties with a share, from left to right."""
    dealer = f" {funding.dealer}" if funding.dealer else ""
    parties = (
        ("oem", Text("主机厂", "The OEM"), funding.oem_ppm),
        ("partner", Text("贵公司", "Your company"), funding.partner_ppm),
        ("dealer", Text(f"经销商{dealer}", f"Dealer{dealer}"), funding.dealer_ppm),
    )
    parts, begins = [], 0
    for key, name, ppm in parties:
        if ppm:
            parts.append(FundingPart(key, name, rate(ppm), begins * 100 / PPM, ppm * 100 / PPM))
        begins += ppm
    return parts


def _term(contract: ContractView, name: str) -> TermInWords | None:
    value, title = getattr(contract, name), FIELDS[name].title
    if value is None or value == ():
        return TermInWords(title, [_ABSENT[name]]) if name in _ABSENT and _matters(contract, name) else None
    if name == "counter_cancel_minutes" and value == 0:
        return TermInWords(title, [Text("不可撤销", "not at all")])
    if name in _RULES:
        return TermInWords(title, [_RULES[name](rule, contract.currency) for rule in value])
    return TermInWords(title, [FIELDS[name].say(value, contract.currency)])


def _matters(contract: ContractView, name: str) -> bool:
    """Return whether the absence of the term has a meaning."""
    if name == "packs":
        return contract.role != "accepts_points" and contract.grant_per_point_micros is None
    return name != "settlement_price" or contract.per_point_micros is None


_RULES: Mapping[str, Callable[[Any, str], Text]] = {"prices": say_price_rule, "commission": say_commission_rule}
