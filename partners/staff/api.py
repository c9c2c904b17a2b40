"""A partner's staff over HTTP: for the partner's own systems, and for operations."""

from typing import Any

from litestar import Controller, Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import NotFound, WrongState
from marketplace.platform.http.etags import IfMatch, IfMatchUnlessNew, editions_of
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.identity import Caller
from marketplace.platform.http.merge_patch import Patch
from marketplace.platform.http.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from marketplace.settings import Settings
from partners.oauth.access.callers import PartnerCaller
from partners.oauth.access.client_cache import client_cache_of
from partners.registry.read import require_partner
from partners.roles import OPERATIONS, READERS
from partners.services import PartnersServices
from partners.staff import people
from partners.staff.people import LastOwner, NotAnOwner, OwnerPresent, StaffExists, TooManyStaff
from partners.staff.provider import ProviderUnreachable, delete_provider, get_provider, set_provider
from partners.staff.read import get_staff, list_staff
from partners.staff.schemas import (
    EndedSessions,
    IdentityProviderInput,
    IdentityProviderView,
    OwnerInput,
    OwnerReset,
    StaffContent,
    StaffInput,
    StaffView,
)
from partners.staff.throttle import TooManyMessages

_MANAGE = {"scope": "staff:manage"}
_PERSON = ResponseSpec(StaffView, description="The person", generate_examples=False)


class OwnStaff(Controller):
    """A partner's own staff. A partner only finds its own people."""

    path = "/v1/partner/staff"
    opt = _MANAGE
    tags = ["partner"]

    @get(operation_id="list_staff", summary="List the partner's staff")
    async def list_all(
        self,
        partner: NamedDependency[PartnerCaller],
        cursors: NamedDependency[Cursors],
        clock: NamedDependency[Clock],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[StaffView]:
        """In order of invitation; disabled people stay on the list."""
        return await list_staff(partner.partner_id, cursors, cursor, limit, clock.now())

    @post(
        operation_id="invite_staff",
        opt=refusals(StaffExists, TooManyStaff, TooManyMessages),
        summary="Invite a staff member",
        responses={201: _PERSON},
    )
    async def invite(
        self,
        data: JSONBody[StaffInput],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """A message with a link is sent to the address. The link works once, for seven days."""
        now = clock.now()

        async def invite(work: UnitOfWork) -> StaffView:
            return await people.invite(work, partner.partner_id, data, partner.actor, now)

        whole = request_key(request, partner.actor, key, data)
        return (await once(whole, language_of(request), invite, status=201, now=now)).response()

    @get("/{staff_id:str}", operation_id="get_staff", summary="Get a staff member")
    async def see(
        self, staff_id: FromPath[PathId], partner: NamedDependency[PartnerCaller], clock: NamedDependency[Clock]
    ) -> Response[StaffView]:
        """Send the ETag as If-Match of a change."""
        return _tagged(await get_staff(partner.partner_id, path_id(staff_id), clock.now()))

    @patch(
        "/{staff_id:str}",
        operation_id="update_staff",
        summary="Update a staff member",
        opt={"patch": StaffContent} | refusals(LastOwner),
    )
    async def change(
        self,
        staff_id: FromPath[PathId],
        data: JSONBody[Patch],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        clock: NamedDependency[Clock],
        if_match: IfMatch = None,
    ) -> Response[StaffView]:
        """Omitted members stay unchanged. Applications acting for the person are limited to the new roles."""
        identifier, editions = path_id(staff_id), editions_of(if_match)
        async with unit_of_work() as work:
            now, actor = clock.now(), partner.actor
            changed = await people.change(work, partner.partner_id, identifier, data, editions, actor, now)
        client_cache_of(request).invalidate()  # their grants' scopes change with their roles
        return _tagged(changed)

    @post(
        "/{staff_id:str}/disable",
        operation_id="disable_staff",
        opt=refusals(LastOwner, WrongState),
        summary="Disable a staff member",
        status_code=200,
        responses={200: _PERSON},
    )
    async def disable(
        self,
        staff_id: FromPath[PathId],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Ends all sessions and deletes password and second factor. The last owner cannot be disabled."""
        identifier, now = path_id(staff_id), clock.now()

        async def disable(work: UnitOfWork) -> StaffView:
            return await people.disable(work, partner.partner_id, identifier, partner.actor, now)

        whole = request_key(request, partner.actor, key, None)
        outcome = await once(whole, language_of(request), disable, now=now)
        client_cache_of(request).invalidate()
        return outcome.response()

    @post(
        "/{staff_id:str}/invite",
        operation_id="resend_staff_invitation",
        opt=refusals(WrongState, TooManyMessages),
        summary="Resend an invitation",
        status_code=200,
        responses={200: _PERSON},
    )
    async def again(
        self,
        staff_id: FromPath[PathId],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """For somebody invited or disabled. The previous link becomes invalid."""
        identifier, now = path_id(staff_id), clock.now()

        async def again(work: UnitOfWork) -> StaffView:
            return await people.invite_again(work, partner.partner_id, identifier, partner.actor, now)

        whole = request_key(request, partner.actor, key, None)
        return (await once(whole, language_of(request), again, now=now)).response()

    @post(
        "/{staff_id:str}/end-sessions",
        operation_id="end_staff_sessions",
        summary="End a staff member's sessions",
        status_code=200,
        responses={200: ResponseSpec(EndedSessions, description="How many", generate_examples=False)},
    )
    async def end_sessions(
        self,
        staff_id: FromPath[PathId],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """The person can sign in again."""
        identifier, now = path_id(staff_id), clock.now()

        async def end(work: UnitOfWork) -> EndedSessions:
            return EndedSessions(
                await people.sign_out_everywhere(work, partner.partner_id, identifier, partner.actor, now)
            )

        whole = request_key(request, partner.actor, key, None)
        return (await once(whole, language_of(request), end, now=now)).response()


class OwnProvider(Controller):
    """The partner's own OpenID Connect provider."""

    path = "/v1/partner/identity-provider"
    opt = _MANAGE
    tags = ["partner"]

    @get(operation_id="get_identity_provider", opt=refusals(NotFound), summary="Get the partner's identity provider")
    async def see(
        self, partner: NamedDependency[PartnerCaller], settings: NamedDependency[Settings]
    ) -> Response[IdentityProviderView]:
        """The secret is not returned. Register `redirect_uri` at the provider; people sign in at `sign_in`."""
        return _tagged(await get_provider(settings, partner.partner_id))

    @put(
        operation_id="set_identity_provider",
        opt=refusals(ProviderUnreachable) | refusals(NotFound),
        summary="Set the partner's identity provider",
    )
    async def set(
        self,
        data: JSONBody[IdentityProviderInput],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        settings: NamedDependency[Settings],
        clock: NamedDependency[Clock],
        if_match: IfMatchUnlessNew = None,
    ) -> Response[IdentityProviderView]:
        """Replacing a provider needs If-Match. People are matched by verified e-mail address the first time, then by subject."""
        outbound = PartnersServices.of(request).outbound
        editions, now = editions_of(if_match) if if_match else None, clock.now()
        async with unit_of_work() as work:
            view = await set_provider(work, settings, outbound, partner.partner_id, data, editions, partner.actor, now)
        client_cache_of(request).invalidate()
        return _tagged(view)

    @delete(
        operation_id="delete_identity_provider",
        opt=refusals(NotFound),
        summary="Delete the partner's identity provider",
    )
    async def remove_provider(
        self, request: HttpRequest, partner: NamedDependency[PartnerCaller], clock: NamedDependency[Clock]
    ) -> None:
        """People who signed in by it are signed out, and invited again."""
        async with unit_of_work() as work:
            await delete_provider(work, partner.partner_id, partner.actor, clock.now())
        client_cache_of(request).invalidate()


class AdminStaff(Controller):
    """A partner's staff on the admin API."""

    path = "/v1/admin/partners/{partner_id:str}/staff"
    tags = ["operations"]

    @get(operation_id="list_partner_staff", summary="List a partner's staff", opt=READERS)
    async def list_all(
        self,
        partner_id: FromPath[PathId],
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        cursors: NamedDependency[Cursors],
        clock: NamedDependency[Clock],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[StaffView]:
        """In order of invitation."""
        identifier = path_id(partner_id)
        await require_partner(identifier)
        return await list_staff(identifier, cursors, cursor, limit, clock.now())

    @post(
        operation_id="invite_partner_owner",
        summary="Invite an owner for a partner without one",
        opt=OPERATIONS | refusals(OwnerPresent, TooManyMessages, StaffExists),
        responses={201: _PERSON},
    )
    async def invite(
        self,
        partner_id: FromPath[PathId],
        data: JSONBody[OwnerInput],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """409 `owner_present` while an owner can sign in: then the partner invites its own people."""
        identifier, now = path_id(partner_id), clock.now()

        async def invite(work: UnitOfWork) -> StaffView:
            return await people.invite_owner(work, identifier, data, staff.actor, now)

        whole = request_key(request, staff.actor, key, data)
        return (await once(whole, language_of(request), invite, status=201, now=now)).response()

    @post(
        "/{staff_id:str}/reset",
        operation_id="reset_partner_owner",
        summary="Reset an owner who lost their sign-in",
        opt=OPERATIONS | refusals(NotAnOwner, WrongState, TooManyMessages),
        status_code=200,
        responses={200: _PERSON},
    )
    async def reset(
        self,
        partner_id: FromPath[PathId],
        staff_id: FromPath[PathId],
        data: JSONBody[OwnerReset],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Ends all sessions, deletes password and second factor, and sends a new link to the owner's address."""
        identifier, person, now = path_id(partner_id), path_id(staff_id), clock.now()

        async def reset(work: UnitOfWork) -> StaffView:
            return await people.reset_owner(work, identifier, person, data.reason, staff.actor, now)

        whole = request_key(request, staff.actor, key, data)
        return (await once(whole, language_of(request), reset, now=now)).response()


def _tagged(view: StaffView | IdentityProviderView) -> Response[Any]:
    return Response(view, headers={"ETag": f'"{view.version}"'})


ROUTES: list[type[Controller]] = [OwnStaff, OwnProvider, AdminStaff]
