"""The pages of the authorization endpoint: the consent page and the person's decision."""

from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote, urlsplit
from uuid import UUID

import msgspec
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error, UnsupportedResponseTypeError
from litestar import Request, Response, get, post
from litestar.response import Redirect, Template

from marketplace.kernel.ids import uuid7
from marketplace.kernel.keyring import Purpose, WrongSecretError
from marketplace.kernel.refusals import NotFound
from marketplace.platform.http.authentication import ONCE
from marketplace.platform.http.problems import HttpRequest
from marketplace.web.language import page_language
from marketplace.web.pages import SECURITY_HEADERS, page, page_router
from marketplace.web.sessions import cookie_name, secure_cookie
from partners.oauth.clients.redirect_addresses import form_action
from partners.oauth.clients.secrets import new_token
from partners.oauth.domain import PARTNER_SCOPE_TEXTS
from partners.oauth.server.authorize import (
    GRANT_LIFE,
    PATH,
    AuthorizationRequest,
    Consent,
    DecidedBeforeError,
    allow,
    consent_to,
    deny,
    leading,
    read_request,
)
from partners.oauth.server.pushed_requests import PAGE_LIFE
from partners.oauth.server.request_parsing import read_form, read_parameters
from partners.oauth.server.token import OauthParts
from partners.roles import SignedIn
from partners.services import PartnersServices

SIGN_IN = "/partner/sign-in"
REFUSED = f"{PATH}/refused"

_PURPOSE = Purpose("consent page")
_REFUSED_PURPOSE = Purpose("refused consent")
_COUNTED = {"counted": True}  # by address: the endpoint is open to every browser

_LONGEST = 800
"""A longer request is kept in the browser while the person signs in, since return addresses have a limit."""

_LEFT_PURPOSE = Purpose("authorization request that waits")
_LEFT_COOKIE = "oauth-request"
_LEFT_NAME = "waiting"
_MOST_LEFT = 3600
"""The maximum length of such a request, sealed: browsers limit a cookie to about 4,000 characters in all."""


class _Left(msgspec.Struct, frozen=True):
    """The cookie with a long request during sign-in: unauthenticated callers must not fill our storage."""

    reference: str
    parameters: dict[str, str]
    at: datetime


class _Asked(msgspec.Struct, frozen=True):
    """The subject of a consent page, sealed into its form: no other form can contain it, and no other session can submit it."""

    grant_id: UUID
    session_id: UUID
    parameters: dict[str, str]
    pushed: bytes | None
    at: datetime


class _Refusal(msgspec.Struct, frozen=True):
    error: str
    description: str


class _Answered(msgspec.Struct, frozen=True):
    request: str
    decision: Literal["allow", "deny"]


@get(PATH, opt=_COUNTED | {ONCE: True})
async def authorize(request: Request[Any, Any, Any]) -> Template | Response[Any]:
    """Show the consent page, if the request is valid and a person is signed in."""
    parts = parts_of(request)
    now = parts.clock.now()
    try:
        asked_for = _asked_for(request, parts, now)
        wanted = await read_request(parts.settings, asked_for, now)
        person = await PartnersServices.of(request).sign_in.current(request)
        if person is None:
            return _to_sign_in(request, parts, wanted, asked_for, now)
        consent = await consent_to(wanted, person)
    except OAuth2Error as error:
        return _refused(request, parts, error)
    asked = _Asked(uuid7(), person.session_id, wanted.parameters, wanted.pushed, now)
    return _page(request, parts, consent, person, asked)


@post(PATH, opt=_COUNTED, status_code=200)
async def decide(request: Request[Any, Any, Any]) -> Response[Any]:
    """Record the person's decision, and redirect the browser to the application with a code or an error."""
    parts = parts_of(request)
    now = parts.clock.now()
    try:
        form = read_form(request.headers.get("content-type"), await request.body())
        answered = msgspec.convert(form, _Answered)
        asked = _open(parts, answered.request)
        person = await PartnersServices.of(request).sign_in.current(request)
        if person is None or person.session_id != asked.session_id or now > asked.at + PAGE_LIFE:
            raise InvalidRequestError("The page has expired. Start again at the application.")
        if answered.decision == "deny":
            location = await deny(parts.settings, asked.parameters, asked.grant_id, now, asked.pushed)
        else:
            location = await allow(parts.settings, asked.parameters, asked.grant_id, person, now, asked.pushed)
    except msgspec.ValidationError:
        return _refused_form(request, parts, InvalidRequestError("The form cannot be read."))
    except DecidedBeforeError:
        return _refused_form(
            request, parts, InvalidRequestError("This was decided before. Start again at the application.")
        )
    except OAuth2Error as error:
        return _refused_form(request, parts, error)
    return _away(location)


@get(REFUSED, opt=_COUNTED)
async def refused(request: Request[Any, Any, Any]) -> Template:
    """Show why a form was refused, at an address that can be reloaded."""
    refusal = request.query_params.get("refusal", "")[:_LONGEST]
    try:
        sealed = parts_of(request).settings.keys.decrypt(_REFUSED_PURPOSE, refusal.encode())
    except WrongSecretError as error:
        raise NotFound from error
    found = msgspec.json.decode(sealed, type=_Refusal)
    return page(request, "oauth/refused.html", status=400, error=found.error, description=found.description)


ROUTES = page_router("/", authorize, decide, refused, csrf=False)
"""The form carries a request sealed for its session, in place of the CSRF token, which belongs to members' sessions."""


def parts_of(request: HttpRequest) -> OauthParts:
    """Return the dependencies of the OAuth server's endpoints."""
    return PartnersServices.of(request).oauth


def _to_sign_in(
    request: HttpRequest, parts: OauthParts, wanted: AuthorizationRequest, asked_for: dict[str, str], now: datetime
) -> Response[Any]:
    """Redirect the browser to sign-in, and from there back here with the same request."""
    query, cookies = request.scope["query_string"].decode("ascii"), []
    if len(query) > _LONGEST:
        reference = new_token("")
        left = msgspec.json.encode(_Left(reference, asked_for, now))
        sealed = parts.settings.keys.encrypt(_LEFT_PURPOSE, left).decode()
        if len(sealed) > _MOST_LEFT:
            raise _too_long(wanted)
        cookies.append(secure_cookie(parts.settings, _LEFT_COOKIE, sealed, int(PAGE_LIFE.total_seconds())))
        query = f"{_LEFT_NAME}={reference}"
    back = quote(f"{PATH}?{query}", safe="")
    return Redirect(f"{SIGN_IN}?return_to={back}", status_code=303, cookies=cookies)


def _too_long(wanted: AuthorizationRequest) -> InvalidRequestError:
    error = InvalidRequestError("The request is too long to wait while somebody signs in: push it (RFC 9126).")
    error.redirect_uri, error.state = wanted.redirect_uri, wanted.parameters.get("state")
    return error


def _asked_for(request: HttpRequest, parts: OauthParts, now: datetime) -> dict[str, str]:
    """Return the request's parameters, or those kept in the browser. Raises InvalidRequestError without a redirect."""
    parameters = read_parameters(request.scope["query_string"])
    if parameters.keys() != {_LEFT_NAME}:
        return parameters
    sealed = request.cookies.get(cookie_name(parts.settings, _LEFT_COOKIE), "")
    try:
        left = msgspec.json.decode(parts.settings.keys.decrypt(_LEFT_PURPOSE, sealed.encode()), type=_Left)
    except (WrongSecretError, msgspec.MsgspecError) as error:
        raise InvalidRequestError("Start again at the application.") from error
    # Another tab of the same browser may have stored another request since.
    if left.reference != parameters[_LEFT_NAME] or now > left.at + PAGE_LIFE:
        raise InvalidRequestError("Start again at the application.")
    return left.parameters


def _page(request: HttpRequest, parts: OauthParts, consent: Consent, person: SignedIn, asked: _Asked) -> Template:
    language = page_language(request)
    target = consent.wanted.redirect_uri
    sealed = parts.settings.keys.encrypt(_PURPOSE, msgspec.json.encode(asked)).decode()
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
    # Browsers apply form-action to the redirect, too: allow the application's own address and no other.
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
        return msgspec.json.decode(parts.settings.keys.decrypt(_PURPOSE, sealed.encode()), type=_Asked)
    except (WrongSecretError, msgspec.MsgspecError) as error:
        raise InvalidRequestError("The form did not come from a page of ours.") from error


def _refused(request: HttpRequest, parts: OauthParts, error: OAuth2Error) -> Template | Response[Any]:
    """Redirect with the error if the address is known to be the client's; otherwise show it here."""
    description = str(error.get_error_description() or "")
    if error.redirect_uri:
        values = {"error": error.error, "error_description": description or None}
        return _away(leading(error.redirect_uri, parts.settings.issuer, error.state, **values))
    if isinstance(error, UnsupportedResponseTypeError):
        description = ""  # it repeats the request, which may contain anything
    return page(request, "oauth/refused.html", status=400, error=error.error, description=description)


def _refused_form(request: HttpRequest, parts: OauthParts, error: OAuth2Error) -> Response[Any]:
    """Redirect with the error, or to the page that shows it: a form is never answered with a page."""
    answer = _refused(request, parts, error)
    if isinstance(answer, Response) and not isinstance(answer, Template):
        return answer
    refusal = msgspec.json.encode(_Refusal(error.error, str(error.get_error_description() or "")))
    sealed = parts.settings.keys.encrypt(_REFUSED_PURPOSE, refusal).decode()
    return Redirect(f"{REFUSED}?refusal={quote(sealed, safe='')}", status_code=303)


def _away(location: str) -> Response[Any]:
    # 303: the form's content must not be forwarded (RFC 9700 §4.12).
    return Redirect(location, status_code=303, headers={"Referrer-Policy": "no-referrer"})
