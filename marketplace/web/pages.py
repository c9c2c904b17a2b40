"""Shared by all pages: rendering in the person's language, security headers, readable errors."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import quote, urlsplit

import msgspec
from litestar import Request, Response, Router
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.response import Redirect, Template
from litestar.types import ControllerRouterHandler, ExceptionHandlersMap

from marketplace.kernel.refusals import Refusal
from marketplace.platform.services import PlatformServices
from marketplace.web.form_answers import FormAnswered, FormAnswers, claim_form, form_key_of, lead_on, page_address
from marketplace.web.language import page_language
from marketplace.web.sessions import FormExpired, SignInNeeded, check_csrf, session_of

PageTemplate: TypeAlias = Template
"""The return type of a page's handler."""

ANSWERS = "/answers"
"""The address of the members' form results."""

SECURITY_HEADERS: dict[str, str] = {
    # Everything from our own server, no inline script or style, no framing, forms go nowhere else.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # A page's content is one person's: the back button after signing out must not show it.
    "Cache-Control": "no-store",
}

MACHINE_PREFIXES = (
    "/v1/",
    "/oauth/token",
    "/oauth/par",
    "/oauth/introspect",
    "/oauth/revoke",
    "/oauth/register",
    "/oauth/jwks.json",
    "/.well-known/",
    "/webhooks/",
    "/health/",
    "/static/",
    "/metrics",
    "/oneid/token",
    "/oneid/userinfo",
)
"""Addresses whose callers are programs: they get problem documents, whatever their Accept header says."""


def page_router(
    path: str,
    *handlers: ControllerRouterHandler,
    csrf: bool = True,
    dependencies: Mapping[str, Provide] | None = None,
) -> Router:
    """Return a router of pages: not in the API description, with security headers, forms checked.

    `csrf=False` is for pages without a session.
    """
    return Router(
        path,
        route_handlers=list(handlers),
        after_request=_secure,
        guards=[_know, _check_form] if csrf else [_know],
        middleware=[FormAnswers],
        exception_handlers={FormAnswered: lead_on},
        include_in_schema=False,
        dependencies=dict(dependencies or {}),
        opt={"page": True},
    )


async def _check_form(request: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard: a form must have its session's token and a current key. A form of HTMX needs no key, since no browser resends it."""
    await check_csrf(request, handler)
    session = await session_of(request)
    if session and isinstance(request, Request) and request.method == "POST" and not is_fragment(request):
        await claim_form(request, handler, session.csrf, FormExpired, answers=ANSWERS)


async def _secure(response: Response[Any]) -> Response[Any]:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def page(request: Request[Any, Any, Any], template: str, *, status: int = 200, **values: Any) -> PageTemplate:
    """Return a template as a page, in the person's language, with the values of the layout."""
    return Template(template, context=_frame(request) | values, status_code=status)


def is_fragment(request: Request[Any, Any, Any]) -> bool:
    """Return whether HTMX requests a part of a page; restoring the history needs the whole."""
    headers = request.headers
    return headers.get("hx-request") == "true" and headers.get("hx-history-restore-request") != "true"


def panel_template(request: Request[Any, Any, Any]) -> str:
    """Return the template around a `panel`: a sheet over the page with HTMX, a full page without."""
    return "sheet.html" if is_fragment(request) else "panel_page.html"


def _frame(request: Request[Any, Any, Any]) -> dict[str, Any]:
    language = page_language(request)
    session = request.scope["state"].get("web_session")
    address = page_address(request)
    return {
        "lang": language,
        "t": _chooser(language),
        "person": session.person if session else None,
        "csrf_token": session.csrf if session else "",
        "here": request.url.path,
        "return_to": quote(address, safe=""),
        "form_key": form_key_of(request),
        "form_page": address,
        "mode": PlatformServices.of(request).settings.mode,
    }


def _chooser(language: str) -> Callable[[str, str], str]:
    def choose(chinese: str, english: str) -> str:
        return english if language == "en" else chinese

    return choose


async def _know(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Guard that refuses nobody: it loads the session, so that layout and error pages know the person."""
    await session_of(connection)


# The heading above the reason: by status, Chinese and English.
_TITLES: dict[int, tuple[str, str]] = {
    400: ("请求有误", "That did not work"),
    401: ("您已退出登录", "You are signed out"),
    403: ("无法完成", "Not possible"),
    404: ("没有找到这个页面", "Page not found"),
    405: ("无法完成", "Not possible"),
    409: ("无法完成", "Not possible"),
    500: ("系统出了点问题", "Something went wrong on our side"),
    503: ("系统繁忙", "Too busy right now"),
}

_Handler = Callable[[Request[Any, Any, Any], Any], Response[Any]]


WayOut = Literal["home", "sign_in", "sign_out", "partner", "partner_sign_in"]
"""Where the button on an error page leads; a refusal sets it by its attribute `way_out`, and home is the default."""


def human_errors(handlers: ExceptionHandlersMap) -> ExceptionHandlersMap:
    """Return the handlers, with pages as responses for people, and problem documents for programs as before."""
    return {kind: _human(handler) for kind, handler in handlers.items()}


def _human(handler: _Handler) -> _Handler:
    def handle(request: Request[Any, Any, Any], error: Any) -> Response[Any]:
        if not _is_for_people(request):
            return handler(request, error)
        if isinstance(error, SignInNeeded) and (answer := _to_sign_in(request)):
            return answer
        problem = handler(request, error)
        return _error_page(request, problem, error)

    return handle


def _is_for_people(request: Request[Any, Any, Any]) -> bool:
    accepts = "text/html" in request.headers.get("accept", "")
    return accepts and not request.url.path.startswith(MACHINE_PREFIXES)


def _to_sign_in(request: Request[Any, Any, Any]) -> Response[Any] | None:
    """Return a redirect to ONE ID and back, for requests that can be repeated; a submitted form cannot."""
    if is_fragment(request):
        current = urlsplit(request.headers.get("hx-current-url", ""))
        target = current.path + (f"?{current.query}" if current.query else "")
        return Response(b"", status_code=200, headers={"HX-Redirect": _sign_in_path(target)})
    if request.method == "GET":
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return Redirect(_sign_in_path(target), status_code=303)
    return None


def _sign_in_path(target: str) -> str:
    return f"/auth/sign-in?return_to={quote(target, safe='')}"


def _error_page(request: Request[Any, Any, Any], problem: Response[Any], error: Any) -> Response[Any]:
    language = page_language(request)
    document: Mapping[str, Any] = msgspec.json.decode(problem.content)
    reason = str(document.get("title", ""))
    if isinstance(error, Refusal):
        reason = error.message(language)
    elif problem.status_code in {404, 500}:
        reason = ""
    status = problem.status_code or 500
    # Litestar's engine may be None; frame.install set ours.
    template = request.app.template_engine.get_template("fragment_error.html" if is_fragment(request) else "error.html")  # type: ignore[union-attr]
    way_out: WayOut = getattr(error, "way_out", "home")
    chinese, english = _TITLES.get(status, _TITLES[400])
    body = template.render(
        **_frame(request),
        request=request,
        title=english if language == "en" else chinese,
        reason=reason,
        status=status,
        way_out=way_out,
        request_id=document.get("request_id", ""),
    )
    headers = dict(SECURITY_HEADERS)
    if is_fragment(request):  # whatever the target of the response, an error is shown over the page
        headers |= {"HX-Retarget": "#sheet", "HX-Reswap": "innerHTML"}
    if "Retry-After" in problem.headers:
        headers["Retry-After"] = problem.headers["Retry-After"]
    return Response(body, status_code=status, media_type="text/html", headers=headers)
