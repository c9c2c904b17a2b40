"""The portal's first page, and the person's account: signed-in browsers, password, second factor."""

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import Refusal
from marketplace.kernel.text import Text
from marketplace.platform.http.problems import path_id
from marketplace.platform.postgres.database import unit_of_work
from marketplace.settings import Settings
from marketplace.web.form_answers import show_once
from marketplace.web.forms import PageRequest, error_message, errors_of, redirect_to
from marketplace.web.pages import PageTemplate
from partners.registry.history import reason_of
from partners.registry.tables import PartnerRow
from partners.roles import SignedIn
from partners.staff.authenticate import CodeRefused, count_fresh_code, spend_code
from partners.staff.devices import device_of
from partners.staff.domain import LEAST_PASSWORD, check_password
from partners.staff.join import change_password, change_second_factor
from partners.staff.passwords import hash_password
from partners.staff.read import get_staff
from partners.staff.second_factor import new_secret
from partners.staff.sign_in import end_sessions, list_sessions
from partners.web.frame import portal_page
from partners.web.invitation_pages import opened, setup_values
from partners.web.sign_in_pages import throttle_of


@get("/partner")
async def portal(request: PageRequest, me: NamedDependency[SignedIn]) -> PageTemplate:
    """Show the company, its status, and the pages open to the person."""
    columns = (PartnerRow.name_zh, PartnerRow.name_en, PartnerRow.status)
    row = await PartnerRow.select(*columns).where(PartnerRow.id == me.partner_id).first()
    assert row is not None  # noqa: S101 - the session's reference says so
    name, reason = Text(row["name_zh"], row["name_en"]), await reason_of(me.partner_id)
    return await portal_page(request, "partner/home.html", partner=name, status_of=row["status"], reason=reason)


@get("/partner/account")
async def account(request: PageRequest, me: NamedDependency[SignedIn], clock: NamedDependency[Clock]) -> PageTemplate:
    """Show the account."""
    return await _account(request, me, clock)


@post("/partner/account/sessions/{session_id:str}/end", status_code=303)
async def end_one(
    session_id: FromPath[str], me: NamedDependency[SignedIn], clock: NamedDependency[Clock]
) -> Response[None]:
    """Sign out one of the person's browsers."""
    async with unit_of_work() as work:
        await end_sessions(work, me.staff_id, clock.now(), only=path_id(session_id))
    return redirect_to("/partner/account")


@post("/partner/account/sessions/end-others", status_code=303)
async def end_others(me: NamedDependency[SignedIn], clock: NamedDependency[Clock]) -> Response[None]:
    """Sign out all other browsers."""
    async with unit_of_work() as work:
        await end_sessions(work, me.staff_id, clock.now(), but=me.session_id)
    return redirect_to("/partner/account")


@post("/partner/account/password", status_code=200)
async def password(
    request: PageRequest,
    me: NamedDependency[SignedIn],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> PageTemplate | Response[None]:
    """Change the password. A fresh code proves that the person is present."""
    form, now, throttle = await request.form(), clock.now(), throttle_of(request)
    chosen, code = str(form.get("password", ""))[:500], str(form.get("code", ""))[:100]
    person = await get_staff(me.partner_id, me.staff_id, now)
    try:
        check_password(chosen, person.email)
        device = device_of(request, settings, person.email, now)
        counted = await count_fresh_code(throttle, me.staff_id, now, device)
        hashed = await hash_password(chosen)
        async with unit_of_work() as work:
            await spend_code(work, settings, me.staff_id, code, now)
            await change_password(work, me.staff_id, hashed, me.session_id, now)
    except Refusal as refused:
        return await _account(
            request, me, clock, errors_of(request, refused, ("password",), general=_place(refused, "code"))
        )
    await throttle.forgive(*counted)
    return redirect_to("/partner/account?done=password")


@get("/partner/account/second-factor")
async def second_factor_form(
    request: PageRequest,
    me: NamedDependency[SignedIn],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> PageTemplate:
    """Show a new secret for the authenticator app."""
    return await _second_factor(request, me, clock, settings, new_secret())


@post("/partner/account/second-factor", status_code=200)
async def second_factor(
    request: PageRequest,
    me: NamedDependency[SignedIn],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> PageTemplate:
    """Store the new secret, after a code of the old one; show the new recovery codes once."""
    form, now, throttle = await request.form(), clock.now(), throttle_of(request)
    secret, tried = opened(settings, str(form.get("setup", "")), str(me.session_id)), "old_code"
    email = (await get_staff(me.partner_id, me.staff_id, now)).email
    try:
        counted = await count_fresh_code(throttle, me.staff_id, now, device_of(request, settings, email, now))
        async with unit_of_work() as work:
            await spend_code(work, settings, me.staff_id, str(form.get("old_code", ""))[:100], now)
            tried = "code"
            code = str(form.get("code", ""))[:20]
            codes = await change_second_factor(work, settings, me.staff_id, secret, code, me.session_id, now)
    except Refusal as refused:
        return await _second_factor(
            request, me, clock, settings, secret, {_place(refused, tried): error_message(request, refused)}
        )
    await throttle.forgive(*counted)
    show_once(request)
    return await portal_page(request, "partner/recovery_codes.html", codes=codes, first=False)


_BROWSERS = ("Edg", "OPR", "MicroMessenger", "Firefox", "Chrome", "Safari")
_SYSTEMS = ("iPhone", "iPad", "Android", "Windows", "Mac OS X", "Linux")
_CALLED = {"Edg": "Edge", "OPR": "Opera", "MicroMessenger": "WeChat", "Mac OS X": "macOS"}


def device(user_agent: str) -> str:
    """Return a browser's user agent in readable form, such as `Chrome · Windows`, or an empty text if unknown.

    The first match counts, since most browsers also name others.
    """
    found = [next((name for name in names if name in user_agent), "") for names in (_BROWSERS, _SYSTEMS)]
    return " · ".join(_CALLED.get(name, name) for name in found if name)


async def _account(
    request: PageRequest, me: SignedIn, clock: Clock, errors: dict[str, str] | None = None
) -> PageTemplate:
    now = clock.now()
    return await portal_page(
        request,
        "partner/account.html",
        status=400 if errors else 200,
        account=await get_staff(me.partner_id, me.staff_id, now),
        sessions=await list_sessions(me.staff_id, now),
        device=device,
        least=LEAST_PASSWORD,
        errors=errors or {},
        done=request.query_params.get("done") == "password",
    )


async def _second_factor(
    request: PageRequest,
    me: SignedIn,
    clock: Clock,
    settings: Settings,
    secret: bytes,
    errors: dict[str, str] | None = None,
) -> PageTemplate:
    person = await get_staff(me.partner_id, me.staff_id, clock.now())
    values = setup_values(settings, secret, person.email, str(me.session_id))
    status = 400 if errors else 200
    return await portal_page(request, "partner/second_factor.html", status=status, errors=errors or {}, **values)


def _place(refused: Refusal, code: str) -> str:
    """Return the field beside which a refusal is shown: the code's, or none."""
    return code if isinstance(refused, CodeRefused) else ""
