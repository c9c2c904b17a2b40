"""What must always hold of points and stock. Each is one statement over a range of buckets or of offers (platform/invariants).

A statement reads only its range, $1 to $2: the primary keys of member-side tables begin with the bucket. What spans buckets, the
stock, is held against a count that goes along with the event log, and the events that this count has not taken yet.
"""

from benefits.offers.sold_projection import NAME as SOLD
from benefits.offers.sold_projection import TAKES
from marketplace.platform.invariants.checks import BY_BUCKET, WAITING, Cut, Invariant, bucket_of_sql

BY_OFFER = Cut("offer_id", "SELECT id FROM offer WHERE id BETWEEN $1 AND $2 ORDER BY id")

# Lots and postings are held against each other day by day; `differs_on` is the first day on which they are not alike.
_WALLET = """
SELECT (coalesce(w.balance, 0), coalesce(w.held, 0), coalesce(w.held, 0))
       = (coalesce(b.lots, 0), coalesce(b.held, 0), coalesce(h.points, 0)) AND b.differs_on IS NULL AS holds,
       1 + coalesce(b.rows, 0) + coalesce(h.rows, 0) AS rows, member_id, w.balance, b.lots, b.posted, b.differs_on,
       w.held, b.held AS held_posted, h.points AS open_holds
FROM (SELECT member_id, balance, held FROM wallet WHERE bucket BETWEEN $1 AND $2) w
FULL JOIN (
    SELECT member_id, coalesce(sum(l.points), 0) AS lots, coalesce(sum(p.points), 0) AS posted, sum(p.held) AS held,
           min(expires_on) FILTER (WHERE coalesce(l.points, 0) <> coalesce(p.points, 0)) AS differs_on,
           count(l.points) + coalesce(sum(p.rows), 0) AS rows
    FROM (SELECT member_id, expires_on, points FROM lot WHERE bucket BETWEEN $1 AND $2) l
    FULL JOIN (
        SELECT member_id, expires_on, count(*) AS rows,
               sum(points * ((destination = 'wallet')::int - (source = 'wallet')::int)) AS points,
               sum(points * ((destination = 'held')::int - (source = 'held')::int)) AS held
        FROM points_posting WHERE bucket BETWEEN $1 AND $2 GROUP BY 1, 2
    ) p USING (member_id, expires_on)
    GROUP BY 1
) b USING (member_id)
FULL JOIN (
    SELECT member_id, sum(points) AS points, count(*) AS rows FROM hold
    WHERE bucket BETWEEN $1 AND $2 AND status = 'held' GROUP BY 1
) h USING (member_id)
"""

# A posting names both its accounts, so it cannot but sum to zero, unless one of them is none of ours. What the other accounts
# came to is what the programme credited and the partners were given: cancellations and all.
_BOOK = """
WITH book AS (
    SELECT bucket, count(*) AS rows,
           sum(points * ((destination = ANY(ours))::int - (source = ANY(ours))::int)) AS points,
           sum(points * ((source = 'programme')::int - (destination = 'programme')::int)) AS programme,
           sum(points * ((destination = 'partner')::int - (source = 'partner')::int)) AS partners
    FROM points_posting, (SELECT ARRAY['wallet', 'held', 'programme', 'partner', 'expired', 'gift'] AS ours) AS chart
    WHERE bucket BETWEEN $1 AND $2 GROUP BY 1
), earned AS (
    SELECT bucket, count(*) AS rows, sum(points) AS points FROM earning WHERE bucket BETWEEN $1 AND $2 GROUP BY 1
), redeemed AS (
    SELECT bucket, count(*) AS rows, sum(points) FILTER (WHERE status = 'issued') AS points
    FROM redemption WHERE bucket BETWEEN $1 AND $2 GROUP BY 1
)
SELECT coalesce(book.points, 0) = 0 AND coalesce(book.programme, 0) = coalesce(earned.points, 0)
       AND coalesce(book.partners, 0) = coalesce(redeemed.points, 0) AS holds,
       coalesce(book.rows, 0) + coalesce(earned.rows, 0) + coalesce(redeemed.rows, 0) AS rows,
       bucket, book.points AS sum, book.programme, earned.points AS earned, book.partners, redeemed.points AS redeemed
FROM book FULL JOIN earned USING (bucket) FULL JOIN redeemed USING (bucket)
"""

_PRICE = """
SELECT r.points IS NOT DISTINCT FROM p.points AS holds, 1 + coalesce(p.rows, 0) AS rows, id, r.points, p.points AS posted
FROM (
    SELECT id, points FROM redemption WHERE bucket BETWEEN $1 AND $2
    UNION ALL SELECT id, points FROM hold WHERE bucket BETWEEN $1 AND $2
) r FULL JOIN (
    SELECT transaction_id AS id, sum(points) AS points, count(*) AS rows FROM points_posting
    WHERE bucket BETWEEN $1 AND $2 AND code IN ('redemption', 'hold') GROUP BY 1
) p USING (id)
"""

# A gift's two legs lie in two members' buckets. From either side the other one is looked up, so that each range can be looked
# at by itself; over all of them the account of gifts then sums to zero.
_GIFT = f"""
SELECT a.points = b.points AS holds, a.rows + b.rows AS rows, a.member_id, a.gives, a.counterparty, a.points, b.points AS theirs
FROM (
    SELECT member_id, counterparty, destination = 'gift' AS gives, sum(points) AS points, count(*) AS rows
    FROM points_posting WHERE bucket BETWEEN $1 AND $2 AND 'gift' IN (source, destination) GROUP BY 1, 2, 3
) a CROSS JOIN LATERAL (
    SELECT coalesce(sum(o.points), 0) AS points, count(*) AS rows FROM points_posting o
    WHERE o.bucket = {bucket_of_sql("a.counterparty")} AND o.member_id = a.counterparty AND o.counterparty = a.member_id
      AND CASE WHEN a.gives THEN o.source ELSE o.destination END = 'gift'
) b
"""

_LIMIT = """
SELECT coalesce(l.used, 0) = coalesce(r.units, 0) AS holds, 1 + coalesce(r.rows, 0) AS rows, member_id, offer_id, "window",
       l.used, r.units
FROM (SELECT member_id, offer_id, "window", used FROM limit_used WHERE bucket BETWEEN $1 AND $2) l
FULL JOIN (
    SELECT member_id, offer_id, "window", sum(quantity) AS units, count(*) AS rows FROM (
        SELECT member_id, offer_id, windows, quantity FROM redemption WHERE bucket BETWEEN $1 AND $2 AND status = 'issued'
        UNION ALL
        SELECT member_id, offer_id, windows, quantity FROM hold WHERE bucket BETWEEN $1 AND $2 AND status = 'held'
    ) AS counted CROSS JOIN unnest(windows) AS "window" GROUP BY 1, 2, 3
) r USING (member_id, offer_id, "window")
"""

_VOUCHER = """
SELECT r.id IS NOT NULL AND v.id IS NOT NULL AND (r.status = 'cancelled') = (v.status = 'cancelled') AS holds, 2 AS rows, r.id,
       r.status, v.id AS voucher_id, v.status AS voucher
FROM (SELECT bucket, id, voucher_id, status FROM redemption WHERE bucket BETWEEN $1 AND $2) r
FULL JOIN (SELECT bucket, id, redemption_id, status FROM voucher WHERE bucket BETWEEN $1 AND $2) v
ON v.bucket = r.bucket AND v.id = r.voucher_id AND v.redemption_id = r.id
"""

_TOLD = """
SELECT e.issued = 1 AND e.cancelled = (r.status = 'cancelled')::int AND e.offer_id = r.offer_id::text
       AND e.quantity = r.quantity AS holds,
       1 + coalesce(e.issued + e.cancelled, 0) AS rows, r.id, r.status, r.offer_id, r.quantity, e.issued, e.cancelled,
       e.offer_id AS offer_told, e.quantity AS quantity_told
FROM (SELECT id, status, offer_id, quantity FROM redemption WHERE bucket BETWEEN $1 AND $2) r
LEFT JOIN (
    SELECT aggregate_id AS id, count(*) FILTER (WHERE type = 'redemption.issued') AS issued,
           count(*) FILTER (WHERE type = 'redemption.cancelled') AS cancelled,
           min(payload ->> 'offer_id') AS offer_id, min((payload ->> 'quantity')::int) AS quantity
    FROM event WHERE bucket BETWEEN $1 AND $2 AND type IN ('redemption.issued', 'redemption.cancelled') GROUP BY 1
) e USING (id)
"""

_STOCK = """
SELECT initial = remaining + held + sold AS holds, 1 AS rows, offer_id, slice, initial, remaining, held, sold
FROM stock WHERE offer_id BETWEEN $1 AND $2
"""

_HELD = """
SELECT coalesce(s.held, 0) = coalesce(h.units, 0) AS holds, coalesce(s.rows, 0) + coalesce(h.rows, 0) AS rows,
       offer_id, s.held, h.units
FROM (SELECT offer_id, sum(held) AS held, count(*) AS rows FROM stock WHERE offer_id BETWEEN $1 AND $2 GROUP BY 1) s
FULL JOIN (
    SELECT offer_id, sum(quantity) AS units, count(*) AS rows FROM hold
    WHERE status = 'held' AND slice IS NOT NULL AND offer_id BETWEEN $1 AND $2 GROUP BY 1
) h USING (offer_id)
"""

_CODES = f"""
SELECT CASE c.state WHEN 'issued' THEN v.offer_id = c.offer_id AND c.code = ANY(v.partner_codes)
                    WHEN 'held' THEN h.offer_id = c.offer_id AND h.status = 'held' ELSE true END AS holds,
       num_nonnulls(c.seq, v.id, h.id) AS rows, c.offer_id, c.code, c.state, c.voucher_id, c.hold_id, h.status AS hold
FROM offer_code c LEFT JOIN voucher v ON v.bucket = c.bucket AND v.id = c.voucher_id
LEFT JOIN hold h ON h.bucket = {bucket_of_sql("c.hold_id")} AND h.id = c.hold_id
WHERE c.offer_id BETWEEN $1 AND $2
"""

_SOLD = f"""
WITH waiting AS (
    SELECT r.offer_id, sum(r.quantity * CASE e.type WHEN {TAKES} THEN 1 ELSE -1 END) AS units, count(*) AS rows
    FROM event e JOIN redemption r ON r.bucket = e.bucket AND r.id = e.aggregate_id
    WHERE e.type IN ('redemption.issued', 'redemption.cancelled') AND {WAITING}
      AND r.slice IS NOT NULL AND r.offer_id BETWEEN $1 AND $2
    GROUP BY 1
)
SELECT s.sold = coalesce(c.units, 0) + coalesce(w.units, 0) AS holds, s.rows + 1 + coalesce(w.rows, 0) AS rows,
       offer_id, s.sold, coalesce(c.units, 0) + coalesce(w.units, 0) AS redeemed
FROM (
    SELECT offer_id, sum(sold) AS sold, count(*) AS rows FROM stock WHERE offer_id BETWEEN $1 AND $2 GROUP BY 1
) s LEFT JOIN offer_sold c USING (offer_id) LEFT JOIN waiting w USING (offer_id)
"""

ALL = (
    Invariant("wallet = lots = postings, held = open holds", _WALLET, BY_BUCKET),
    Invariant("each bucket's book of points: sum zero, programme = earnings, partners = redemptions", _BOOK, BY_BUCKET),
    Invariant("points spent or held = price of the redemption or hold", _PRICE, BY_BUCKET),
    Invariant("each gift left one member and reached the other", _GIFT, BY_BUCKET),
    Invariant("limit used = units redeemed and held, in each window", _LIMIT, BY_BUCKET),
    Invariant("a cancelled redemption has a cancelled voucher, and none else", _VOUCHER, BY_BUCKET),
    Invariant("each redemption was told once", _TOLD, BY_BUCKET),
    Invariant("stock: initial = remaining + held + sold", _STOCK, BY_OFFER),
    Invariant("stock sold = units redeemed under it", _SOLD, BY_OFFER, consumer=SOLD),
    Invariant("stock held = units of the open holds", _HELD, BY_OFFER),
    Invariant("a partner's code is with the one voucher or hold that has it", _CODES, BY_OFFER),
)
