"""A signed-in person as the caller of a use case: what the roles allow, at the person's own locations, as over the API."""

from marketplace.kernel.facts import Fact, Kind
from marketplace.platform.database import DB
from partners.oauth.callers import PartnerCaller
from partners.onboarding.domain import ADMITTED
from partners.staff.domain import SignedIn, scopes_of
from partners.web.frame import RoleNeeded

CLIENT_ID = "portal"

# The roles are of this very request; status and locations must not be older than they are.
_STANDS = """
SELECT p.status, ARRAY(SELECT l.location_id FROM partner_staff_location l WHERE l.staff_id = $2 AND l.partner_id = p.id)
    AS locations FROM partner p WHERE p.id = $1
"""


class CompanyStopped(Fact):
    """The person may sign in, but the company may do nothing at present: its systems are refused in the same way."""

    kind = Kind.FORBIDDEN
    code = "partner_stopped"
    way_out = "partner"
    zh = "贵公司已被暂停，此页面暂不可用；已发出的兑换券仍然有效。详情请联系运营。"
    en = "Your company is suspended, and this page with it; issued vouchers stay good. Please contact operations."


async def acting(me: SignedIn, scope: str) -> PartnerCaller:
    """Return the person as a caller who may do what the scope is for. Raises RoleNeeded, CompanyStopped."""
    scopes = scopes_of(me.roles)
    if scope not in scopes:
        raise RoleNeeded
    row = await DB.fetchrow(_STANDS, me.partner_id, me.staff_id)
    if row is None or row["status"] not in ADMITTED:
        raise CompanyStopped
    places = frozenset(row["locations"])
    return PartnerCaller(me.partner_id, CLIENT_ID, scopes, me.actor, staff_id=me.staff_id, locations=places)
