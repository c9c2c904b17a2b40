"""What this package registers with the application frame."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import click
from litestar import Litestar
from litestar.di import Provide
from litestar.openapi.spec import SecurityScheme
from litestar.types import ControllerRouterHandler

from marketplace.kernel.clock import WALL, Clock
from marketplace.kernel.keyring import Lasting, Purpose
from marketplace.platform.eventlog.events import Consumer
from marketplace.platform.eventlog.jobs import Job
from marketplace.platform.eventlog.webhook_events import WebhookEventType
from marketplace.platform.invariants.checks import Invariant
from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.packages import Package, SandboxContext, SeedContext, Service
from marketplace.platform.services import PlatformServices
from marketplace.platform.validation.json_schemas import COMPONENTS
from marketplace.sandbox.tokens import SandboxAccess
from marketplace.settings import Settings
from marketplace.web.navigation import items_in
from partners import commands, invariants, one_time_secrets, pairwise
from partners.contracts import payout_account
from partners.contracts.signing_api import ROUTES as CONTRACTS
from partners.locations.api import Locations
from partners.oauth import webhook_events as oauth_announced
from partners.oauth.access.callers import (
    oem_caller,
    partner_caller,
    prove_possession,
    require_admitted_partner,
    sandboxed_partner,
)
from partners.oauth.access.client_cache import new_client_cache
from partners.oauth.access.security_schemes import SECURITY_SCHEMES
from partners.oauth.cleanup import delete_expired
from partners.oauth.clients.admin_api import AdminClients
from partners.oauth.clients.credentials import delete_ended_secrets, warn_of_ends
from partners.oauth.clients.own_api import OwnClients
from partners.oauth.clients.remote_keys import RemoteKeySets
from partners.oauth.server import api as oauth
from partners.oauth.server import consent, effects, keys
from partners.oauth.server.keys import LocalKeys, SigningKeys, ensure_signing_key, rotate_if_old
from partners.oauth.server.token import OauthParts
from partners.onboarding.api import DECISIONS, AdminPartners, Applications, OwnProfile
from partners.onboarding.requirement_api import ROUTES as REQUIREMENTS
from partners.rights import TABLES
from partners.sandbox import make as sandbox
from partners.sandbox.api import SandboxApi
from partners.services import PartnersServices
from partners.staff import api as staff
from partners.staff import provider, second_factor
from partners.staff.invitations import Inviter
from partners.staff.notices import Notifier
from partners.staff.provider import Providers
from partners.staff.sign_in import PartnerSignIn, delete_sessions
from partners.staff.throttle import Throttle, delete_guesses
from partners.web import portal
from partners.webhooks import api as webhooks
from partners.webhooks import reference_keys, signing, webhook_events
from partners.webhooks.catalogue import EVENT, catalogue_of, described
from partners.webhooks.consumer import WebhookPublisher
from partners.webhooks.deliveries import delete_old_deliveries, due_within
from partners.webhooks.endpoints import Endpoints
from partners.webhooks.send import Sender


class Partners(Package):
    """Who may sell: applications, contracts, OAuth clients, the server that gives those their tokens, and webhooks."""

    name = "partners"
    security_schemes: ClassVar[Mapping[str, SecurityScheme]] = SECURITY_SCHEMES
    rights: ClassVar[Mapping[str, str]] = TABLES
    sealed: ClassVar[Sequence[Purpose]] = (
        keys.PURPOSE,
        effects.ANSWER_PURPOSE,
        payout_account.PURPOSE,
        provider.PURPOSE,
        reference_keys.PURPOSE,
        second_factor.PURPOSE,
        one_time_secrets.PURPOSE,
        signing.PURPOSE,
    )
    lasting: ClassVar[Sequence[Lasting]] = (pairwise.MEMBERS, pairwise.SUBJECTS)
    announced: ClassVar[Sequence[WebhookEventType]] = (*webhook_events.ALL, *oauth_announced.ALL)
    commands: ClassVar[Sequence[click.Command]] = commands.ALL
    invariants: ClassVar[Sequence[Invariant]] = invariants.ALL

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Set up the outbound guard for addresses of partners."""
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
            AdminClients,
            OwnClients,
            *oauth.ROUTES,
            consent.ROUTES,
            *webhooks.ROUTES,
            *staff.ROUTES,
            *portal.routes(),
            SandboxApi,
        ]

    def templates(self) -> Path | None:
        """Return the templates of the partners' pages."""
        return Path(__file__).parent / "web" / "templates"

    def dependencies(self) -> Mapping[str, Provide]:
        """Return the dependencies for callers with a token of our OAuth server."""
        return {"partner": Provide(partner_caller), "oem": Provide(oem_caller)}

    def static(self) -> Path | None:
        """Return the portal's static files."""
        return Path(__file__).parent / "web" / "static"

    def consumers(self) -> Sequence[Consumer]:
        """Return the consumers that queue partners' webhooks and their people's messages."""
        publisher = WebhookPublisher(catalogue_of(self.settings.packages), self.settings.keys)
        return [publisher, Inviter(self.settings, self.clock), Notifier(self.settings, self.clock)]

    def services(self) -> Sequence[Service]:
        """Return the webhook sender. It runs on the wall clock, as receivers do, and not on a sandbox's clock."""
        return [Sender(self.outbound, self.settings.keys, Clock()).run]

    def jobs(self) -> Sequence[Job]:
        """Return the hourly clean-ups, the check for secrets that expire soon, and the daily rotation of the signing key."""

        async def clean_up_oauth() -> None:
            await delete_expired(self.clock.now())
            await delete_ended_secrets(self.clock.now())

        async def warn_of_expiring_secrets() -> None:
            await warn_of_ends(self.clock.now())

        async def rotate_signing_key() -> None:
            await rotate_if_old(self.settings.keys, self.clock.now())

        async def clean_up_webhooks() -> None:
            await delete_old_deliveries(WALL.now())  # deliveries are queued by the wall clock

        async def clean_up_people() -> None:
            await delete_sessions(self.clock.now())
            await delete_guesses(self.clock.now())

        return [
            Job("partners.clean_up_oauth", "17 * * * *", clean_up_oauth),
            Job("partners.tell_of_ending_secrets", "37 * * * *", warn_of_expiring_secrets),
            Job("partners.rotate_signing_key", "47 3 * * *", rotate_signing_key),
            Job("partners.clean_up_webhooks", "29 * * * *", clean_up_webhooks),
            Job("partners.clean_up_people", "49 * * * *", clean_up_people),
        ]

    def lifespan(self, app: Litestar) -> AbstractAsyncContextManager[None]:
        """Create the signing key on the first start, and accept the audiences of our OAuth server."""
        return self._open(app)

    def describe(self, schema: dict[str, Any]) -> None:
        """Add the webhooks that partners receive."""
        hooks, components = described(catalogue_of(self.settings.packages))
        schema["webhooks"] = hooks
        schema["components"]["schemas"] = components | schema["components"]["schemas"]
        schema["components"]["schemas"]["EventPage"]["properties"]["data"]["items"] = {"$ref": COMPONENTS + EVENT}

    async def make_sandbox(self, context: SandboxContext) -> None:
        """Create the partner, its contract and a location in the sandbox."""
        await sandbox.make(context)

    async def has_work_soon(self) -> bool:
        """Return whether a webhook is due within the hour."""
        return await due_within(timedelta(hours=1))

    async def seed(self, context: SeedContext) -> None:
        """Admit the demo's partners, with contracts, locations and OAuth clients."""
        from partners.seed import seed  # imported here: only a demo's first start needs it

        await seed(context)

    @asynccontextmanager
    async def _open(self, app: Litestar) -> AsyncIterator[None]:
        settings = self.settings
        await ensure_signing_key(settings.keys, self.clock.now())
        keys = LocalKeys()
        cache = new_client_cache(app, settings.mode)
        PartnersServices(
            sign_in=PartnerSignIn(settings, self.clock),
            outbound=self.outbound,
            providers=Providers(settings, self.outbound),
            throttle=Throttle(settings.keys),
            endpoints=Endpoints(catalogue_of(settings.packages), self.outbound, settings.keys),
            oauth=OauthParts(
                settings, self.clock, cache, SigningKeys(settings.keys), keys, RemoteKeySets(self.outbound)
            ),
            navigation=items_in(app, "/partner"),
        ).provide(app)
        SandboxAccess(partner_of=sandboxed_partner, admits=require_admitted_partner).provide(app)
        for audience in ("partner", "points"):
            resource = settings.audience(audience)
            PlatformServices.of(app).identity.accept(audience, settings.issuer, resource, keys, prove_possession)
        yield
