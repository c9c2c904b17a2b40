"""What must always hold of the money. Each is one statement over a range of partners, or of buckets (platform/invariants).

A posting has both its accounts in one row, so a transaction sums to zero by its form; what can go wrong is what postings,
statements, payouts and the events say of each other. Every breach stops payouts (`payouts/pay.py`).
"""

from marketplace.platform.invariants.checks import BY_BUCKET, CONSUMED, Cut, Invariant, bucket_of_sql
from settlement.books.consumer import Books
from settlement.books.domain import MoneyPostingCode

# Wherever a partner may stand: a row of a partner that is nowhere else lies in some range, too. The book's partners are found by
# going from one to the next in its primary key, since it has far more rows than partners.
_PARTNERS = """
WITH RECURSIVE booked AS (
    (SELECT partner_id FROM money_posting WHERE partner_id BETWEEN $1 AND $2 ORDER BY partner_id LIMIT 1)
    UNION ALL
    SELECT (SELECT p.partner_id FROM money_posting p WHERE p.partner_id > b.partner_id AND p.partner_id <= $2
            ORDER BY p.partner_id LIMIT 1)
    FROM booked b WHERE b.partner_id IS NOT NULL
)
SELECT partner_id FROM (
    SELECT partner_id FROM booked WHERE partner_id IS NOT NULL
    UNION SELECT partner_id FROM statement WHERE partner_id BETWEEN $1 AND $2
    UNION SELECT partner_id FROM settlement_period WHERE partner_id BETWEEN $1 AND $2
) AS partners ORDER BY partner_id
"""

BY_PARTNER = Cut("partner_id", _PARTNERS)

_OURS = "partner_id BETWEEN $1 AND $2"
_SIGNED = "CASE WHEN p.destination = 'partner:payable' THEN 1 WHEN p.source = 'partner:payable' THEN -1 ELSE 0 END"

# What the OEM owes each partner by the book, and by what is not paid yet: statements, and postings in open months.
_PAYABLE = f"""
WITH payable AS (
    SELECT p.partner_id, p.currency, sum({_SIGNED} * p.amount_minor) AS balance_minor, count(*) AS rows
    FROM money_posting p WHERE p.{_OURS} GROUP BY 1, 2
), unpaid AS (
    SELECT partner_id, currency, sum(total_minor) AS total_minor, count(*) AS rows
    FROM statement WHERE {_OURS} AND status <> 'paid' GROUP BY 1, 2
), still_open AS (
    SELECT p.partner_id, p.currency, sum({_SIGNED} * p.amount_minor) AS total_minor
    FROM money_posting p
    WHERE p.{_OURS} AND p.code <> 'payout' AND NOT EXISTS (
        SELECT 1 FROM statement s
        WHERE (s.partner_id, s.currency, s.cycle, s.period) = (p.partner_id, p.currency, p.cycle, p.period)
    )
    GROUP BY 1, 2
)
SELECT coalesce(payable.balance_minor, 0) = coalesce(unpaid.total_minor, 0) + coalesce(still_open.total_minor, 0) AS holds,
       coalesce(payable.rows, 0) + coalesce(unpaid.rows, 0) AS rows,
       partner_id, currency, payable.balance_minor, unpaid.total_minor AS unpaid_minor, still_open.total_minor AS open_minor
FROM payable FULL JOIN unpaid USING (partner_id, currency) FULL JOIN still_open USING (partner_id, currency)
"""

# What a line adds to which sums, as `statements/domain.py` says it.
_SUMS = {
    "gross_minor": "p.code IN ('benefit_on_issue', 'benefit_on_use', 'dealer_share')",
    "reversed_minor": "p.code IN ('benefit_on_issue_reversed', 'benefit_on_use_reversed', 'dealer_share_reversed')",
}
_NET = {
    "partner_share_minor": "partner_share",
    "dealer_share_minor": "dealer_share",
    "commission_minor": "commission",
    "granted_minor": "points_granted",
}
_SUMMED = ",\n       ".join(
    [f"coalesce(sum(p.amount_minor) FILTER (WHERE {which}), 0)::bigint AS {name}" for name, which in _SUMS.items()]
    + [
        f"(coalesce(sum(p.amount_minor) FILTER (WHERE p.code = '{code}'), 0)"
        f" - coalesce(sum(p.amount_minor) FILTER (WHERE p.code = '{code}_reversed'), 0))::bigint AS {name}"
        for name, code in _NET.items()
    ]
)
_COMPARED = ("lines", *_SUMS, *_NET, "tax_minor")

_BY_SCOPE = f"""
SELECT p.partner_id, p.currency, p.cycle, p.period, count(*) AS lines, sum({_SIGNED} * p.tax_minor)::bigint AS tax_minor,
       sum({_SIGNED} * p.amount_minor)::bigint AS total_minor,
       {_SUMMED}
FROM money_posting p WHERE p.{_OURS} AND p.code <> 'payout' GROUP BY 1, 2, 3, 4
"""

_STATEMENT = f"""
SELECT ({", ".join(f"s.{name}" for name in _COMPARED)}) IS NOT DISTINCT FROM (
           {", ".join(f"coalesce(scope.{name}, 0)" for name in _COMPARED)}
       ) AS holds,
       1 + coalesce(scope.lines, 0) AS rows, s.partner_id, s.id AS statement_id, s.lines, s.total_minor, s.tax_minor,
       scope.lines AS scope_lines, scope.total_minor AS scope_minor, scope.tax_minor AS scope_tax_minor
FROM (SELECT * FROM statement WHERE {_OURS}) s LEFT JOIN ({_BY_SCOPE}) AS scope USING (partner_id, currency, cycle, period)
"""

# `concat_ws` leaves out what is NULL, bar and all: a line has as many bars as any other.
_NULLABLE = ", ".join(
    f"coalesce(p.{name}::text, '')"
    for name in (
        "redemption_id", "voucher_id", "offer_id", "revision", "quantity", "contract_id", "contract_version", "reverses",
    )
)  # fmt: skip

# The same lines as StatementBuilder.canonical, said a second time: two programs that must agree. Paid statements are left
# to the totals above: their hashes cannot stop a payout any more, and all of them would be too many to read each time.
_HASH = f"""
SELECT again.content_hash = s.content_hash AS holds, 1 + s.lines AS rows, s.partner_id, s.id AS statement_id, s.content_hash,
       again.content_hash AS found
FROM statement s CROSS JOIN LATERAL (
    SELECT encode(sha256(convert_to(
        concat_ws('|', s.partner_id, s.currency, s.period, nullif(s.cycle, 'monthly')) || coalesce(string_agg(
        E'\\n' || concat_ws('|',
            p.id, p.transaction_id, p.code, {_SIGNED} * p.amount_minor, {_SIGNED} * p.tax_minor,
            (extract(epoch FROM p.occurred_at) * 1000000)::bigint,
            {_NULLABLE},
            octet_length(p.reference) || ':' || p.reference, octet_length(p.location_id) || ':' || p.location_id
        ), '' ORDER BY p.occurred_at, p.id), ''), 'UTF8')), 'hex') AS content_hash
    FROM money_posting p
    WHERE (p.partner_id, p.currency, p.cycle, p.period) = (s.partner_id, s.currency, s.cycle, s.period) AND p.code <> 'payout'
) AS again
WHERE s.{_OURS} AND s.status <> 'paid'
"""

_CLOSED = f"""
SELECT o.open_from IS NULL OR p.period >= o.open_from OR s.id IS NOT NULL AS holds, p.rows, p.partner_id, p.currency,
       p.cycle, p.period, 'posting without statement' AS what
FROM (
    SELECT partner_id, currency, cycle, period, count(*) AS rows FROM money_posting WHERE {_OURS} AND code <> 'payout'
    GROUP BY 1, 2, 3, 4
) p LEFT JOIN settlement_period o USING (partner_id, currency, cycle)
LEFT JOIN statement s USING (partner_id, currency, cycle, period)
UNION ALL
SELECT s.period < o.open_from, 1, s.partner_id, s.currency, s.cycle, s.period, 'statement of an open period'
FROM statement s LEFT JOIN settlement_period o USING (partner_id, currency, cycle) WHERE s.{_OURS}
"""

_PAYOUT = f"""
SELECT (s.status = 'paid') = (o.id IS NOT NULL) AND (o.id IS NULL OR
           (o.amount_minor, o.currency, p.amount_minor, p.currency)
               IS NOT DISTINCT FROM (s.total_minor, s.currency, s.total_minor, s.currency))
           AND CASE s.status WHEN 'settled' THEN s.total_minor = 0 AND s.due_on IS NULL
                             WHEN 'closed' THEN true ELSE s.total_minor <> 0 END AS holds,
       num_nonnulls(s.id, o.id, p.id) AS rows, s.partner_id, s.id AS statement_id, s.status, s.total_minor,
       o.amount_minor AS payout_minor, p.amount_minor AS posted_minor
FROM statement s LEFT JOIN payout o ON (o.partner_id, o.statement_id) = (s.partner_id, s.id)
LEFT JOIN money_posting p ON (p.partner_id, p.payout_id) = (o.partner_id, o.id)
WHERE s.{_OURS}
UNION ALL
SELECT o.id IS NOT NULL, 1, p.partner_id, p.payout_id, NULL, NULL, NULL, p.amount_minor
FROM money_posting p LEFT JOIN payout o ON (o.partner_id, o.id) = (p.partner_id, p.payout_id)
WHERE p.{_OURS} AND p.code = 'payout'
"""

_REVERSAL = f"""
SELECT (r.amount_minor, r.tax_minor, r.currency, r.source, r.destination, r.redemption_id, r.contract_id, r.contract_version,
        r.occasion, r.cycle, r.zone)
           IS NOT DISTINCT FROM
       (o.amount_minor, o.tax_minor, o.currency, o.destination, o.source, o.redemption_id, o.contract_id, o.contract_version,
        o.occasion, o.cycle, o.zone)
           AS holds, 2 AS rows, r.partner_id, r.id, r.reverses
FROM money_posting r LEFT JOIN money_posting o ON (o.partner_id, o.id) = (r.partner_id, r.reverses)
WHERE r.{_OURS} AND r.reverses IS NOT NULL
"""

# What `postings_for` says, said a second time, of the events that the consumer has taken.
_OWED = f"""
WITH told AS (
    SELECT DISTINCT e.aggregate_id AS redemption_id, codes.benefit, codes.suffix, (e.payload -> 'settlement')::jsonb AS terms,
           (e.payload ->> 'partner_id')::uuid AS partner_id, coalesce((e.payload ->> 'occasion')::int, 1) AS occasion
    FROM event e JOIN (VALUES
        ('redemption.issued', 'on_issue', '{MoneyPostingCode.BENEFIT_ON_ISSUE}', ''),
        ('redemption.cancelled', 'on_issue', '{MoneyPostingCode.BENEFIT_ON_ISSUE}', '_reversed'),
        ('voucher.used', 'on_use', '{MoneyPostingCode.BENEFIT_ON_USE}', ''),
        ('voucher.use_undone', 'on_use', '{MoneyPostingCode.BENEFIT_ON_USE}', '_reversed')
    ) AS codes (type, basis, benefit, suffix) ON codes.type = e.type AND codes.basis = e.payload #>> '{{settlement,basis}}'
    WHERE e.bucket BETWEEN $1 AND $2 AND {CONSUMED}
), owed AS (
    SELECT redemption_id, parts.code || suffix AS code, occasion, partner_id, parts.amount_minor,
           terms ->> 'currency' AS currency
    FROM told CROSS JOIN LATERAL (VALUES
        (benefit, (terms ->> 'amount_minor')::bigint - coalesce((terms ->> 'dealer_minor')::bigint, 0)),
        ('{MoneyPostingCode.DEALER_SHARE}', (terms ->> 'dealer_minor')::bigint),
        ('{MoneyPostingCode.PARTNER_SHARE}', (terms ->> 'partner_minor')::bigint),
        ('{MoneyPostingCode.COMMISSION}', (terms ->> 'commission_minor')::bigint)
    ) AS parts (code, amount_minor) WHERE parts.amount_minor > 0
), posted AS (
    SELECT redemption_id, code, occasion, partner_id, amount_minor, currency FROM money_posting
    WHERE {bucket_of_sql("redemption_id")} BETWEEN $1 AND $2 AND redemption_id IS NOT NULL
)
SELECT (o.partner_id, o.amount_minor, o.currency) IS NOT DISTINCT FROM (p.partner_id, p.amount_minor, p.currency) AS holds,
       2 AS rows, redemption_id, code, o.partner_id, o.amount_minor AS owed_minor, p.amount_minor AS posted_minor
FROM owed o FULL JOIN posted p USING (redemption_id, code, occasion)
"""

# The same of the points that partners granted postpaid.
_GRANTED = f"""
WITH owed AS (
    SELECT (e.payload ->> 'transaction_id')::uuid AS transaction_id, e.aggregate_id AS partner_id,
           (e.payload #>> '{{settlement,amount_minor}}')::bigint AS amount_minor,
           e.payload #>> '{{settlement,currency}}' AS currency
    FROM event e
    WHERE e.type = 'points.granted' AND (e.payload #>> '{{settlement,amount_minor}}')::bigint > 0
      AND e.bucket BETWEEN $1 AND $2 AND {CONSUMED}
), posted AS (
    SELECT transaction_id, partner_id, amount_minor, currency FROM money_posting
    WHERE code = '{MoneyPostingCode.POINTS_GRANTED}' AND {bucket_of_sql("partner_id")} BETWEEN $1 AND $2
)
SELECT (o.partner_id, o.amount_minor, o.currency) IS NOT DISTINCT FROM (p.partner_id, p.amount_minor, p.currency) AS holds,
       2 AS rows, transaction_id, o.partner_id, o.amount_minor AS owed_minor, p.amount_minor AS posted_minor
FROM owed o FULL JOIN posted p USING (transaction_id)
"""

INVARIANTS = (
    Invariant("payable = unpaid statements + open postings", _PAYABLE, BY_PARTNER),
    Invariant("statement = its postings", _STATEMENT, BY_PARTNER),
    Invariant("unpaid statement's content hash is reproduced", _HASH, BY_PARTNER),
    Invariant("closed months have statements, open months none", _CLOSED, BY_PARTNER),
    Invariant("payout = statement = posting", _PAYOUT, BY_PARTNER),
    Invariant("a reversal mirrors its original", _REVERSAL, BY_PARTNER),
    Invariant("what the events owe is posted once", _OWED, BY_BUCKET, consumer=Books.name),
    Invariant("what partners owe for granted points is posted once", _GRANTED, BY_BUCKET, consumer=Books.name),
)
