"""Applications, operations' decisions, profile and locations over HTTP."""

from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody
from msgspec.structs import replace

from marketplace.kernel.clock import Clock
from marketplace.platform.database import UnitOfWork
from marketplace.platform.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.identity import Caller, Unauthenticated
from marketplace.platform.paging import DEFAULT_LIMIT, Cursors, Limit, Page
from marketplace.platform.problems import HttpRequest, language_of, path_id
from marketplace.settings import Settings
from partners.oauth.callers import PartnerCaller
from partners.oauth.gate import gate_of
from partners.onboarding import read
from partners.onboarding.apply import APPLICANT, apply, look
from partners.onboarding.decide import decide
from partners.onboarding.domain import Decision
from partners.onboarding.locations import add_location, list_locations
from partners.onboarding.schemas import (
    ApplicationReceipt,
    ApplicationStatus,
    DecisionIn,
    LocationView,
    NewApplication,
    NewLocation,
    PartnerDetail,
    PartnerView,
    Profile,
)
from partners.secrets_once import reveal, seal

ApplicationToken = Annotated[
    str | None, HeaderParameter(name="Authorization", required=False, description="`Bearer` and the application token.")
]

OPERATIONS = {"roles": ["operations"]}
READERS = {"roles": ["operations", "finance", "finance_approver", "auditor"]}


class Applications(Controller):
    """For companies that are no partners yet: no token of ours is needed."""

    path = "/v1/partner/applications"
    opt = {"public": True}  # an applicant has no client yet
    tags = ["partner"]
    security = [{}]

    @post(
        operation_id="apply",
        summary="Apply to become a partner",
        responses={201: ResponseSpec(ApplicationReceipt, description="The receipt", generate_examples=False)},
    )
    async def apply(
        self,
        data: JSONBody[NewApplication],
        request: HttpRequest,
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """Answer the receipt with an `application_token`: the bearer token for looking at this one application."""
        now = clock.now()

        async def record(work: UnitOfWork) -> ApplicationReceipt:
            receipt = await apply(work, data, now)
            return replace(receipt, application_token=seal(settings.secret_key, receipt.application_token))

        whole = request_key(request, APPLICANT, key, data)
        outcome = await once(whole, language_of(request), record, status=201, now=now)
        return reveal(outcome, "application_token", settings.secret_key)

    @get("/{application_id:str}", operation_id="get_application", summary="How far is our application")
    async def status(self, application_id: FromPath[str], authorization: ApplicationToken = None) -> ApplicationStatus:
        """Shown to whoever has the application token, sent as `Authorization: Bearer mpa_…`."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("缺少申请令牌", "the application token is missing")
        return await look(path_id(application_id), token.strip())


class AdminPartners(Controller):
    """Operations see and decide."""

    path = "/v1/admin/partners"
    tags = ["operations"]

    @get(operation_id="list_partners", summary="Partners and applications", opt=READERS)
    async def list_all(
        self,
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        cursors: NamedDependency[Cursors],
        status: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[PartnerView]:
        """The newest application first; `status` narrows the list to one state."""
        return await read.list_partners(read.status_filter(status), cursors, cursor, limit)

    @get("/{partner_id:str}", operation_id="get_partner", summary="One partner with its history", opt=READERS)
    async def see(self, partner_id: FromPath[str], staff: NamedDependency[Caller]) -> PartnerDetail:  # noqa: ARG002 - the guard
        """Everything about a partner, its history and what can be decided now."""
        return await read.partner_detail(path_id(partner_id))


def _decision(decision: Decision, summary: str) -> HTTPRouteHandler:
    """Return the route of one decision. The five differ in nothing but their word."""

    @post(
        f"/v1/admin/partners/{{partner_id:str}}/{decision}",
        tags=["operations"],
        operation_id=f"{decision}_partner",
        summary=summary,
        opt=OPERATIONS,
        status_code=200,
        responses={200: ResponseSpec(PartnerDetail, description="The partner", generate_examples=False)},
    )
    async def handler(
        partner_id: FromPath[str],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        data: JSONBody[DecisionIn | None] = None,
    ) -> Response[bytes]:
        identifier, now, reason = path_id(partner_id), clock.now(), data.reason if data else None

        async def carry_out(work: UnitOfWork) -> PartnerDetail:
            await decide(work, identifier, decision, staff.actor, reason, now)
            return await read.partner_detail(identifier)

        outcome = await once(request_key(request, staff.actor, key, data), language_of(request), carry_out, now=now)
        gate_of(request).forget()
        return outcome.response()

    return handler


DECISIONS = [
    _decision("approve", "Approve an application"),
    _decision("reject", "Reject an application"),
    _decision("suspend", "Suspend a partner"),
    _decision("resume", "Resume a suspended partner"),
    _decision("terminate", "End the partnership"),
]


class OwnProfile(Controller):
    """A partner's own view."""

    path = "/v1/partner"
    tags = ["partner"]

    @get("/profile", operation_id="get_profile", summary="Who are we")
    async def profile(self, partner: NamedDependency[PartnerCaller]) -> Profile:
        """The calling partner, and what this token may do."""
        return await read.profile(partner.partner_id, partner.client_id, partner.scopes)

    @post(
        "/locations",
        operation_id="add_location",
        summary="Add a location",
        opt={"scope": "locations:write"},
        responses={201: ResponseSpec(LocationView, description="The location", generate_examples=False)},
    )
    async def add(
        self,
        data: JSONBody[NewLocation],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """A place where vouchers are taken, under the partner's own id."""
        now = clock.now()

        async def add(work: UnitOfWork) -> LocationView:
            return await add_location(work, partner.partner_id, data, now)

        whole = request_key(request, partner.actor, key, data)
        return (await once(whole, language_of(request), add, status=201, now=now)).response()

    @get("/locations", operation_id="list_locations", summary="Our locations")
    async def locations(
        self,
        partner: NamedDependency[PartnerCaller],
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[str | None] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[LocationView]:
        """The calling partner's locations, by id."""
        return await list_locations(partner.partner_id, cursors, cursor, limit)
