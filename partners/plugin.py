"""What this package plugs into the frame."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar

from litestar import Litestar
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from marketplace.platform.jobs import Job
from marketplace.platform.package import Package, SeedContext
from partners.contracts.api import AdminContracts, PartnerContracts
from partners.oauth import api as oauth
from partners.oauth import gate
from partners.oauth.callers import oem_caller, partner_caller
from partners.oauth.domain import OEM_SCOPES, PARTNER_SCOPES
from partners.oauth.keys import LocalKeys, ensure_signing_key
from partners.oauth.token import forget_assertions
from partners.onboarding.api import DECISIONS, AdminPartners, Applications, OwnProfile
from partners.onboarding.location_api import Locations
from partners.onboarding.requirement_api import ROUTES as REQUIREMENTS


class Partners(Package):
    """Who may sell: applications, contracts, OAuth clients, and the server that gives those their tokens."""

    name = "partners"
    scopes: ClassVar[Mapping[str, str]] = PARTNER_SCOPES | OEM_SCOPES
    append_only: ClassVar[Sequence[str]] = ("partner_history",)

    def routes(self) -> Sequence[ControllerRouterHandler]:
        """Return the API of all modules."""
        return [
            Applications,
            AdminPartners,
            *DECISIONS,
            *REQUIREMENTS,
            OwnProfile,
            Locations,
            AdminContracts,
            PartnerContracts,
            oauth.AdminClients,
            oauth.token,
            oauth.metadata,
            oauth.jwks,
        ]

    def dependencies(self) -> Mapping[str, Provide]:
        """Return who calls with a token of our own OAuth server."""
        return {"partner": Provide(partner_caller), "oem": Provide(oem_caller)}

    def jobs(self) -> Sequence[Job]:
        """Return the hourly sweep of used assertions."""
        return [Job("partners.forget_assertions", "17 * * * *", forget_assertions)]

    def lifespan(self, app: Litestar) -> AbstractAsyncContextManager[None]:
        """Make the signing key on the first start, and let the audiences of our own server in."""
        return self._open(app)

    async def seed(self, context: SeedContext) -> None:
        """Admit the demo's partners, with contracts, locations and OAuth clients."""
        from partners.seed import seed  # here: only a demo's first start needs it

        await seed(context)

    @asynccontextmanager
    async def _open(self, app: Litestar) -> AsyncIterator[None]:
        settings = self.settings
        app.state.oauth_key = await ensure_signing_key(settings.secret_key, self.clock.now())
        gate.install(app, settings.mode)
        keys = LocalKeys()
        for audience in ("partner", "points"):
            app.state.identity.accept(audience, settings.issuer, settings.audience(audience), keys)
        yield
