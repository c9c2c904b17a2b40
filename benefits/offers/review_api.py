"""Operations read offers before members do."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from benefits.offers.catalogue import any_offer, in_status
from benefits.offers.domain import OfferStatus, PointsNotAccepted, SettlementPriceMissing, SettlementPriceTooHigh
from benefits.offers.register import OfferRules, check_before_sale, take_step
from benefits.offers.schemas import PartnerOfferView, ReasonInput
from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import WrongState
from marketplace.platform.eventlog import audit
from marketplace.platform.http.idempotency import IdempotencyKey, Outcome, once, request_key
from marketplace.platform.http.identity import Caller
from marketplace.platform.http.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.settings import Settings

_OPERATIONS = {"roles": ["operations"]}
_ANSWER = {200: ResponseSpec(PartnerOfferView, description="The offer", generate_examples=False)}


async def _step(
    offer_id: str,
    action: str,
    reason: str,
    request: HttpRequest,
    staff: Caller,
    key: str | None,
    clock: Clock,
    rules: OfferRules | None = None,
) -> Outcome:
    """Take the step once for the key; with `rules` the offer is held against its contract first."""
    identifier, now = path_id(offer_id), clock.now()

    async def work(transaction: UnitOfWork) -> PartnerOfferView:
        await take_step(transaction, identifier, action, now, reason=reason)
        if rules is not None:
            await check_before_sale(identifier, rules, now)
        await audit.record(transaction, staff.actor, f"offer.{action}", str(identifier), now, reason=reason)
        return await any_offer(identifier)

    whole = request_key(request, staff.actor, key, reason)
    return await once(whole, language_of(request), work, now=now)


class OfferReview(Controller):
    """The review queue and its two answers; a live offer can be taken off."""

    path = "/v1/admin/offers"
    tags = ["operations"]

    @get(
        operation_id="list_offers_for_review",
        summary="List all partners' offers in a state",
        opt={"roles": ["operations", "auditor"]},
    )
    async def list_in_status(
        self,
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        cursors: NamedDependency[Cursors],
        status: FromQuery[OfferStatus] = OfferStatus.IN_REVIEW,
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[PartnerOfferView]:
        """Those in review unless another state is asked for."""
        return await in_status(cursors, status=status, cursor=cursor, limit=limit)

    @get(
        "/{offer_id:str}",
        operation_id="get_offer_for_review",
        summary="Get any partner's offer",
        opt={"roles": ["operations", "auditor"]},
    )
    async def get_any(self, offer_id: FromPath[PathId], staff: NamedDependency[Caller]) -> PartnerOfferView:  # noqa: ARG002 - the guard
        """Any partner's, in any state."""
        return await any_offer(path_id(offer_id))

    @post(
        "/{offer_id:str}/approve",
        operation_id="approve_offer",
        summary="Approve an offer",
        opt=_OPERATIONS | refusals(WrongState, PointsNotAccepted, SettlementPriceMissing, SettlementPriceTooHigh),
        status_code=200,
        responses=_ANSWER,
    )
    async def approve(
        self,
        offer_id: FromPath[PathId],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """Members see it from the start of its sale."""
        rules = OfferRules(settings.calendar, settings.currency)
        return (await _step(offer_id, "approve", "", request, staff, key, clock, rules)).response()

    @post(
        "/{offer_id:str}/reject",
        operation_id="reject_offer",
        summary="Reject an offer",
        opt=_OPERATIONS | refusals(WrongState),
        status_code=200,
        responses=_ANSWER,
    )
    async def reject(
        self,
        offer_id: FromPath[PathId],
        data: JSONBody[ReasonInput],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """The partner reads the reason and may edit and submit again."""
        return (await _step(offer_id, "reject", data.reason, request, staff, key, clock)).response()

    @post(
        "/{offer_id:str}/pause",
        operation_id="pause_offer",
        summary="Pause a live offer",
        opt=_OPERATIONS | refusals(WrongState),
        status_code=200,
        responses=_ANSWER,
    )
    async def pause(
        self,
        offer_id: FromPath[PathId],
        data: JSONBody[ReasonInput],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Issued vouchers stay good."""
        return (await _step(offer_id, "pause", data.reason, request, staff, key, clock)).response()


ROUTES: list[type[Controller]] = [OfferReview]
