"""The deliveries of a webhook endpoint: attempts, resending, samples."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import Refusal
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.text import Text
from marketplace.platform.http.paging import Cursors
from marketplace.platform.http.problems import path_id
from marketplace.platform.postgres.database import unit_of_work
from marketplace.web.forms import PageRequest, cursor_of, error_message, field, redirect_to
from marketplace.web.language import page_language
from marketplace.web.pages import PageTemplate
from partners.oauth.access.callers import PartnerCaller
from partners.roles import SignedIn
from partners.web.authorize import acting
from partners.web.frame import portal_page
from partners.webhooks.api import endpoints_of
from partners.webhooks.deliveries import get_delivery, list_deliveries, resend, simulate
from partners.webhooks.domain import KEPT_DAYS, DeliveryStatus
from partners.webhooks.endpoints import get_endpoint
from partners.webhooks.schemas import WebhookEndpointView

_SCOPE = "webhooks:manage"

ON_A_PAGE = 20

STATUS: dict[str, tuple[Text, str]] = {
    DeliveryStatus.PENDING: (Text("等待投递", "Waiting"), "warn"),
    DeliveryStatus.DELIVERED: (Text("已送达", "Delivered"), "good"),
    DeliveryStatus.FAILED: (Text("失败", "Failed"), "bad"),
}
"""The name of a delivery's status, and the tone of its badge."""

DISABLED = {
    "by_partner": Text("由贵公司停用。", "It was disabled by your company."),
    "gone": Text("对方回复 410（已不存在），因此停用。", "It was disabled because it answered 410 (Gone)."),
    "failing": Text("连续五天投递失败，因此停用。", "It was disabled after five days of failures."),
}


async def endpoint_page(
    request: PageRequest,
    partner: PartnerCaller,
    shown: WebhookEndpointView,
    cursors: Cursors,
    *,
    said: dict[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
) -> PageTemplate:
    """Return an endpoint's page with `errors` by field; a general one has no field."""
    tab = request.query_params.get("status", "")
    status = DeliveryStatus(tab) if tab in set(DeliveryStatus) else None
    found = await list_deliveries(partner.partner_id, shown.id, status, cursors, cursor_of(request), ON_A_PAGE)
    following = f"/partner/webhooks/{shown.id}?status={status or ''}&cursor={found.next_cursor}"
    return await portal_page(
        request,
        "partner/webhook.html",
        status=400 if errors else 200,
        endpoint=shown,
        why_disabled=DISABLED.get(shown.disabled_reason or ""),
        said=said or msgspec.to_builtins(shown),
        types=list(endpoints_of(request).catalogue.by_type.values()),
        deliveries=found.data,
        next_page=following if found.next_cursor else "",
        statuses=STATUS,
        tab=status or "",
        errors=errors or {},
        kept_days=KEPT_DAYS,
        done=request.query_params.get("done", ""),
    )


@post("/partner/webhooks/{endpoint_id:str}/sample", status_code=200)
async def send_sample(
    endpoint_id: FromPath[str],
    request: PageRequest,
    me: NamedDependency[SignedIn],
    cursors: NamedDependency[Cursors],
    clock: NamedDependency[Clock],
) -> PageTemplate | Response[Any]:
    """Queue a sample message of a type, which is signed and delivered like every message."""
    partner = await acting(me, _SCOPE)
    shown = await get_endpoint(partner.partner_id, path_id(endpoint_id))
    kind, catalogue = field(await request.form(), "event_type", 80), endpoints_of(request).catalogue
    try:
        async with unit_of_work() as work:
            made = await simulate(work, catalogue, partner.partner_id, shown.id, kind, clock.now())
    except (Refusal, TransitionRefusedError) as refused:
        return await endpoint_page(request, partner, shown, cursors, errors={"": _why(request, refused)})
    return redirect_to(f"/partner/webhook-deliveries/{made}")


@get("/partner/webhook-deliveries/{delivery_id:str}")
async def delivery(delivery_id: FromPath[str], request: PageRequest, me: NamedDependency[SignedIn]) -> PageTemplate:
    """Show one message, and the response of each attempt."""
    return await _delivery(request, await acting(me, _SCOPE), delivery_id)


@post("/partner/webhook-deliveries/{delivery_id:str}/resend", status_code=200)
async def send_again(
    delivery_id: FromPath[str],
    request: PageRequest,
    me: NamedDependency[SignedIn],
) -> PageTemplate | Response[Any]:
    """Send the message again under the same id."""
    partner, identifier = await acting(me, _SCOPE), path_id(delivery_id)
    try:
        await get_delivery(partner.partner_id, identifier)
        async with unit_of_work() as work:
            await resend(work, partner.partner_id, identifier)
    except TransitionRefusedError as refused:
        return await _delivery(request, partner, delivery_id, _why(request, refused))
    return redirect_to(f"/partner/webhook-deliveries/{identifier}?done=resend")


async def _delivery(request: PageRequest, partner: PartnerCaller, delivery_id: str, error: str = "") -> PageTemplate:
    shown = await get_delivery(partner.partner_id, path_id(delivery_id))
    return await portal_page(
        request,
        "partner/delivery.html",
        status=400 if error else 200,
        delivery=shown,
        endpoint=await get_endpoint(partner.partner_id, shown.endpoint_id),
        body=msgspec.json.format(shown.body, indent=2),
        statuses=STATUS,
        error=error,
        done=request.query_params.get("done", ""),
    )


def _why(request: PageRequest, refused: Refusal | TransitionRefusedError) -> str:
    if isinstance(refused, TransitionRefusedError):  # the only status in which nothing is sent
        english = "The endpoint is disabled: enable it first."
        return english if page_language(request) == "en" else "端点已停用，请先启用。"
    return error_message(request, refused)
