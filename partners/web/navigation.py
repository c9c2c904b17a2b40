"""The portal's navigation. Each page declares its own item, so that packages above add theirs with their routes."""

from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Litestar

from marketplace.kernel.text import Text
from partners.roles import SignedIn, scopes_of
from partners.services import PartnersServices

_OPT = "portal_place"
_TABS = 3
"""The number of tabs that fit on a phone between home and account."""


class NavItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item of the navigation for people with the scope, ordered by `rank`.

    `name` is shown in the navigation, `about` beside it on the portal's first page.
    """

    path: str
    icon: str
    name: Text
    about: Text
    rank: int
    scope: str


def leads_to(place: NavItem) -> dict[str, Any]:
    """Return the `opt` that adds a page's handler to the navigation."""
    return {_OPT: place}


def places_for(app: Litestar, me: SignedIn | None) -> list[NavItem]:
    """Return the items that the person's roles allow, from all packages; none without a person."""
    if me is None:
        return []
    scopes = scopes_of(me.roles)
    return [place for place in PartnersServices.of(app).navigation if place.scope in scopes]


def tabs_of(places: Iterable[NavItem]) -> list[NavItem]:
    """Return the items in a phone's tabs: the first ones, which are the most frequent."""
    return list(places)[:_TABS]


def items_in(app: Litestar) -> list[NavItem]:
    """Return the items of all pages of the application, ordered by rank."""
    handlers = [handler for route in app.routes for handler in getattr(route, "route_handlers", ())]
    named = {handler.opt[_OPT] for handler in handlers if _OPT in handler.opt}
    return sorted(named, key=lambda item: item.rank)
