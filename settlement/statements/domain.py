"""A statement is a pure function of its postings; afterwards only its state changes."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

import msgspec

from marketplace.kernel.periods import Cycle, Period
from marketplace.kernel.refusals import Explanation, Refusal
from marketplace.kernel.states import Transitions
from marketplace.kernel.text import Text
from settlement.books.domain import MoneyPosting, MoneyPostingCode


class StatementStatus(StrEnum):
    """Where a statement stands."""

    CLOSED = "closed"
    """Made, fixed for ever, waiting for the second pair of eyes."""
    APPROVED = "approved"
    """Somebody other than the one who closed found it right; it may be paid."""
    PAID = "paid"
    """Its payout is in the book."""
    SETTLED = "settled"
    """It comes to zero: with the approval nothing is left to pay."""


STATEMENT_STEPS = Transitions(
    {
        (StatementStatus.CLOSED, "approve"): StatementStatus.APPROVED,
        (StatementStatus.APPROVED, "pay"): StatementStatus.PAID,
        (StatementStatus.APPROVED, "settle"): StatementStatus.SETTLED,
    }
)
"""There is no way back and no "rejected": a closed month never changes, and what is wrong in it is put right by postings in
the next one. A statement that nobody approves is not paid."""


def _period_fields(name: str, period: Period) -> dict[str, str]:
    return {f"zh_{name}": period.said("zh-CN"), f"en_{name}": period.said("en")}


class PeriodNotOver(Refusal):
    """The period has not ended yet in the business zone."""

    code = "period_not_over"
    zh = "{zh_month} 尚未结束，不能关账。"
    en = "{en_month} is not over yet and cannot be closed."
    explanation = Explanation(
        Text("账期尚未结束。", "The period is not over yet."),
        Text("请在账期结束之后关账。", "Close the period after it has ended."),
    )

    def __init__(self, period: Period) -> None:
        """Name the period."""
        super().__init__(month=str(period), **_period_fields("month", period))


class EarlierPeriodOpen(Refusal):
    """A partner has an earlier period that is still open, with lines or without; periods are closed in order."""

    code = "earlier_period_open"
    zh = "须先关闭较早的账期 {zh_open_month}，再关闭 {zh_month}。"
    en = "{en_open_month} is still open: close it before {en_month}."
    explanation = Explanation(
        Text("较早的账期尚未关闭，账期须依次关闭。", "An earlier period is still open. Periods are closed in order."),
        Text("请先关闭 open_period 所示的账期。", "Close the period in `open_period` first."),
    )

    def __init__(self, still_open: Period, period: Period) -> None:
        """Name the first open period, and the one that was to be closed."""
        super().__init__(
            open_month=str(still_open),
            month=str(period),
            **_period_fields("open_month", still_open),
            **_period_fields("month", period),
        )


class SamePerson(Refusal):
    """The person who closed the period tries to approve it."""

    code = "same_person"
    zh = "关账人不能审批同一账单，须由另一人审批。"
    en = "The person who closed the period cannot approve its statements. Another person must."


class StatementChanged(Refusal):
    """The postings do not give the statement any more: nothing may be approved or paid on it."""

    code = "statement_changed"
    zh = "账单与账簿不一致，已停止处理，请联系技术支持。"
    en = "The statement and its postings differ; it can be neither approved nor paid until that is explained."
    explanation = Explanation(
        Text(
            "账单与账簿不一致，已停止处理。", "The statement and the book differ. It can be neither approved nor paid."
        ),
        Text("请联系技术支持查明原因。", "Contact support to find the cause."),
    )


class StatementDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What the postings of a statement come to, in minor units.

    `gross_minor` is what the benefits are worth, `reversed_minor` what their reversals took back. Of the difference
    the partner bears `partner_share_minor`, the OEM keeps `commission_minor`, and `granted_minor` is what the partner owes for
    points that it granted; what is left is the total. Dealers bear `dealer_share_minor` of it, which the OEM pays for
    them. `tax_minor` is the tax contained in the total. What comes
    back of a share or of a commission lessens it, below zero where nothing of it is in the same statement.
    """

    lines: int
    gross_minor: int
    reversed_minor: int
    partner_share_minor: int = 0
    dealer_share_minor: int = 0
    commission_minor: int = 0
    granted_minor: int = 0
    tax_minor: int
    content_hash: str

    @property
    def total_minor(self) -> int:
        """What is to be paid; negative where more was reversed, or is owed for granted points, than the benefits come to."""
        kept = self.partner_share_minor + self.commission_minor + self.granted_minor
        return self.gross_minor - self.reversed_minor - kept


class OutsideScopeError(ValueError):
    """A programming error: a posting outside the scope, a payout, or one out of order."""


_GROSS, _REVERSED, _PARTNER, _DEALER, _COMMISSION, _GRANTED = _NAMES = (
    "gross_minor",
    "reversed_minor",
    "partner_share_minor",
    "dealer_share_minor",
    "commission_minor",
    "granted_minor",
)

_SUMS: Mapping[MoneyPostingCode, Sequence[tuple[str, int]]] = {
    MoneyPostingCode.BENEFIT_ON_ISSUE: [(_GROSS, 1)],
    MoneyPostingCode.BENEFIT_ON_ISSUE_REVERSED: [(_REVERSED, 1)],
    MoneyPostingCode.BENEFIT_ON_USE: [(_GROSS, 1)],
    MoneyPostingCode.BENEFIT_ON_USE_REVERSED: [(_REVERSED, 1)],
    MoneyPostingCode.DEALER_SHARE: [(_GROSS, 1), (_DEALER, 1)],
    MoneyPostingCode.DEALER_SHARE_REVERSED: [(_REVERSED, 1), (_DEALER, -1)],
    MoneyPostingCode.PARTNER_SHARE: [(_PARTNER, 1)],
    MoneyPostingCode.PARTNER_SHARE_REVERSED: [(_PARTNER, -1)],
    MoneyPostingCode.COMMISSION: [(_COMMISSION, 1)],
    MoneyPostingCode.COMMISSION_REVERSED: [(_COMMISSION, -1)],
    MoneyPostingCode.POINTS_GRANTED: [(_GRANTED, 1)],
}
"""What a line adds to which sums of its statement; `settlement/invariants.py` says the same in SQL."""


class StatementBuilder:
    """Builds a statement posting by posting, so that a statement of any length needs little memory."""

    _EPOCH: ClassVar[datetime] = datetime(1970, 1, 1, tzinfo=UTC)

    def __init__(self, partner_id: UUID, currency: str, period: date, cycle: Cycle = "monthly") -> None:
        """Begin with no line."""
        self._ledger = (partner_id, currency, cycle)
        # Months were closed before there were other cycles: theirs is not named.
        named = "" if cycle == "monthly" else f"|{cycle}"
        self._hash = hashlib.sha256(f"{partner_id}|{currency}|{period.isoformat()}{named}".encode())
        self._lines = self._tax = 0
        self._sums: Counter[str] = Counter()
        self._last: tuple[datetime, UUID] | None = None

    def add(self, posting: MoneyPosting) -> None:
        """Take the next line. Raises OutsideScopeError."""
        place = (posting.occurred_at, posting.id)
        if (posting.partner_id, posting.currency, posting.cycle) != self._ledger:
            raise OutsideScopeError(f"posting {posting.id} is of another partner, currency or cycle")
        if posting.code is MoneyPostingCode.PAYOUT or (self._last is not None and place <= self._last):
            raise OutsideScopeError(f"posting {posting.id} is no line, or out of order")
        self._last = place
        self._lines += 1
        self._tax += posting.sign * posting.tax_minor
        for name, factor in _SUMS[posting.code]:
            self._sums[name] += factor * posting.amount_minor
        self._hash.update(b"\n" + self.canonical(posting))

    def draft(self) -> StatementDraft:
        """Return what the lines so far come to."""
        sums = {name: self._sums[name] for name in _NAMES}
        return StatementDraft(lines=self._lines, tax_minor=self._tax, content_hash=self._hash.hexdigest(), **sums)

    @classmethod
    def canonical(cls, posting: MoneyPosting) -> bytes:
        """Return the line as the hash covers it.

        Fields between bars, empty where there is nothing, the instant in microseconds since 1970; the partner's own texts
        come last, each after its length in bytes, so that no text can pass for another field. `settlement/invariants.py` says
        the same in SQL.
        """
        texts = [f"{len(text.encode())}:{text}" for text in (posting.reference, posting.location_id)]
        fields = (
            posting.id,
            posting.transaction_id,
            posting.code,
            posting.sign * posting.amount_minor,
            posting.sign * posting.tax_minor,
            (posting.occurred_at - cls._EPOCH) // timedelta(microseconds=1),
            posting.redemption_id,
            posting.voucher_id,
            posting.offer_id,
            posting.revision,
            posting.quantity,
            posting.contract_id,
            posting.contract_version,
            posting.reverses,
            *texts,
        )
        return "|".join("" if field is None else str(field) for field in fields).encode()


def build_statement(partner_id: UUID, currency: str, period: date, postings: Iterable[MoneyPosting]) -> StatementDraft:
    """Return what the postings come to, in whatever order its postings are given. Raises OutsideScopeError."""
    builder = StatementBuilder(partner_id, currency, period)
    for posting in sorted(postings, key=lambda posting: (posting.occurred_at, posting.id)):
        builder.add(posting)
    return builder.draft()


def check_approver(closed_by: str, approver: str) -> None:
    """Raise SamePerson if the approver is the one who closed."""
    if closed_by == approver:
        raise SamePerson
