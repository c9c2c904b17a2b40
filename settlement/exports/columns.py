"""The columns of an exported statement, in both languages."""

from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from zoneinfo import ZoneInfo

import msgspec

from marketplace.kernel.calendar import Calendar
from marketplace.kernel.money import in_units
from marketplace.kernel.text import Text
from settlement.books.domain import MoneyPosting, MoneyPostingCode

CellValue = str | int | Decimal | datetime | None


class ColumnKind(Enum):
    """How a cell is shown."""

    TEXT = auto()
    """A text; never read as a formula."""
    INSTANT = auto()
    """A business time, without its zone: the header names it."""
    AMOUNT = auto()
    """Currency units with all decimals of the currency."""
    WHOLE = auto()
    """A whole number."""


class Column(msgspec.Struct, frozen=True):
    """A column: its header in both languages (`{zone}` is the business zone), its cells, its width in characters."""

    header: Text
    kind: ColumnKind
    width: int


_OCCURRED = Column(Text("发生时间（{zone}）", "Occurred at ({zone})"), ColumnKind.INSTANT, 20)
_TYPE = Column(Text("类型", "Type"), ColumnKind.TEXT, 14)
_TITLE = Column(Text("权益", "Offer"), ColumnKind.TEXT, 32)
_QUANTITY = Column(Text("数量", "Quantity"), ColumnKind.WHOLE, 9)
AMOUNT = Column(Text("金额（含税）", "Amount (tax included)"), ColumnKind.AMOUNT, 18)
TAX = Column(Text("其中税额", "Tax included"), ColumnKind.AMOUNT, 14)
_CURRENCY = Column(Text("币种", "Currency"), ColumnKind.TEXT, 9)
AMOUNT_MINOR = Column(Text("金额（最小单位）", "Amount (minor units)"), ColumnKind.WHOLE, 16)
TAX_MINOR = Column(Text("税额（最小单位）", "Tax (minor units)"), ColumnKind.WHOLE, 16)
_REFERENCE = Column(Text("伙伴参考号", "Partner reference"), ColumnKind.TEXT, 22)
_LOCATION = Column(Text("门店", "Location"), ColumnKind.TEXT, 16)
_REDEMPTION = Column(Text("兑换编号", "Redemption id"), ColumnKind.TEXT, 38)
_VOUCHER = Column(Text("券编号", "Voucher id"), ColumnKind.TEXT, 38)
_OFFER = Column(Text("权益编号", "Offer id"), ColumnKind.TEXT, 38)
_CONTRACT = Column(Text("合同编号", "Contract id"), ColumnKind.TEXT, 38)
_VERSION = Column(Text("合同版本", "Contract version"), ColumnKind.WHOLE, 10)
_POSTING = Column(Text("行编号", "Line id"), ColumnKind.TEXT, 38)
_REVERSES = Column(Text("冲销的行", "Reverses line"), ColumnKind.TEXT, 38)

COLUMNS = (
    _OCCURRED, _TYPE, _TITLE, _QUANTITY, AMOUNT, TAX, _CURRENCY, AMOUNT_MINOR, TAX_MINOR, _REFERENCE, _LOCATION,
    _REDEMPTION, _VOUCHER, _OFFER, _CONTRACT, _VERSION, _POSTING, _REVERSES,
)  # fmt: skip

_TYPES = {
    MoneyPostingCode.BENEFIT_ON_ISSUE: Text("兑换应付", "Owed on issue"),
    MoneyPostingCode.BENEFIT_ON_ISSUE_REVERSED: Text("取消冲销", "Cancelled, reversed"),
    MoneyPostingCode.BENEFIT_ON_USE: Text("核销应付", "Owed on use"),
    MoneyPostingCode.BENEFIT_ON_USE_REVERSED: Text("撤销核销冲销", "Use undone, reversed"),
    MoneyPostingCode.DEALER_SHARE: Text("经销商承担", "Borne by the dealer"),
    MoneyPostingCode.DEALER_SHARE_REVERSED: Text("经销商承担冲销", "Borne by the dealer, reversed"),
    MoneyPostingCode.PARTNER_SHARE: Text("合作方承担", "Borne by the partner"),
    MoneyPostingCode.PARTNER_SHARE_REVERSED: Text("合作方承担冲销", "Borne by the partner, reversed"),
    MoneyPostingCode.COMMISSION: Text("佣金", "Commission"),
    MoneyPostingCode.COMMISSION_REVERSED: Text("佣金冲销", "Commission, reversed"),
    MoneyPostingCode.POINTS_GRANTED: Text("发放积分应收", "Points granted"),
}


def headers(language: str, zone: ZoneInfo) -> list[str]:
    """Return the header row."""
    return [column.header.in_language(language).format(zone=zone.key) for column in COLUMNS]


def cells(posting: MoneyPosting, title: Text | None, language: str, zone: ZoneInfo) -> list[CellValue]:
    """Return a line's cells, in the order of COLUMNS; what reverses is negative."""
    signed, tax = posting.sign * posting.amount_minor, posting.sign * posting.tax_minor
    return [
        Calendar(zone).local(posting.occurred_at).replace(tzinfo=None),
        _TYPES[posting.code].in_language(language),
        title.in_language(language) if title else "",
        posting.quantity,
        in_units(signed, posting.currency),
        in_units(tax, posting.currency),
        posting.currency,
        signed,
        tax,
        posting.reference,
        posting.location_id,
        *(
            str(value or "")
            for value in (posting.redemption_id, posting.voucher_id, posting.offer_id, posting.contract_id)
        ),
        posting.contract_version,
        str(posting.id),
        str(posting.reverses or ""),
    ]
