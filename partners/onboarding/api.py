"""Applications, decisions of operations, and the partner's profile over HTTP."""

from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody
from msgspec.structs import replace

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import Refusal, WrongState
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.identity import Caller, Unauthenticated
from marketplace.platform.http.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.settings import Settings
from partners.oauth.access.callers import PartnerCaller
from partners.oauth.access.client_cache import client_cache_of
from partners.onboarding.apply import apply, prove, proven_status, resubmit
from partners.onboarding.checklist import APPLICANT, RequirementsMissing
from partners.onboarding.decide import decide
from partners.onboarding.schemas import (
    ApplicationInput,
    ApplicationReceipt,
    ApplicationStatus,
    DecisionInput,
    Resubmission,
)
from partners.one_time_secrets import reveal, seal
from partners.registry import read
from partners.registry.domain import Decision, PartnerStatus
from partners.registry.schemas import PartnerDetail, PartnerView, Profile
from partners.roles import OPERATIONS, READERS

ApplicationToken = Annotated[
    str | None, HeaderParameter(name="Authorization", required=False, description="`Bearer` and the application token.")
]


def bearer_of(authorization: str | None) -> str:
    """Return the application token in the header. Raises Unauthenticated."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("缺少申请令牌", "the application token is missing")
    return token.strip()


class Applications(Controller):
    """For companies that are not partners yet: no access token is needed."""

    path = "/v1/partner/applications"
    opt = {"public": True, "counted": True}  # an applicant has no client yet
    tags = ["partner"]
    security = [{"application": []}]

    @post(
        operation_id="create_application",
        opt=refusals(RequirementsMissing),
        summary="Apply to become a partner",
        security=[{}],
        responses={201: ResponseSpec(ApplicationReceipt, description="The receipt", generate_examples=False)},
    )
    async def apply(
        self,
        data: JSONBody[ApplicationInput],
        request: HttpRequest,
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """The receipt contains an `application_token`: the bearer token for this application."""
        now = clock.now()

        async def record(work: UnitOfWork) -> ApplicationReceipt:
            receipt = await apply(work, data, now)
            return replace(receipt, application_token=seal(settings.keys, receipt.application_token))

        whole = request_key(request, APPLICANT, key, data)
        outcome = await once(whole, language_of(request), record, status=201, now=now)
        return reveal(outcome, "application_token", settings.keys)

    @get("/{application_id:str}", operation_id="get_application", summary="Get an application's status")
    async def status(
        self, application_id: FromPath[PathId], authorization: ApplicationToken = None
    ) -> ApplicationStatus:
        """Needs the application token, sent as `Authorization: Bearer mpa_…`."""
        return await proven_status(path_id(application_id), bearer_of(authorization))

    @post(
        "/{application_id:str}/resubmit",
        operation_id="resubmit_application",
        opt=refusals(RequirementsMissing, WrongState),
        summary="Resubmit an application",
        status_code=200,
        responses={
            200: ResponseSpec(ApplicationStatus, description="The application's status", generate_examples=False)
        },
    )
    async def resubmit(
        self,
        application_id: FromPath[PathId],
        data: JSONBody[Resubmission],
        request: HttpRequest,
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        authorization: ApplicationToken = None,
    ) -> Response[bytes]:
        """Send the whole corrected application, with the application token. Possible in the state `changes_requested` only."""
        identifier, now = path_id(application_id), clock.now()
        await prove(identifier, bearer_of(authorization))

        async def record(work: UnitOfWork) -> ApplicationStatus:
            return await resubmit(work, identifier, data, now)

        whole = request_key(request, f"{APPLICANT}:{identifier}", key, data)
        return (await once(whole, language_of(request), record, now=now)).response()


class AdminPartners(Controller):
    """Partners and applications on the admin API."""

    path = "/v1/admin/partners"
    tags = ["operations"]

    @get(operation_id="list_partners", summary="List partners and applications", opt=READERS)
    async def list_all(
        self,
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        cursors: NamedDependency[Cursors],
        status: FromQuery[PartnerStatus | None] = None,
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[PartnerView]:
        """The newest application first; `status` filters by status."""
        return await read.list_partners(status, cursors, cursor, limit)

    @get("/{partner_id:str}", operation_id="get_partner", summary="Get a partner with its history", opt=READERS)
    async def see(self, partner_id: FromPath[PathId], staff: NamedDependency[Caller]) -> PartnerDetail:  # noqa: ARG002 - the guard
        """All data of a partner, with its history and the possible decisions."""
        return await read.partner_detail(path_id(partner_id))


def _decision(decision: Decision, operation_id: str, summary: str, *own: type[Refusal]) -> HTTPRouteHandler:
    """Return the route of one decision."""

    @post(
        f"/v1/admin/partners/{{partner_id:str}}/{decision.replace('_', '-')}",
        tags=["operations"],
        operation_id=operation_id,
        summary=summary,
        opt=OPERATIONS | refusals(*own),
        status_code=200,
        responses={200: ResponseSpec(PartnerDetail, description="The partner", generate_examples=False)},
    )
    async def handler(
        partner_id: FromPath[PathId],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        data: JSONBody[DecisionInput | None] = None,
    ) -> Response[bytes]:
        identifier, now, said = path_id(partner_id), clock.now(), data or DecisionInput()

        async def carry_out(work: UnitOfWork) -> PartnerDetail:
            override = said.override.reason if said.override else None
            await decide(work, identifier, decision, staff.actor, said.reason, now, override=override)
            return await read.partner_detail(identifier)

        outcome = await once(request_key(request, staff.actor, key, data), language_of(request), carry_out, now=now)
        client_cache_of(request).invalidate()
        return outcome.response()

    return handler


DECISIONS = [
    _decision("review", "review_application", "Start the review of an application", WrongState),
    _decision("request_changes", "request_application_changes", "Ask an applicant for changes", WrongState),
    _decision("approve", "approve_application", "Approve an application", WrongState, RequirementsMissing),
    _decision("reject", "reject_application", "Reject an application", WrongState),
    _decision("suspend", "suspend_partner", "Suspend a partner", WrongState),
    _decision("resume", "resume_partner", "Resume a suspended partner", WrongState),
    _decision("terminate", "terminate_partner", "Terminate a partnership", WrongState),
]


class OwnProfile(Controller):
    """The partner's own profile."""

    path = "/v1/partner"
    tags = ["partner"]

    @get("/profile", operation_id="get_profile", summary="Get the partner's profile")
    async def profile(self, partner: NamedDependency[PartnerCaller]) -> Profile:
        """The calling partner, and the scopes of this token."""
        return await read.profile(partner.partner_id, partner.client_id, partner.scopes)
