"""Contracts over HTTP."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from marketplace.kernel.clock import Clock
from marketplace.platform.database import UnitOfWork
from marketplace.platform.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.identity import Caller
from marketplace.platform.paging import Page
from marketplace.platform.problems import HttpRequest, language_of, path_id
from marketplace.settings import Settings
from partners.contracts.schemas import ContractView, EndContract, NewContract
from partners.contracts.sign import end_contract, list_contracts, sign_contract
from partners.oauth.callers import PartnerCaller

_OPERATIONS = {"roles": ["operations"]}
_READERS = {"roles": ["operations", "finance", "finance_approver", "auditor"]}


class AdminContracts(Controller):
    """Operations' side. The versions of one partner are few, so their list has one page."""

    path = "/v1/admin/partners/{partner_id:str}/contracts"
    tags = ["operations"]

    @post(
        operation_id="sign_contract",
        summary="Record a signed contract",
        opt=_OPERATIONS,
        responses={201: ResponseSpec(ContractView, description="The contract", generate_examples=False)},
    )
    async def sign(
        self,
        partner_id: FromPath[str],
        data: JSONBody[NewContract],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """Record the partner's next contract. On each day at most one is in force; an approved partner becomes active."""
        identifier, now = path_id(partner_id), clock.now()

        async def sign(work: UnitOfWork) -> ContractView:
            return await sign_contract(work, identifier, data.proposal(), settings.currency, staff.actor, now)

        whole = request_key(request, staff.actor, key, data)
        return (await once(whole, language_of(request), sign, status=201, now=now)).response()

    @get(operation_id="list_partner_contracts", summary="A partner's contracts", opt=_READERS)
    async def list_versions(self, partner_id: FromPath[str], staff: NamedDependency[Caller]) -> Page[ContractView]:  # noqa: ARG002 - the guard
        """All versions, by their first day."""
        return Page(await list_contracts(path_id(partner_id)))

    @post(
        "/{contract_id:str}/end",
        operation_id="end_contract",
        summary="End a contract early",
        opt=_OPERATIONS,
        status_code=200,
        responses={200: ResponseSpec(ContractView, description="The contract", generate_examples=False)},
    )
    async def end(
        self,
        partner_id: FromPath[str],
        contract_id: FromPath[str],
        data: JSONBody[EndContract],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """Let a contract end earlier than it says, tomorrow at the earliest: the way to make room for its successor."""
        ids, now = (path_id(partner_id), path_id(contract_id)), clock.now()
        today = settings.calendar.day_of(now)

        async def end(work: UnitOfWork) -> ContractView:
            return await end_contract(work, *ids, data.ends_on, data.reason, today, staff.actor, now)

        whole = request_key(request, staff.actor, key, data)
        return (await once(whole, language_of(request), end, now=now)).response()


class PartnerContracts(Controller):
    """The partner's side."""

    path = "/v1/partner/contracts"
    tags = ["partner"]

    @get(operation_id="list_own_contracts", summary="Our contracts", opt={"scope": "contracts:read"})
    async def list_own(self, partner: NamedDependency[PartnerCaller]) -> Page[ContractView]:
        """All versions of the calling partner's contract, by their first day."""
        return Page(await list_contracts(partner.partner_id))
