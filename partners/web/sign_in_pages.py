"""Sign-in by e-mail address, password and second factor; sign-out."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency

from marketplace.kernel.clock import Clock
from marketplace.kernel.keyring import Purpose, WrongSecretError
from marketplace.kernel.refusals import Refusal
from marketplace.platform.http.rate_limits import address_of
from marketplace.platform.postgres.database import unit_of_work
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from marketplace.web.forms import PageRequest, redirect_to, refusal_message, typed_field
from marketplace.web.pages import PageTemplate
from marketplace.web.sessions import cookie_name, secure_cookie
from partners.services import PartnersServices
from partners.staff.authenticate import Candidate, TooManyGuesses, check_code, check_password, count_code
from partners.staff.company_address import company_of
from partners.staff.devices import device_of, known_from_now
from partners.staff.throttle import Throttle
from partners.web.frame import safe_path, sign_in_of, strangers_page

STEP_LIFETIME_S = 600
"""The maximum time from the password to the second factor."""

KNOWN_COOKIE = "partner-known-company"
"""The cookie with the company whose provider was last used in this browser. It grants no access."""

_STEP_COOKIE = "partner-step"
_PURPOSE = Purpose("half-done sign-in of a partner's person")


class SignInStep(msgspec.Struct, frozen=True):
    """A sign-in with the right password, encrypted in a cookie. It grants no access without a code."""

    candidates: list[Candidate]
    return_to: str
    at: int
    email: str = ""


@get("/partner/sign-in")
async def sign_in_form(request: PageRequest) -> PageTemplate | Response[Any]:
    """Ask for address and password; redirect a signed-in person."""
    target = safe_path(request.query_params.get("return_to"))
    if await sign_in_of(request).current(request) is not None:
        return redirect_to(target)
    return await _sign_in_page(request, target)


@post("/partner/sign-in", status_code=200, opt={"form": "repeatable"})
async def sign_in(
    request: PageRequest, settings: NamedDependency[Settings], clock: NamedDependency[Clock]
) -> PageTemplate | Response[Any]:
    """Check the password and ask for the second factor. The refusal is the same for every reason."""
    form = await request.form()
    target, email = safe_path(str(form.get("return_to", ""))), typed_field(form, "email", 254)
    password, throttle, now = str(form.get("password", ""))[:500], throttle_of(request), clock.now()
    device = device_of(request, settings, email, now)
    try:
        found = await check_password(settings, throttle, email, password, address_of(request), now, device)
    except Refusal as refused:
        return await _sign_in_page(request, target, email, refusal_message(request, refused), _status(refused))
    step = SignInStep(found, target, int(now.timestamp()), email)
    sealed = settings.keys.encrypt(_PURPOSE, msgspec.json.encode(step)).decode()
    return redirect_to("/partner/sign-in/code", secure_cookie(settings, _STEP_COOKIE, sealed, STEP_LIFETIME_S))


@get("/partner/sign-in/code")
async def code_form(
    request: PageRequest, settings: NamedDependency[Settings], clock: NamedDependency[Clock]
) -> PageTemplate | Response[Any]:
    """Ask for the second factor."""
    if _step_of(request, settings, clock.now()) is None:
        return redirect_to("/partner/sign-in")
    return await strangers_page(request, "partner/code.html", error="")


@post("/partner/sign-in/code", status_code=200)
async def enter_code(
    request: PageRequest, settings: NamedDependency[Settings], clock: NamedDependency[Clock]
) -> PageTemplate | Response[Any]:
    """Spend the code and open a session."""
    step, now = _step_of(request, settings, clock.now()), clock.now()
    if step is None:
        return redirect_to("/partner/sign-in")
    code, throttle = str((await request.form()).get("code", ""))[:100], throttle_of(request)
    try:
        counted = await count_code(throttle, step.candidates, now, device_of(request, settings, step.email, now))
        async with unit_of_work() as work:
            staff_id = await check_code(work, settings, step.candidates, code, now)
            session = await sign_in_of(request).open(work, staff_id, request)
    except Refusal as refused:
        return await strangers_page(
            request, "partner/code.html", status=_status(refused), error=refusal_message(request, refused)
        )
    for each in counted:
        await throttle.forgive(*each)
    known = known_from_now(request, settings, step.email, now)
    return redirect_to(safe_path(step.return_to), session, known, secure_cookie(settings, _STEP_COOKIE, "", 0))


@post("/partner/sign-out", status_code=303, opt={"form": "free"})
async def sign_out(request: PageRequest) -> Response[Any]:
    """End the session; the cookie becomes useless."""
    async with unit_of_work() as work:
        gone = await sign_in_of(request).close(work, request)
    return redirect_to("/partner/sign-in", gone)


async def _sign_in_page(
    request: PageRequest, target: str, email: str = "", error: str = "", status: int = 200
) -> PageTemplate:
    """Return the page; it offers the company's provider that this browser used before."""
    settings = PlatformServices.of(request).settings
    company = await company_of(request.cookies.get(cookie_name(settings, KNOWN_COOKIE), ""))
    values = {"target": target, "email": email, "error": error, "company": company}
    return await strangers_page(request, "partner/sign_in.html", status=status, **values)


def throttle_of(request: PageRequest) -> Throttle:
    """Return the application's `Throttle`."""
    return PartnersServices.of(request).throttle


def _step_of(request: PageRequest, settings: Settings, now: datetime) -> SignInStep | None:
    """Return the sign-in of this browser that waits for its second factor, or None."""
    sealed = request.cookies.get(cookie_name(settings, _STEP_COOKIE), "")
    try:
        step = msgspec.json.decode(settings.keys.decrypt(_PURPOSE, sealed.encode()), type=SignInStep)
    except (WrongSecretError, msgspec.MsgspecError):
        return None
    return step if step.at + STEP_LIFETIME_S > now.timestamp() else None


def _status(refused: Refusal) -> int:
    return 429 if isinstance(refused, TooManyGuesses) else 401
