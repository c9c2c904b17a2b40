"""A wallet to look at: balance, what expires next, every movement."""

from datetime import date
from uuid import UUID

from benefits.points.domain import PointsPostingCode
from benefits.points.schemas import Expiring, GiftInput, Movement, PointsView
from marketplace.kernel.ids import bucket_of
from marketplace.kernel.refusals import InvalidField
from marketplace.platform.http.paging import Cursors, Page
from marketplace.platform.postgres.database import DB

_WALLET = """
SELECT w.held, l.expires_on, l.points
FROM wallet w LEFT JOIN lot l ON l.bucket = w.bucket AND l.member_id = w.member_id AND l.points > 0 AND l.expires_on > $3
WHERE w.bucket = $1 AND w.member_id = $2 ORDER BY l.expires_on
"""

# A transaction's lines are one movement; a cancellation that forfeits shows as 0 and says so by its code;
# what was spent out of a hold does not show again: it left the wallet with the hold.
_MOVEMENTS = """
SELECT p.transaction_id AS id, max(p.occurred_at) AS occurred_at,
       CASE WHEN bool_or(p.code = 'forfeiture') THEN 'forfeiture' ELSE min(p.code) END AS code,
       sum(p.points * ((p.destination = 'wallet')::int - (p.source = 'wallet')::int)) AS points,
       max(e.reference) AS reference, max(coalesce(r.offer_id, h.offer_id)::text)::uuid AS offer_id
FROM points_posting p
LEFT JOIN earning e ON p.code = 'earning' AND e.bucket = p.bucket AND e.member_id = p.member_id
                   AND e.transaction_id = p.transaction_id
LEFT JOIN redemption r ON p.code IN ('redemption', 'cancellation', 'forfeiture') AND r.bucket = p.bucket
                      AND r.id = coalesce(p.reverses, p.transaction_id)
LEFT JOIN hold h ON p.code = 'hold' AND h.bucket = p.bucket AND h.id = p.transaction_id
WHERE p.bucket = $1 AND p.member_id = $2 AND ($3::uuid IS NULL OR p.transaction_id < $3)
GROUP BY p.transaction_id
HAVING bool_or(p.code = 'forfeiture') OR sum(p.points * ((p.destination = 'wallet')::int - (p.source = 'wallet')::int)) <> 0
ORDER BY p.transaction_id DESC LIMIT $4
"""


def check_gift(giver: UUID, gift: GiftInput, most: int) -> None:
    """Raise InvalidField for a gift to oneself or above what the programme allows; 0 allows none."""
    if gift.member_id == giver:
        raise InvalidField("member_id", "不能赠送给自己。", "must be another member.")
    if gift.points > most:
        raise InvalidField(
            "points", f"每次最多赠送 {most} 积分。", f"must be {most} or less: the most that may be given."
        )


async def wallet_view(member_id: UUID, today: date) -> PointsView:
    """Return the member's points; lots that are gone by today do not count, expired or not."""
    rows = await DB.fetch(_WALLET, bucket_of(member_id), member_id, today)
    expiring = [Expiring(row["points"], row["expires_on"]) for row in rows if row["points"]]
    return PointsView(sum(lot.points for lot in expiring), rows[0]["held"] if rows else 0, expiring)


async def movements(member_id: UUID, cursors: Cursors, cursor: str | None, limit: int) -> Page[Movement]:
    """Return a page of the member's movements, the newest first. Raises InvalidField for a foreign cursor."""
    before = None
    if cursor is not None:
        try:
            before = UUID(cursors.read("movements", cursor)[0])
        except (ValueError, IndexError, AttributeError, TypeError) as error:
            raise InvalidField("cursor", "无法识别。", "cannot be read.") from error
    rows = await DB.fetch(_MOVEMENTS, bucket_of(member_id), member_id, before, limit + 1)
    page = [
        Movement(
            id=row["id"],
            code=PointsPostingCode(row["code"]),
            points=int(row["points"]),
            occurred_at=row["occurred_at"],
            reference=row["reference"],
            offer_id=row["offer_id"],
        )
        for row in rows[:limit]
    ]
    more = len(rows) > limit
    return Page(page, cursors.make("movements", [str(page[-1].id)]) if more else None)
