"""Where this counter stands: chosen once for a browser, among the locations to which the person belongs."""

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency

from marketplace.kernel.refusals import InvalidField
from marketplace.platform.http.paging import Cursors
from marketplace.platform.postgres.database import DB
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from marketplace.web.forms import PageRequest, cursor_of, field, redirect_to, refusal_message
from marketplace.web.pages import PageTemplate
from marketplace.web.sessions import cookie_name, secure_cookie
from partners.locations.locations import list_locations, named_locations
from partners.locations.schemas import LocationView
from partners.oauth.access.callers import PartnerCaller
from partners.roles import SignedIn
from partners.web.authorize import acting
from partners.web.frame import portal_page

_COOKIE = "partner-place"
_AGE_S = 365 * 86400
_NOWHERE = "-"
"""In the cookie: somebody who works everywhere takes vouchers without naming a location. No location is called so."""

ON_A_PAGE = 20


class Where(msgspec.Struct, frozen=True):
    """The location of this counter, or none named; `choice` tells whether there is another one to choose."""

    location: LocationView | None
    choice: bool

    @property
    def location_id(self) -> str | None:
        """The location's id, as the use cases take it."""
        return self.location.id if self.location else None


async def where(request: PageRequest, partner: PartnerCaller) -> Where | None:
    """Return where this counter stands, or None while nobody has said so; a choice that is not the person's is none."""
    settings = PlatformServices.of(request).settings
    chosen = request.cookies.get(cookie_name(settings, _COOKIE), "")
    if partner.locations:
        allowed = [chosen] if chosen in partner.locations else list(partner.locations)
        found = await named_locations(partner.partner_id, allowed)
        return Where(found[0], len(partner.locations) > 1) if len(found) == 1 else None
    if chosen and chosen != _NOWHERE and (found := await named_locations(partner.partner_id, [chosen[:64]])):
        return Where(found[0], True)
    has_some = await DB.fetchval("SELECT true FROM partner_location WHERE partner_id = $1 LIMIT 1", partner.partner_id)
    return None if has_some and chosen != _NOWHERE else Where(None, bool(has_some))


def choose() -> Response[Any]:
    """Lead to the choice."""
    return redirect_to("/partner/counter/place")


@get("/partner/counter/place")
async def place_form(
    request: PageRequest, me: NamedDependency[SignedIn], cursors: NamedDependency[Cursors]
) -> PageTemplate | Response[Any]:
    """Show the locations to choose from: the person's own, or, for who works everywhere, all, with a search."""
    return await _form(request, await acting(me, "vouchers:use"), cursors)


@post("/partner/counter/place", status_code=200, opt={"form": "repeatable"})
async def choose_place(
    request: PageRequest,
    me: NamedDependency[SignedIn],
    cursors: NamedDependency[Cursors],
    settings: NamedDependency[Settings],
) -> PageTemplate | Response[Any]:
    """Remember the choice in this browser. It is looked at again at each voucher."""
    partner = await acting(me, "vouchers:use")
    chosen = field(await request.form(), "location_id", 64)
    nowhere = chosen == _NOWHERE and not partner.locations
    allowed = not partner.locations or chosen in partner.locations
    if not nowhere and not (allowed and await named_locations(partner.partner_id, [chosen])):
        refused = InvalidField("location_id", "请选择您所在的门店。", "please choose a location of yours.")
        return await _form(request, partner, cursors, refusal_message(request, refused))
    return redirect_to("/partner/counter", secure_cookie(settings, _COOKIE, chosen, _AGE_S))


async def _form(request: PageRequest, partner: PartnerCaller, cursors: Cursors, error: str = "") -> PageTemplate:
    search, following = request.query_params.get("q", "").strip()[:80], ""
    if partner.locations:
        places = await named_locations(partner.partner_id, partner.locations)
    else:
        found = await list_locations(partner.partner_id, cursors, cursor_of(request), ON_A_PAGE, search=search)
        places, following = list(found.data), found.next_cursor or ""
    return await portal_page(
        request,
        "counter/place.html",
        status=400 if error else 200,
        locations=places,
        bound=bool(partner.locations),
        nowhere=_NOWHERE,
        search=search,
        following=following,
        error=error,
    )
