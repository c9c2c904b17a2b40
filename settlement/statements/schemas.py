"""What goes over the wire about statements. Amounts are minor units; those of reversals are negative."""

from datetime import date, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec

from marketplace.kernel.calendar import Month, NotAMonthError
from marketplace.kernel.periods import Cycle, NotAPeriodError, Period
from marketplace.kernel.refusals import InvalidField
from marketplace.kernel.text import Text, marked
from settlement.books.domain import MoneyPosting, MoneyPostingCode
from settlement.statements.domain import StatementStatus
from settlement.statements.statements import Statement

MonthText = Annotated[
    str,
    msgspec.Meta(
        min_length=7,
        max_length=7,
        pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$(?!\n)",
        description="A month of the business zone.",
        examples=["2026-10"],
        extra=marked(words=("月份，如 2026-10", "a month such as 2026-10")),
    ),
]


StatementViewT = TypeVar("StatementViewT", bound="PartnerStatementView")


class PeriodCloseInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which period to close: a month of the monthly cycle, or the period of another cycle that begins on `starts_on`."""

    month: MonthText | None = None
    cycle: Cycle = "monthly"
    starts_on: date | None = None

    def period(self) -> Period:
        """Return the period. Raises InvalidField."""
        if self.cycle == "monthly":
            if self.month is None or self.starts_on is not None:
                raise InvalidField(
                    "month", "按月结算须填 month，且不填 starts_on。", "names a month, without starts_on."
                )
            return Period("monthly", month_of(self.month).first_day)
        if self.starts_on is None or self.month is not None:
            raise InvalidField("starts_on", "须为账期首日，且不填 month。", "names the first day, without month.")
        try:
            return Period.beginning(self.cycle, self.starts_on)
        except NotAPeriodError as error:
            raise InvalidField("starts_on", "不是该周期的首日。", "is not the first day of a period.") from error


class PartnerStatementView(msgspec.Struct, frozen=True, kw_only=True):
    """A statement as its partner sees it, for the business days `[period, period_end)`: the last is the day before
    `period_end`. `lines` is their number.

    The total is gross less what was reversed, what the partner bears itself, the commission, and what it owes for points that
    it granted postpaid; negative where that is more. Of it dealers bear `dealer_share_minor`.
    Tax is contained in the total. `due_on` is when it is to be paid. Nothing is due
    of one of zero, which is `settled` with its approval, nor of a negative one.
    """

    id: UUID
    partner_id: UUID
    month: str
    cycle: Cycle
    period: date
    period_end: date
    currency: str
    lines: int
    gross_minor: int
    reversed_minor: int
    partner_share_minor: int
    dealer_share_minor: int
    commission_minor: int
    granted_minor: int
    total_minor: int
    tax_minor: int
    status: StatementStatus
    content_hash: str
    closed_at: datetime
    approved_at: datetime | None
    due_on: date | None
    paid_at: datetime | None


class StatementView(PartnerStatementView, frozen=True, kw_only=True):
    """A statement as finance sees it: with who closed and who approved."""

    closed_by: str
    approved_by: str | None


class ClosedPeriod(msgspec.Struct, frozen=True):
    """All statements of the period, made just now or before."""

    statements: list[StatementView]


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """One line: a posting of the statement. `reference` and `location_id` are the partner's own, at the use."""

    id: UUID
    code: MoneyPostingCode
    occurred_at: datetime
    redemption_id: UUID | None
    voucher_id: UUID | None
    offer_id: UUID | None
    revision: int | None
    title: Text | None
    quantity: int | None
    amount_minor: int
    tax_minor: int
    currency: str
    reference: str
    location_id: str
    contract_id: UUID | None
    contract_version: int | None
    reverses: UUID | None


def month_of(text: str) -> Month:
    """Return the month that the field spells. Raises InvalidField."""
    try:
        return Month.parse(text)
    except NotAMonthError as error:
        raise InvalidField("month", "须为月份，如 2026-10。", "must be a month such as 2026-10.") from error


def statement_view(statement: Statement) -> StatementView:
    """Return a statement as finance sees it."""
    return _view(statement, StatementView)


def partner_view(statement: Statement) -> PartnerStatementView:
    """Return a statement as its partner sees it: without the names of the OEM's people."""
    return _view(statement, PartnerStatementView)


def _view(statement: Statement, kind: type[StatementViewT]) -> StatementViewT:
    return kind(**{name: getattr(statement, name) for name in kind.__struct_fields__})


def line_view(posting: MoneyPosting, title: Text | None) -> LineView:
    """Return a posting as a line; `title` is the offer's."""
    signed: dict[str, Any] = {
        "amount_minor": posting.sign * posting.amount_minor,
        "tax_minor": posting.sign * posting.tax_minor,
        "title": title,
    }
    values: dict[str, Any] = {name: getattr(posting, name) for name in LineView.__struct_fields__ if name not in signed}
    return LineView(**values, **signed)
