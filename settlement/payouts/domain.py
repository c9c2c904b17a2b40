"""Payouts: when a statement may be paid, and what for."""

from datetime import date, datetime
from enum import StrEnum

from marketplace.kernel.refusals import Explanation, InvalidField, Kind, Refusal
from marketplace.kernel.text import Text


class Rail(StrEnum):
    """The way on which money reaches the partner."""

    MANUAL = "manual"
    """Finance transferred it by hand and records the bank's reference here."""


class NothingToPay(Refusal):
    """The statement's total is zero or negative."""

    code = "nothing_to_pay"
    zh = "账单合计为 {total_minor} 分，无需付款。"
    en = "The statement comes to {total_minor} minor units; there is nothing to pay."
    explanation = Explanation(
        Text("账单合计为零或负数，无需付款。", "The statement's total is zero or less. There is nothing to pay."),
        Text("无需处理。", "Nothing to do."),
    )


class BelowMinimum(Refusal):
    """What is owed is less than the contract pays out; it waits until there is enough together."""

    code = "below_minimum_payout"
    zh = "待付合计 {waiting_minor} 分，低于合同约定的最低付款额 {minimum_minor} 分，结转至以后。"
    en = (
        "{waiting_minor} minor units wait to be paid, less than the contract's smallest payout of {minimum_minor}: they are"
        " carried forward."
    )
    explanation = Explanation(
        Text("待付金额低于合同约定的最低付款额。", "The amount to be paid is below the contract's minimum payout."),
        Text(
            "无需处理：金额结转，达到最低付款额后再付款。",
            "Nothing to do: the amount is carried forward until it reaches the minimum.",
        ),
    )


class PayoutsStopped(Refusal):
    """The numbers do not add up; nothing is paid until that is explained."""

    kind = Kind.UNAVAILABLE
    code = "payouts_stopped"
    zh = "自 {since} 起校验未通过（{invariant}），付款已停止，请联系技术支持。"
    en = "The numbers do not add up ({invariant}, known since {since}); payouts are stopped until that is explained."
    explanation = Explanation(
        Text("账簿校验未通过，付款已停止。", "A check of the books failed, and payouts are stopped."),
        Text("请联系技术支持，查明原因后恢复。", "Contact support. Payouts resume when the cause is found."),
    )

    def __init__(self, invariant: str, since: datetime) -> None:
        """Name the invariant, and since when its breach is known."""
        super().__init__(invariant=invariant, since=since.isoformat(timespec="seconds"))


class ChecksTooOld(Refusal):
    """Nobody knows whether the money book adds up: the running checks have not been through it lately."""

    kind = Kind.UNAVAILABLE
    code = "checks_too_old"
    zh = "付款须以近 {hours} 小时内的账簿校验为据；{invariant} 的最近一次校验：{zh_when}。请确认 marketplace work 正在运行。"
    en = (
        "A payout wants the book checked within {hours} hours; {invariant} was last checked {en_when}."
        " See that `marketplace work` is running."
    )
    explanation = Explanation(
        Text(
            "付款须以近期通过的账簿校验为据，而最近的校验过旧。",
            "A payout requires that the books were checked recently, and the last check is too old.",
        ),
        Text(
            "请确认 marketplace work 正在运行，待校验完成后重试。",
            "See that `marketplace work` is running, and try again after the next check.",
        ),
    )

    def __init__(self, invariant: str, checked_at: datetime | None, hours: int) -> None:
        """Name the invariant whose check is the oldest, when that was (None: never), and how old a check may be."""
        when = None if checked_at is None else checked_at.isoformat(timespec="seconds")
        super().__init__(
            invariant=invariant,
            checked_at=when,
            hours=hours,
            zh_when=when or "尚无",
            en_when=f"at {when}" if when else "never",
        )


def check_payable(total_minor: int) -> None:
    """Raise NothingToPay unless the total is positive.

    A negative one stays as it is: what was reversed too late is not paid back by the partner, but still stands in the
    book's payable balance.
    """
    if total_minor <= 0:
        raise NothingToPay(total_minor=total_minor)


def check_minimum(waiting_minor: int, minimum_minor: int) -> None:
    """Raise BelowMinimum unless all approved statements that wait for their payout come to the smallest payout.

    Each is paid by itself, so that a payout is always the one of its statement; a small one waits for the others.
    """
    if waiting_minor < minimum_minor:
        raise BelowMinimum(waiting_minor=waiting_minor, minimum_minor=minimum_minor)


def check_paid_on(paid_on: date, period_end: date, today: date) -> None:
    """Raise InvalidField unless the business day lies after the statement's period and not in the future."""
    if paid_on > today:
        raise InvalidField("paid_on", "不能晚于今天。", "must not lie in the future.")
    if paid_on < period_end:
        raise InvalidField("paid_on", "不能早于账期结束。", "must not lie before the end of the statement's period.")
