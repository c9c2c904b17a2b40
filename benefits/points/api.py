"""Points over HTTP: the OEM's systems credit, members look."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, JSONBody

from benefits.desk.batch import points_desk
from benefits.members.resolve import MemberCaller
from benefits.points.commands import new_credit, new_gift
from benefits.points.credit import refused_unread
from benefits.points.domain import InsufficientPoints, UnknownMember
from benefits.points.gift import CannotGive
from benefits.points.schemas import EarningResults, EarningsInput, GiftInput, GiftView, Movement, PointsView
from benefits.points.wallets import check_gift, movements, wallet_view
from benefits.settings import BenefitsSettings
from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of
from marketplace.platform.http.idempotency import IdempotencyKey, key_for
from marketplace.platform.http.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, language_of
from marketplace.platform.http.requests import unfit_items
from marketplace.platform.openapi.problems import refusals
from marketplace.settings import Settings
from partners.oauth.access.callers import OemCaller


class Earnings(Controller):
    """The OEM's systems: service visits, purchases."""

    path = "/v1/points/earnings"
    tags = ["points"]

    @post(
        operation_id="credit_earnings",
        summary="Credit up to 1,000 earnings",
        opt={"scope": "points:write", "items": "earnings"},
        status_code=200,
        responses={200: ResponseSpec(EarningResults, description="One result for each", generate_examples=False)},
    )
    async def credit(
        self,
        data: JSONBody[EarningsInput],
        request: HttpRequest,
        oem: NamedDependency[OemCaller],
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Each earning is answered by itself, and its `reference` is its idempotency: sent again it is `replayed`.

        A reference is unique for its member. A refused earning leaves the others of the call as they are. 400 where the call is
        not as described beside its earnings, or none of them is.
        """
        refused = [refused_unread(item) for item in unfit_items(request)]
        return (
            await points_desk(request).submit(new_credit(data.earnings, oem.actor, clock.unix_ms(), refused))
        ).response()


class MyPoints(Controller):
    """The member's points."""

    path = "/v1/me/points"
    tags = ["members"]

    @get(operation_id="get_my_points", summary="Get the member's balance and expiring points")
    async def balance(
        self, member: NamedDependency[MemberCaller], clock: NamedDependency[Clock], settings: NamedDependency[Settings]
    ) -> PointsView:
        """`expires_on` is the first business day without the points."""
        return await wallet_view(member.id, settings.calendar.day_of(clock.now()))

    @get("/movements", operation_id="list_my_movements", summary="List the member's movements of points")
    async def movements(
        self,
        member: NamedDependency[MemberCaller],
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[Movement]:
        """One entry for each transaction, with the change of the balance."""
        return await movements(member.id, cursors, cursor, limit)

    @post(
        "/gifts",
        operation_id="give_points",
        opt=refusals(InsufficientPoints, CannotGive, UnknownMember),
        summary="Give points to another member",
        responses={201: ResponseSpec(GiftView, description="Given", generate_examples=False)},
    )
    async def give(
        self,
        data: JSONBody[GiftInput],
        request: HttpRequest,
        member: NamedDependency[MemberCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """At once and for good; the points keep the day on which they expire. 409 `insufficient_points`."""
        check_gift(member.id, data, settings.of(BenefitsSettings).gift_most)
        whole = key_for(member.actor, key, "POST /v1/me/points/gifts", data, bucket_of(member.id))
        gift = new_gift(member.id, data.member_id, data.points, whole, language_of(request), clock.unix_ms())
        return (await points_desk(request).submit(gift)).response()


ROUTES: list[type[Controller]] = [Earnings, MyPoints]
