"""Where the portal's navigation leads. A page says so of itself, so that a package above brings its own with its routes."""

from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Litestar

from marketplace.kernel.text import Text
from partners.roles import SignedIn, scopes_of
from partners.services import PartnersServices

_OPT = "portal_place"
_TABS = 3
"""What fits on a phone between home and account."""


class NavItem(msgspec.Struct, frozen=True, kw_only=True):
    """A page to which the navigation leads whoever has the scope, in the order of `rank`.

    `name` stands in the navigation, `about` beside it on the portal's first page.
    """

    path: str
    icon: str
    name: Text
    about: Text
    rank: int
    scope: str


def leads_to(place: NavItem) -> dict[str, Any]:
    """Return the `opt` of a page's handler by which the navigation knows it."""
    return {_OPT: place}


def places_for(app: Litestar, me: SignedIn | None) -> list[NavItem]:
    """Return the places that the person's roles open, whichever package brings them; none for a stranger."""
    if me is None:
        return []
    scopes = scopes_of(me.roles)
    return [place for place in PartnersServices.of(app).navigation if place.scope in scopes]


def tabs_of(places: Iterable[NavItem]) -> list[NavItem]:
    """Return those of the places that a phone's tabs hold: the first of them, which are what the person does most."""
    return list(places)[:_TABS]


def items_in(app: Litestar) -> list[NavItem]:
    """Return what the application's pages bring into the navigation, in the order of their rank."""
    handlers = [handler for route in app.routes for handler in getattr(route, "route_handlers", ())]
    named = {handler.opt[_OPT] for handler in handlers if _OPT in handler.opt}
    return sorted(named, key=lambda item: item.rank)
