"""Vouchers taken in bulk, as from a partner's till that tells of its day at once: decided as one by one, posted set-based."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from benefits.redemptions.counter import UnknownVoucher, VoucherRefused, status_when_used, used_event
from benefits.redemptions.schemas import UsedVoucher, UseIn
from marketplace.kernel.codes import UnreadableCodeError, read_code
from marketplace.kernel.facts import Fact
from marketplace.platform.database import UnitOfWork, columns
from marketplace.platform.events import publish

# Locked in the order of their ids, so that two bulks that share vouchers cannot wait for each other.
_FIND = """
SELECT v.bucket, v.id, v.code, v.partner_id, v.redemption_id, v.member_id, v.offer_id, v.revision, v.quantity, v.status,
       v.expires_at, v.used_at, r.settlement
FROM unnest($1::smallint[], $2::text[]) AS wanted (bucket, code)
JOIN voucher v ON v.bucket = wanted.bucket AND v.code = wanted.code
JOIN redemption r ON r.bucket = v.bucket AND r.id = v.redemption_id
ORDER BY v.bucket, v.id FOR UPDATE OF v
"""

_USE = """
UPDATE voucher v SET status = d.status, used_at = $6, location_id = d.location_id, reference = d.reference
FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[]) AS d (bucket, id, status, location_id, reference)
WHERE v.bucket = d.bucket AND v.id = d.id AND v.status = 'issued'
RETURNING v.id
"""


class Taken(msgspec.Struct, frozen=True):
    """A voucher that a partner took; the location is known to be the partner's own."""

    partner_id: UUID
    body: UseIn


class VoucherMismatchError(RuntimeError):
    """Fewer vouchers changed than were decided under their locks; the transaction must not commit."""


async def use_many(work: UnitOfWork, taken: Sequence[Taken], now: datetime) -> list[UsedVoucher | Fact]:
    """Take the vouchers and return for each, in order, what `counter.use` would return, or the fact that it would raise.

    A voucher that is named twice is taken once; the second time it is refused.
    """
    codes = [_read(one.body.code) for one in taken]
    rows = await work.fetch(_FIND, *columns(sorted({code[::-1] for code in codes if code is not None}), 2))
    found = {row["code"]: row for row in rows}
    answers: list[UsedVoucher | Fact] = []
    changes: dict[UUID, tuple[object, ...]] = {}
    events = []
    for one, code in zip(taken, codes, strict=True):
        row = found.get(code[0]) if code is not None else None
        if row is None or row["partner_id"] != one.partner_id:
            answers.append(UnknownVoucher())
            continue
        try:
            after = status_when_used(row, now)
        except VoucherRefused as refusal:
            answers.append(refusal)
            continue
        if row["id"] in changes:
            answers.append(VoucherRefused(str(after), now))
            continue
        body = one.body
        changes[row["id"]] = (row["bucket"], row["id"], str(after), body.location_id or "", body.reference)
        events.append(used_event(row, body, one.partner_id, row["settlement"], now))
        answers.append(UsedVoucher(row["id"], str(after), now, row["offer_id"], row["quantity"], body.reference))
    if len(await work.fetch(_USE, *columns(list(changes.values()), 5), now)) != len(changes):
        raise VoucherMismatchError(f"{len(changes)} vouchers were to change")
    await publish(work, events, now)
    return answers


def _read(code: str) -> tuple[str, int] | None:
    try:
        return read_code(code)
    except UnreadableCodeError:
        return None
