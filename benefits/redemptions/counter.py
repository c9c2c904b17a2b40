"""The partner's counter: is this voucher good, and take it. A partner sees only vouchers of its own offers."""

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from benefits.offers.catalogue import titles
from benefits.redemptions.domain import VOUCHER_TRANSITIONS, VoucherStatus
from benefits.redemptions.events import SettlementTerms, VoucherUsed
from benefits.redemptions.schemas import UsedVoucher, UseIn, VerifiedVoucher, VerifyIn
from marketplace.kernel.codes import UnreadableCodeError, read_code
from marketplace.kernel.facts import Fact, InvalidField, Kind
from marketplace.kernel.states import TransitionRefusedError
from marketplace.platform.database import DB, UnitOfWork
from marketplace.platform.events import publish
from marketplace.platform.paging import Cursors
from partners.onboarding.locations import known_location

_TOKEN_LIFE = timedelta(minutes=10)
_PROOF = "use-token"


class UnknownVoucher(Fact):
    """No voucher of this partner has the code."""

    kind = Kind.NOT_FOUND
    code = "unknown_voucher"
    zh = "没有该兑换券，请核对兑换码。"
    en = "There is no such voucher; check the code."


class VoucherRefused(Fact):
    """The voucher cannot be used: `code` says already_used, expired or cancelled."""

    zh = "该兑换券不可使用：{status}。"
    en = "The voucher cannot be used: {status}."

    def __init__(self, status: str, used_at: datetime | None) -> None:
        """Take the problem's code from the state, and say when it was used."""
        self.code = "already_used" if status == "used" else status
        super().__init__(status=status, used_at=used_at.isoformat() if used_at else None)


_FIND = """
SELECT v.bucket, v.id, v.code, v.redemption_id, v.member_id, v.offer_id, v.revision, v.quantity, v.status, v.expires_at,
       v.used_at
FROM voucher v WHERE v.bucket = $1 AND v.code = $2 AND v.partner_id = $3
"""


async def verify(partner_id: UUID, body: VerifyIn, now: datetime, cursors: Cursors) -> VerifiedVoucher:
    """Return what the counter may know of a voucher, whatever its state. Raises UnknownVoucher, InvalidField."""
    code, bucket = _read(body.code)
    await check_location(partner_id, body.location_id)
    row = await DB.fetchrow(_FIND, bucket, code, partner_id)
    if row is None:
        raise UnknownVoucher
    status = status_now(row, now)
    token = None
    if status is VoucherStatus.ISSUED:
        token = cursors.make(_PROOF, [code, str(partner_id), (now + _TOKEN_LIFE).timestamp()])
    key = (row["offer_id"], row["revision"])
    return VerifiedVoucher(
        voucher_id=row["id"],
        status=str(status),
        offer_id=row["offer_id"],
        title=(await titles([key]))[key],
        quantity=row["quantity"],
        expires_at=row["expires_at"],
        use_token=token,
    )


async def use(work: UnitOfWork, partner_id: UUID, body: UseIn, now: datetime) -> UsedVoucher:
    """Take the voucher. Raises UnknownVoucher, VoucherRefused.

    The row's lock decides between two counters, and between counter and cancellation; the guarded update is the proof.
    """
    code, bucket = _read(body.code)
    row = await work.fetchrow(_FIND + " FOR UPDATE", bucket, code, partner_id)
    if row is None:
        raise UnknownVoucher
    after = status_when_used(row, now)
    used = await work.fetchrow(
        "UPDATE voucher v SET status = $3, used_at = $4, location_id = $5, reference = $6"
        " FROM redemption r WHERE v.bucket = $1 AND v.id = $2 AND v.status = 'issued'"
        " AND r.bucket = v.bucket AND r.id = v.redemption_id RETURNING r.settlement",
        bucket, row["id"], str(after), now, body.location_id or "", body.reference,
    )  # fmt: skip
    if used is None:
        raise VoucherRefused(row["status"], row["used_at"])
    await publish(work, [used_event(row, body, partner_id, used["settlement"], now)], now)
    return UsedVoucher(row["id"], str(after), now, row["offer_id"], row["quantity"], body.reference)


def status_when_used(row: asyncpg.Record, now: datetime) -> VoucherStatus:
    """Return the state of a voucher once it is used at the instant. Raises VoucherRefused."""
    status = status_now(row, now)
    try:
        return VOUCHER_TRANSITIONS.after(status, "use")
    except TransitionRefusedError as refusal:
        raise VoucherRefused(str(status), row["used_at"]) from refusal


def used_event(
    row: asyncpg.Record, body: UseIn, partner_id: UUID, settlement: dict[str, object], now: datetime
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


def check_token(body: UseIn, partner_id: UUID, now: datetime, cursors: Cursors) -> None:
    """Raise InvalidField if a use token came along that is not of this voucher's verification."""
    if body.use_token is None:
        return
    if code_of_token(body.use_token, partner_id, now, cursors) != _read(body.code)[0]:
        raise InvalidField("use_token", "与兑换码不符。", "belongs to another voucher.")


async def check_location(partner_id: UUID, location_id: str | None) -> None:
    """Raise InvalidField for a location that is not the partner's own."""
    if location_id and not await known_location(partner_id, location_id):
        raise InvalidField("location_id", "不是您登记的门店。", "is not one of your registered locations.")


def _read(code: str) -> tuple[str, int]:
    try:
        return read_code(code)
    except UnreadableCodeError as error:
        raise UnknownVoucher from error
