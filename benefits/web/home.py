"""The first page: a welcome for strangers, home for members."""

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency

from benefits.offers.catalogue import on_sale
from benefits.points.wallets import wallet_view
from benefits.web.views import SCENARIO_NAMES, greeting, next_member_day
from benefits.web.visitor import visitor_of
from marketplace.kernel.clock import Clock
from marketplace.platform.http.paging import Cursors
from marketplace.settings import Settings
from marketplace.web.pages import PageTemplate, page
from marketplace.web.sessions import session_of

OFFERS_AT_HOME = 8


@get("/")
async def home(
    request: Request[Any, Any, Any],
    settings: NamedDependency[Settings],
    clock: NamedDependency[Clock],
    cursors: NamedDependency[Cursors],
) -> PageTemplate:
    """Greet, show the points and what expires next, the scenarios, the member day and what is new."""
    session = await session_of(request)
    if session is None:
        return page(request, "storefront/welcome.html", scenarios=SCENARIO_NAMES)
    visitor = await visitor_of(request, session.person)
    now = clock.now()
    today = settings.calendar.day_of(now)
    points = await wallet_view(visitor.id, today)
    offers = await on_sale(cursors, now, scenario=None, query="", cursor=None, limit=OFFERS_AT_HOME)
    member_day, days = next_member_day(today)
    return page(
        request,
        "storefront/home.html",
        visitor=visitor,
        greeting=greeting(now, settings.calendar),
        points=points,
        next_expiry=points.expiring[0] if points.expiring else None,
        scenarios=SCENARIO_NAMES,
        member_day=member_day,
        days_to_member_day=days,
        offers=offers.data,
    )
