"""Contracts. Their checks and generated columns stand in the migrations that follow."""

from piccolo.columns import UUID, BigInt, Boolean, Bytea, Date, Integer, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class Contract(Table, db=DB):
    """One version of a partner's contract. What it says stands in `content`, which never changes once it was offered.

    `ends_on` is where it ends by now. `currency` and `cycle` are generated from the content, for settlement to search by.
    """

    id = UUID(primary_key=True, null=False, default=None)
    partner_id = UUID(null=False, default=None)
    version = Integer(null=False, default=None)
    starts_on = Date(null=False, default=None)
    ends_on = Date(null=True, default=None)
    currency = Text(null=False, default=None)
    cycle = Text(null=False, default=None)
    status = Text(null=False, default="drafted")
    content = Text(null=False, default="")
    content_hash = Text(null=False, default="")
    edition = BigInt(null=False, default=1)
    drafted_by = Text(null=False, default="")
    drafted_at = Timestamptz(null=True, default=None)
    offered_at = Timestamptz(null=True, default=None)
    signed_at = Timestamptz(null=True, default=None)


class ContractSignature(Table, db=DB):
    """One side's signature under one content. Append only."""

    contract_id = UUID(null=False, primary_key=True, default=None)
    party = Text(null=False, default=None)
    content_hash = Text(null=False, default=None)
    method = Text(null=False, default=None)
    actor = Text(null=False, default=None)
    signed_at = Timestamptz(null=False, default=None)
    signed_by = Text(null=True, default=None)
    signed_on = Date(null=True, default=None)
    document_reference = Text(null=True, default=None)


class PayoutAccount(Table, db=DB):
    """Where a partner's payouts go. The number is sealed; `last_four` is what is shown of it."""

    partner_id = UUID(primary_key=True, null=False, default=None)
    version = BigInt(null=False, default=None)
    holder = Text(null=False, default=None)
    bank = Text(null=False, default=None)
    number_sealed = Bytea(null=False, default=None)
    last_four = Text(null=False, default=None)
    document_reference = Text(null=False, default=None)
    changed_by = Text(null=False, default=None)
    changed_at = Timestamptz(null=False, default=None)


class PointPack(Table, db=DB):
    """How many prepaid points a partner has left. Apart from the partner's row, since every grant writes it.

    `warned` says that the partner was told of a low balance, and has not bought enough since.
    """

    partner_id = UUID(primary_key=True, null=False, default=None)
    bought = BigInt(null=False, default=0)
    granted = BigInt(null=False, default=0)
    balance = BigInt(null=False, default=0)
    warned = Boolean(null=False, default=False)


class PointPackEntry(Table, db=DB):
    """Packs that a partner bought. Append only."""

    partner_id = UUID(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    contract_id = UUID(null=False, default=None)
    packs = Integer(null=False, default=None)
    points = BigInt(null=False, default=None)
    price_minor = BigInt(null=False, default=None)
    currency = Text(null=False, default=None)
    reference = Text(null=False, default=None)
    recorded_by = Text(null=False, default=None)
    recorded_at = Timestamptz(null=False, default=None)
