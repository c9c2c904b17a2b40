"""Holds over HTTP: the OEM's own systems set points and units aside while somebody else has to answer."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from benefits.desk.batch import points_desk
from benefits.holds.commands import new_end, new_place
from benefits.holds.domain import HoldEndedAlready, TooManyUnits
from benefits.holds.read import hold_view, holder
from benefits.holds.schemas import HoldInput, HoldPostInput, HoldView, HoldVoidInput
from benefits.points.domain import InsufficientPoints
from benefits.redemptions.domain import RedemptionRefused
from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import NotFound
from marketplace.platform.http.idempotency import IdempotencyKey, request_key
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.openapi.problems import refusals
from partners.oauth.access.callers import OemCaller

_WRITE = {"scope": "points:write"}


class Holds(Controller):
    """Set aside, then posted in full or in part, voided, or expired."""

    path = "/v1/points/holds"
    tags = ["points"]

    @post(
        operation_id="place_hold",
        summary="Place a hold on points and stock",
        opt=_WRITE | refusals(NotFound, RedemptionRefused, InsufficientPoints),
        responses={201: ResponseSpec(HoldView, description="Held", generate_examples=False)},
    )
    async def place(
        self,
        data: JSONBody[HoldInput],
        request: HttpRequest,
        oem: NamedDependency[OemCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """The same checks and refusals as a redemption's. At the deadline everything goes back by itself."""
        whole = request_key(request, oem.actor, key, data)
        command = new_place(data, whole, language_of(request), clock.unix_ms())
        return (await points_desk(request).submit(command)).response()

    @get("/{hold_id:str}", operation_id="get_hold", summary="Get a hold", opt=_WRITE)
    async def get_hold(self, hold_id: FromPath[PathId], oem: NamedDependency[OemCaller]) -> HoldView:  # noqa: ARG002 - the guard
        """With its redemption, once it is posted."""
        return await hold_view(path_id(hold_id))

    @post(
        "/{hold_id:str}/post",
        operation_id="post_hold",
        summary="Post a hold, in full or in part",
        opt=_WRITE | refusals(HoldEndedAlready, TooManyUnits),
        status_code=200,
        responses={200: ResponseSpec(HoldView, description="Posted", generate_examples=False)},
    )
    async def post_hold(
        self,
        hold_id: FromPath[PathId],
        data: JSONBody[HoldPostInput],
        request: HttpRequest,
        oem: NamedDependency[OemCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """A hold ends once: 409 `hold_ended` says how. What is not posted goes back."""
        whole, identifier = request_key(request, oem.actor, key, data), path_id(hold_id)
        member_id, language = await holder(identifier), language_of(request)
        command = new_end(member_id, identifier, "post", whole, language, clock.unix_ms(), quantity=data.quantity)
        return (await points_desk(request).submit(command)).response()

    @post(
        "/{hold_id:str}/void",
        operation_id="void_hold",
        summary="Void a hold",
        opt=_WRITE | refusals(HoldEndedAlready),
        status_code=200,
        responses={200: ResponseSpec(HoldView, description="Voided", generate_examples=False)},
    )
    async def void(
        self,
        hold_id: FromPath[PathId],
        data: JSONBody[HoldVoidInput],
        request: HttpRequest,
        oem: NamedDependency[OemCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Points and units go back at once."""
        whole, identifier = request_key(request, oem.actor, key, data), path_id(hold_id)
        member_id, language = await holder(identifier), language_of(request)
        command = new_end(member_id, identifier, "void", whole, language, clock.unix_ms(), reason=data.reason)
        return (await points_desk(request).submit(command)).response()


ROUTES: list[type[Controller]] = [Holds]
