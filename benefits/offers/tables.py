"""Offers: small, read everywhere, no counters in them. Stock stands apart."""

from piccolo.columns import JSONB, UUID, Array, BigInt, Integer, SmallInt, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class Offer(Table, db=DB):
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


class OfferRevision(Table, db=DB):
    """What an offer said at a time; never changed: redemptions name it."""

    offer_id = UUID(primary_key=True, null=False, default=None)
    revision = Integer(null=False, default=None)
    content = JSONB(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    created_by = Text(null=False, default=None)


class Stock(Table, db=DB):
    """How many units are left; no row means without limit. One slice unless the installation cuts it into several."""

    offer_id = UUID(primary_key=True, null=False, default=None)
    slice = SmallInt(null=False, default=0)
    initial = BigInt(null=False, default=None)
    remaining = BigInt(null=False, default=None)
    held = BigInt(null=False, default=0)
    sold = BigInt(null=False, default=0)


class OfferCode(Table, db=DB):
    """A code of the partner's own: free, held by a hold, or issued with a voucher (whose bucket stands beside it)."""

    offer_id = UUID(null=False, default=None)
    seq = BigInt(primary_key=True, null=False, default=None)
    partner_id = UUID(null=False, default=None)
    code = Text(null=False, default=None)
    state = Text(null=False, default="free")
    hold_id = UUID(null=True, default=None)
    bucket = SmallInt(null=True, default=None)
    voucher_id = UUID(null=True, default=None)
    uploaded_at = Timestamptz(null=False, default=None)
