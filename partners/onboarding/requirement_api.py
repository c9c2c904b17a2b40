"""The checklist over HTTP: operations configure and verify, applicants read and attest."""

from litestar import Controller, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import ChangedMeanwhile
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.identity import Caller
from marketplace.platform.http.merge_patch import Patch
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from partners.onboarding.api import ApplicationToken, bearer_of
from partners.onboarding.apply import NotAmendable, prove
from partners.onboarding.checklist import APPLICANT, attest, checklist, verify
from partners.onboarding.requirement_schemas import (
    Checklist,
    RequirementContent,
    RequirementInput,
    RequirementList,
    RequirementView,
    VerificationInput,
)
from partners.onboarding.requirements import (
    RequirementExists,
    change_requirement,
    create_requirement,
    list_requirements,
    retire_requirement,
)
from partners.onboarding.schemas import Attestation
from partners.roles import OPERATIONS, READERS


class Requirements(Controller):
    """The requirements of the checklist, which operations configure."""

    path = "/v1/admin/requirements"
    tags = ["operations"]

    @get(operation_id="list_requirements", summary="List the requirements of the checklist", opt=READERS)
    async def list_all(self, staff: NamedDependency[Caller]) -> RequirementList:  # noqa: ARG002 - the guard
        """All of them, retired ones included, in the order of the checklist."""
        return await list_requirements()

    @post(
        operation_id="create_requirement",
        summary="Create a requirement",
        opt=OPERATIONS | refusals(RequirementExists),
        responses={201: ResponseSpec(RequirementView, description="The requirement", generate_examples=False)},
    )
    async def create(
        self,
        data: JSONBody[RequirementInput],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """The code is permanent. From now on applications need it at its gate; a gate passed earlier stays passed."""
        now = clock.now()

        async def work(transaction: UnitOfWork) -> RequirementView:
            return await create_requirement(transaction, data, staff.actor, now)

        whole = request_key(request, staff.actor, key, data)
        return (await once(whole, language_of(request), work, status=201, now=now)).response()

    @patch(
        "/{code:str}",
        operation_id="update_requirement",
        summary="Update a requirement",
        opt=OPERATIONS | {"patch": RequirementContent} | refusals(ChangedMeanwhile),
    )
    async def change(
        self,
        code: FromPath[str],
        data: JSONBody[Patch],
        staff: NamedDependency[Caller],
        clock: NamedDependency[Clock],
    ) -> RequirementView:
        """A JSON Merge Patch with the `version` that was read; 412 if it changed since."""
        async with unit_of_work() as work:
            return await change_requirement(work, code, data, staff.actor, clock.now())

    @post(
        "/{code:str}/retire",
        operation_id="retire_requirement",
        summary="Retire a requirement",
        opt=OPERATIONS,
        status_code=200,
        responses={200: ResponseSpec(RequirementView, description="The requirement", generate_examples=False)},
    )
    async def retire(
        self,
        code: FromPath[str],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Answers are kept; an update with `active: true` restores it."""
        now = clock.now()

        async def work(transaction: UnitOfWork) -> RequirementView:
            return await retire_requirement(transaction, code, staff.actor, now)

        whole = request_key(request, staff.actor, key, None)
        return (await once(whole, language_of(request), work, now=now)).response()


class AdminChecklist(Controller):
    """A partner's checklist on the admin API."""

    path = "/v1/admin/partners/{partner_id:str}/checklist"
    tags = ["operations"]

    @get(operation_id="get_partner_checklist", summary="Get a partner's onboarding checklist", opt=READERS)
    async def see(self, partner_id: FromPath[PathId], staff: NamedDependency[Caller]) -> Checklist:  # noqa: ARG002 - the guard
        """Each requirement for this kind of partner, whether it is met, who answered it, and what is missing at each gate."""
        return await checklist(path_id(partner_id), staff=True)

    @post(
        "/{code:str}/verify",
        operation_id="verify_requirement",
        summary="Verify a requirement of the checklist",
        opt=OPERATIONS,
        status_code=200,
        responses={200: ResponseSpec(Checklist, description="The checklist", generate_examples=False)},
    )
    async def verify(
        self,
        partner_id: FromPath[PathId],
        code: FromPath[str],
        data: JSONBody[VerificationInput],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """`reference` is where the document is filed. A later verification replaces an earlier one."""
        identifier, now = path_id(partner_id), clock.now()

        async def work(transaction: UnitOfWork) -> Checklist:
            await verify(transaction, identifier, code, data, staff.actor, now)
            return await checklist(identifier, staff=True)

        whole = request_key(request, staff.actor, key, data)
        return (await once(whole, language_of(request), work, now=now)).response()


class ApplicantChecklist(Controller):
    """The applicant's checklist, by the application token."""

    path = "/v1/partner/applications/{application_id:str}"
    opt = {"public": True, "counted": True}  # an applicant has no client yet
    tags = ["partner"]
    security = [{"application": []}]

    @get("/checklist", operation_id="get_application_checklist", summary="Get an application's checklist")
    async def see(self, application_id: FromPath[PathId], authorization: ApplicationToken = None) -> Checklist:
        """Each requirement, whether it is met, and what is missing at each gate."""
        identifier = path_id(application_id)
        await prove(identifier, bearer_of(authorization))
        return await checklist(identifier, staff=False)

    @post(
        "/attestations",
        operation_id="attest_requirement",
        opt=refusals(NotAmendable),
        summary="Attest that a requirement is met",
        status_code=200,
        responses={200: ResponseSpec(Checklist, description="The checklist", generate_examples=False)},
    )
    async def attest(
        self,
        application_id: FromPath[PathId],
        data: JSONBody[Attestation],
        request: HttpRequest,
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        authorization: ApplicationToken = None,
    ) -> Response[bytes]:
        """For requirements of the kind `attested`, while the application is under review."""
        identifier, now = path_id(application_id), clock.now()
        await prove(identifier, bearer_of(authorization))

        async def work(transaction: UnitOfWork) -> Checklist:
            await attest(transaction, identifier, [data], now, field="code")
            return await checklist(identifier, staff=False)

        whole = request_key(request, f"{APPLICANT}:{identifier}", key, data)
        return (await once(whole, language_of(request), work, now=now)).response()


ROUTES: list[type[Controller]] = [Requirements, AdminChecklist, ApplicantChecklist]
