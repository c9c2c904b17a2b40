"""Signing in with ONE ID, signing out, and choosing the language."""

from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from marketplace.kernel.clock import WALL, Clock
from marketplace.kernel.keyring import Purpose, WrongSecretError
from marketplace.platform.http.authentication import ONCE
from marketplace.settings import Settings
from marketplace.web.language import language_cookie
from marketplace.web.local_path import local_path
from marketplace.web.oidc import Flow, OneIdClient, SignInFailed, check_answer, new_flow
from marketplace.web.sessions import LIFETIME, close_session, cookie_name, open_session, secure_cookie

FLOW_LIFETIME_S = 600
"""How long a person may take at ONE ID."""

_FLOW_PURPOSE = Purpose("sign-in")


@get("/auth/sign-in")
async def begin(
    request: Request[Any, Any, Any], settings: NamedDependency[Settings], oneid: NamedDependency[OneIdClient]
) -> Response[Any]:
    """Send the browser to ONE ID, with the sign-in's secrets in an encrypted cookie."""
    target = local_path(request.query_params.get("return_to"))
    if request.headers.get("host", "") != urlsplit(settings.base_url).netloc:
        # ONE ID redirects people back to base_url, where a cookie of another name for this machine would be missing.
        return Redirect(f"{settings.base_url}/auth/sign-in?return_to={quote(target, safe='')}", status_code=303)
    flow = new_flow(target)
    sealed = settings.keys.encrypt(_FLOW_PURPOSE, msgspec.json.encode(flow)).decode()
    url = await oneid.authorization_url(flow)
    return Redirect(url, status_code=303, cookies=[secure_cookie(settings, "sign-in", sealed, FLOW_LIFETIME_S)])


@get("/auth/callback", opt={ONCE: True})
async def callback(
    request: Request[Any, Any, Any],
    settings: NamedDependency[Settings],
    oneid: NamedDependency[OneIdClient],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """Accept ONE ID's response only for the sign-in that this browser began, and open a session."""
    flow = _flow_of(request, settings)
    person = await oneid.finish(flow, check_answer(request.query_params, flow, oneid.issuer))
    await close_session(request.cookies.get(cookie_name(settings, "session"), ""))
    token = await open_session(person, clock.now())
    cookies = [
        secure_cookie(settings, "session", token, int(LIFETIME.total_seconds())),
        secure_cookie(settings, "sign-in", "", 0),
    ]
    return Redirect(local_path(flow.return_to), status_code=303, cookies=cookies)


def _flow_of(request: Request[Any, Any, Any], settings: Settings) -> Flow:
    """Return the sign-in that this browser began. Raises SignInFailed."""
    sealed = request.cookies.get(cookie_name(settings, "sign-in"), "")
    try:
        flow = msgspec.json.decode(settings.keys.decrypt(_FLOW_PURPOSE, sealed.encode()), type=Flow)
    except (WrongSecretError, msgspec.MsgspecError) as error:
        raise SignInFailed("登录会话不存在", "this browser has not started a sign-in") from error
    if flow.started_at + FLOW_LIFETIME_S < WALL.unix_s():
        raise SignInFailed("登录超时", "it took too long")
    return flow


@post("/auth/sign-out", status_code=303, opt={"form": "free"})
async def sign_out(request: Request[Any, Any, Any], settings: NamedDependency[Settings]) -> Response[Any]:
    """End the session; the cookie alone would grant nothing any more."""
    await close_session(request.cookies.get(cookie_name(settings, "session"), ""))
    return Redirect("/", status_code=303, cookies=[secure_cookie(settings, "session", "", 0)])


@get("/language/{language:str}")
async def choose_language(
    request: Request[Any, Any, Any], language: FromPath[str], settings: NamedDependency[Settings]
) -> Response[Any]:
    """Store the language, and redirect back to the page."""
    target = local_path(request.query_params.get("return_to"))
    return Redirect(target, status_code=303, cookies=[language_cookie(settings, language)])
