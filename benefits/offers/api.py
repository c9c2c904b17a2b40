"""Offers as members find them."""

from typing import Annotated

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.types import ControllerRouterHandler

from benefits.members.resolve import MemberCaller
from benefits.offers.catalogue import one_on_sale, picture
from benefits.offers.schemas import OfferView
from benefits.services import BenefitsServices
from marketplace.kernel.clock import Clock
from marketplace.kernel.scenarios import Scenario
from marketplace.platform.http.paging import DEFAULT_LIMIT, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, PathId, path_id
from marketplace.platform.http.responses import RawResponse

Query = Annotated[
    str, QueryParameter(max_length=100, description="Words that title, partner or scenario must all have.")
]

PICTURE_HEADERS = {
    # A partner's SVG must never run anything, even when it is opened by itself.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "public, max-age=86400",
}


class Offers(Controller):
    """What is on sale."""

    path = "/v1/offers"
    tags = ["members"]

    @get(
        operation_id="list_offers",
        summary="List offers on sale",
        responses={200: ResponseSpec(Page[OfferView], description="A page of offers", generate_examples=False)},
    )
    async def list_offers(
        self,
        request: HttpRequest,
        member: NamedDependency[MemberCaller],  # noqa: ARG002 - the guard: the catalogue is for members
        scenario: FromQuery[Scenario | None] = None,
        q: FromQuery[Query] = "",
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Response[bytes]:
        """Search in Chinese (two characters are enough, such as 酒店) or English."""
        page = await BenefitsServices.of(request).listing.page(scenario=scenario, query=q, cursor=cursor, limit=limit)
        return RawResponse(page)

    @get("/{offer_id:str}", operation_id="get_offer", summary="Get an offer on sale")
    async def get_offer(
        self,
        offer_id: FromPath[PathId],
        member: NamedDependency[MemberCaller],  # noqa: ARG002 - the guard: the catalogue is for members
        clock: NamedDependency[Clock],
    ) -> OfferView:
        """A paused offer can still be seen, since vouchers of it are in members' hands."""
        return await one_on_sale(path_id(offer_id), clock.now())


@get(
    "/offers/{offer_id:str}/image.svg",
    operation_id="get_offer_image",
    summary="Get an offer's picture",
    tags=["members"],
    media_type="image/svg+xml",
)
async def offer_image(offer_id: FromPath[PathId]) -> Response[str]:
    """SVG, to be shown as an image; it runs nothing."""
    return Response(await picture(path_id(offer_id)), media_type="image/svg+xml", headers=PICTURE_HEADERS)


ROUTES: list[ControllerRouterHandler] = [Offers, offer_image]
