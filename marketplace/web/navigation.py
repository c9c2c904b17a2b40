"""The navigation of a face: each page declares its own item, so that packages above add theirs with their routes."""

from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Litestar

from marketplace.kernel.text import Text

_OPT = "navigation"
_TABS = 3
"""The number of tabs that fit on a phone between home and account."""


class NavItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item of the navigation for people with the scope, ordered by `rank`.

    `name` is shown in the navigation, `about` beside it on the face's first page.
    """

    path: str
    icon: str
    name: Text
    about: Text
    rank: int
    scope: str


def leads_to(item: NavItem) -> dict[str, Any]:
    """Return the `opt` that adds a page's handler to the navigation."""
    return {_OPT: item}


def tabs_of(items: Iterable[NavItem]) -> list[NavItem]:
    """Return the items in a phone's tabs: the first ones, which are the most frequent."""
    return list(items)[:_TABS]


def items_in(app: Litestar, under: str) -> list[NavItem]:
    """Return the items of the application's pages whose path begins with `under`, such as `/partner`, ordered by rank."""
    handlers = [handler for route in app.routes for handler in getattr(route, "route_handlers", ())]
    named = {handler.opt[_OPT] for handler in handlers if _OPT in handler.opt}
    return sorted((item for item in named if item.path.startswith(under)), key=lambda item: item.rank)
