"""The checklist's requirements and the answers to them."""

from piccolo.columns import UUID, Array, BigInt, Boolean, Integer, Text, Timestamptz
from piccolo.constraints import Check
from piccolo.table import Table

from marketplace.platform.postgres.columns import References
from marketplace.platform.postgres.database import DB


class RequirementRow(Table, db=DB, tablename="requirement"):
    """A requirement of applicants, configured by operations. Empty `partner_kinds` mean all of them."""

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
    """A partner's attestation, or a verification by operations; `reference` names the document."""

    partner_id = UUID(primary_key=True, null=False, default=None)
    code = Text(primary_key=True, null=False, default=None)
    reference = Text(null=False, default=None)
    note = Text(null=False, default=None)
    actor = Text(null=False, default=None)
    answered_at = Timestamptz(null=False, default=None)

    requirement_answer_partner = References([partner_id], "partner", ["id"])
    requirement_answer_requirement = References([code], "requirement", ["code"])
