"""Redemptions and vouchers as members make and see them."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from benefits.desk.batch import points_desk
from benefits.members.resolve import MemberCaller
from benefits.offers.cache import OfferCache
from benefits.redemptions.cancel import CancelWindowOver, CodesHandedOut, VoucherNotCancellable
from benefits.redemptions.commands import new_cancel, new_redeem
from benefits.redemptions.domain import RedemptionRefused, VoucherStatus
from benefits.redemptions.qr import qr_svg
from benefits.redemptions.quote import quote
from benefits.redemptions.schemas import (
    CancellationInput,
    CancelledView,
    Quote,
    QuoteInput,
    RedemptionInput,
    RedemptionView,
    VoucherView,
)
from benefits.redemptions.vouchers import my_redemption, my_redemptions, my_voucher, my_vouchers
from benefits.sandbox.simulated_fulfilment import FulfilmentFailed
from benefits.services import BenefitsServices
from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import NotFound
from marketplace.platform.http.idempotency import IdempotencyKey
from marketplace.platform.http.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.http.requests import clock_of
from marketplace.platform.openapi.problems import refusals
from marketplace.settings import Settings


class OfferQuote(Controller):
    """The dry run."""

    path = "/v1/offers/{offer_id:str}/quote"
    tags = ["members"]

    @post(operation_id="quote_redemption", summary="Quote a redemption", status_code=200)
    async def quote(
        self,
        offer_id: FromPath[PathId],
        data: JSONBody[QuoteInput],
        request: HttpRequest,
        member: NamedDependency[MemberCaller],
        offer_cache: NamedDependency[OfferCache],
        settings: NamedDependency[Settings],
        clock: NamedDependency[Clock],
    ) -> Quote:
        """Decided by the same function as the redemption; nothing is reserved."""
        language = language_of(request)
        return await quote(member.id, path_id(offer_id), data.quantity, offer_cache, settings.calendar, clock, language)


class Redemptions(Controller):
    """Redeem, cancel, and what was redeemed."""

    path = "/v1/redemptions"
    tags = ["members"]

    @post(
        operation_id="create_redemption",
        opt=refusals(RedemptionRefused, FulfilmentFailed, NotFound),
        summary="Redeem points for an offer",
        responses={201: ResponseSpec(RedemptionView, description="Issued, with its voucher", generate_examples=False)},
    )
    async def redeem(
        self,
        data: JSONBody[RedemptionInput],
        request: HttpRequest,
        member: NamedDependency[MemberCaller],
        key: IdempotencyKey,
    ) -> Response[bytes]:
        """Refused with 409: `not_on_sale`, `not_eligible`, `limit_reached`, `sold_out`, `insufficient_points`."""
        simulate = BenefitsServices.of(request).before_redemption
        if simulate is not None:
            await simulate(data.offer_id)
        command = new_redeem(member.id, data, key, language_of(request), clock_of(request).unix_ms())
        return (await points_desk(request).submit(command)).response()

    @get(operation_id="list_my_redemptions", summary="List the member's redemptions")
    async def list_mine(
        self,
        member: NamedDependency[MemberCaller],
        cursors: NamedDependency[Cursors],
        clock: NamedDependency[Clock],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[RedemptionView]:
        """With each redemption's voucher."""
        return await my_redemptions(member.id, cursors, clock.now(), cursor=cursor, limit=limit)

    @get("/{redemption_id:str}", operation_id="get_my_redemption", summary="Get one of the member's redemptions")
    async def get_mine(
        self, redemption_id: FromPath[PathId], member: NamedDependency[MemberCaller], clock: NamedDependency[Clock]
    ) -> RedemptionView:
        """Only the member's own."""
        return await my_redemption(member.id, path_id(redemption_id), clock.now())

    @post(
        "/{redemption_id:str}/cancel",
        operation_id="cancel_redemption",
        opt=refusals(VoucherNotCancellable, CancelWindowOver, CodesHandedOut),
        summary="Cancel an unused redemption",
        status_code=200,
        responses={
            200: ResponseSpec(CancelledView, description="Cancelled, and what came back", generate_examples=False)
        },
    )
    async def cancel(
        self,
        redemption_id: FromPath[PathId],
        data: JSONBody[CancellationInput],
        request: HttpRequest,
        member: NamedDependency[MemberCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Points go back to the lots that they came from; the answer says until when they last.

        Where the programme restores points, what comes back lasts until the end of next month at least. Where it forfeits
        them, a lot keeps its day, and `forfeited_lots` says what did not come back because its lot had expired.
        """
        language, unix_ms = language_of(request), clock.unix_ms()
        command = new_cancel(member.id, path_id(redemption_id), data, key, language, unix_ms)
        return (await points_desk(request).submit(command)).response()


class Vouchers(Controller):
    """The member's vouchers."""

    path = "/v1/vouchers"
    tags = ["members"]

    @get(operation_id="list_my_vouchers", summary="List the member's vouchers")
    async def list_mine(
        self,
        member: NamedDependency[MemberCaller],
        cursors: NamedDependency[Cursors],
        clock: NamedDependency[Clock],
        status: FromQuery[VoucherStatus | None] = None,
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[VoucherView]:
        """All states, or one."""
        return await my_vouchers(member.id, cursors, clock.now(), status=status, cursor=cursor, limit=limit)

    @get("/{voucher_id:str}", operation_id="get_my_voucher", summary="Get one of the member's vouchers")
    async def get_mine(
        self, voucher_id: FromPath[PathId], member: NamedDependency[MemberCaller], clock: NamedDependency[Clock]
    ) -> VoucherView:
        """Only the member's own."""
        return await my_voucher(member.id, path_id(voucher_id), clock.now())

    @get(
        "/{voucher_id:str}/qr.svg",
        operation_id="get_my_voucher_qr",
        summary="Get a voucher's QR code",
        media_type="image/svg+xml",
    )
    async def qr(
        self, voucher_id: FromPath[PathId], member: NamedDependency[MemberCaller], clock: NamedDependency[Clock]
    ) -> Response[bytes]:
        """SVG; the QR holds the code as text."""
        voucher = await my_voucher(member.id, path_id(voucher_id), clock.now())
        return Response(
            qr_svg(voucher.code), media_type="image/svg+xml", headers={"Cache-Control": "private, no-store"}
        )


ROUTES: list[type[Controller]] = [OfferQuote, Redemptions, Vouchers]
