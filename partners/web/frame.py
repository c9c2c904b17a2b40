"""What the portal's pages share: who is signed in, forms that came from a page of ours, the way to the sign-in.

There are two kinds of forms. One on a page for signed-in people carries its session's token. One that a stranger fills in
(sign-in, a link from a message) carries a token that belongs to a cookie of its own browser: nobody else's site can have it
sent, not even to sign a victim in as somebody else.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
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
from marketplace.kernel.letters import complaint
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.text import Text
from marketplace.kernel.typed_text import typed_plain
from marketplace.platform.http.problems import handle_refusal
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from marketplace.web.form_answers import FormAnswered, FormAnswers, claim_form, lead_on, page_address
from marketplace.web.language import page_language
from marketplace.web.local_path import local_path
from marketplace.web.pages import SECURITY_HEADERS, PageTemplate, human_errors, page
from marketplace.web.sessions import FormExpired, cookie_name, secure_cookie
from partners.roles import SignedIn, StaffRole, scopes_of
from partners.services import PartnersServices
from partners.staff.sign_in import Browser, PartnerSignIn, PartnerSignInNeeded
from partners.web.navigation import places_for, tabs_of

PortalRequest = Request[Any, Any, Any]

ANSWERS = "/partner/answers"
"""Where the portal's pages that answer a form are."""

_FORM_COOKIE = "partner-form"
_FORMS = Purpose("portal forms")
_FORM_AGE_S = 12 * 3600
_FORM_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_TOKEN_BYTES = 32
_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"

ROLE_NAMES: dict[StaffRole, tuple[str, str]] = {
    StaffRole.OWNER: ("负责人", "Owner"),
    StaffRole.DEVELOPER: ("开发", "Developer"),
    StaffRole.MARKETER: ("市场", "Marketing"),
    StaffRole.FINANCE: ("财务", "Finance"),
    StaffRole.COUNTER: ("门店", "Counter"),
}

ROLE_DESCRIPTIONS: dict[StaffRole, tuple[str, str]] = {
    StaffRole.OWNER: ("全部权限：签合同、管理人员", "Everything: contracts and people too"),
    StaffRole.DEVELOPER: ("接口对接与 Webhook", "The API and webhooks"),
    StaffRole.MARKETER: ("权益与门店资料", "Offers and locations"),
    StaffRole.FINANCE: ("账单与对账", "Statements and reconciliation"),
    StaffRole.COUNTER: ("核销兑换券", "Takes vouchers"),
}


class PortalFormExpired(FormExpired):
    """The same on a page of the portal, whose way out is the portal."""

    way_out = "partner"


class RoleNeeded(Refusal):
    """The page is for people with another role."""

    kind = Kind.FORBIDDEN
    code = "role_needed"
    way_out = "partner"
    zh = "您的角色不能使用此页面，请联系贵公司的负责人。"
    en = "Your role does not open this page; ask an owner of your company."
    explanation = Explanation(
        Text("您的角色不能使用此页面。", "Your role does not open this page."),
        Text("请联系贵公司的负责人。", "Ask an owner of your company."),
    )


STATE_NAMES: dict[str, tuple[str, str]] = {
    "approved": ("已批准", "approved"),
    "active": ("合作中", "active"),
    "suspended": ("已暂停", "suspended"),
    "terminated": ("已终止", "terminated"),
    "invited": ("已邀请", "invited"),
    "disabled": ("已停用", "disabled"),
    "revoked": ("已吊销", "revoked"),
}
"""States that a person of the portal meets, by their code."""


class NotInThisState(Refusal):
    """The action is not possible where the company, or the person, stands: `wrong_state`, for who reads a page."""

    code = "wrong_state"
    zh = "当前状态为“{zh_state}”，不能进行此操作。"
    en = "This is not possible while the state is “{en_state}”."

    def __init__(self, refused: TransitionRefusedError) -> None:
        """Name the state as people call it."""
        chinese, english = STATE_NAMES.get(str(refused.state), (str(refused.state),) * 2)
        super().__init__(zh_state=chinese, en_state=english)


def portal_router(*handlers: ControllerRouterHandler, strangers: bool = False) -> Router:
    """Return a router of the portal's pages; those for `strangers` have forms that need no session.

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
    """Return the application's keeper of sessions."""
    return PartnersServices.of(request).sign_in


async def portal_page(
    request: PortalRequest, template: str, *, status: int = 200, cookies: list[Cookie] | None = None, **values: Any
) -> PageTemplate:
    """Return a template of the portal for a signed-in person."""
    browser = await sign_in_of(request).browser(request)
    return _page(request, template, status, cookies or [], browser, browser.csrf if browser else "", values)


async def strangers_page(request: PortalRequest, template: str, *, status: int = 200, **values: Any) -> PageTemplate:
    """Return a template whose form needs no session; the browser gets the cookie to which its token belongs."""
    settings = PlatformServices.of(request).settings
    kept = request.cookies.get(cookie_name(settings, _FORM_COOKIE), "")
    cookies = []
    if not _FORM_TOKEN.fullmatch(kept):
        kept = secrets.token_urlsafe(_TOKEN_BYTES)
        cookies = [secure_cookie(settings, _FORM_COOKIE, kept, _FORM_AGE_S)]
    return _page(request, template, status, cookies, None, _strangers_tokens(settings, kept)[0], values)


def safe_path(path: str | None) -> str:
    """Return a local path to go on to, or the portal's first page."""
    target = local_path(path)
    return "/partner" if target == "/" else target


def redirect_to(path: str, *cookies: Cookie) -> Response[Any]:
    """Lead the browser on after a form."""
    return Redirect(path, status_code=303, cookies=list(cookies))


def refusal_message(request: PortalRequest, refusal: Refusal) -> str:
    """Return why something was refused, in the page's language."""
    language = page_language(request)
    if refusal.details.get("field") == "password":  # a field of the API's name means little on a page
        reason = refusal.details["en_reason" if language == "en" else "zh_reason"]
        return f"The password {reason}" if language == "en" else f"密码{reason}"
    if "zh_reason" in refusal.details:
        reason = str(refusal.details["en_reason" if language == "en" else "zh_reason"])
        return reason[:1].upper() + reason[1:]
    return refusal.message(language)


def field(form: Mapping[str, Any], name: str, most: int) -> str:
    """Return a one-line field of a form; what cannot be seen, or too much of it, is nothing."""
    text = str(form.get(name, "")).strip()
    return text if len(text) <= most and complaint(text) is None else ""


def typed_field(form: Mapping[str, Any], name: str, most: int) -> str:
    """Return a code or an address of a form in the letters that were meant, whatever keyboard typed them."""
    text = typed_plain(str(form.get(name, "")))
    return text if text.isprintable() and len(text) <= most else ""


def cursor_of(request: PortalRequest) -> str | None:
    """Return the cursor of a list page's address; too long a one is none that we gave, and reads as a wrong one."""
    return (request.query_params.get("cursor") or "")[:1000] or None


def error_message(request: PortalRequest, refused: Refusal | TransitionRefusedError) -> str:
    """Return why a use case refused, in the page's language."""
    return refusal_message(request, NotInThisState(refused) if isinstance(refused, TransitionRefusedError) else refused)


def require_scope_of(me: SignedIn, scope: str) -> None:
    """Raise RoleNeeded unless the person's roles have the scope."""
    if scope not in scopes_of(me.roles):
        raise RoleNeeded


def _page(
    request: PortalRequest,
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


async def _me(request: PortalRequest) -> SignedIn:
    found = await sign_in_of(request).current(request)
    if found is None:
        raise PartnerSignInNeeded
    return found


async def _check_form(request: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    browser = await sign_in_of(request).browser(request)
    if browser is None:
        raise PartnerSignInNeeded
    await _check_token(request, handler, (browser.csrf,), (_URLENCODED, _MULTIPART))


async def _check_strangers_form(request: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    await _check_token(request, handler, strangers_tokens(request), (_URLENCODED,))  # no stranger sends files


def strangers_tokens(request: ASGIConnection[Any, Any, Any, Any]) -> tuple[str, ...]:
    """Return the tokens that this browser's forms may carry which need no session: one for each secret key."""
    settings = PlatformServices.of(request).settings
    kept = request.cookies.get(cookie_name(settings, _FORM_COOKIE), "")
    return _strangers_tokens(settings, kept) if _FORM_TOKEN.fullmatch(kept) else ()


async def _check_token(
    request: ASGIConnection[Any, Any, Any, Any],
    handler: BaseRouteHandler,
    good: tuple[str, ...],
    forms: tuple[str, ...],
) -> None:
    if not isinstance(request, Request) or request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    if not request.headers.get("content-type", "").startswith(forms):
        raise PortalFormExpired
    form = await request.form()
    given = str(form.get("csrf_token", ""))
    token = next((one for one in good if hmac.compare_digest(given.encode(), one.encode())), None)
    if token is None:
        raise PortalFormExpired
    await claim_form(request, handler, token, PortalFormExpired, answers=ANSWERS)


def _strangers_tokens(settings: Settings, kept: str) -> tuple[str, ...]:
    return settings.keys.signatures(_FORMS, kept.encode())


_refusal = human_errors({Refusal: handle_refusal})[Refusal]


def _to_sign_in(request: PortalRequest, refusal: Any) -> Response[Any]:
    """Return the way to the sign-in and back, for what can be asked again; a sent form cannot."""
    if request.method != "GET":
        return _refusal(request, refusal)
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Redirect(f"/partner/sign-in?return_to={quote(target, safe='')}", status_code=303)


async def _secure(response: Response[Any]) -> Response[Any]:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
