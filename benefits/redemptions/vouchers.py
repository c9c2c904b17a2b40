"""Vouchers and redemptions to look at: a member's own, and a partner's without the member."""

from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from benefits.redemptions.domain import VoucherStatus
from benefits.redemptions.schemas import PartnerRedemption, RedemptionView, VoucherRef, VoucherView
from marketplace.kernel.ids import bucket_of
from marketplace.kernel.refusals import NotFound
from marketplace.kernel.text import Text
from marketplace.platform.http.paging import Cursors, Page
from marketplace.platform.postgres.database import DB

# Both ways, so that one voucher that is asked for finds its redemption, and a member's redemptions find their vouchers.
_VOUCHERS = """
SELECT v.id, v.code, CASE WHEN v.status = 'issued' AND v.expires_at <= $3 THEN 'expired' ELSE v.status END AS status,
       v.expires_at, v.used_at, v.quantity, r.points, v.partner_codes, v.redemption_id, v.offer_id, o.content -> 'title' AS title,
       v.partner_id, p.name_zh, p.name_en
FROM redemption r JOIN voucher v ON v.bucket = r.bucket AND v.id = r.voucher_id AND v.redemption_id = r.id
JOIN offer_revision o ON o.offer_id = v.offer_id AND o.revision = v.revision
JOIN partner p ON p.id = v.partner_id
WHERE r.bucket = $1 AND r.member_id = $2
"""

_REDEMPTIONS = """
SELECT r.id, r.status, r.offer_id, r.revision, r.quantity, r.points, r.redeemed_at, v.id AS voucher_id, v.code,
       CASE WHEN v.status = 'issued' AND v.expires_at <= $3 THEN 'expired' ELSE v.status END AS voucher_status, v.expires_at,
       v.partner_codes
FROM redemption r JOIN voucher v ON v.bucket = r.bucket AND v.id = r.voucher_id
WHERE r.bucket = $1 AND r.member_id = $2
"""


async def my_vouchers(
    member_id: UUID, cursors: Cursors, now: datetime, *, status: VoucherStatus | None, cursor: str | None, limit: int
) -> Page[VoucherView]:
    """Return a page of the member's vouchers, the newest first."""
    kind = f"vouchers:{status}"
    rows = await DB.fetch(
        f"SELECT * FROM ({_VOUCHERS}) AS mine WHERE ($4::text IS NULL OR status = $4) AND ($5::uuid IS NULL OR id < $5)"
        " ORDER BY id DESC LIMIT $6",
        bucket_of(member_id), member_id, now, status, _before(cursors, kind, cursor), limit + 1,
    )  # fmt: skip
    page = [_voucher(row) for row in rows[:limit]]
    return Page(page, cursors.make(kind, [str(page[-1].id)]) if len(rows) > limit else None)


async def my_voucher(member_id: UUID, voucher_id: UUID, now: datetime) -> VoucherView:
    """Return one of the member's vouchers. Raises NotFound."""
    row = await DB.fetchrow(_VOUCHERS + " AND v.id = $4", bucket_of(member_id), member_id, now, voucher_id)
    if row is None:
        raise NotFound
    return _voucher(row)


async def my_redemptions(
    member_id: UUID, cursors: Cursors, now: datetime, *, cursor: str | None, limit: int
) -> Page[RedemptionView]:
    """Return a page of the member's redemptions, the newest first."""
    rows = await DB.fetch(
        _REDEMPTIONS + " AND ($4::uuid IS NULL OR r.id < $4) ORDER BY r.id DESC LIMIT $5",
        bucket_of(member_id), member_id, now, _before(cursors, "redemptions", cursor), limit + 1,
    )  # fmt: skip
    page = [_redemption(row) for row in rows[:limit]]
    return Page(page, cursors.make("redemptions", [str(page[-1].id)]) if len(rows) > limit else None)


async def my_redemption(member_id: UUID, redemption_id: UUID, now: datetime) -> RedemptionView:
    """Return one of the member's redemptions. Raises NotFound."""
    row = await DB.fetchrow(_REDEMPTIONS + " AND r.id = $4", bucket_of(member_id), member_id, now, redemption_id)
    if row is None:
        raise NotFound
    return _redemption(row)


async def of_partner(
    partner_id: UUID, cursors: Cursors, now: datetime, *, cursor: str | None, limit: int
) -> Page[PartnerRedemption]:
    """Return a page of the partner's redemptions, the newest first; who the members are is not in it."""
    rows = await DB.fetch(
        "SELECT r.id AS redemption_id, v.id AS voucher_id, r.offer_id, r.revision, r.quantity, r.redeemed_at, v.used_at,"
        " CASE WHEN v.status = 'issued' AND v.expires_at <= $2 THEN 'expired' ELSE v.status END AS status"
        " FROM redemption r JOIN voucher v ON v.bucket = r.bucket AND v.id = r.voucher_id"
        " WHERE r.partner_id = $1 AND ($3::uuid IS NULL OR r.id < $3) ORDER BY r.id DESC LIMIT $4",
        partner_id, now, _before(cursors, "partner-redemptions", cursor), limit + 1,
    )  # fmt: skip
    page = [PartnerRedemption(**row) for row in rows[:limit]]
    more = len(rows) > limit
    return Page(page, cursors.make("partner-redemptions", [str(page[-1].redemption_id)]) if more else None)


def _before(cursors: Cursors, kind: str, cursor: str | None) -> UUID | None:
    return None if cursor is None else UUID(cursors.read(kind, cursor)[0])


def _voucher(row: asyncpg.Record) -> VoucherView:
    values = dict(row)
    values["title"] = msgspec.convert(values["title"], Text)
    values["partner_name"] = Text(values.pop("name_zh"), values.pop("name_en"))
    return VoucherView(**values)


def _redemption(row: asyncpg.Record) -> RedemptionView:
    return RedemptionView(
        id=row["id"],
        status=row["status"],
        offer_id=row["offer_id"],
        revision=row["revision"],
        quantity=row["quantity"],
        points=row["points"],
        cash=None,
        redeemed_at=row["redeemed_at"],
        voucher=VoucherRef(
            row["voucher_id"], row["code"], row["voucher_status"], row["expires_at"], row["partner_codes"]
        ),
    )
