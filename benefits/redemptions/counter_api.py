"""The counter: partners verify and use vouchers, and see what was redeemed with them."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, JSONBody

from benefits.redemptions.counter import NotUsed, UndoWindowOver, UnknownVoucher, UsedElsewhere, VoucherRefused
from benefits.redemptions.counter_batch import counter_desk
from benefits.redemptions.counter_commands import UndoUse, Use, Verify
from benefits.redemptions.schemas import (
    PartnerRedemption,
    UndoneUse,
    UsedVoucher,
    VerifiedVoucher,
    VoucherUndoInput,
    VoucherUseInput,
    VoucherVerifyInput,
)
from benefits.redemptions.vouchers import of_partner
from marketplace.kernel.clock import Clock
from marketplace.platform.http.idempotency import IdempotencyKey, request_key
from marketplace.platform.http.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, language_of
from marketplace.platform.openapi.problems import refusals
from partners.oauth.access.callers import NotYourLocation, PartnerCaller


class Counter(Controller):
    """Vouchers at the partner's counter or shop."""

    path = "/v1/partner/vouchers"
    tags = ["partner"]

    @post(
        "/verify",
        operation_id="verify_voucher",
        summary="Verify a voucher",
        opt={"scope": "vouchers:verify"} | refusals(UnknownVoucher, NotYourLocation),
        status_code=200,
        responses={200: ResponseSpec(VerifiedVoucher, description="Whatever its state", generate_examples=False)},
    )
    async def verify(
        self,
        data: JSONBody[VoucherVerifyInput],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
    ) -> Response[bytes]:
        """Changes nothing. 404 `unknown_voucher` for a code that no voucher of this partner has."""
        partner.require_location(data.location_id)
        return (await counter_desk(request).submit(Verify(partner.partner_id, data, language_of(request)))).response()

    @post(
        "/use",
        operation_id="use_voucher",
        summary="Use a voucher",
        opt={"scope": "vouchers:use"} | refusals(UnknownVoucher, VoucherRefused, NotYourLocation),
        status_code=200,
        responses={200: ResponseSpec(UsedVoucher, description="Taken", generate_examples=False)},
    )
    async def use(
        self,
        data: JSONBody[VoucherUseInput],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
    ) -> Response[bytes]:
        """Once, for ever. 409 `already_used`, `expired`, `cancelled`; the same key gives the same answer again."""
        partner.require_location(data.location_id)
        whole = request_key(request, partner.actor, key, data)
        return (
            await counter_desk(request).submit(Use(partner.partner_id, data, whole, language_of(request)))
        ).response()

    @post(
        "/undo-use",
        operation_id="undo_voucher_use",
        summary="Undo the use of a voucher",
        opt={"scope": "vouchers:use"}
        | refusals(UnknownVoucher, NotUsed, UndoWindowOver, UsedElsewhere, NotYourLocation),
        status_code=200,
        responses={200: ResponseSpec(UndoneUse, description="Undone", generate_examples=False)},
    )
    async def undo(
        self,
        data: JSONBody[VoucherUndoInput],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
    ) -> Response[bytes]:
        """At the same location, in the minutes that the contract allows. 409 `not_used`, `undo_window_over`."""
        partner.require_location(data.location_id)
        whole = request_key(request, partner.actor, key, data)
        command = UndoUse(partner.partner_id, data, whole, language_of(request))
        return (await counter_desk(request).submit(command)).response()


class PartnerRedemptions(Controller):
    """What members redeemed with the partner."""

    path = "/v1/partner/redemptions"
    tags = ["partner"]

    @get(
        operation_id="list_own_redemptions",
        summary="List redemptions of the partner's offers",
        opt={"scope": "redemptions:read"},
    )
    async def list_redemptions(
        self,
        partner: NamedDependency[PartnerCaller],
        cursors: NamedDependency[Cursors],
        clock: NamedDependency[Clock],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[PartnerRedemption]:
        """Without the member: who they are stays with the club."""
        return await of_partner(partner.partner_id, cursors, clock.now(), cursor=cursor, limit=limit)


ROUTES: list[type[Controller]] = [Counter, PartnerRedemptions]
