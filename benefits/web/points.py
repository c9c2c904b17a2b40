"""The member's points: balance, what expires when, every movement."""

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency

from benefits.offers.titles import titles
from benefits.points.wallets import movements, wallet_view
from benefits.web.views import CHART_HEIGHT, CHART_WIDTH, MOVEMENT_NAMES, expiry_chart
from benefits.web.visitor import Visitor, window_of
from marketplace.kernel.clock import Clock
from marketplace.platform.http.paging import Cursors
from marketplace.settings import Settings
from marketplace.web.pages import PageTemplate, is_fragment, page

MOVEMENTS_ON_A_PAGE = 15


@get("/points")
async def points(
    request: Request[Any, Any, Any],
    visitor: NamedDependency[Visitor],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
    cursors: NamedDependency[Cursors],
) -> PageTemplate:
    """Show the wallet; HTMX asks for the next movements alone."""
    window = window_of(request, MOVEMENTS_ON_A_PAGE)
    found = await movements(visitor.id, cursors, window.cursor, window.limit)
    offers = await titles(movement.offer_id for movement in found.data if movement.offer_id)
    values: dict[str, Any] = {
        "visitor": visitor,
        "titles": offers,
        "movements": found.data,
        "pages": window.pages,
        "names": MOVEMENT_NAMES,
        "next_page": f"/points?cursor={found.next_cursor}" if found.next_cursor else "",
    }
    if is_fragment(request):
        return page(request, "storefront/movement_rows.html", **values)
    today = settings.calendar.day_of(clock.now())
    wallet = await wallet_view(visitor.id, today)
    return page(
        request,
        "storefront/points.html",
        wallet=wallet,
        chart=expiry_chart(wallet.expiring, today),
        chart_height=CHART_HEIGHT,
        chart_width=CHART_WIDTH,
        **values,
    )
