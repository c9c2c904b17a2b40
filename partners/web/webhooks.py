"""The company's webhook endpoints, for developers and owners: add, change, rotate the secret, remove."""

from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import NotFound, Refusal
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.text import Text
from marketplace.platform.http.etags import only
from marketplace.platform.http.paging import Cursors
from marketplace.platform.http.problems import path_id
from marketplace.platform.postgres.database import unit_of_work
from marketplace.settings import Settings
from marketplace.web.form_answers import show_once
from marketplace.web.forms import PageRequest, error_message, errors_of, field, redirect_to, said_to_people, typed, wire
from marketplace.web.navigation import NavItem, leads_to
from marketplace.web.pages import PageTemplate
from partners.one_time_secrets import unseal
from partners.roles import SignedIn
from partners.web.authorize import acting
from partners.web.deliveries import endpoint_page
from partners.web.frame import portal_page
from partners.webhooks.api import endpoints_of
from partners.webhooks.domain import MAX_GRACE_HOURS, MOST_ENDPOINTS
from partners.webhooks.endpoints import get_endpoint, list_endpoints, remove
from partners.webhooks.schemas import WebhookEndpointInput, WebhookEndpointView

_SCOPE = "webhooks:manage"

PLACE = NavItem(
    path="/partner/webhooks",
    icon="bell",
    name=Text("Webhook", "Webhooks"),
    about=Text("事件推送地址、密钥、投递记录、重发", "Endpoints, secrets, deliveries, sending again"),
    rank=60,
    scope=_SCOPE,
)


@get(PLACE.path, opt=leads_to(PLACE))
async def webhooks(
    request: PageRequest, me: NamedDependency[SignedIn], cursors: NamedDependency[Cursors]
) -> PageTemplate:
    """List the endpoints, with a form for another."""
    await acting(me, _SCOPE)
    return await _list(request, me, cursors)


@post("/partner/webhooks", status_code=200)
async def add(
    request: PageRequest,
    me: NamedDependency[SignedIn],
    cursors: NamedDependency[Cursors],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> PageTemplate:
    """Add an endpoint and show its secret once."""
    partner = await acting(me, _SCOPE)
    said = _form_values(await request.form())
    try:
        new = wire(WebhookEndpointInput, said, _FIELD_WORDS, "event_types")
        async with unit_of_work() as work:
            made = await endpoints_of(request).create(work, partner.partner_id, new, partner.actor, clock.now())
    except (Refusal, TransitionRefusedError) as refused:
        return await _list(request, me, cursors, said, errors_of(request, refused, _FIELD_WORDS))
    return await _secret_page(request, settings, made)


@get("/partner/webhooks/{endpoint_id:str}")
async def webhook(
    endpoint_id: FromPath[str], request: PageRequest, me: NamedDependency[SignedIn], cursors: NamedDependency[Cursors]
) -> PageTemplate:
    """Show one endpoint: its status, its settings, and its deliveries."""
    partner = await acting(me, _SCOPE)
    shown = await get_endpoint(partner.partner_id, path_id(endpoint_id))
    return await endpoint_page(request, partner, shown, cursors)


@post("/partner/webhooks/{endpoint_id:str}", status_code=200)
async def change(
    endpoint_id: FromPath[str],
    request: PageRequest,
    me: NamedDependency[SignedIn],
    cursors: NamedDependency[Cursors],
    clock: NamedDependency[Clock],
) -> PageTemplate | Response[Any]:
    """Change address, types and description. The form contains the version that it showed."""
    partner = await acting(me, _SCOPE)
    shown, form = await get_endpoint(partner.partner_id, path_id(endpoint_id)), await request.form()
    said, version = _form_values(form), field(form, "version", 18)
    read = only(int(version) if version.isascii() and version.isdigit() else 0)
    try:
        with said_to_people(_FIELD_WORDS, "event_types"):
            async with unit_of_work() as work:
                await endpoints_of(request).edit(
                    work, partner.partner_id, shown.id, said, read, partner.actor, clock.now()
                )
    except (Refusal, TransitionRefusedError) as refused:
        return await endpoint_page(
            request, partner, shown, cursors, said=said, errors=errors_of(request, refused, _FIELD_WORDS)
        )
    return redirect_to(f"/partner/webhooks/{shown.id}?done=changed")


@post("/partner/webhooks/{endpoint_id:str}/{action:str}", status_code=200)
async def submit(
    endpoint_id: FromPath[str],
    action: FromPath[str],
    request: PageRequest,
    me: NamedDependency[SignedIn],
    cursors: NamedDependency[Cursors],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> PageTemplate | Response[Any]:
    """Enable, disable or remove an endpoint, or rotate its secret; the old one signs for another day."""
    partner, endpoints, now = await acting(me, _SCOPE), endpoints_of(request), clock.now()
    shown = await get_endpoint(partner.partner_id, path_id(endpoint_id))
    if action not in {"enable", "disable", "remove", "rotate"}:
        raise NotFound
    rotated = None
    try:
        async with unit_of_work() as work:
            if action == "rotate":
                rotated = await endpoints.rotate(
                    work, partner.partner_id, shown.id, MAX_GRACE_HOURS, partner.actor, now
                )
            elif action == "remove":
                await remove(work, partner.partner_id, shown.id, partner.actor, now)
            else:
                status, read = {"status": f"{action}d"}, only(shown.version)
                await endpoints.edit(work, partner.partner_id, shown.id, status, read, partner.actor, now)
    except (Refusal, TransitionRefusedError) as refused:
        return await endpoint_page(request, partner, shown, cursors, errors={"": error_message(request, refused)})
    if rotated is not None:
        return await _secret_page(request, settings, rotated, rotated_now=True)
    return redirect_to(
        "/partner/webhooks?done=remove" if action == "remove" else f"/partner/webhooks/{shown.id}?done={action}",
    )


async def _secret_page(
    request: PageRequest, settings: Settings, made: WebhookEndpointView, *, rotated_now: bool = False
) -> PageTemplate:
    show_once(request)
    return await portal_page(
        request,
        "partner/webhook_secret.html",
        endpoint=made,
        secret=unseal(settings.keys, made.secret or ""),
        rotated=rotated_now,
        grace_hours=MAX_GRACE_HOURS,
    )


async def _list(
    request: PageRequest,
    me: SignedIn,
    cursors: Cursors,
    said: dict[str, Any] | None = None,
    errors: dict[str, str] | None = None,
) -> PageTemplate:
    found = await list_endpoints(me.partner_id, cursors, None, MOST_ENDPOINTS)
    return await portal_page(
        request,
        "partner/webhooks.html",
        status=400 if errors else 200,
        endpoints=found.data,
        types=list(endpoints_of(request).catalogue.by_type.values()),
        said=said or {"url": "", "description": "", "event_types": ["*"]},
        errors=errors or {},
        done=request.query_params.get("done", ""),
    )


def _form_values(form: Any) -> dict[str, Any]:
    """Return the form's values; all types are `*`, which includes future ones."""
    types = form.getall("event_types", [])
    return {
        "url": typed(form, "url", 2048),
        "description": typed(form, "description", 200),
        "event_types": ["*"] if form.get("all_types") == "yes" else types,
    }


_FIELD_WORDS = {
    "url": ("请填写 https 地址。", "Please give an https address."),
    "description": ("说明最多 200 个字符。", "The description can have at most 200 characters."),
    "event_types": ("请至少选择一种事件。", "Please choose at least one type."),
}
