"""A partner's own offers."""

from litestar import Controller, Response, get, patch, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from benefits.offers.catalogue import of_partner, one_of_partner
from benefits.offers.domain import (
    OfferStatus,
    PointsNotAccepted,
    SettlementPriceMissing,
    SettlementPriceTooHigh,
    SkuTaken,
    StockBelowSold,
)
from benefits.offers.register import OfferRules, check_before_sale, edit, register, take_own_step, take_step
from benefits.offers.schemas import CodesInput, CodesView, OfferAction, OfferInput, PartnerOfferView, StockInput
from benefits.offers.supply import NotAPool, StockIsCodes, add_codes, set_stock
from benefits.settings import BenefitsSettings
from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import WrongState
from marketplace.platform.http.etags import IfMatch, editions_of, etag
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.merge_patch import Patch
from marketplace.platform.http.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork, is_live, unit_of_work
from marketplace.settings import Settings
from partners.oauth.access.callers import PartnerCaller

_READ = {"scope": "offers:read"}
_WRITE = {"scope": "offers:write"}
_CODES = {"scope": "codes:write"}


def _with_etag(view: PartnerOfferView) -> Response[PartnerOfferView]:
    return Response(view, headers=etag(view.version))


class PartnerOffers(Controller):
    """Register, change, and take offers through their states."""

    path = "/v1/partner/offers"
    tags = ["partner"]

    @post(
        operation_id="create_offer",
        summary="Register an offer as a draft",
        opt=_WRITE | refusals(PointsNotAccepted, SettlementPriceMissing, SettlementPriceTooHigh, SkuTaken),
        responses={201: ResponseSpec(PartnerOfferView, description="The draft", generate_examples=False)},
    )
    async def register(
        self,
        data: JSONBody[OfferInput],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """The SKU is the partner's own number, used once. Members see the offer after review."""
        now, rules = (
            clock.now(),
            OfferRules(settings.calendar, settings.currency, settings.of(BenefitsSettings).stock_slices),
        )

        async def work(transaction: UnitOfWork) -> PartnerOfferView:
            offer_id = await register(transaction, partner.partner_id, data, partner.actor, rules, now)
            return await one_of_partner(partner.partner_id, offer_id)

        whole = request_key(request, partner.actor, key, data)
        return (await once(whole, language_of(request), work, status=201, now=now)).response()

    @get(operation_id="list_own_offers", summary="List the partner's own offers", opt=_READ)
    async def list_mine(
        self,
        partner: NamedDependency[PartnerCaller],
        cursors: NamedDependency[Cursors],
        status: FromQuery[OfferStatus | None] = None,
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[PartnerOfferView]:
        """All states, or one."""
        return await of_partner(cursors, partner.partner_id, status=status, cursor=cursor, limit=limit)

    @get("/{offer_id:str}", operation_id="get_own_offer", summary="Get one of the partner's own offers", opt=_READ)
    async def get_mine(
        self, offer_id: FromPath[PathId], partner: NamedDependency[PartnerCaller]
    ) -> Response[PartnerOfferView]:
        """The ETag goes into If-Match of a change."""
        return _with_etag(await one_of_partner(partner.partner_id, path_id(offer_id)))

    @patch(
        "/{offer_id:str}",
        operation_id="update_offer",
        summary="Update an offer by a new revision",
        opt=_WRITE
        | {"patch": OfferInput}
        | refusals(
            WrongState, PointsNotAccepted, SettlementPriceMissing, SettlementPriceTooHigh, StockBelowSold, StockIsCodes
        ),
    )
    async def edit(
        self,
        offer_id: FromPath[PathId],
        data: JSONBody[Patch],
        partner: NamedDependency[PartnerCaller],
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
        if_match: IfMatch = None,
    ) -> Response[PartnerOfferView]:
        """Drafts, rejected and paused offers can be edited; they are drafts again. A JSON Merge Patch: what is left out stays."""
        identifier, editions = path_id(offer_id), editions_of(if_match)
        rules = OfferRules(settings.calendar, settings.currency, settings.of(BenefitsSettings).stock_slices)
        async with unit_of_work() as work:
            await edit(work, partner.partner_id, identifier, data, editions, partner.actor, rules, clock.now())
        return _with_etag(await one_of_partner(partner.partner_id, identifier))

    @put(
        "/{offer_id:str}/stock",
        operation_id="set_stock",
        summary="Set an offer's total stock",
        opt=_WRITE | refusals(StockIsCodes, StockBelowSold),
    )
    async def stock(
        self,
        offer_id: FromPath[PathId],
        data: JSONBody[StockInput],
        partner: NamedDependency[PartnerCaller],
        settings: NamedDependency[Settings],
    ) -> Response[PartnerOfferView]:
        """Sold units count in the total, which cannot be set below them. Possible in any state."""
        identifier = path_id(offer_id)
        async with unit_of_work() as work:
            await set_stock(
                work, partner.partner_id, identifier, data.stock, settings.of(BenefitsSettings).stock_slices
            )
        return _with_etag(await one_of_partner(partner.partner_id, identifier))

    @post(
        "/{offer_id:str}/codes",
        operation_id="upload_codes",
        summary="Upload the partner's own voucher codes",
        opt=_CODES | refusals(NotAPool),
        status_code=200,
        responses={200: ResponseSpec(CodesView, description="What became of them", generate_examples=False)},
    )
    async def codes(
        self,
        offer_id: FromPath[PathId],
        data: JSONBody[CodesInput],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Up to 10,000 a call, in any state of the offer; each adds a unit to its stock. A code counts once."""
        identifier, now = path_id(offer_id), clock.now()

        async def work(transaction: UnitOfWork) -> CodesView:
            return await add_codes(transaction, partner.partner_id, identifier, data.codes, now)

        whole = request_key(request, partner.actor, key, data)
        return (await once(whole, language_of(request), work, now=now)).response()

    @post(
        "/{offer_id:str}/{action:str}",
        operation_id="change_offer_status",
        summary="Submit, withdraw, pause, resume or end an offer",
        opt=_WRITE | refusals(WrongState, PointsNotAccepted, SettlementPriceMissing, SettlementPriceTooHigh),
        status_code=200,
        responses={200: ResponseSpec(PartnerOfferView, description="The offer", generate_examples=False)},
    )
    async def step(
        self,
        offer_id: FromPath[PathId],
        action: FromPath[OfferAction],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """Take the offer one step along its states; 409 `wrong_state` says from where the step is possible.

        In a sandbox an offer that is submitted is approved at once, by the same checks.
        """
        identifier, now, rules = path_id(offer_id), clock.now(), OfferRules(settings.calendar, settings.currency)

        async def work(transaction: UnitOfWork) -> PartnerOfferView:
            await take_own_step(transaction, partner.partner_id, identifier, action, now)
            if action == "submit" and not is_live():
                await take_step(transaction, identifier, "approve", now)
                await check_before_sale(identifier, rules, now)
            return await one_of_partner(partner.partner_id, identifier)

        whole = request_key(request, partner.actor, key, None)
        return (await once(whole, language_of(request), work, now=now)).response()


ROUTES: list[type[Controller]] = [PartnerOffers]
