"""A signed-in person as the caller of a use case, with the scopes of the roles and the person's locations."""

from marketplace.kernel.refusals import Kind, Refusal
from marketplace.platform.postgres.database import DB
from partners.oauth.access.callers import PartnerCaller
from partners.oauth.domain import in_state
from partners.roles import SignedIn, scopes_of
from partners.web.frame import RoleNeeded

CLIENT_ID = "portal"

# The roles were read for this request; status and locations must not be older.
_STANDS = """
SELECT p.status, ARRAY(SELECT l.location_id FROM partner_staff_location l WHERE l.staff_id = $2 AND l.partner_id = p.id)
    AS locations FROM partner p WHERE p.id = $1
"""


class CompanyStopped(Refusal):
    """The person can sign in, but the company cannot do this now; its systems are refused in the same way."""

    kind = Kind.FORBIDDEN
    code = "partner_stopped"
    way_out = "partner"
    zh = "贵公司已被暂停，此页面暂不可用；已发出的兑换券仍可核销。详情请联系运营。"
    en = (
        "Your company is suspended, and this page with it; the counter still takes vouchers. Please contact operations."
    )


async def acting(me: SignedIn, scope: str) -> PartnerCaller:
    """Return the person as a caller with the scope; people of a suspended company have the counter's only.

    Raises RoleNeeded, CompanyStopped.
    """
    if scope not in scopes_of(me.roles):
        raise RoleNeeded
    row = await DB.fetchrow(_STANDS, me.partner_id, me.staff_id)
    scopes = frozenset[str]() if row is None else in_state(row["status"], scopes_of(me.roles))
    if row is None or scope not in scopes:
        raise CompanyStopped
    places = frozenset(row["locations"])
    return PartnerCaller(me.partner_id, CLIENT_ID, scopes, me.actor, staff_id=me.staff_id, locations=places)
