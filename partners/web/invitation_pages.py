"""Pages behind a link in a message: accepting an invitation, and choosing a new password."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency

from marketplace.kernel.clock import Clock
from marketplace.kernel.keyring import Purpose, WrongSecretError
from marketplace.kernel.refusals import InvalidField, Refusal, refuse_all
from marketplace.platform.http.rate_limits import address_of
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from marketplace.settings import Settings
from marketplace.web.form_answers import show_once
from marketplace.web.forms import PageRequest, errors_of, refusal_message, typed_field
from marketplace.web.pages import PageTemplate
from partners.staff.authenticate import CodeRefused
from partners.staff.devices import device_of, known_from_now
from partners.staff.domain import LEAST_PASSWORD, check_password, normal_email
from partners.staff.invitations import Invited, LinkUsed, holder, send_new_password
from partners.staff.join import choose_password, join
from partners.staff.passwords import hash_password
from partners.staff.second_factor import matching_step, new_secret, readable, setup_address, setup_qr_code
from partners.staff.throttle import BY_ADDRESS, BY_MAILBOX
from partners.web.frame import sign_in_of, strangers_page
from partners.web.sign_in_pages import throttle_of

ISSUER = "Benefits Marketplace"
"""The issuer in the authenticator app; ASCII, for older apps."""

_ANSWER_S = 0.4
"""The duration of a request for a message, whether the address exists or not."""

SendTo = Callable[[UnitOfWork, Settings, str, datetime, str | None], Awaitable[None]]
"""Queues the messages to the people of an address, if any; the last argument is a known browser's counter."""

_PURPOSE = Purpose("second factor being set up")
_MOST_TOKEN = 100


@get("/partner/join")
async def join_form(
    request: PageRequest, settings: NamedDependency[Settings], clock: NamedDependency[Clock]
) -> PageTemplate:
    """Show the inviting company, and the ways to sign in. Opening the link does not use it."""
    token = request.query_params.get("token", "")[: _MOST_TOKEN + 1]
    return await _join_page(request, settings, await holder(token, "join", clock.now()), token, new_secret())


@post("/partner/join", status_code=200)
async def submit_join(
    request: PageRequest, settings: NamedDependency[Settings], clock: NamedDependency[Clock]
) -> PageTemplate:
    """Accept the invitation, sign the person in, and show the recovery codes once."""
    form, now = await request.form(), clock.now()
    token, password = str(form.get("token", ""))[: _MOST_TOKEN + 1], str(form.get("password", ""))[:500]
    found = await holder(token, "join", now)
    secret, code = opened(settings, str(form.get("setup", "")), token), str(form.get("code", ""))[:20]
    try:
        refuse_all(_faults(password, found.email, secret, code, now))
        hashed = await hash_password(password)
        async with unit_of_work() as work:
            _, codes = await join(work, settings, token, hashed, secret, code, now)
            session = await sign_in_of(request).open(work, found.staff_id, request)
    except LinkUsed:
        raise
    except Refusal as refused:
        return await _join_page(request, settings, found, token, secret, refused)
    show_once(request)
    made = await strangers_page(request, "partner/recovery_codes.html", codes=codes, first=True)
    made.cookies += [session, known_from_now(request, settings, found.email, now)]
    return made


@get("/partner/forgotten")
async def forgotten_form(request: PageRequest) -> PageTemplate:
    """Ask for the e-mail address."""
    return await strangers_page(request, "partner/forgotten.html", done=False, company=False)


@post("/partner/forgotten", status_code=200)
async def forgotten(
    request: PageRequest, settings: NamedDependency[Settings], clock: NamedDependency[Clock]
) -> PageTemplate:
    """Send a link if the address exists."""
    await mail_if_known(request, settings, clock, send_new_password)
    return await strangers_page(request, "partner/forgotten.html", done=True, company=False)


async def mail_if_known(request: PageRequest, settings: Settings, clock: Clock, send: SendTo) -> None:
    """Send a message to the form's address if it exists; the duration does not disclose whether it does."""
    started, now, throttle = time.monotonic(), clock.now(), throttle_of(request)
    email = normal_email(typed_field(await request.form(), "email", 254))
    device = device_of(request, settings, email, now)
    # An internet address above its limit must not use up the mailbox's count as well.
    if device is not None or (
        await throttle.allows(BY_ADDRESS, address_of(request), now) and await throttle.allows(BY_MAILBOX, email, now)
    ):
        async with unit_of_work() as work:
            await send(work, settings, email, now, device)
    await asyncio.sleep(max(0.0, _ANSWER_S - (time.monotonic() - started)))


@get("/partner/new-password")
async def new_password_form(request: PageRequest, clock: NamedDependency[Clock]) -> PageTemplate:
    """Ask for the new password."""
    token = request.query_params.get("token", "")[: _MOST_TOKEN + 1]
    return await _password_page(request, await holder(token, "password", clock.now()), token)


@post("/partner/new-password", status_code=200)
async def new_password(request: PageRequest, clock: NamedDependency[Clock]) -> PageTemplate | Response[Any]:
    """Set the password and end all sessions; sign-in still needs the second factor."""
    form, now = await request.form(), clock.now()
    token, password = str(form.get("token", ""))[: _MOST_TOKEN + 1], str(form.get("password", ""))[:500]
    found = await holder(token, "password", now)
    try:
        check_password(password, found.email)
    except Refusal as refused:
        return await _password_page(request, found, token, refused)
    hashed = await hash_password(password)
    async with unit_of_work() as work:
        await choose_password(work, token, hashed, now)
    return await strangers_page(request, "partner/done.html", what="password", target="/partner/sign-in")


def sealed_setup(settings: Settings, secret: bytes, bound_to: str) -> str:
    """Return a new secret, encrypted for a form until its first code, and valid in that form only."""
    return settings.keys.encrypt(_PURPOSE, msgspec.json.encode([bound_to, secret])).decode()


def opened(settings: Settings, sealed: str, bound_to: str) -> bytes:
    """Decrypt the secret of a form. Raises LinkUsed for another form's."""
    try:
        plain = settings.keys.decrypt(_PURPOSE, sealed.encode())
    except WrongSecretError as error:
        raise LinkUsed from error
    bound, secret = msgspec.json.decode(plain, type=tuple[str, bytes])
    if bound != bound_to:
        raise LinkUsed
    return secret


def setup_values(settings: Settings, secret: bytes, email: str, bound_to: str) -> dict[str, Any]:
    """Return the page's values for setting up an authenticator app."""
    return {
        "setup": sealed_setup(settings, secret, bound_to),
        "picture": setup_qr_code(setup_address(secret, email, ISSUER)),
        "secret": readable(secret),
    }


async def _join_page(
    request: PageRequest,
    settings: Settings,
    found: Invited,
    token: str,
    secret: bytes,
    refused: Refusal | None = None,
) -> PageTemplate:
    return await strangers_page(
        request,
        "partner/join.html",
        status=400 if refused else 200,
        invited=found,
        token=token,
        least=LEAST_PASSWORD,
        errors=errors_of(request, refused, ("password", "code")) if refused else {},
        **setup_values(settings, secret, found.email, token),
    )


async def _password_page(
    request: PageRequest, found: Invited, token: str, refused: Refusal | None = None
) -> PageTemplate:
    return await strangers_page(
        request,
        "partner/new_password.html",
        status=400 if refused else 200,
        invited=found,
        token=token,
        least=LEAST_PASSWORD,
        error=refusal_message(request, refused) if refused else "",
    )


def _faults(password: str, email: str, secret: bytes, code: str, now: datetime) -> Iterator[InvalidField]:
    """Return the errors of an invited person's form. The code is of the new secret, so checking it spends nothing."""
    try:
        check_password(password, email)
    except InvalidField as fault:
        yield fault
    if matching_step(secret, code, now) is None:
        yield InvalidField("code", CodeRefused.zh, CodeRefused.en)
