"""Partners' locations."""

from piccolo.columns import UUID, DoublePrecision, Text, Timestamptz
from piccolo.constraints import Check
from piccolo.table import Table

from marketplace.platform.postgres.columns import References
from marketplace.platform.postgres.database import DB


class PartnerLocationRow(Table, db=DB, tablename="partner_location"):
    """A location where the partner takes vouchers; the partner chooses the id. Coordinates are WGS-84 degrees."""

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
