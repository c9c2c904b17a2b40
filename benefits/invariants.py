"""What must always hold of points and stock: each statement gives the breaches, so no rows is good."""

from marketplace.platform.package import Invariant

ALL = (
    Invariant(
        "wallet = lots",
        "SELECT w.member_id, w.balance, coalesce(l.points, 0) AS lots FROM wallet w LEFT JOIN"
        " (SELECT bucket, member_id, sum(points) AS points FROM lot GROUP BY bucket, member_id) l USING (bucket, member_id)"
        " WHERE w.balance <> coalesce(l.points, 0)",
    ),
    Invariant(
        "lots = postings",
        "SELECT member_id, expires_on, l.points AS lot, p.points AS posted FROM (SELECT member_id, expires_on, points FROM lot) l"
        " FULL JOIN (SELECT member_id, expires_on, sum(points * ((destination = 'wallet')::int - (source = 'wallet')::int))"
        " AS points FROM points_posting GROUP BY member_id, expires_on) p USING (member_id, expires_on)"
        " WHERE coalesce(l.points, 0) <> coalesce(p.points, 0)",
    ),
    Invariant(
        "each bucket's book of points sums to zero",
        "SELECT bucket, sum(points) AS points FROM (SELECT bucket, destination AS account, points FROM points_posting"
        " UNION ALL SELECT bucket, source, -points FROM points_posting) AS book GROUP BY bucket HAVING sum(points) <> 0",
    ),
    Invariant(
        "points spent = price of the redemptions",
        "SELECT r.id, r.points, p.points AS posted FROM redemption r LEFT JOIN"
        " (SELECT bucket, transaction_id, sum(points) AS points FROM points_posting"
        " WHERE code = 'redemption' GROUP BY bucket, transaction_id) p"
        " ON p.bucket = r.bucket AND p.transaction_id = r.id WHERE r.points IS DISTINCT FROM p.points",
    ),
    Invariant(
        "stock: initial = remaining + held + sold",
        "SELECT offer_id, slice FROM stock WHERE initial <> remaining + held + sold",
    ),
    Invariant(
        "stock sold = units redeemed under it",
        "SELECT offer_id, s.sold, r.units FROM (SELECT offer_id, sum(sold) AS sold FROM stock GROUP BY offer_id) s"
        " LEFT JOIN (SELECT offer_id, sum(quantity) AS units FROM redemption WHERE status = 'issued' AND slice IS NOT NULL"
        " GROUP BY offer_id) r USING (offer_id) WHERE s.sold <> coalesce(r.units, 0)",
    ),
    Invariant(
        "limit used = units redeemed",
        "SELECT member_id, offer_id, l.used, r.units FROM limit_used l LEFT JOIN (SELECT member_id, offer_id,"
        " sum(quantity) AS units FROM redemption WHERE status = 'issued' GROUP BY member_id, offer_id) r"
        " USING (member_id, offer_id) WHERE l.used <> coalesce(r.units, 0)",
    ),
    Invariant(
        "a cancelled redemption has a cancelled voucher, and none else",
        "SELECT r.id FROM redemption r JOIN voucher v ON v.bucket = r.bucket AND v.redemption_id = r.id"
        " WHERE (r.status = 'cancelled') <> (v.status = 'cancelled')",
    ),
)
