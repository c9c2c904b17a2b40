"""The services of this package, one set for each application."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.services import Services

if TYPE_CHECKING:  # these modules import this one
    from collections.abc import Sequence

    from marketplace.web.navigation import NavItem
    from partners.oauth.access.client_cache import ClientCache
    from partners.oauth.server.token import OauthParts
    from partners.staff.provider import Providers
    from partners.staff.sign_in import PartnerSignIn
    from partners.staff.throttle import Throttle
    from partners.webhooks.endpoints import Endpoints


@dataclass(frozen=True, kw_only=True, slots=True)
class PartnersServices(Services):
    """Provided by `Partners` when the application starts."""

    sign_in: "PartnerSignIn"
    outbound: Outbound
    providers: "Providers"
    throttle: "Throttle"
    endpoints: "Endpoints"
    oauth: "OauthParts"
    navigation: "Sequence[NavItem]"

    @property
    def client_cache(self) -> "ClientCache":
        """Decides whether a verified token may still be used."""
        return self.oauth.client_cache
