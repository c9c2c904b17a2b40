"""The echoes: the same server, middleware, guard, token check and dependencies, the same JSON in and out, and nothing done."""

import os
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from benefits.members.resolve import MemberCaller
from benefits.offers.api import Query
from benefits.offers.listing import Listing
from benefits.offers.schemas import OfferView
from benefits.redemptions.schemas import (
    RedemptionInput,
    RedemptionView,
    UsedVoucher,
    VerifiedVoucher,
    VoucherRef,
    VoucherUseInput,
    VoucherVerifyInput,
)
from benefits.services import BenefitsServices
from marketplace.kernel.scenarios import Scenario
from marketplace.kernel.text import Text
from marketplace.platform.http.idempotency import IdempotencyKey, Outcome
from marketplace.platform.http.paging import DEFAULT_LIMIT, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest
from partners.oauth.access.callers import PartnerCaller
from tests.bench.rowlocks import row_locks

_ID = UUID("019e0000-0000-7000-8000-000000000001")
_NOW = datetime(2026, 11, 30, 12, 0, 0, 123456, UTC)


@get("/bench/worker", include_in_schema=False, media_type="text/plain")
async def worker() -> str:
    """Say which process answers."""
    return str(os.getpid())


@post("/v1/echo", include_in_schema=False)
async def echo(
    data: JSONBody[RedemptionInput],
    member: NamedDependency[MemberCaller],
    key: IdempotencyKey,
) -> Response[bytes]:
    """Answer as a redemption would."""
    view = RedemptionView(
        id=_ID,
        status="issued",
        offer_id=data.offer_id,
        revision=1,
        quantity=data.quantity,
        points=100,
        cash=None,
        redeemed_at=_NOW,
        voucher=VoucherRef(_ID, "0000-0000-0000", "issued", _NOW, []),
    )
    return Outcome(201, msgspec.json.encode(view)).response()


_page: Page[OfferView] | None = None


@get("/v1/echo/offers", include_in_schema=False)
async def echo_offers(
    request: HttpRequest,
    member: NamedDependency[MemberCaller],
    scenario: FromQuery[Scenario | None] = None,
    q: FromQuery[Query] = "",
    cursor: FromQuery[CursorText] = None,
    limit: FromQuery[Limit] = DEFAULT_LIMIT,
) -> Page[OfferView]:
    """Answer with a page of offers that was read once, and is encoded for each request."""
    global _page  # noqa: PLW0603 - one page for the process
    if _page is None:
        listing: Listing = BenefitsServices.of(request.app).listing
        page = await listing.page(scenario="lodging", query="", cursor=None, limit=limit)
        _page = msgspec.json.decode(page, type=Page[OfferView])
    return _page


@post("/v1/partner/echo/vouchers/verify", include_in_schema=False, status_code=200, opt={"scope": "vouchers:verify"})
async def echo_verify(
    data: JSONBody[VoucherVerifyInput],
    partner: NamedDependency[PartnerCaller],
) -> VerifiedVoucher:
    """Answer as a verification would."""
    return VerifiedVoucher(
        voucher_id=_ID,
        status="issued",
        offer_id=_ID,
        title=Text("汉庭酒店一晚", "One night at Hanting Hotel"),
        quantity=1,
        expires_at=_NOW,
        use_token="x" * 150,
    )


@post("/v1/partner/echo/vouchers/use", include_in_schema=False, status_code=200, opt={"scope": "vouchers:use"})
async def echo_use(
    data: JSONBody[VoucherUseInput],
    partner: NamedDependency[PartnerCaller],
    key: IdempotencyKey,
) -> Response[bytes]:
    """Answer as a use would."""
    return Outcome(200, msgspec.json.encode(UsedVoucher(_ID, "used", _NOW, _ID, 1, data.reference))).response()


ROUTES: list[ControllerRouterHandler] = [worker, echo, echo_offers, echo_verify, echo_use, row_locks]
