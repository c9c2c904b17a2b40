"""What this package plugs into the frame: members, points, offers, redemptions, and the members' storefront."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from litestar import Litestar
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from benefits import invariants, webhook_events
from benefits.desk.batch import PointsBatch
from benefits.desk.context import PointsCommand
from benefits.desk.registry import COMMANDS
from benefits.holds import api as holds_api
from benefits.holds.expire import keep_expiring
from benefits.members import api as members_api
from benefits.members.directory import Directory, member_caller
from benefits.offers import api as offers_api
from benefits.offers import partner_api, review_api
from benefits.offers.cache import OfferCache
from benefits.offers.expire import end_offers
from benefits.offers.listing import Listing
from benefits.offers.sold_projection import Sold
from benefits.points import api as points_api
from benefits.points import grant_api
from benefits.points.expire import expire_points
from benefits.redemptions import api as redemptions_api
from benefits.redemptions import counter_api
from benefits.redemptions.counter_batch import CounterBatch
from benefits.redemptions.counter_commands import CounterCommand
from benefits.redemptions.expire import expire_vouchers
from benefits.rights import TABLES
from benefits.rules import PointsRules
from benefits.sandbox import make as sandbox
from benefits.sandbox.simulated_fulfilment import before_redemption
from benefits.services import BenefitsServices
from benefits.settings import BenefitsSettings
from benefits.web import counter_page, storefront
from marketplace.kernel.clock import Clock
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.eventlog.events import Consumer
from marketplace.platform.eventlog.jobs import Job
from marketplace.platform.eventlog.webhook_events import WebhookEventType
from marketplace.platform.http.paging import Cursors
from marketplace.platform.packages import Invariant, Package, SandboxContext, SeedContext
from marketplace.platform.runtime.worker_index import worker_number
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings


class Benefits(Package):
    """What members can use: points, offers, redemptions and vouchers, the storefront and the counter."""

    name = "benefits"
    rights: ClassVar[Mapping[str, str]] = TABLES
    invariants: ClassVar[Sequence[Invariant]] = invariants.ALL
    announced: ClassVar[Sequence[WebhookEventType]] = webhook_events.ALL

    def routes(self) -> Sequence[ControllerRouterHandler]:
        """Return the API's controllers, the storefront's pages, and the counter in the partner portal."""
        return [
            *members_api.ROUTES,
            *points_api.ROUTES,
            *grant_api.ROUTES,
            *holds_api.ROUTES,
            *offers_api.ROUTES,
            *partner_api.ROUTES,
            *review_api.ROUTES,
            *redemptions_api.ROUTES,
            *counter_api.ROUTES,
            *storefront.routes(),
            *counter_page.routes(),
        ]

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Set up this process's two desks and the offers that they remember."""
        super().__init__(settings, clock)
        self.cache = OfferCache()
        rules = PointsRules.of(settings)
        self.points_batch = points = PointsBatch(
            COMMANDS, rules, self.cache, clock, settings.first_worker + worker_number()
        )
        counter = CounterBatch(clock, Cursors(settings.keys))
        own = settings.of(BenefitsSettings)
        sizes = {"batch": own.desk_batch, "queue": own.desk_queue}
        self.points_desk: BatchExecutor[PointsCommand] = BatchExecutor("points", points.decide, **sizes)
        self.counter_desk: BatchExecutor[CounterCommand] = BatchExecutor("counter", counter.decide, **sizes)

    def dependencies(self) -> Mapping[str, Provide]:
        """Return who the member is, and the offers that this process remembers."""
        return {
            "member": Provide(member_caller),
            "offer_cache": Provide(lambda: self.cache, sync_to_thread=False),
        }

    def templates(self) -> Path | None:
        """Return the storefront's templates."""
        return Path(__file__).parent / "web" / "templates"

    def static(self) -> Path | None:
        """Return the storefront's static files."""
        return Path(__file__).parent / "web" / "static"

    def consumers(self) -> Sequence[Consumer]:
        """Return the count of what was sold."""
        return [Sold()]

    def jobs(self) -> Sequence[Job]:
        """Return what happens with time: offers end, vouchers and points expire."""

        async def offers() -> None:
            await end_offers(self.clock.now())

        async def vouchers() -> None:
            await expire_vouchers(self.clock.now())

        async def points() -> None:
            await expire_points(self.points_desk, self.settings.calendar, self.clock)

        return [
            Job("benefits.end_offers", "* * * * *", offers),
            Job("benefits.expire_vouchers", "* * * * *", vouchers),
            Job("benefits.expire_points", "*/5 * * * *", points),
        ]

    async def seed(self, context: SeedContext) -> None:
        """Make the demo's members and offers, and let its past happen."""
        from benefits.seed import seed  # here: only a demo's first start needs it

        await seed(context)

    async def make_sandbox(self, context: SandboxContext) -> None:
        """Make test members and magic offers."""
        await sandbox.make(context, self.points_desk)

    async def time_passed(self, before: datetime, after: datetime) -> None:  # noqa: ARG002 - what is due is due
        """Let offers end, and vouchers and points expire."""
        for job in self.jobs():
            await job.run()

    def lifespan(self, app: Litestar) -> AbstractAsyncContextManager[None] | None:
        """Expire holds while the application serves, and let the desks finish when it ends."""

        @asynccontextmanager
        async def serve() -> AsyncIterator[None]:
            BenefitsServices(
                members=Directory(self.clock),
                listing=Listing(self.clock, Cursors(self.settings.keys)),
                points_batch=self.points_batch,
                points_desk=self.points_desk,
                counter_desk=self.counter_desk,
                before_redemption=None if PlatformServices.of(app).host is None else before_redemption,
            ).provide(app)
            expiring = asyncio.create_task(keep_expiring(self.points_desk, self.clock))
            try:
                yield
            finally:
                expiring.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await expiring
                await self.points_desk.close()
                await self.counter_desk.close()

        return serve()
