"""The invariants of contracts and prepaid packs, each one statement over a range of partners (platform/invariants)."""

from marketplace.platform.invariants.checks import Cut, Invariant

BY_PARTNER = Cut("partner_id", "SELECT id FROM partner WHERE id BETWEEN $1 AND $2 ORDER BY id")

_SIGNED = """
SELECT count(s.party) = 2 AS holds, 1 + count(s.party) AS rows, c.partner_id, c.id AS contract_id, c.version
FROM contract c LEFT JOIN contract_signature s ON (s.contract_id, s.content_hash) = (c.id, c.content_hash)
WHERE c.partner_id BETWEEN $1 AND $2 AND c.signed_at IS NOT NULL GROUP BY c.id
"""

# An exclusion constraint would need the extension btree_gist, which is not always there. The partner's lock is the guard.
_ONE_AT_A_TIME = """
SELECT o.id IS NULL AS holds, 1 AS rows, c.partner_id, c.version, o.version AS other_version
FROM contract c LEFT JOIN contract o ON o.partner_id = c.partner_id AND o.id > c.id AND o.status = 'signed'
     AND daterange(o.starts_on, o.ends_on) && daterange(c.starts_on, c.ends_on)
WHERE c.partner_id BETWEEN $1 AND $2 AND c.status = 'signed'
"""

_BOUGHT = """
SELECT coalesce(p.bought, 0) = coalesce(e.points, 0) AS holds, 1 + coalesce(e.entries, 0) AS rows, partner_id,
       p.bought, e.points AS entered
FROM (SELECT * FROM point_pack WHERE partner_id BETWEEN $1 AND $2) p FULL JOIN (
    SELECT partner_id, sum(points)::bigint AS points, count(*) AS entries FROM point_pack_entry
    WHERE partner_id BETWEEN $1 AND $2 GROUP BY partner_id
) e USING (partner_id)
"""

ALL = (
    Invariant("a signed contract has both signatures", _SIGNED, BY_PARTNER),
    Invariant("at most one contract holds on each day", _ONE_AT_A_TIME, BY_PARTNER),
    Invariant("prepaid points bought = their entries", _BOUGHT, BY_PARTNER),
)
