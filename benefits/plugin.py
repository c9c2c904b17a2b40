"""What this package plugs into the frame: members, points, offers, redemptions, and the members' storefront."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import ClassVar

from litestar import Litestar
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from benefits import invariants
from benefits.members import api as members_api
from benefits.members.resolve import Directory, member_caller
from benefits.offers import api as offers_api
from benefits.offers import partner_api, review_api
from benefits.offers.cache import OfferCache
from benefits.offers.expire import end_offers
from benefits.points import api as points_api
from benefits.points.expire import expire_points
from benefits.redemptions import api as redemptions_api
from benefits.redemptions import counter_api
from benefits.redemptions.batch import Request, redeem_batch
from benefits.redemptions.desk import Desk
from benefits.redemptions.expire import expire_vouchers
from benefits.web import storefront
from marketplace.kernel.facts import Fact
from marketplace.platform.database import UnitOfWork
from marketplace.platform.idempotency import Outcome
from marketplace.platform.jobs import Job
from marketplace.platform.package import Invariant, Package, SeedContext


class Benefits(Package):
    """See the package's own docstring."""

    name = "benefits"
    append_only: ClassVar[Sequence[str]] = ("points_posting", "earning", "offer_revision")
    invariants: ClassVar[Sequence[Invariant]] = invariants.ALL

    def routes(self) -> Sequence[ControllerRouterHandler]:
        """Return the API's controllers and the storefront's pages."""
        return [
            *members_api.ROUTES,
            *points_api.ROUTES,
            *offers_api.ROUTES,
            *partner_api.ROUTES,
            *review_api.ROUTES,
            *redemptions_api.ROUTES,
            *counter_api.ROUTES,
            *storefront.routes(),
        ]

    def dependencies(self) -> Mapping[str, Provide]:
        """Return who the member is, and the desk and cache of this process."""
        self.cache = OfferCache()
        self.desk = self._desk(self.cache)
        return {
            "member": Provide(member_caller),
            "offer_cache": Provide(lambda: self.cache, sync_to_thread=False),
            "redemption_desk": Provide(lambda: self.desk, sync_to_thread=False),
        }

    def _desk(self, cache: OfferCache) -> Desk:
        calendar, clock = self.settings.calendar, self.clock

        async def decide(work: UnitOfWork, requests: Sequence[Request]) -> list[Outcome | Fact]:
            return await redeem_batch(work, requests, cache, calendar, clock)

        return Desk(decide, batch=self.settings.desk_batch, queue=self.settings.desk_queue)

    def templates(self) -> Path | None:
        """Return the storefront's templates."""
        return Path(__file__).parent / "web" / "templates"

    def static(self) -> Path | None:
        """Return the storefront's static files."""
        return Path(__file__).parent / "web" / "static"

    def jobs(self) -> Sequence[Job]:
        """Return what happens with time: offers end, vouchers and points expire."""

        async def offers() -> None:
            await end_offers(self.clock.now())

        async def vouchers() -> None:
            await expire_vouchers(self.clock.now())

        async def points() -> None:
            await expire_points(self.settings.calendar, self.clock.now())

        return [
            Job("benefits.end_offers", "* * * * *", offers),
            Job("benefits.expire_vouchers", "* * * * *", vouchers),
            Job("benefits.expire_points", "*/5 * * * *", points),
        ]

    async def seed(self, context: SeedContext) -> None:
        """Make the demo's members and offers, and let its past happen."""
        from benefits.seed import seed  # here: only a demo's first start needs it

        await seed(context)

    def lifespan(self, app: Litestar) -> AbstractAsyncContextManager[None] | None:
        """Keep the desk at work while the application serves."""

        @asynccontextmanager
        async def serve() -> AsyncIterator[None]:
            app.state.members = Directory()
            app.state.desk = self.desk
            at_work = asyncio.create_task(self.desk.run())
            try:
                yield
            finally:
                at_work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await at_work

        return serve()
