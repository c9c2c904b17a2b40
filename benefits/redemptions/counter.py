"""The rules of the partner's counter: when a voucher is good, and what proves that somebody looked."""

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from benefits.redemptions.domain import UNUSABLE, VOUCHER_TRANSITIONS, VoucherStatus
from benefits.redemptions.events import SettlementTerms, VoucherUsed, VoucherUseUndone
from benefits.redemptions.schemas import VoucherUseInput
from marketplace.kernel.codes import UnreadableCodeError, read_code
from marketplace.kernel.refusals import Explanation, InvalidField, Kind, Refusal
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.text import Text
from marketplace.kernel.typed_text import typed_plain
from marketplace.platform.http.paging import Cursors

_TOKEN_LIFE = timedelta(minutes=10)
_PROOF = "use-token"


class UnknownVoucher(Refusal):
    """No voucher of this partner has the code."""

    kind = Kind.NOT_FOUND
    code = "unknown_voucher"
    zh = "没有该兑换券，请核对兑换码。"
    en = "There is no such voucher; check the code."
    explanation = Explanation(
        Text("没有该兑换券，或不属于该合作方。", "There is no such voucher, or it belongs to another partner."),
        Text("请核对兑换码。", "Check the code."),
    )


class VoucherRefused(Refusal):
    """The voucher cannot be used: `code` says already_used, expired or cancelled."""

    zh = "该兑换券不可使用：{status}。"
    en = "The voucher cannot be used: {status}."
    explanations = UNUSABLE

    def __init__(self, status: str, used_at: datetime | None) -> None:
        """Take the problem's code from the state, and say when it was used."""
        self.code = "already_used" if status == "used" else status
        super().__init__(status=status, used_at=used_at.isoformat() if used_at else None)


class NotUsed(Refusal):
    """There is no use that could be undone."""

    code = "not_used"
    zh = "该兑换券尚未核销，无需撤销。"
    en = "The voucher has not been used; there is nothing to undo."
    explanation = Explanation(
        Text("该兑换券尚未核销。", "The voucher has not been used."),
        Text("无需处理。", "Nothing to do."),
    )


class UsedElsewhere(Refusal):
    """Another location of the partner took the voucher."""

    code = "used_elsewhere"
    zh = "只能由核销该券的门店撤销。"
    en = "Only the location that took the voucher can undo it."
    explanation = Explanation(
        Text("该兑换券由另一门店核销。", "Another location used the voucher."),
        Text("请由核销的门店撤销。", "Have that location undo it."),
    )


class UndoWindowOver(Refusal):
    """The contract allows less time to undo a use, or none."""

    code = "undo_window_over"
    zh = "已超过合同约定的撤销期限（核销后 {minutes} 分钟）。"
    en = "The time in which the contract lets a use be undone is over ({minutes} minutes)."
    explanation = Explanation(
        Text("已超过合同约定的撤销核销期限。", "The time in which the contract lets a use be undone has passed."),
        Text("请与会员协商，或联系运营。", "Agree with the member, or contact operations."),
    )


def status_when_undone(row: asyncpg.Record, location_id: str, minutes: int, now: datetime) -> VoucherStatus:
    """Return the state of a voucher whose use is undone at the instant, within the minutes that its frozen terms allow.

    One that has expired meanwhile stays used: nobody could use it again. Raises NotUsed, VoucherRefused, UsedElsewhere,
    UndoWindowOver.
    """
    status = VoucherStatus(row["status"])
    try:
        after = VOUCHER_TRANSITIONS.after(status, "undo_use")
    except TransitionRefusedError as refusal:
        raise (NotUsed() if status is VoucherStatus.ISSUED else VoucherRefused(str(status), None)) from refusal
    if row["location_id"] != location_id:
        raise UsedElsewhere
    if now >= row["used_at"] + timedelta(minutes=minutes):
        raise UndoWindowOver(minutes=minutes)
    if row["expires_at"] <= now:
        raise VoucherRefused(str(VoucherStatus.EXPIRED), row["used_at"])
    return after


def status_when_used(row: asyncpg.Record, now: datetime) -> VoucherStatus:
    """Return the state of a voucher once it is used at the instant. Raises VoucherRefused."""
    status = status_now(row, now)
    try:
        return VOUCHER_TRANSITIONS.after(status, "use")
    except TransitionRefusedError as refusal:
        raise VoucherRefused(str(status), row["used_at"]) from refusal


def used_event(
    row: asyncpg.Record, body: VoucherUseInput, partner_id: UUID, settlement: dict[str, object], now: datetime
) -> VoucherUsed:
    """Return the fact that the voucher was used; `row` is the voucher's."""
    return VoucherUsed(
        redemption_id=row["redemption_id"],
        voucher_id=row["id"],
        member_id=row["member_id"],
        partner_id=partner_id,
        offer_id=row["offer_id"],
        revision=row["revision"],
        quantity=row["quantity"],
        location_id=body.location_id or "",
        reference=body.reference,
        settlement=msgspec.convert(settlement, SettlementTerms),
        used_at=now,
        occasion=row["occasion"],
    )


def undone_event(row: asyncpg.Record, terms: SettlementTerms, reason: str, now: datetime) -> VoucherUseUndone:
    """Return the fact that the voucher's use was undone; `row` is the voucher's as it was used."""
    return VoucherUseUndone(
        redemption_id=row["redemption_id"],
        voucher_id=row["id"],
        member_id=row["member_id"],
        partner_id=row["partner_id"],
        offer_id=row["offer_id"],
        revision=row["revision"],
        quantity=row["quantity"],
        location_id=row["location_id"],
        reference=row["reference"],
        settlement=terms,
        used_at=row["used_at"],
        reason=reason,
        undone_at=now,
        occasion=row["occasion"],
    )


def status_now(row: asyncpg.Record, now: datetime) -> VoucherStatus:
    """Return the voucher's state at the instant: one whose time is over is expired, whether or not the job came by."""
    status = VoucherStatus(row["status"])
    return VoucherStatus.EXPIRED if status is VoucherStatus.ISSUED and row["expires_at"] <= now else status


def code_of_token(token: str, partner_id: UUID, now: datetime, cursors: Cursors) -> str:
    """Return the voucher code that a use token stands for. Raises InvalidField for a foreign or stale one."""
    refusal = InvalidField("use_token", "已失效，请重新核验。", "is no longer good; verify again.")
    try:
        code, partner, until = cursors.read(_PROOF, token)
    except InvalidField as error:
        raise refusal from error
    if partner != str(partner_id) or until < now.timestamp():
        raise refusal
    return str(code)


def check_token(body: VoucherUseInput, partner_id: UUID, now: datetime, cursors: Cursors) -> None:
    """Raise InvalidField if a use token came along that is not of this voucher's verification."""
    if body.use_token is None:
        return
    if code_of_token(body.use_token, partner_id, now, cursors) != spelled(body.code):
        raise InvalidField("use_token", "与兑换码不符。", "belongs to another voucher.")


def new_token(code: str, partner_id: UUID, now: datetime, cursors: Cursors) -> str:
    """Return a use token: the proof, for ten minutes, that the partner verified the voucher."""
    return cursors.make(_PROOF, [code, str(partner_id), (now + _TOKEN_LIFE).timestamp()])


def spelled(code: str) -> str:
    """Return a code as it is stored: ours as they are grouped, a partner's own in the letters that were meant, without blanks."""
    try:
        return read_code(code)[0]
    except UnreadableCodeError:
        return typed_plain(code).replace(" ", "")
