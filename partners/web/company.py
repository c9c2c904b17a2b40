"""Sign-in by the company's own OpenID Connect provider."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace.kernel.clock import WALL, Clock
from marketplace.kernel.keyring import Purpose, WrongSecretError
from marketplace.kernel.refusals import NotFound
from marketplace.platform.http.authentication import ONCE
from marketplace.platform.postgres.database import unit_of_work
from marketplace.settings import Settings
from marketplace.web.forms import PageRequest, redirect_to
from marketplace.web.oidc import Flow, SignInFailed, check_answer, new_flow
from marketplace.web.pages import PageTemplate
from marketplace.web.sessions import cookie_name, secure_cookie
from marketplace.web.sign_in import FLOW_LIFETIME_S
from partners.services import PartnersServices
from partners.staff.company_address import company_of
from partners.staff.invitations import send_company_address
from partners.staff.provider import CALLBACK, Providers, admit, find_provider
from partners.web.frame import safe_path, sign_in_of, strangers_page
from partners.web.invitation_pages import mail_if_known
from partners.web.sign_in_pages import KNOWN_COOKIE

_COOKIE = "partner-company"
_COUNTED = {"counted": True}  # by address: each request causes a call to another server
_PURPOSE = Purpose("sign-in at a partner's provider")
_KNOWN_AGE_S = 365 * 86400


class CompanySignInFailed(SignInFailed):
    """Sign-in failed; the page links to the portal's sign-in."""

    way_out = "partner_sign_in"


class CompanyFlow(msgspec.Struct, frozen=True):
    """A sign-in in progress at one partner's provider; another provider's response is refused."""

    partner_id: UUID
    issuer: str
    flow: Flow


@get("/partner/sign-in/company/{word:str}", opt=_COUNTED)
async def begin(word: FromPath[str], request: PageRequest, settings: NamedDependency[Settings]) -> Response[Any]:
    """Redirect the browser to the company's provider; an encrypted cookie holds the sign-in's secrets."""
    company = await company_of(word)
    if company is None:
        raise NotFound
    identifier = company.partner_id
    row = await find_provider(identifier)
    flow = new_flow(safe_path(request.query_params.get("return_to")))
    url = await _providers(request).of(identifier, row).authorization_url(flow)
    begun = CompanyFlow(identifier, row["issuer"], flow)
    sealed = settings.keys.encrypt(_PURPOSE, msgspec.json.encode(begun)).decode()
    return redirect_to(url, secure_cookie(settings, _COOKIE, sealed, FLOW_LIFETIME_S))


@get(CALLBACK, opt=_COUNTED | {ONCE: True})
async def callback(
    request: PageRequest, settings: NamedDependency[Settings], clock: NamedDependency[Clock]
) -> Response[Any]:
    """Verify the provider's response against the sign-in that this browser started, and open a session."""
    begun = _begun(request, settings)
    row = await find_provider(begun.partner_id)
    if row["issuer"] != begun.issuer:
        raise CompanySignInFailed("登录服务已更换", "the provider was changed meanwhile")
    party = _providers(request).of(begun.partner_id, row)
    claims = await _proved(party, request, begun)
    async with unit_of_work() as work:
        staff_id = await admit(work, begun.partner_id, begun.issuer, claims, clock.now())
        session = await sign_in_of(request).open(work, staff_id, request)
    gone = secure_cookie(settings, _COOKIE, "", 0)
    known = secure_cookie(settings, KNOWN_COOKIE, str(begun.partner_id), _KNOWN_AGE_S)
    return redirect_to(safe_path(begun.flow.return_to), session, gone, known)


@post("/partner/sign-in/find-company", status_code=200)
async def find_company(
    request: PageRequest, settings: NamedDependency[Settings], clock: NamedDependency[Clock]
) -> PageTemplate:
    """Send the company's sign-in page by e-mail; a page would disclose who works where."""
    await mail_if_known(request, settings, clock, send_company_address)
    return await strangers_page(request, "partner/forgotten.html", done=True, company=True)


async def _proved(party: Any, request: PageRequest, begun: CompanyFlow) -> dict[str, Any]:
    try:
        code = check_answer(request.query_params, begun.flow, begun.issuer)
        claims: dict[str, Any] = await party.claims(begun.flow, code)
    except SignInFailed as failed:
        raise CompanySignInFailed(failed.details["zh_reason"], failed.details["en_reason"]) from failed
    return claims


def _begun(request: PageRequest, settings: Settings) -> CompanyFlow:
    sealed = request.cookies.get(cookie_name(settings, _COOKIE), "")
    try:
        begun = msgspec.json.decode(settings.keys.decrypt(_PURPOSE, sealed.encode()), type=CompanyFlow)
    except (WrongSecretError, msgspec.MsgspecError) as error:
        raise CompanySignInFailed("登录会话不存在", "this browser has not started a sign-in") from error
    if begun.flow.started_at + FLOW_LIFETIME_S < WALL.unix_s():
        raise CompanySignInFailed("登录超时", "it took too long")
    return begun


def _providers(request: PageRequest) -> Providers:
    return PartnersServices.of(request).providers
