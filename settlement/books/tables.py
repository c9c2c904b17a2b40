"""The money book. Keyed by partner; `money_posting` is append only."""

from piccolo.columns import UUID, BigInt, Date, Integer, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class MoneyPosting(Table, db=DB):
    """An amount that moved between two accounts of a partner."""

    partner_id = UUID(null=False, default=None)
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
    cycle = Text(null=False, default="monthly")
    zone = Text(null=False, default="")


class SettlementPeriod(Table, db=DB):
    """A partner's first open period in a currency and cycle; its row is the lock between posting and closing.

    `open_from` is null while nothing was closed yet.
    """

    partner_id = UUID(primary_key=True, null=False, default=None)
    currency = Text(null=False, default=None)
    cycle = Text(null=False, default="monthly")
    open_from = Date(null=True, default=None)
