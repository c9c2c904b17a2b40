"""Partners' locations, the requirements of applicants and their answers."""

from piccolo.columns import UUID, Array, BigInt, Boolean, DoublePrecision, Integer, Text, Timestamptz
from piccolo.constraints import Check
from piccolo.table import Table

from marketplace.platform.postgres.columns import References
from marketplace.platform.postgres.database import DB


class PartnerLocationRow(Table, db=DB, tablename="partner_location"):
    """A place where the partner takes vouchers; the id is the partner's own. Coordinates are WGS-84 degrees."""

    partner_id = UUID(primary_key=True, null=False, default=None)
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

    partner_location_partner = References([partner_id], "partner", ["id"])
    partner_location_state = Check("state IN ('open', 'temporarily_closed', 'closed')")
    partner_location_place = Check(
        "(latitude IS NULL) = (longitude IS NULL) AND latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180"
    )


class RequirementRow(Table, db=DB, tablename="requirement"):
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

    requirement_code = Check("code ~ '^[a-z][a-z0-9_]+$' AND length(code) <= 64")
    requirement_version = Check("version > 0")
    requirement_kind = Check("kind IN ('computed', 'attested', 'verified')")
    requirement_kinds = Check(
        "partner_kinds <@ ARRAY['hotel_group', 'drone_maker', 'restaurant', 'insurer', 'school', 'dealer', "
        "'retailer', 'mobility', 'wellness', 'entertainment', 'bank', 'travel_agency', 'other']"
    )
    requirement_gate = Check("gate IN ('submit', 'approve') AND NOT (kind = 'verified' AND gate = 'submit')")


class RequirementAnswerRow(Table, db=DB, tablename="requirement_answer"):
    """That a partner attested something, or that operations verified it; `reference` names the document."""

    partner_id = UUID(primary_key=True, null=False, default=None)
    code = Text(primary_key=True, null=False, default=None)
    reference = Text(null=False, default=None)
    note = Text(null=False, default=None)
    actor = Text(null=False, default=None)
    answered_at = Timestamptz(null=False, default=None)

    requirement_answer_partner = References([partner_id], "partner", ["id"])
    requirement_answer_requirement = References([code], "requirement", ["code"])
