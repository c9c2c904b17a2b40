"""Contracts on the admin API."""

from litestar import Controller, Response, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import WrongState
from marketplace.platform.http.etags import IfMatch, editions_of, etag
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.identity import Caller
from marketplace.platform.http.paging import Page
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from marketplace.settings import Settings
from partners.contracts.agreement import Proposal
from partners.contracts.domain import ContractOverlaps
from partners.contracts.draft import draft_contract, edit_contract, offer_contract, withdraw_contract
from partners.contracts.rows import difference_of, get_contract, list_contracts
from partners.contracts.schemas import ContractDifference, ContractView, EndContract, WithdrawContract
from partners.contracts.sign import end_contract
from partners.roles import OPERATIONS, READERS
from partners.settings import PartnersSettings

ONE = {200: ResponseSpec(ContractView, description="The contract", generate_examples=False)}


def with_etag(found: tuple[ContractView, int]) -> Response[ContractView]:
    """Return the contract with its edition as ETag."""
    view, edition = found
    return Response(view, headers=etag(edition))


class AdminContracts(Controller):
    """Draft, offer, withdraw and end contracts. A partner has few versions, so their list has one page."""

    path = "/v1/admin/partners/{partner_id:str}/contracts"
    tags = ["operations"]

    @post(
        operation_id="draft_contract",
        summary="Draft a contract",
        opt=OPERATIONS | refusals(WrongState),
        responses={201: ResponseSpec(ContractView, description="The draft", generate_examples=False)},
    )
    async def draft(
        self,
        partner_id: FromPath[PathId],
        data: JSONBody[Proposal],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """Draft the partner's next version. It takes effect once it was offered and both sides have signed it."""
        identifier, now = path_id(partner_id), clock.now()
        house = settings.currency, settings.of(PartnersSettings).oem_name

        async def draft(work: UnitOfWork) -> ContractView:
            return await draft_contract(work, identifier, data, *house, staff.actor, now)

        whole = request_key(request, staff.actor, key, data)
        return (await once(whole, language_of(request), draft, status=201, now=now)).response()

    @get(operation_id="list_partner_contracts", summary="List a partner's contracts", opt=READERS)
    async def list_versions(self, partner_id: FromPath[PathId], staff: NamedDependency[Caller]) -> Page[ContractView]:  # noqa: ARG002 - the guard
        """All versions, by start date."""
        return Page(await list_contracts(path_id(partner_id), staff=True))

    @get(
        "/{contract_id:str}",
        operation_id="get_partner_contract",
        summary="Get a version of a partner's contract",
        opt=READERS,
    )
    async def see(
        self,
        partner_id: FromPath[PathId],
        contract_id: FromPath[PathId],
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
    ) -> Response[ContractView]:
        """Send the ETag as If-Match of a change."""
        return with_etag(await get_contract(path_id(partner_id), path_id(contract_id), staff=True))

    @put(
        "/{contract_id:str}",
        operation_id="replace_contract_draft",
        summary="Replace a draft of a contract",
        opt=OPERATIONS | refusals(WrongState),
    )
    async def edit(
        self,
        partner_id: FromPath[PathId],
        contract_id: FromPath[PathId],
        data: JSONBody[Proposal],
        staff: NamedDependency[Caller],
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
        if_match: IfMatch = None,
    ) -> Response[ContractView]:
        """Only drafts can be changed. Withdraw an offered version and draft another one."""
        ids, editions = (path_id(partner_id), path_id(contract_id)), editions_of(if_match)
        async with unit_of_work() as work:
            house = settings.currency, settings.of(PartnersSettings).oem_name
            await edit_contract(work, *ids, data, editions, *house, staff.actor, clock.now())
        return with_etag(await get_contract(*ids, staff=True))

    @get(
        "/{contract_id:str}/difference",
        operation_id="compare_partner_contract",
        summary="Compare a version with the one before it",
        opt=READERS,
    )
    async def difference(
        self,
        partner_id: FromPath[PathId],
        contract_id: FromPath[PathId],
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
    ) -> ContractDifference:
        """Field by field, in Chinese and English."""
        return await difference_of(path_id(partner_id), path_id(contract_id), staff=True)

    @post(
        "/{contract_id:str}/offer",
        operation_id="offer_contract",
        summary="Offer a draft for signature",
        opt=OPERATIONS | refusals(ContractOverlaps, WrongState),
        status_code=200,
        responses=ONE,
    )
    async def offer(
        self,
        partner_id: FromPath[PathId],
        contract_id: FromPath[PathId],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """From now on both sides see the version, and it cannot be changed. 409 `contract_overlaps`, `wrong_state`."""
        ids, now = (path_id(partner_id), path_id(contract_id)), clock.now()
        today = settings.calendar.day_of(now)

        async def offer(work: UnitOfWork) -> ContractView:
            return await offer_contract(work, *ids, today, staff.actor, now)

        whole = request_key(request, staff.actor, key, None)
        return (await once(whole, language_of(request), offer, now=now)).response()

    @post(
        "/{contract_id:str}/withdraw",
        operation_id="withdraw_contract",
        summary="Withdraw a version before both have signed",
        opt=OPERATIONS | refusals(WrongState),
        status_code=200,
        responses=ONE,
    )
    async def withdraw(
        self,
        partner_id: FromPath[PathId],
        contract_id: FromPath[PathId],
        data: JSONBody[WithdrawContract],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """For a draft or an offered version. End a version that both sides have signed."""
        ids, now = (path_id(partner_id), path_id(contract_id)), clock.now()

        async def withdraw(work: UnitOfWork) -> ContractView:
            return await withdraw_contract(work, *ids, data.reason, staff.actor, now)

        whole = request_key(request, staff.actor, key, data)
        return (await once(whole, language_of(request), withdraw, now=now)).response()

    @post(
        "/{contract_id:str}/end",
        operation_id="end_contract",
        summary="End a contract early",
        opt=OPERATIONS | refusals(WrongState),
        status_code=200,
        responses=ONE,
    )
    async def end(
        self,
        partner_id: FromPath[PathId],
        contract_id: FromPath[PathId],
        data: JSONBody[EndContract],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """End a contract before its end date, tomorrow at the earliest. A later version ends it automatically."""
        ids, now = (path_id(partner_id), path_id(contract_id)), clock.now()
        today = settings.calendar.day_of(now)

        async def end(work: UnitOfWork) -> ContractView:
            return await end_contract(work, *ids, data.ends_on, data.reason, today, staff.actor, now)

        whole = request_key(request, staff.actor, key, data)
        return (await once(whole, language_of(request), end, now=now)).response()
