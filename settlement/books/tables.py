"""The money book. Keyed by partner; `money_posting` is append only."""

from piccolo.columns import UUID, BigInt, Date, Integer, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from marketplace.platform.postgres.columns import References
from marketplace.platform.postgres.database import DB


class MoneyPostingRow(Table, db=DB, tablename="money_posting"):
    """An amount that moved between two accounts of a partner."""

    partner_id = UUID(primary_key=True, null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    transaction_id = UUID(null=False, default=None)
    code = Text(null=False, default=None)
    source = Text(null=False, default=None)
    destination = Text(null=False, default=None)
    amount_minor = BigInt(null=False, default=None)
    tax_minor = BigInt(null=False, default=None)
    currency = Text(null=False, default=None)
    occurred_at = Timestamptz(null=False, default=None)
    period = Date(null=False, default=None)
    redemption_id = UUID(null=True, default=None)
    voucher_id = UUID(null=True, default=None)
    offer_id = UUID(null=True, default=None)
    revision = Integer(null=True, default=None)
    quantity = Integer(null=True, default=None)
    reference = Text(null=False, default="")
    location_id = Text(null=False, default="")
    contract_id = UUID(null=True, default=None)
    contract_version = BigInt(null=True, default=None)
    reverses = UUID(null=True, default=None)
    payout_id = UUID(null=True, default=None)
    occasion = Integer(null=False, default=1)
    cycle = Text(null=False, default=None)
    zone = Text(null=False, default=None)

    money_posting_currency = Check("currency ~ '^[A-Z]{3}$'")
    money_posting_occasion = Check("occasion > 0")
    money_posting_reverses = Unique([partner_id, reverses])
    money_posting_redemption = Unique([partner_id, redemption_id, code, occasion])
    money_posting_payout = Unique([partner_id, payout_id, code])
    money_posting_original = References([partner_id, reverses], "money_posting", ["partner_id", "id"])
    money_posting_amount = Check("amount_minor BETWEEN 1 AND 1000000000000000 AND tax_minor BETWEEN 0 AND amount_minor")
    money_posting_code = Check(
        "(code, source, destination) IN ( ('benefit_on_issue', 'oem:benefits', 'partner:payable'), "
        "('benefit_on_use', 'oem:benefits', 'partner:payable'), ('dealer_share', 'dealer:receivable', "
        "'partner:payable'), ('partner_share', 'partner:payable', 'oem:benefits'), ('commission', "
        "'partner:payable', 'oem:commission'), ('benefit_on_issue_reversed', 'partner:payable', 'oem:benefits'), "
        "('benefit_on_use_reversed', 'partner:payable', 'oem:benefits'), ('dealer_share_reversed', "
        "'partner:payable', 'dealer:receivable'), ('partner_share_reversed', 'oem:benefits', 'partner:payable'), "
        "('commission_reversed', 'oem:commission', 'partner:payable'), ('payout', 'partner:payable', 'oem:bank'), "
        "('points_granted', 'partner:payable', 'oem:points') )"
    )
    money_posting_period = Check(
        "CASE cycle WHEN 'monthly' THEN extract(day FROM period) = 1 WHEN 'ten_day' THEN extract(day FROM period) "
        "IN (1, 11, 21) WHEN 'weekly' THEN extract(isodow FROM period) = 1 ELSE false END"
    )
    money_posting_reversal = Check(r"(code LIKE '%\_reversed') = (reverses IS NOT NULL)")
    money_posting_subject = Check(
        "CASE code WHEN 'payout' THEN payout_id IS NOT NULL AND num_nonnulls(redemption_id, voucher_id, offer_id, "
        "revision, quantity, contract_id, contract_version) = 0 WHEN 'points_granted' THEN "
        "num_nonnulls(payout_id, redemption_id, voucher_id, offer_id, revision, quantity) = 0 AND "
        "num_nulls(contract_id, contract_version) = 0 ELSE payout_id IS NULL AND quantity > 0 AND "
        "num_nulls(redemption_id, voucher_id, offer_id, revision, quantity, contract_id, contract_version) = 0 "
        "END"
    )


class SettlementPeriodRow(Table, db=DB, tablename="settlement_period"):
    """A partner's first open period in a currency and cycle; its row is the lock between posting and closing.

    `open_from` is null while nothing was closed yet.
    """

    partner_id = UUID(primary_key=True, null=False, default=None)
    currency = Text(primary_key=True, null=False, default=None)
    cycle = Text(primary_key=True, null=False, default=None)
    open_from = Date(null=True, default=None)

    settlement_period_currency = Check("currency ~ '^[A-Z]{3}$'")
    settlement_period_open_from = Check(
        "open_from IS NULL OR CASE cycle WHEN 'monthly' THEN extract(day FROM open_from) = 1 WHEN 'ten_day' THEN "
        "extract(day FROM open_from) IN (1, 11, 21) WHEN 'weekly' THEN extract(isodow FROM open_from) = 1 ELSE "
        "false END"
    )
