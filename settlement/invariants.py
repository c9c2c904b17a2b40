"""What must always hold of the money: each invariant is a statement that gives one row for each breach.

A posting has both its accounts in one row, so a transaction sums to zero by its form; what can go wrong is what postings,
statements and payouts say of each other. Every breach stops payouts (`payouts/pay.py`).
"""

from marketplace.platform.package import Invariant

_SIGNED = "CASE WHEN p.destination = 'partner:payable' THEN 1 WHEN p.source = 'partner:payable' THEN -1 ELSE 0 END"

# What the OEM owes each partner by the book, and by what is not paid yet: statements, and postings in open months.
_PAYABLE = f"""
WITH payable AS (
    SELECT p.partner_id, p.currency, sum({_SIGNED} * p.amount_minor) AS balance_minor
    FROM money_posting p GROUP BY 1, 2
), unpaid AS (
    SELECT partner_id, currency, sum(total_minor) AS total_minor FROM statement WHERE status <> 'paid' GROUP BY 1, 2
), still_open AS (
    SELECT p.partner_id, p.currency, sum({_SIGNED} * p.amount_minor) AS total_minor
    FROM money_posting p
    WHERE p.code <> 'payout' AND NOT EXISTS (
        SELECT 1 FROM statement s WHERE (s.partner_id, s.currency, s.period) = (p.partner_id, p.currency, p.period)
    )
    GROUP BY 1, 2
)
SELECT partner_id, currency, payable.balance_minor, unpaid.total_minor AS unpaid_minor, still_open.total_minor AS open_minor
FROM payable FULL JOIN unpaid USING (partner_id, currency) FULL JOIN still_open USING (partner_id, currency)
WHERE coalesce(payable.balance_minor, 0) <> coalesce(unpaid.total_minor, 0) + coalesce(still_open.total_minor, 0)
"""

_SLICES = f"""
SELECT p.partner_id, p.currency, p.period, count(*) AS lines,
       coalesce(sum(p.amount_minor) FILTER (WHERE p.destination = 'partner:payable'), 0) AS gross_minor,
       coalesce(sum(p.amount_minor) FILTER (WHERE p.source = 'partner:payable'), 0) AS reversed_minor,
       sum({_SIGNED} * p.tax_minor) AS tax_minor
FROM money_posting p WHERE p.code <> 'payout' GROUP BY 1, 2, 3
"""

_STATEMENT = f"""
SELECT s.partner_id, s.id AS statement_id, s.total_minor, slice.gross_minor - slice.reversed_minor AS slice_minor
FROM statement s LEFT JOIN ({_SLICES}) AS slice USING (partner_id, currency, period)
WHERE (s.lines, s.gross_minor, s.reversed_minor, s.tax_minor) IS DISTINCT FROM (
    coalesce(slice.lines, 0), coalesce(slice.gross_minor, 0), coalesce(slice.reversed_minor, 0), coalesce(slice.tax_minor, 0)
)
"""

# The same lines as StatementBuilder.canonical, said a second time: two programs that must agree. Paid statements are left
# to the totals above: their hashes cannot stop a payout any more, and all of them would be too many to read each time.
_HASH = f"""
SELECT s.partner_id, s.id AS statement_id, s.content_hash
FROM statement s CROSS JOIN LATERAL (
    SELECT encode(sha256(convert_to(concat_ws('|', s.partner_id, s.currency, s.period) || coalesce(string_agg(
        E'\\n' || concat_ws('|',
            p.id, p.transaction_id, p.code, {_SIGNED} * p.amount_minor, {_SIGNED} * p.tax_minor,
            (extract(epoch FROM p.occurred_at) * 1000000)::bigint,
            p.redemption_id, p.voucher_id, p.offer_id, p.revision, p.quantity, p.contract_id, p.contract_version,
            coalesce(p.reverses::text, ''),
            octet_length(p.reference) || ':' || p.reference, octet_length(p.location_id) || ':' || p.location_id
        ), '' ORDER BY p.occurred_at, p.id), ''), 'UTF8')), 'hex') AS content_hash
    FROM money_posting p
    WHERE (p.partner_id, p.currency, p.period) = (s.partner_id, s.currency, s.period) AND p.code <> 'payout'
) AS again
WHERE s.status <> 'paid' AND again.content_hash <> s.content_hash
"""

_CLOSED = """
SELECT p.partner_id, p.currency, p.period, 'posting without statement' AS what
FROM money_posting p JOIN settlement_period o USING (partner_id, currency)
WHERE p.code <> 'payout' AND p.period < o.open_from AND NOT EXISTS (
    SELECT 1 FROM statement s WHERE (s.partner_id, s.currency, s.period) = (p.partner_id, p.currency, p.period)
)
UNION ALL
SELECT s.partner_id, s.currency, s.period, 'statement of an open month'
FROM statement s LEFT JOIN settlement_period o USING (partner_id, currency)
WHERE o.open_from IS NULL OR s.period >= o.open_from
"""

_PAYOUT = """
SELECT s.partner_id, s.id AS statement_id, s.total_minor, o.amount_minor AS payout_minor, p.amount_minor AS posted_minor
FROM statement s LEFT JOIN payout o ON (o.partner_id, o.statement_id) = (s.partner_id, s.id)
LEFT JOIN money_posting p ON (p.partner_id, p.payout_id) = (o.partner_id, o.id)
WHERE (s.status = 'paid') <> (o.id IS NOT NULL) OR (o.id IS NOT NULL AND
    (o.amount_minor, o.currency, p.amount_minor, p.currency)
        IS DISTINCT FROM (s.total_minor, s.currency, s.total_minor, s.currency))
UNION ALL
SELECT p.partner_id, p.payout_id, NULL, NULL, p.amount_minor FROM money_posting p
WHERE p.code = 'payout' AND NOT EXISTS (SELECT 1 FROM payout o WHERE (o.partner_id, o.id) = (p.partner_id, p.payout_id))
"""

_REVERSAL = """
SELECT r.partner_id, r.id, r.reverses FROM money_posting r
JOIN money_posting o ON (o.partner_id, o.id) = (r.partner_id, r.reverses)
WHERE (r.amount_minor, r.tax_minor, r.currency, r.source, r.destination, r.redemption_id, r.contract_id, r.contract_version)
    IS DISTINCT FROM
    (o.amount_minor, o.tax_minor, o.currency, o.destination, o.source, o.redemption_id, o.contract_id, o.contract_version)
"""

INVARIANTS = (
    Invariant("payable = unpaid statements + open postings", _PAYABLE),
    Invariant("statement = its slice of the book", _STATEMENT),
    Invariant("unpaid statement's content hash is reproduced", _HASH),
    Invariant("closed months have statements, open months none", _CLOSED),
    Invariant("payout = statement = posting", _PAYOUT),
    Invariant("a reversal mirrors its original", _REVERSAL),
)
