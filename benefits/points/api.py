"""Points over HTTP: the OEM's systems credit, members look."""

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody

from benefits.members.resolve import MemberCaller
from benefits.points.credit import Rules, credit
from benefits.points.schemas import EarningResults, EarningsIn, Movement, PointsView
from benefits.points.wallets import movements, wallet_view
from marketplace.kernel.clock import Clock
from marketplace.platform.database import unit_of_work
from marketplace.platform.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.settings import Settings
from partners.oauth.callers import OemCaller


class Earnings(Controller):
    """The OEM's systems: service visits, purchases."""

    path = "/v1/points/earnings"
    tags = ["points"]

    @post(
        operation_id="credit_earnings",
        summary="Credit points, up to 1,000 earnings a call",
        opt={"scope": "points:write"},
        status_code=200,
    )
    async def credit(
        self,
        data: JSONBody[EarningsIn],
        oem: NamedDependency[OemCaller],
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> EarningResults:
        """Each earning is answered by itself, and its `reference` is its idempotency: sent again it is `replayed`.

        A reference is unique for its member. A refused earning leaves the others of the call as they are.
        """
        rules = Rules(settings.calendar, settings.points_lifetime_months)
        async with unit_of_work() as work:
            now = clock.shifted(await work.fetchval("SELECT now()"))
            return EarningResults(await credit(work, data.earnings, rules, oem.actor, now))


class MyPoints(Controller):
    """The member's points."""

    path = "/v1/me/points"
    tags = ["members"]

    @get(operation_id="my_points", summary="Balance and what expires when")
    async def balance(
        self, member: NamedDependency[MemberCaller], clock: NamedDependency[Clock], settings: NamedDependency[Settings]
    ) -> PointsView:
        """`expires_on` is the first business day without the points."""
        return await wallet_view(member.id, settings.calendar.day_of(clock.now()))

    @get("/movements", operation_id="my_movements", summary="Every movement of points, the newest first")
    async def movements(
        self,
        member: NamedDependency[MemberCaller],
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[Movement]:
        """One entry for each transaction, with the change of the balance."""
        return await movements(member.id, cursors, cursor, limit)


ROUTES: list[type[Controller]] = [Earnings, MyPoints]
