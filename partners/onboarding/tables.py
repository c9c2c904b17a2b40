"""Partners, their history, locations, and checklist. Checks and further keys stand in the migration that follows."""

from piccolo.columns import JSONB, UUID, Array, BigInt, Boolean, Bytea, DoublePrecision, Integer, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class Partner(Table, db=DB):
    """A company, from its application on. `version` counts every change of its status and of its contracts."""

    id = UUID(primary_key=True, null=False, default=None)
    status = Text(null=False, default=None)
    version = BigInt(null=False, default=None)
    name_zh = Text(null=False, default=None)
    name_en = Text(null=False, default=None)
    legal_name = Text(null=False, default=None)
    registration_number = Text(null=False, default=None)
    kind = Text(null=False, default=None)
    contact = JSONB(null=False, default=None)
    website = Text(null=True, default=None)
    scenarios = Array(base_column=Text(), null=False, default=None)
    description = Text(null=False, default=None)
    application_token_hash = Bytea(null=False, default=None)
    applied_at = Timestamptz(null=False, default=None)
    changed_at = Timestamptz(null=False, default=None)


class PartnerHistory(Table, db=DB):
    """Who moved a partner from one state to another, when and why; append only."""

    seq = BigInt(primary_key=True, null=False, default=None)
    partner_id = UUID(null=False, default=None)
    at = Timestamptz(null=False, default=None)
    actor = Text(null=False, default=None)
    action = Text(null=False, default=None)
    before = Text(null=True, default=None)
    after = Text(null=False, default=None)
    reason = Text(null=True, default=None)


class PartnerLocation(Table, db=DB):
    """A place where the partner takes vouchers; the id is the partner's own. Coordinates are WGS-84 degrees."""

    partner_id = UUID(null=False, default=None)
    id = Text(primary_key=True, null=False, default=None)
    name_zh = Text(null=False, default=None)
    name_en = Text(null=False, default=None)
    city = Text(null=False, default=None)
    address = Text(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    region = Text(null=True, default=None)
    latitude = DoublePrecision(null=True, default=None)
    longitude = DoublePrecision(null=True, default=None)
    state = Text(null=False, default="open")
    changed_at = Timestamptz(null=True, default=None)
    search_text = Text(null=False, default="")


class Requirement(Table, db=DB):
    """What is asked of applicants; operations' data. No kinds of partners mean all of them."""

    code = Text(primary_key=True, null=False, default=None)
    version = BigInt(null=False, default=None)
    kind = Text(null=False, default=None)
    gate = Text(null=False, default=None)
    title_zh = Text(null=False, default=None)
    title_en = Text(null=False, default=None)
    help_zh = Text(null=False, default=None)
    help_en = Text(null=False, default=None)
    partner_kinds = Array(base_column=Text(), null=False, default=None)
    active = Boolean(null=False, default=None)
    sort = Integer(null=False, default=None)
    changed_at = Timestamptz(null=False, default=None)


class RequirementAnswer(Table, db=DB):
    """That a partner attested something, or that operations verified it; `reference` names the document."""

    partner_id = UUID(null=False, default=None)
    code = Text(primary_key=True, null=False, default=None)
    reference = Text(null=False, default=None)
    note = Text(null=False, default=None)
    actor = Text(null=False, default=None)
    answered_at = Timestamptz(null=False, default=None)
