"""The company's own OpenID Connect provider, for its owners: set, test, remove. `company.py` has the sign-in."""

from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import NotFound, Refusal
from marketplace.platform.http.etags import only
from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.postgres.database import unit_of_work
from marketplace.settings import Settings
from marketplace.web.forms import PageRequest, error_message, errors_of, field, redirect_to, typed, wire
from marketplace.web.pages import PageTemplate
from partners.roles import SignedIn
from partners.services import PartnersServices
from partners.staff.provider import CALLBACK, delete_provider, get_provider, set_provider, try_provider
from partners.staff.schemas import IdentityProviderInput, IdentityProviderView
from partners.web.authorize import acting
from partners.web.frame import portal_page

_SCOPE = "staff:manage"


@get("/partner/company-sign-in")
async def provider(
    request: PageRequest, me: NamedDependency[SignedIn], settings: NamedDependency[Settings]
) -> PageTemplate:
    """Show the provider, without its secret, and the form to set it."""
    await acting(me, _SCOPE)
    return await _page(request, me, settings)


@post("/partner/company-sign-in", status_code=200)
async def save(
    request: PageRequest,
    me: NamedDependency[SignedIn],
    settings: NamedDependency[Settings],
    clock: NamedDependency[Clock],
) -> PageTemplate | Response[Any]:
    """Set or replace the provider. The form contains the version that it showed, if any."""
    partner, form = await acting(me, _SCOPE), await request.form()
    said = {name: typed(form, name, 600) for name in ("issuer", "client_id", "client_secret")}
    version = field(form, "version", 18)
    read = only(int(version)) if version.isascii() and version.isdigit() else None
    try:
        # An empty secret keeps the stored one.
        given = {name: text for name, text in said.items() if text}
        wanted = wire(IdentityProviderInput, given, _FIELD_WORDS, "issuer")
        async with unit_of_work() as work:
            await set_provider(
                work, settings, _outbound(request), partner.partner_id, wanted, read, partner.actor, clock.now()
            )
    except Refusal as refused:
        return await _page(request, me, settings, said, errors_of(request, refused, _FIELD_WORDS))
    return redirect_to("/partner/company-sign-in?done=set")


@post("/partner/company-sign-in/try", status_code=200)
async def try_out(
    request: PageRequest, me: NamedDependency[SignedIn], settings: NamedDependency[Settings]
) -> PageTemplate:
    """Test the provider as a sign-in would, and show the result."""
    partner = await acting(me, _SCOPE)
    try:
        keys = await try_provider(settings, _outbound(request), partner.partner_id)
    except NotFound:
        raise
    except Refusal as refused:
        return await _page(request, me, settings, errors={"tried": error_message(request, refused)})
    return await _page(request, me, settings, keys=keys)


@post("/partner/company-sign-in/remove", status_code=303)
async def remove(me: NamedDependency[SignedIn], clock: NamedDependency[Clock]) -> Response[Any]:
    """Remove the provider. People who signed in by it are signed out and invited again."""
    partner = await acting(me, _SCOPE)
    async with unit_of_work() as work:
        await delete_provider(work, partner.partner_id, partner.actor, clock.now())
    return redirect_to("/partner/company-sign-in?done=removed")


async def _page(
    request: PageRequest,
    me: SignedIn,
    settings: Settings,
    said: dict[str, Any] | None = None,
    errors: dict[str, str] | None = None,
    keys: int | None = None,
) -> PageTemplate:
    found = await _found(settings, me)
    kept = {"issuer": found.issuer if found else "", "client_id": found.client_id if found else ""}
    return await portal_page(
        request,
        "partner/company_sign_in.html",
        status=400 if errors else 200,
        provider=found,
        redirect_uri=f"{settings.base_url}{CALLBACK}",
        said=said or kept,
        errors=errors or {},
        keys=keys,
        done=request.query_params.get("done", ""),
    )


async def _found(settings: Settings, me: SignedIn) -> IdentityProviderView | None:
    try:
        return await get_provider(settings, me.partner_id)
    except NotFound:
        return None


def _outbound(request: PageRequest) -> Outbound:
    return PartnersServices.of(request).outbound


_FIELD_WORDS = {
    "issuer": (
        "请填写登录服务的 issuer 地址，末尾不带斜杠。",
        "Please give the provider's issuer, without a trailing slash.",
    ),
    "client_id": ("请填写在登录服务登记的 client_id。", "Please give the client_id that you registered there."),
    "client_secret": ("密钥含有不能识别的字符。", "The secret contains invalid characters."),
}
