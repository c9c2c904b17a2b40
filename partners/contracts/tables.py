"""Contracts, payout accounts, prepaid packs."""

from piccolo.columns import UUID, BigInt, Boolean, Bytea, Date, Integer, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from marketplace.platform.postgres.columns import GeneratedText, References
from marketplace.platform.postgres.database import DB


class ContractRow(Table, db=DB, tablename="contract"):
    """One version of a partner's contract. Its terms are in `content`, which is fixed once it was offered.

    `ends_on` is the current end date. `currency` and `cycle` are generated from the content, for settlement to search.
    """

    id = UUID(primary_key=True, null=False, default=None)
    partner_id = UUID(null=False, default=None)
    version = Integer(null=False, default=None)
    starts_on = Date(null=False, default=None)
    ends_on = Date(null=True, default=None)
    currency = GeneratedText("content::json ->> 'currency'")
    cycle = GeneratedText("content::json ->> 'cycle'")
    status = Text(null=False, default=None)
    content = Text(null=False, default=None)
    content_hash = Text(null=False, default=None)
    edition = BigInt(null=False, default=None)
    drafted_by = Text(null=False, default=None)
    drafted_at = Timestamptz(null=False, default=None)
    offered_at = Timestamptz(null=True, default=None)
    signed_at = Timestamptz(null=True, default=None)

    contract_partner = References([partner_id], "partner", ["id"])
    contract_version_positive = Check("version > 0")
    contract_currency = Check("currency ~ '^[A-Z]{3}$'")
    contract_cycle = Check("cycle IN ('monthly', 'ten_day', 'weekly')")
    contract_status = Check(
        "status IN ('drafted', 'offered', 'signed_by_oem', 'signed_by_partner', 'signed', 'superseded', 'withdrawn')"
    )
    contract_content = Unique(["id", "content_hash"])
    contract_version = Unique([partner_id, version])
    contract_dates = Check("ends_on > starts_on")
    contract_hash = Check("content_hash = encode(sha256(convert_to(content, 'UTF8')), 'hex')")
    contract_says = Check(
        "(content::json ->> 'partner_id')::uuid = partner_id AND (content::json ->> 'version')::int = version AND "
        "(content::json ->> 'format')::int = 1 AND content::json #>> '{parties,partner}' IS NOT NULL"
    )
    contract_steps = Check(
        "(offered_at IS NOT NULL OR status IN ('drafted', 'withdrawn')) AND (signed_at IS NOT NULL) = (status IN "
        "('signed', 'superseded')) AND edition > 0"
    )


class ContractSignatureRow(Table, db=DB, tablename="contract_signature"):
    """One side's signature of one content. Append only."""

    contract_id = UUID(primary_key=True, null=False, default=None)
    party = Text(primary_key=True, null=False, default=None)
    content_hash = Text(null=False, default=None)
    method = Text(null=False, default=None)
    actor = Text(null=False, default=None)
    signed_at = Timestamptz(null=False, default=None)
    signed_by = Text(null=True, default=None)
    signed_on = Date(null=True, default=None)
    document_reference = Text(null=True, default=None)

    contract_signature_party = Check("party IN ('oem', 'partner')")
    contract_signature_content = References([contract_id, content_hash], "contract", ["id", "content_hash"])
    contract_signature_method = Check(
        "CASE method WHEN 'paper' THEN party = 'partner' AND num_nulls(signed_by, signed_on, document_reference) "
        "= 0 WHEN 'api' THEN num_nonnulls(signed_by, signed_on, document_reference) = 0 ELSE false END"
    )


class PayoutAccountRow(Table, db=DB, tablename="payout_account"):
    """A partner's payout account. The number is encrypted; `last_four` is shown."""

    partner_id = UUID(primary_key=True, null=False, default=None)
    version = BigInt(null=False, default=None)
    holder = Text(null=False, default=None)
    bank = Text(null=False, default=None)
    number_sealed = Bytea(null=False, default=None)
    last_four = Text(null=False, default=None)
    document_reference = Text(null=False, default=None)
    changed_by = Text(null=False, default=None)
    changed_at = Timestamptz(null=False, default=None)

    payout_account_partner = References([partner_id], "partner", ["id"])
    payout_account_says = Check("version > 0 AND last_four ~ '^[0-9A-Z]{4}$'")


class PointPackRow(Table, db=DB, tablename="point_pack"):
    """A partner's prepaid balance. Apart from the partner's row, since every grant updates it.

    `warned`: the partner was notified of a low balance and has not bought enough since.
    """

    partner_id = UUID(primary_key=True, null=False, default=None)
    bought = BigInt(null=False, default=0)
    granted = BigInt(null=False, default=0)
    balance = BigInt(null=False, default=0)
    warned = Boolean(null=False, default=False)

    point_pack_partner = References([partner_id], "partner", ["id"])
    point_pack_sum = Check("balance >= 0 AND granted >= 0 AND balance = bought - granted")


class PointPackEntryRow(Table, db=DB, tablename="point_pack_entry"):
    """Packs that a partner bought. Append only."""

    partner_id = UUID(primary_key=True, null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    contract_id = UUID(null=False, default=None)
    packs = Integer(null=False, default=None)
    points = BigInt(null=False, default=None)
    price_minor = BigInt(null=False, default=None)
    currency = Text(null=False, default=None)
    reference = Text(null=False, default=None)
    recorded_by = Text(null=False, default=None)
    recorded_at = Timestamptz(null=False, default=None)

    point_pack_entry_contract = References([contract_id], "contract", ["id"])
    point_pack_entry_reference = Unique([partner_id, reference])
    point_pack_entry_says = Check("packs > 0 AND points > 0 AND price_minor >= 0")
