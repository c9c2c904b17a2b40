"""The portal's navigation: what the roles of a person allow of the items that all packages declare."""

from litestar import Litestar

from marketplace.web.navigation import NavItem
from partners.roles import SignedIn, scopes_of
from partners.services import PartnersServices


def places_for(app: Litestar, me: SignedIn | None) -> list[NavItem]:
    """Return the items that the person's roles allow, from all packages; none without a person."""
    if me is None:
        return []
    scopes = scopes_of(me.roles)
    return [item for item in PartnersServices.of(app).navigation if item.scope in scopes]
