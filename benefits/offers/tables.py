"""Offers: small, read everywhere, no counters in them. Stock stands apart."""

from piccolo.columns import JSONB, UUID, Array, BigInt, Integer, SmallInt, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from marketplace.platform.postgres.columns import IdentityNumber
from marketplace.platform.postgres.database import DB


class OfferRow(Table, db=DB, tablename="offer"):
    """An offer and where it stands; its content is in its revisions, its search fields are those of the current one."""

    id = UUID(primary_key=True, null=False, default=None)
    partner_id = UUID(null=False, default=None)
    sku = Text(null=False, default=None)
    status = Text(null=False, default=None)
    revision = Integer(null=False, default=None)
    version = BigInt(null=False, default=None)
    scenario = Text(null=False, default=None)
    price_points = BigInt(null=False, default=None)
    starts_at = Timestamptz(null=False, default=None)
    ends_at = Timestamptz(null=True, default=None)
    terms = Array(base_column=Text(), null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    published_at = Timestamptz(null=True, default=None)
    reason = Text(null=False, default="")

    offer_status = Check("status IN ('draft', 'in_review', 'live', 'rejected', 'paused', 'ended')")
    offer_scenario = Check(
        "scenario IN ('clothing', 'dining', 'lodging', 'mobility', 'entertainment', 'learning', 'shopping', "
        "'wellness', 'finance', 'travel')"
    )
    offer_price = Check("price_points > 0")
    offer_sku = Unique([partner_id, sku])
    offer_sale = Check("ends_at IS NULL OR ends_at > starts_at")


class OfferRevisionRow(Table, db=DB, tablename="offer_revision"):
    """What an offer said at a time; never changed: redemptions name it."""

    offer_id = UUID(primary_key=True, null=False, default=None)
    revision = Integer(primary_key=True, null=False, default=None)
    content = JSONB(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    created_by = Text(null=False, default=None)


class StockRow(Table, db=DB, tablename="stock"):
    """How many units are left; no row means without limit. One slice unless the installation cuts it into several."""

    offer_id = UUID(primary_key=True, null=False, default=None)
    slice = SmallInt(primary_key=True, null=False, default=0)
    initial = BigInt(null=False, default=None)
    remaining = BigInt(null=False, default=None)
    held = BigInt(null=False, default=0)
    sold = BigInt(null=False, default=0)

    stock_conserved = Check("initial = remaining + held + sold")
    stock_not_oversold = Check("remaining >= 0 AND held >= 0 AND sold >= 0")


class OfferSoldRow(Table, db=DB, tablename="offer_sold"):
    """The units redeemed from stock, counted along the event log."""

    offer_id = UUID(primary_key=True, null=False, default=None)
    units = BigInt(null=False, default=None)


class OfferCodeRow(Table, db=DB, tablename="offer_code"):
    """A code of the partner's own: free, held by a hold, or issued with a voucher (whose bucket stands beside it)."""

    offer_id = UUID(primary_key=True, null=False, default=None)
    seq = IdentityNumber(primary_key=True)
    partner_id = UUID(null=False, default=None)
    code = Text(null=False, default=None)
    state = Text(null=False, default="free")
    hold_id = UUID(null=True, default=None)
    bucket = SmallInt(null=True, default=None)
    voucher_id = UUID(null=True, default=None)
    uploaded_at = Timestamptz(null=False, default=None)

    offer_code_once = Unique([partner_id, code])
    offer_code_state = Check(
        "state IN ('free', 'held', 'issued') AND (state = 'held') = (hold_id IS NOT NULL) AND (state = 'issued') "
        "= (voucher_id IS NOT NULL) AND (bucket IS NULL) = (voucher_id IS NULL)"
    )
