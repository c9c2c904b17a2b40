"""Partners and their history."""

from piccolo.columns import JSONB, UUID, Array, BigInt, Bytea, Text, Timestamptz
from piccolo.constraints import Check
from piccolo.table import Table

from marketplace.platform.postgres.columns import IdentityNumber, References
from marketplace.platform.postgres.database import DB


class PartnerRow(Table, db=DB, tablename="partner"):
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

    partner_status = Check(
        "status IN ('applied', 'in_review', 'changes_requested', 'approved', 'active', 'suspended', 'terminated', "
        "'rejected')"
    )
    partner_version = Check("version > 0")
    partner_kind = Check(
        "kind IN ('hotel_group', 'drone_maker', 'restaurant', 'insurer', 'school', 'dealer', 'retailer', "
        "'mobility', 'wellness', 'entertainment', 'bank', 'travel_agency', 'other')"
    )
    partner_scenarios = Check(
        "cardinality(scenarios) > 0 AND scenarios <@ ARRAY['clothing', 'dining', 'lodging', 'mobility', "
        "'entertainment', 'learning', 'shopping', 'wellness', 'finance', 'travel']"
    )


class PartnerHistoryRow(Table, db=DB, tablename="partner_history"):
    """The changes of a partner's status: who, when and why. Append only."""

    seq = IdentityNumber(primary_key=True)
    partner_id = UUID(null=False, default=None)
    at = Timestamptz(null=False, default=None)
    actor = Text(null=False, default=None)
    action = Text(null=False, default=None)
    before = Text(null=True, default=None)
    after = Text(null=False, default=None)
    reason = Text(null=True, default=None)

    partner_history_partner = References([partner_id], "partner", ["id"])
