"""Members: who they are to us. Their person stays here; partners see a reference at most."""

from piccolo.columns import UUID, SmallInt, Text, Timestamptz
from piccolo.constraints import Check
from piccolo.table import Table

from marketplace.platform.postgres.database import DB


class MemberRow(Table, db=DB, tablename="member"):
    """A member of the club; member-side, by bucket."""

    bucket = SmallInt(primary_key=True, null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    tier = Text(null=False, default=None)
    status = Text(null=False, default=None)
    name = Text(null=False, default=None)
    phone = Text(null=False, default="")
    vehicle = Text(null=False, default="")
    joined_at = Timestamptz(null=False, default=None)

    member_bucket = Check("bucket BETWEEN 0 AND 1023")
    member_status = Check("status IN ('active', 'blocked')")


class MemberSubjectRow(Table, db=DB, tablename="member_subject"):
    """ONE ID's subject -> our member id. Read at sign-in and kept in memory: it is not on the path of a redemption."""

    subject = Text(primary_key=True, null=False, default=None)
    member_id = UUID(null=False, default=None)
