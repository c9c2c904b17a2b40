"""The company's people, for its owners: invite, change roles, disable."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import InvalidField, Refusal
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.text import Text
from marketplace.kernel.typed_text import typed_plain
from marketplace.platform.http.etags import only
from marketplace.platform.http.paging import Cursors
from marketplace.platform.http.problems import path_id
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from marketplace.web.forms import PageRequest, errors_of, field, redirect_to, said_to_people, typed, wire
from marketplace.web.navigation import NavItem, leads_to
from marketplace.web.pages import PageTemplate
from partners.locations.locations import named_locations
from partners.oauth.access.client_cache import client_cache_of
from partners.roles import SignedIn, StaffRole
from partners.staff.domain import STAFF
from partners.staff.people import change, disable, invite, invite_again, sign_out_everywhere
from partners.staff.read import get_staff, list_staff
from partners.staff.schemas import StaffInput, StaffView
from partners.web.frame import portal_page, require_scope_of

PEOPLE_ON_A_PAGE = 50

_SEPARATORS = str.maketrans(",;、", "   ")
"""The separators that people write between ids."""
_SCOPE = "staff:manage"

Action = Callable[[UnitOfWork, UUID, UUID, str, Any], Awaitable[Any]]


PLACE = NavItem(
    path="/partner/people",
    icon="people",
    name=Text("人员", "People"),
    about=Text("邀请同事，分配角色，停用账号，公司登录", "Invite colleagues, give roles, end access, company sign-in"),
    rank=80,
    scope=_SCOPE,
)


@get(PLACE.path, opt=leads_to(PLACE))
async def people(
    request: PageRequest,
    me: NamedDependency[SignedIn],
    clock: NamedDependency[Clock],
    cursors: NamedDependency[Cursors],
) -> PageTemplate:
    """List all people, with an invitation form."""
    require_scope_of(me, _SCOPE)
    return await _people(request, me, clock, cursors)


@post("/partner/people", status_code=200)
async def invite_somebody(
    request: PageRequest,
    me: NamedDependency[SignedIn],
    clock: NamedDependency[Clock],
    cursors: NamedDependency[Cursors],
) -> PageTemplate | Response[Any]:
    """Invite a person; the message is sent after the commit."""
    require_scope_of(me, _SCOPE)
    form = await request.form()
    said = {"email": typed(form, "email", 254), "name": typed(form, "name", 80), "roles": form.getall("roles", [])}
    try:
        new = wire(StaffInput, said, _FIELD_WORDS, "roles")
        async with unit_of_work() as work:
            await invite(work, me.partner_id, new, me.actor, clock.now())
    except (Refusal, TransitionRefusedError) as refused:
        return await _people(request, me, clock, cursors, said, errors_of(request, refused, _FIELD_WORDS))
    return redirect_to("/partner/people?done=invited")


@get("/partner/people/{staff_id:str}")
async def person(
    staff_id: FromPath[str], request: PageRequest, me: NamedDependency[SignedIn], clock: NamedDependency[Clock]
) -> PageTemplate:
    """Show one person, with the possible actions."""
    require_scope_of(me, _SCOPE)
    return await _person(request, me, await get_staff(me.partner_id, path_id(staff_id), clock.now()))


@post("/partner/people/{staff_id:str}", status_code=200)
async def change_person(
    staff_id: FromPath[str], request: PageRequest, me: NamedDependency[SignedIn], clock: NamedDependency[Clock]
) -> PageTemplate | Response[Any]:
    """Change name, roles and locations. The form contains the version that it showed."""
    require_scope_of(me, _SCOPE)
    form, identifier = await request.form(), path_id(staff_id)
    places = typed_plain(typed(form, "locations", 4000)).translate(_SEPARATORS).split()
    said = {"name": typed(form, "name", 80), "roles": form.getall("roles", []), "locations": places}
    version = field(form, "version", 18)
    try:
        read = only(int(version) if version.isascii() and version.isdigit() else 0)
        with said_to_people(_FIELD_WORDS, "roles"):
            async with unit_of_work() as work:
                await change(work, me.partner_id, identifier, said, read, me.actor, clock.now())
        client_cache_of(request).invalidate()  # their grants' scopes change with their roles
    except Refusal as refused:
        shown = await get_staff(me.partner_id, identifier, clock.now())
        # After somebody else's change the form shows the new values, so that saving again does not undo it unseen.
        kept = said if isinstance(refused, InvalidField) else None
        return await _person(request, me, shown, errors_of(request, refused, _FIELD_WORDS), kept)
    return redirect_to("/partner/people?done=changed")


@post("/partner/people/{staff_id:str}/{action:str}", status_code=200)
async def submit(
    staff_id: FromPath[str],
    action: FromPath[str],
    request: PageRequest,
    me: NamedDependency[SignedIn],
    clock: NamedDependency[Clock],
) -> PageTemplate | Response[Any]:
    """Disable, invite again, or sign out everywhere."""
    require_scope_of(me, _SCOPE)
    actions: dict[str, Action] = {"disable": disable, "invite": invite_again, "sign-out": sign_out_everywhere}
    identifier, carry_out = path_id(staff_id), actions.get(action)
    shown = await get_staff(me.partner_id, identifier, clock.now())
    if carry_out is None:
        return redirect_to(f"/partner/people/{identifier}")
    try:
        async with unit_of_work() as work:
            await carry_out(work, me.partner_id, identifier, me.actor, clock.now())
        client_cache_of(request).invalidate()
    except (Refusal, TransitionRefusedError) as refused:
        return await _person(request, me, shown, errors_of(request, refused, ()))
    return redirect_to(f"/partner/people?done={action}")


async def _people(
    request: PageRequest,
    me: SignedIn,
    clock: Clock,
    cursors: Cursors,
    said: dict[str, Any] | None = None,
    errors: dict[str, str] | None = None,
) -> PageTemplate:
    cursor = request.query_params.get("cursor") or None
    found = await list_staff(me.partner_id, cursors, cursor and cursor[:1000], PEOPLE_ON_A_PAGE, clock.now())
    return await portal_page(
        request,
        "partner/people.html",
        status=400 if errors else 200,
        people=found.data,
        next_page=f"/partner/people?cursor={found.next_cursor}" if found.next_cursor else "",
        said=said or {"email": "", "name": "", "roles": []},
        errors=errors or {},
        done=request.query_params.get("done", ""),
    )


async def _person(
    request: PageRequest,
    me: SignedIn,
    shown: StaffView,
    errors: dict[str, str] | None = None,
    said: dict[str, Any] | None = None,
) -> PageTemplate:
    return await portal_page(
        request,
        "partner/person.html",
        status=400 if errors else 200,
        shown=shown,
        said=said or {"name": shown.name, "roles": shown.roles, "locations": shown.locations},
        errors=errors or {},
        myself=shown.id == me.staff_id,
        works_at=await named_locations(me.partner_id, shown.locations),
        actions=STAFF.actions(shown.status),
        roles=list(StaffRole),
    )


_FIELD_WORDS = {
    "email": ("请填写有效的邮箱地址。", "Please give a valid e-mail address."),
    "name": ("请填写姓名。", "Please give a name."),
    "roles": ("请至少选择一个角色。", "Please choose at least one role."),
    "locations": ("门店编号有误。", "A location id is not valid."),
}
