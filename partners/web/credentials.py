"""Credentials of the company's systems, for developers and owners: create, rotate, revoke."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import Explanation, Kind, NotFound, Refusal
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.text import Text
from marketplace.platform.http.paging import Cursors
from marketplace.platform.postgres.database import unit_of_work
from marketplace.settings import Settings
from marketplace.web.form_answers import show_once
from marketplace.web.forms import PageRequest, errors_of, redirect_to, typed, wire
from marketplace.web.language import page_language
from marketplace.web.navigation import NavItem, leads_to
from marketplace.web.pages import PageTemplate
from partners.oauth.access.client_cache import client_cache_of
from partners.oauth.clients.client_metadata import SECRET_METHODS
from partners.oauth.clients.clients import client_of_partner, list_clients, register_client, revoke_client
from partners.oauth.clients.credentials import rotate_secret
from partners.oauth.clients.schemas import ClientInput
from partners.oauth.domain import PARTNER_SCOPE_TEXTS
from partners.one_time_secrets import unseal
from partners.roles import SignedIn, StaffRole, scopes_of
from partners.web.frame import RoleNeeded, portal_page

ON_A_PAGE = 50
GRACE_HOURS = 24
"""How long an old secret stays valid beside its successor, so that systems can switch."""


PLACE = NavItem(
    path="/partner/credentials",
    icon="key",
    name=Text("凭证", "Credentials"),
    about=Text("沙箱与正式凭证，更换密钥，吊销", "Sandbox and live, new secrets, revocation"),
    rank=70,
    scope="webhooks:manage",  # a scope of developers and owners only
)


class MoreThanYourRole(Refusal):
    """Live credentials are limited to the scopes of the person who creates them."""

    kind = Kind.FORBIDDEN
    code = "more_than_your_role"
    zh = "正式凭证的权限不能超出您的角色，以下各项您的角色没有：{zh_scopes}"
    en = "Live credentials cannot do more than your role, which does not have: {en_scopes}"
    explanation = Explanation(
        Text(
            "正式凭证的权限不能超出创建者的角色。",
            "Live credentials cannot have more scopes than the role of the person who creates them.",
        ),
        Text("请减少权限，或由负责人创建。", "Choose fewer scopes, or have an owner create the credentials."),
    )

    def __init__(self, scopes: Collection[str]) -> None:
        """Return the scopes with the sentences of the consent page."""
        texts = [PARTNER_SCOPE_TEXTS[scope] for scope in sorted(scopes)]
        zh_scopes, en_scopes = "".join(text.zh for text in texts), " ".join(text.en for text in texts)
        super().__init__(zh_scopes=zh_scopes, en_scopes=en_scopes)


@get(PLACE.path, opt=leads_to(PLACE))
async def credentials(
    request: PageRequest, me: NamedDependency[SignedIn], cursors: NamedDependency[Cursors]
) -> PageTemplate:
    """List the company's clients, with a form for another."""
    _need_developer(me)
    return await _list(request, me, cursors)


@post("/partner/credentials", status_code=200)
async def make(
    request: PageRequest,
    me: NamedDependency[SignedIn],
    cursors: NamedDependency[Cursors],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> PageTemplate:
    """Issue a client and show its secret once."""
    _need_developer(me)
    form = await request.form()
    said: dict[str, Any] = {
        "name": typed(form, "name", 80),
        "scopes": form.getall("scopes", []),
        "livemode": form.get("livemode") == "live",
    }
    try:
        new = wire(ClientInput, said, _FIELD_WORDS, "scopes")
        beyond = set(new.scopes) - scopes_of(me.roles)
        if new.livemode and beyond:
            raise MoreThanYourRole(beyond)
        async with unit_of_work() as work:
            issued = await register_client(work, settings, new, me.partner_id, me.actor, clock.now())
    except (Refusal, TransitionRefusedError) as refused:
        return await _list(request, me, cursors, said, errors_of(request, refused, _FIELD_WORDS))
    return await _secret_page(request, settings, issued.client_id, issued.client_secret or "", new.livemode)


@post("/partner/credentials/{client_id:str}/{action:str}", status_code=200)
async def submit(
    client_id: FromPath[str],
    action: FromPath[str],
    request: PageRequest,
    me: NamedDependency[SignedIn],
    cursors: NamedDependency[Cursors],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> PageTemplate | Response[Any]:
    """Rotate a client's secret, with the old one valid for a day, or revoke the client permanently."""
    _need_developer(me)
    client = await client_of_partner(me.partner_id, client_id)
    beyond = set(client.scopes) - scopes_of(me.roles)
    try:
        if action == "revoke":
            async with unit_of_work() as work:
                await revoke_client(work, client_id, me.actor, "portal", clock.now())
            client_cache_of(request).invalidate()
            return redirect_to("/partner/credentials?done=revoked")
        if action != "rotate":
            raise NotFound
        # The person who sees the new secret can do what the client can.
        if client.livemode and beyond:
            raise MoreThanYourRole(beyond)
        async with unit_of_work() as work:
            rotated = await rotate_secret(
                work, settings, client_id, me.actor, clock.now(), grace_hours=GRACE_HOURS, secret_days=None
            )
        client_cache_of(request).invalidate()
    except Refusal as refused:
        if isinstance(refused, NotFound):
            raise
        return await _list(request, me, cursors, errors=errors_of(request, refused, ()))
    secret = unseal(settings.keys, rotated.client_secret)
    works_on = rotated.old_until if rotated.old_until > clock.now() else None
    return await _secret_page(request, settings, client_id, secret, client.livemode, works_on)


async def _secret_page(
    request: PageRequest,
    settings: Settings,
    client_id: str,
    secret: str,
    livemode: bool,
    old_until: datetime | None = None,
) -> PageTemplate:
    show_once(request)
    return await portal_page(
        request, "partner/secret.html", client_id=client_id, secret=secret, livemode=livemode, old_until=old_until,
        base_url=settings.base_url,
    )  # fmt: skip


async def _list(
    request: PageRequest,
    me: SignedIn,
    cursors: Cursors,
    said: dict[str, Any] | None = None,
    errors: dict[str, str] | None = None,
) -> PageTemplate:
    cursor = request.query_params.get("cursor") or None
    found = await list_clients(me.partner_id, cursors, cursor and cursor[:1000], ON_A_PAGE)
    language, mine = page_language(request), scopes_of(me.roles)
    return await portal_page(
        request,
        "partner/credentials.html",
        status=400 if errors else 200,
        clients=found.data,
        next_page=f"/partner/credentials?cursor={found.next_cursor}" if found.next_cursor else "",
        with_secret=SECRET_METHODS,
        scopes=[(scope, text.in_language(language), scope in mine) for scope, text in PARTNER_SCOPE_TEXTS.items()],
        said=said or {"name": "", "scopes": [], "livemode": False},
        errors=errors or {},
        done=request.query_params.get("done", ""),
    )


def _need_developer(me: SignedIn) -> None:
    if not me.roles & {StaffRole.OWNER, StaffRole.DEVELOPER}:
        raise RoleNeeded


_FIELD_WORDS = {
    "name": (
        "请填写名称，例如系统名，最多 80 个字符。",
        "Please give it a name of at most 80 characters, such as the system's.",
    ),
    "scopes": ("请至少选择一项权限。", "Please choose at least one permission."),
}
