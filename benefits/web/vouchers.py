"""The result of a redemption, the member's vouchers, and giving one back."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from benefits.desk.batch import points_desk
from benefits.redemptions.commands import new_cancel
from benefits.redemptions.domain import VoucherStatus
from benefits.redemptions.preview import preview
from benefits.redemptions.schemas import CancellationInput, CancelledView
from benefits.redemptions.vouchers import my_redemption, my_voucher, my_vouchers
from benefits.rules import PointsRules
from benefits.settings import BenefitsSettings
from benefits.web.shop import refusal
from benefits.web.views import VOUCHER_TABS, ending_soon, qr_inline
from benefits.web.visitor import Visitor, window_of
from marketplace.kernel.clock import Clock
from marketplace.platform.http.paging import Cursors
from marketplace.platform.http.problems import path_id
from marketplace.platform.postgres.database import unit_of_work
from marketplace.settings import Settings
from marketplace.web.pages import PageTemplate, is_fragment, page, panel_template

VOUCHERS_ON_A_PAGE = 12


@get("/redemptions/{redemption_id:str}")
async def result(
    redemption_id: FromPath[str],
    request: Request[Any, Any, Any],
    visitor: NamedDependency[Visitor],
    clock: NamedDependency[Clock],
) -> PageTemplate:
    """Show what a redemption gave: the voucher with its code."""
    made = await my_redemption(visitor.id, path_id(redemption_id), clock.now())
    found = await my_voucher(visitor.id, made.voucher.id, clock.now())
    return page(
        request,
        "storefront/result.html",
        visitor=visitor,
        redemption=made,
        voucher=found,
        qr=qr_inline(found.code),
    )


@get("/vouchers")
async def vouchers(
    request: Request[Any, Any, Any],
    visitor: NamedDependency[Visitor],
    clock: NamedDependency[Clock],
    cursors: NamedDependency[Cursors],
) -> PageTemplate:
    """List the member's vouchers, a tab for each state."""
    tab = request.query_params.get("tab", "usable")
    tab = tab if tab in VOUCHER_TABS else "usable"
    status = VoucherStatus(VOUCHER_TABS[tab][0])
    window = window_of(request, VOUCHERS_ON_A_PAGE)
    found = await my_vouchers(visitor.id, cursors, clock.now(), status=status, cursor=window.cursor, limit=window.limit)
    return page(
        request,
        "storefront/voucher_rows.html" if is_fragment(request) else "storefront/vouchers.html",
        visitor=visitor,
        vouchers=found.data,
        pages=window.pages,
        tab=tab,
        tabs=VOUCHER_TABS,
        next_page=f"/vouchers?tab={tab}&cursor={found.next_cursor}" if found.next_cursor else "",
    )


@get("/vouchers/{voucher_id:str}")
async def voucher(
    voucher_id: FromPath[str],
    request: Request[Any, Any, Any],
    visitor: NamedDependency[Visitor],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> PageTemplate:
    """Show one voucher, its code large enough for any scanner."""
    found = await my_voucher(visitor.id, path_id(voucher_id), clock.now())
    made = await my_redemption(visitor.id, found.redemption_id, clock.now())
    return page(
        request,
        "storefront/voucher.html",
        visitor=visitor,
        voucher=found,
        redemption=made,
        qr=qr_inline(found.code) if found.status == VoucherStatus.ISSUED else "",
        cancellable=found.status == VoucherStatus.ISSUED
        and not found.partner_codes
        and clock.now() < made.redeemed_at + timedelta(days=settings.of(BenefitsSettings).cancel_window_days),
    )


@get("/vouchers/{voucher_id:str}/cancel")
async def confirm_cancel(
    voucher_id: FromPath[str],
    request: Request[Any, Any, Any],
    visitor: NamedDependency[Visitor],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> PageTemplate:
    """Ask once more, and say exactly what comes back, and what of it would soon be lost."""
    now = clock.now()
    found = await my_voucher(visitor.id, path_id(voucher_id), now)
    async with unit_of_work("REPEATABLE READ") as work:
        back = await preview(work, visitor.id, found.redemption_id, PointsRules.of(settings), clock)
    return page(
        request,
        panel_template(request),
        base="storefront/base.html",
        panel="storefront/panel_cancel.html",
        visitor=visitor,
        voucher=found,
        returned=back,
        ending=ending_soon(back.returned_lots, settings.calendar.day_of(now)),
        idempotency_key=f"web-{uuid4()}",
    )


@post("/vouchers/{voucher_id:str}/cancel", status_code=200, opt={"form": "repeatable"})
async def give_back(
    voucher_id: FromPath[str],
    request: Request[Any, Any, Any],
    visitor: NamedDependency[Visitor],
    clock: NamedDependency[Clock],
) -> PageTemplate:
    """Cancel, once for the form's key, and say what came back."""
    found = await my_voucher(visitor.id, path_id(voucher_id), clock.now())
    form = await request.form()
    key = str(form.get("idempotency_key", ""))
    command = new_cancel(visitor.id, found.redemption_id, CancellationInput(), key, visitor.language, clock.unix_ms())
    outcome = await points_desk(request).submit(command)
    refused = outcome.status >= 400
    return page(
        request,
        panel_template(request),
        base="storefront/base.html",
        status=outcome.status,
        panel="storefront/panel_refused.html" if refused else "storefront/panel_cancelled.html",
        visitor=visitor,
        back=f"/vouchers/{found.id}",
        message=refusal(outcome) if refused else "",
        returned=None if refused else msgspec.json.decode(outcome.body, type=CancelledView),
    )
