"""Signatures over HTTP, and contracts on the partner API."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import WrongState
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.identity import Caller
from marketplace.platform.http.paging import Page
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.settings import Settings
from partners.contracts.api import ONE, AdminContracts, with_etag
from partners.contracts.domain import ContentDiffers, ContractOverlaps, Party, SameSigner
from partners.contracts.packs_api import AdminPacks, OwnPacks
from partners.contracts.payout_account_api import AdminPayoutAccount, OwnPayoutAccount
from partners.contracts.rows import difference_of, get_contract, list_contracts
from partners.contracts.schemas import ContractDifference, ContractView, PaperSignature, SignatureInput
from partners.contracts.sign import Signing, paper, sign_contract
from partners.oauth.access.callers import PartnerCaller
from partners.roles import OPERATIONS

_READ = {"scope": "contracts:read"}


class AdminSignatures(Controller):
    """The OEM's signature, and the record of the partner's from paper."""

    path = "/v1/admin/partners/{partner_id:str}/contracts/{contract_id:str}"
    tags = ["operations"]
    opt = OPERATIONS

    @post(
        "/sign",
        operation_id="sign_contract",
        opt=refusals(ContentDiffers, ContractOverlaps, SameSigner, WrongState),
        summary="Sign a contract for the OEM",
        status_code=200,
        responses=ONE,
    )
    async def sign(
        self,
        partner_id: FromPath[PathId],
        contract_id: FromPath[PathId],
        data: JSONBody[SignatureInput],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """Both signatures put it into effect. 409 `content_differs`, `contract_overlaps`, `same_person`, `wrong_state`."""
        ids, now = (path_id(partner_id), path_id(contract_id)), clock.now()
        today = settings.calendar.day_of(now)
        signing = Signing(party=Party.OEM, content_hash=data.content_hash, actor=staff.actor)

        async def sign(work: UnitOfWork) -> ContractView:
            return await sign_contract(work, *ids, signing, today, now)

        whole = request_key(request, staff.actor, key, data)
        return (await once(whole, language_of(request), sign, now=now)).response()

    @post(
        "/paper-signature",
        operation_id="record_paper_signature",
        opt=refusals(ContentDiffers, ContractOverlaps, SameSigner, WrongState),
        summary="Record a partner's signature on paper",
        status_code=200,
        responses=ONE,
    )
    async def record(
        self,
        partner_id: FromPath[PathId],
        contract_id: FromPath[PathId],
        data: JSONBody[PaperSignature],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """For a partner that cannot sign through the API yet. Another person must sign for the OEM, else 409 `same_person`."""
        ids, now = (path_id(partner_id), path_id(contract_id)), clock.now()
        today = settings.calendar.day_of(now)
        signing = paper(data.content_hash, staff.actor, data.signed_by, data.signed_on, data.document_reference)

        async def record(work: UnitOfWork) -> ContractView:
            return await sign_contract(work, *ids, signing, today, now)

        whole = request_key(request, staff.actor, key, data)
        return (await once(whole, language_of(request), record, now=now)).response()


class PartnerContracts(Controller):
    """The versions that were offered to the partner."""

    path = "/v1/partner/contracts"
    tags = ["partner"]

    @get(operation_id="list_own_contracts", summary="List the partner's own contracts", opt=_READ)
    async def list_own(self, partner: NamedDependency[PartnerCaller]) -> Page[ContractView]:
        """All versions offered to the calling partner, by start date."""
        return Page(await list_contracts(partner.partner_id, staff=False))

    @get(
        "/{contract_id:str}",
        operation_id="get_own_contract",
        summary="Get one of the partner's own contracts",
        opt=_READ,
    )
    async def see(
        self, contract_id: FromPath[PathId], partner: NamedDependency[PartnerCaller]
    ) -> Response[ContractView]:
        """Read `content`, check its hash, and sign that hash."""
        return with_etag(await get_contract(partner.partner_id, path_id(contract_id), staff=False))

    @get(
        "/{contract_id:str}/difference",
        operation_id="compare_own_contract",
        summary="Compare a version with the one before it",
        opt=_READ,
    )
    async def difference(
        self, contract_id: FromPath[PathId], partner: NamedDependency[PartnerCaller]
    ) -> ContractDifference:
        """Field by field, in Chinese and English."""
        return await difference_of(partner.partner_id, path_id(contract_id), staff=False)

    @post(
        "/{contract_id:str}/sign",
        operation_id="sign_own_contract",
        summary="Sign a contract for the partner",
        opt={"scope": "contracts:sign"} | refusals(ContentDiffers, ContractOverlaps, WrongState),
        status_code=200,
        responses=ONE,
    )
    async def sign(
        self,
        contract_id: FromPath[PathId],
        data: JSONBody[SignatureInput],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """Signs the content with the given hash: 409 `content_differs` for any other hash, `wrong_state` once it is signed."""
        identifier, now = path_id(contract_id), clock.now()
        today = settings.calendar.day_of(now)
        signing = Signing(party=Party.PARTNER, content_hash=data.content_hash, actor=partner.actor)

        async def sign(work: UnitOfWork) -> ContractView:
            return await sign_contract(work, partner.partner_id, identifier, signing, today, now)

        whole = request_key(request, partner.actor, key, data)
        return (await once(whole, language_of(request), sign, now=now)).response()


ROUTES: list[type[Controller]] = [
    AdminContracts,
    AdminSignatures,
    PartnerContracts,
    AdminPayoutAccount,
    OwnPayoutAccount,
    AdminPacks,
    OwnPacks,
]
