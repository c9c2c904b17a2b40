"""What this package plugs into the frame."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar

from litestar import Litestar
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from marketplace.kernel.announced import Announced
from marketplace.kernel.clock import Clock
from marketplace.platform.events import Consumer
from marketplace.platform.invariants import Invariant
from marketplace.platform.jobs import Job
from marketplace.platform.outbound import Outbound
from marketplace.platform.package import Package, SeedContext, Service
from marketplace.settings import Settings
from partners import invariants
from partners.contracts.signing_api import ROUTES as CONTRACTS
from partners.oauth import api as oauth
from partners.oauth import gate
from partners.oauth.callers import oem_caller, partner_caller
from partners.oauth.domain import OEM_SCOPES, PARTNER_SCOPES
from partners.oauth.keys import LocalKeys, ensure_signing_key
from partners.oauth.token import forget_assertions
from partners.onboarding.api import DECISIONS, AdminPartners, Applications, OwnProfile
from partners.onboarding.location_api import Locations
from partners.onboarding.requirement_api import ROUTES as REQUIREMENTS
from partners.webhooks import announced
from partners.webhooks import api as webhooks
from partners.webhooks.catalogue import catalogue_of
from partners.webhooks.consumer import Announcer
from partners.webhooks.deliveries import forget
from partners.webhooks.endpoints import Endpoints
from partners.webhooks.send import Sender


class Partners(Package):
    """Who may sell: applications, contracts, OAuth clients, the server that gives those their tokens, and webhooks."""

    name = "partners"
    scopes: ClassVar[Mapping[str, str]] = PARTNER_SCOPES | OEM_SCOPES
    append_only: ClassVar[Sequence[str]] = ("partner_history", "contract_signature", "point_pack_entry")
    announced: ClassVar[Sequence[Announced]] = announced.ALL
    invariants: ClassVar[Sequence[Invariant]] = invariants.ALL

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Set up the guard of what partners have us call."""
        super().__init__(settings, clock)
        self.outbound = Outbound.of(settings)

    def routes(self) -> Sequence[ControllerRouterHandler]:
        """Return the API of all modules."""
        return [
            Applications,
            AdminPartners,
            *DECISIONS,
            *REQUIREMENTS,
            OwnProfile,
            Locations,
            *CONTRACTS,
            oauth.AdminClients,
            oauth.token,
            oauth.metadata,
            oauth.jwks,
            *webhooks.ROUTES,
        ]

    def dependencies(self) -> Mapping[str, Provide]:
        """Return who calls with a token of our own OAuth server."""
        return {"partner": Provide(partner_caller), "oem": Provide(oem_caller)}

    def consumers(self) -> Sequence[Consumer]:
        """Return what lays up for each partner what it is told."""
        return [Announcer(catalogue_of(self.settings.packages), self.settings.secret_key, self.clock)]

    def services(self) -> Sequence[Service]:
        """Return the sender of webhooks."""
        return [Sender(self.outbound, self.settings.secret_key, self.clock).run]

    def jobs(self) -> Sequence[Job]:
        """Return the hourly sweeps: of used assertions, and of deliveries and events that were kept long enough."""

        async def forget_webhooks() -> None:
            await forget(self.clock.now())

        return [
            Job("partners.forget_assertions", "17 * * * *", forget_assertions),
            Job("partners.forget_webhooks", "29 * * * *", forget_webhooks),
        ]

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
        app.state.webhook_endpoints = Endpoints(catalogue_of(settings.packages), self.outbound, settings.secret_key)
        gate.install(app, settings.mode)
        keys = LocalKeys()
        for audience in ("partner", "points"):
            app.state.identity.accept(audience, settings.issuer, settings.audience(audience), keys)
        yield
