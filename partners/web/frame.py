"""What the portal's pages share: the signed-in person, CSRF protection, the redirect to the sign-in.

There are two kinds of forms. One on a page for signed-in people has its session's CSRF token. One without a session (sign-in, a
link in a message) has a token bound to a cookie of its browser, so that no other site can submit it, not even to sign a victim in
as somebody else (login CSRF).
"""

import re
import secrets
from typing import Any
from urllib.parse import quote

from litestar import Request, Response, Router
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from marketplace.kernel.keyring import Purpose
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.http.problems import handle_refusal
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from marketplace.web.csrf import MULTIPART, URLENCODED, changes_something, proven_token
from marketplace.web.form_answers import FormAnswered, FormAnswers, claim_form, lead_on, page_address
from marketplace.web.forms import PageRequest
from marketplace.web.local_path import local_path
from marketplace.web.navigation import tabs_of
from marketplace.web.pages import SECURITY_HEADERS, PageTemplate, human_errors, page
from marketplace.web.sessions import FormExpired, cookie_name, secure_cookie
from partners.roles import SignedIn, StaffRole, scopes_of
from partners.services import PartnersServices
from partners.staff.sign_in import Browser, PartnerSignIn, PartnerSignInNeeded
from partners.web.navigation import places_for

ANSWERS = "/partner/answers"
"""The path of the portal's result pages."""

_FORM_COOKIE = "partner-form"
_FORMS = Purpose("portal forms")
_FORM_AGE_S = 12 * 3600
_FORM_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_TOKEN_BYTES = 32

ROLE_NAMES: dict[StaffRole, tuple[str, str]] = {
    StaffRole.OWNER: ("负责人", "Owner"),
    StaffRole.DEVELOPER: ("开发", "Developer"),
    StaffRole.MARKETER: ("市场", "Marketing"),
    StaffRole.FINANCE: ("财务", "Finance"),
    StaffRole.COUNTER: ("门店", "Counter"),
}

ROLE_DESCRIPTIONS: dict[StaffRole, tuple[str, str]] = {
    StaffRole.OWNER: ("全部权限：签合同、管理人员", "Everything, including contracts and people"),
    StaffRole.DEVELOPER: ("接口对接与 Webhook", "The API and webhooks"),
    StaffRole.MARKETER: ("权益与门店资料", "Offers and locations"),
    StaffRole.FINANCE: ("账单与对账", "Statements and reconciliation"),
    StaffRole.COUNTER: ("核销兑换券", "Takes vouchers"),
}


class PortalFormExpired(FormExpired):
    """The refusal on a page of the portal, with a link to the portal."""

    way_out = "partner"


class RoleNeeded(Refusal):
    """The person's roles lack the scope of the page."""

    kind = Kind.FORBIDDEN
    code = "role_needed"
    way_out = "partner"
    zh = "您的角色不能使用此页面，请联系贵公司的负责人。"
    en = "Your role does not open this page; ask an owner of your company."
    explanation = Explanation(
        Text("您的角色不能使用此页面。", "Your role has no access to this page."),
        Text("请联系贵公司的负责人。", "Ask an owner of your company."),
    )


def portal_router(*handlers: ControllerRouterHandler, strangers: bool = False) -> Router:
    """Return a router of the portal's pages; pages for `strangers` need no session.

    Handlers of the others may ask for `me`, the signed-in person.
    """
    return Router(
        "/",
        route_handlers=list(handlers),
        after_request=_secure,
        guards=[_check_strangers_form] if strangers else [_check_form],
        middleware=[FormAnswers],
        exception_handlers={PartnerSignInNeeded: _to_sign_in, FormAnswered: lead_on},
        include_in_schema=False,
        dependencies={} if strangers else {"me": Provide(_me)},
        opt={"page": True},
    )


def sign_in_of(request: ASGIConnection[Any, Any, Any, Any]) -> PartnerSignIn:
    """Return the application's `PartnerSignIn`."""
    return PartnersServices.of(request).sign_in


async def portal_page(
    request: PageRequest, template: str, *, status: int = 200, cookies: list[Cookie] | None = None, **values: Any
) -> PageTemplate:
    """Return a template of the portal for a signed-in person."""
    browser = await sign_in_of(request).browser(request)
    return _page(request, template, status, cookies or [], browser, browser.csrf if browser else "", values)


async def strangers_page(request: PageRequest, template: str, *, status: int = 200, **values: Any) -> PageTemplate:
    """Return a template whose form needs no session, and set the cookie of its token."""
    settings = PlatformServices.of(request).settings
    kept = request.cookies.get(cookie_name(settings, _FORM_COOKIE), "")
    cookies = []
    if not _FORM_TOKEN.fullmatch(kept):
        kept = secrets.token_urlsafe(_TOKEN_BYTES)
        cookies = [secure_cookie(settings, _FORM_COOKIE, kept, _FORM_AGE_S)]
    return _page(request, template, status, cookies, None, _strangers_tokens(settings, kept)[0], values)


def safe_path(path: str | None) -> str:
    """Return the local path to continue to, or the portal's first page."""
    target = local_path(path)
    return "/partner" if target == "/" else target


def require_scope_of(me: SignedIn, scope: str) -> None:
    """Raise RoleNeeded unless the person's roles have the scope."""
    if scope not in scopes_of(me.roles):
        raise RoleNeeded


def _page(
    request: PageRequest,
    template: str,
    status: int,
    cookies: list[Cookie],
    browser: Browser | None,
    csrf_token: str,
    values: dict[str, Any],
) -> PageTemplate:
    me = browser.person if browser else None
    places = places_for(request.app, me)
    made = page(
        request,
        template,
        status=status,
        **{
            "person": None,
            "me": me,
            "places": places,
            "tabs": tabs_of(places),
            "csrf_token": csrf_token,
            "return_to": quote(page_address(request), safe=""),
            "role_names": ROLE_NAMES,
            "role_descriptions": ROLE_DESCRIPTIONS,
        }
        | values,
    )
    made.cookies.extend(cookies)
    return made


async def _me(request: PageRequest) -> SignedIn:
    found = await sign_in_of(request).current(request)
    if found is None:
        raise PartnerSignInNeeded
    return found


async def _check_form(request: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    browser = await sign_in_of(request).browser(request)
    if browser is None:
        raise PartnerSignInNeeded
    await _check_token(request, handler, (browser.csrf,), (URLENCODED, MULTIPART))


async def _check_strangers_form(request: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    await _check_token(
        request, handler, strangers_tokens(request), (URLENCODED,)
    )  # forms without a session have no files


def strangers_tokens(request: ASGIConnection[Any, Any, Any, Any]) -> tuple[str, ...]:
    """Return the valid tokens of this browser's forms without a session: one for each secret key."""
    settings = PlatformServices.of(request).settings
    kept = request.cookies.get(cookie_name(settings, _FORM_COOKIE), "")
    return _strangers_tokens(settings, kept) if _FORM_TOKEN.fullmatch(kept) else ()


async def _check_token(
    request: ASGIConnection[Any, Any, Any, Any],
    handler: BaseRouteHandler,
    good: tuple[str, ...],
    forms: tuple[str, ...],
) -> None:
    if not isinstance(request, Request) or not changes_something(request):
        return
    token = await proven_token(request, good, forms)
    if token is None:
        raise PortalFormExpired
    await claim_form(request, handler, token, PortalFormExpired, answers=ANSWERS)


def _strangers_tokens(settings: Settings, kept: str) -> tuple[str, ...]:
    return settings.keys.signatures(_FORMS, kept.encode())


_refusal = human_errors({Refusal: handle_refusal})[Refusal]


def _to_sign_in(request: PageRequest, refusal: Any) -> Response[Any]:
    """Return the sign-in address with a return path, for requests that can be repeated; a submitted form cannot."""
    if request.method != "GET":
        return _refusal(request, refusal)
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Redirect(f"/partner/sign-in?return_to={quote(target, safe='')}", status_code=303)


async def _secure(response: Response[Any]) -> Response[Any]:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
