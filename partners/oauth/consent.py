"""The pages of the authorization endpoint: what an application asks, in the person's words, and their answer."""

from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from urllib.parse import quote, urlsplit
from uuid import UUID

import msgspec
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error, UnsupportedResponseTypeError
from litestar import Request, Response, get, post
from litestar.response import Redirect, Template

from marketplace.kernel.ids import uuid7
from marketplace.platform.database import unit_of_work
from marketplace.platform.problems import HttpRequest
from marketplace.platform.secretbox import WrongSecretError, decrypt, encrypt
from marketplace.web.language import page_language
from marketplace.web.pages import SECURITY_HEADERS, page, page_router
from partners.oauth.addresses import form_action
from partners.oauth.authorize import (
    GRANT_LIFE,
    PATH,
    Consent,
    DecidedBeforeError,
    Wanted,
    allow,
    consent_to,
    deny,
    leading,
    read_request,
)
from partners.oauth.domain import PARTNER_SCOPE_TEXTS
from partners.oauth.forms import read_form, read_parameters
from partners.oauth.pushed import URN, keep
from partners.oauth.secrets import new_token
from partners.oauth.token import OauthParts
from partners.staff.domain import SignedIn

SIGN_IN = "/partner/sign-in"

_PURPOSE = "consent page"
_LIFE = timedelta(minutes=15)
"""How long a person may look at the page."""

_LONGEST = 800
"""A longer request is laid up here while the person signs in: addresses to come back to have a limit."""


class SignIns(Protocol):
    """Knows who of a partner's people is signed in."""

    async def current(self, request: HttpRequest) -> SignedIn | None:
        """Return the person, or None."""


class _Asked(msgspec.Struct, frozen=True):
    """What a consent page was about, sealed into its form: nobody else's form can carry it, and no other session send it."""

    grant_id: UUID
    session_id: UUID
    parameters: dict[str, str]
    pushed: bytes | None
    at: datetime


class _Answered(msgspec.Struct, frozen=True):
    request: str
    decision: Literal["allow", "deny"]


@get(PATH)
async def authorize(request: Request[Any, Any, Any]) -> Template | Response[Any]:
    """Show what is asked, once the request is found to be in order and somebody is signed in."""
    parts = parts_of(request)
    now = parts.clock.now()
    try:
        parameters = read_parameters(request.scope["query_string"])
        wanted = await read_request(parts.settings, parameters, now)
        person = await _sign_ins(request).current(request)
        if person is None:
            return await _to_sign_in(request, wanted, now)
        consent = await consent_to(wanted, person)
    except OAuth2Error as error:
        return _refused(request, parts, error)
    asked = _Asked(uuid7(), person.session_id, wanted.parameters, wanted.pushed, now)
    return _page(request, parts, consent, person, asked)


@post(PATH, status_code=200)
async def decide(request: Request[Any, Any, Any]) -> Template | Response[Any]:
    """Take the person's answer, and send the browser back to the application with a code, or without."""
    parts = parts_of(request)
    now = parts.clock.now()
    try:
        form = read_form(request.headers.get("content-type"), await request.body())
        answered = msgspec.convert(form, _Answered)
        asked = _open(parts, answered.request)
        person = await _sign_ins(request).current(request)
        if person is None or person.session_id != asked.session_id or now > asked.at + _LIFE:
            raise InvalidRequestError("The page has expired. Start again at the application.")
        if answered.decision == "deny":
            location = await deny(parts.settings, asked.parameters, now, asked.pushed)
        else:
            location = await allow(parts.settings, asked.parameters, asked.grant_id, person, now, asked.pushed)
    except msgspec.ValidationError:
        return _refused(request, parts, InvalidRequestError("The form cannot be read."))
    except DecidedBeforeError:
        return _refused(request, parts, InvalidRequestError("This was decided before. Start again at the application."))
    except OAuth2Error as error:
        return _refused(request, parts, error)
    return _away(location)


ROUTES = page_router("/", authorize, decide, csrf=False)
"""The form carries a sealed request of its own session in place of the frame's token, which belongs to members' sessions."""


def parts_of(request: HttpRequest) -> OauthParts:
    """Return what the OAuth server's endpoints work with."""
    parts: OauthParts = request.app.state.oauth
    return parts


def _sign_ins(request: HttpRequest) -> SignIns:
    found: SignIns = request.app.state.partner_sign_in
    return found


async def _to_sign_in(request: HttpRequest, wanted: Wanted, now: datetime) -> Response[Any]:
    query = request.scope["query_string"].decode("ascii")
    if len(query) > _LONGEST:
        reference = new_token("")
        async with unit_of_work() as work:
            await keep(work, reference, wanted.client.client_id, wanted.parameters, now)
        query = f"client_id={quote(wanted.client.client_id, safe='')}&request_uri={quote(URN + reference, safe='')}"
    return Redirect(f"{SIGN_IN}?return_to={quote(f'{PATH}?{query}', safe='')}", status_code=303)


def _page(request: HttpRequest, parts: OauthParts, consent: Consent, person: SignedIn, asked: _Asked) -> Template:
    language = page_language(request)
    target = consent.wanted.redirect_uri
    sealed = encrypt(parts.settings.secret_key, _PURPOSE, msgspec.json.encode(asked)).decode()
    shown = page(
        request,
        "oauth/consent.html",
        client=consent.wanted.client,
        company=consent.company.in_language(language),
        signed=person,
        leads_to=urlsplit(target).netloc or f"{urlsplit(target).scheme}:",
        scopes=_sentences(consent.scopes, language),
        left_out=_sentences(consent.left_out, language),
        days=GRANT_LIFE.days,
        sealed=sealed,
    )
    # Browsers hold the policy against where the answer leads, too: the application's own address, and no other.
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    shown.headers["Content-Security-Policy"] = policy.replace(
        "form-action 'self'", f"form-action 'self' {form_action(target)}"
    )
    shown.headers["Referrer-Policy"] = "no-referrer"
    return shown


def _sentences(scopes: list[str], language: str) -> list[tuple[str, str]]:
    return [(scope, PARTNER_SCOPE_TEXTS[scope].in_language(language)) for scope in scopes]


def _open(parts: OauthParts, sealed: str) -> _Asked:
    try:
        return msgspec.json.decode(decrypt(parts.settings.secret_key, _PURPOSE, sealed.encode()), type=_Asked)
    except (WrongSecretError, msgspec.MsgspecError) as error:
        raise InvalidRequestError("The form did not come from a page of ours.") from error


def _refused(request: HttpRequest, parts: OauthParts, error: OAuth2Error) -> Template | Response[Any]:
    """Lead back with the error if the address is known to be the client's own; else tell it here."""
    description = str(error.get_error_description() or "")
    if error.redirect_uri:
        values = {"error": error.error, "error_description": description or None}
        return _away(leading(error.redirect_uri, parts.settings.issuer, error.state, **values))
    if isinstance(error, UnsupportedResponseTypeError):
        description = ""  # it repeats what was asked for, which may be anything
    return page(request, "oauth/refused.html", status=400, error=error.error, description=description)


def _away(location: str) -> Response[Any]:
    # 303: a form's content must not be sent on (RFC 9700 §4.12).
    return Redirect(location, status_code=303, headers={"Referrer-Policy": "no-referrer"})
