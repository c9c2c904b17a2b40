"""Prepaid points over HTTP: finance records payments, the partner sees its balance."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import NotFound
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.identity import Caller
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.settings import Settings
from partners.contracts.packs import BoughtPacks, NoPacks, PackBalance, PaymentRecorded, buy, get_packs
from partners.oauth.access.callers import PartnerCaller
from partners.roles import READERS


class AdminPacks(Controller):
    """Prepaid points on the admin API."""

    path = "/v1/admin/partners/{partner_id:str}/point-packs"
    tags = ["operations"]

    @post(
        operation_id="record_point_packs",
        summary="Record point packs that a partner paid for",
        opt={"roles": ["finance"]} | refusals(NoPacks, PaymentRecorded),
        responses={201: ResponseSpec(PackBalance, description="The balance", generate_examples=False)},
    )
    async def record(
        self,
        partner_id: FromPath[PathId],
        data: JSONBody[BoughtPacks],
        request: HttpRequest,
        staff: NamedDependency[Caller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """At the price of the contract in force. 409 `no_packs` if the contract sells none."""
        identifier, now = path_id(partner_id), clock.now()
        today = settings.calendar.day_of(now)

        async def record(work: UnitOfWork) -> PackBalance:
            return await buy(work, identifier, data, today, staff.actor, now)

        whole = request_key(request, staff.actor, key, data)
        return (await once(whole, language_of(request), record, status=201, now=now)).response()

    @get(operation_id="get_point_packs", summary="Get a partner's prepaid points", opt=READERS)
    async def see(self, partner_id: FromPath[PathId], staff: NamedDependency[Caller]) -> PackBalance:  # noqa: ARG002 - the guard
        """Points bought, granted and left."""
        return await get_packs(path_id(partner_id))


class OwnPacks(Controller):
    """Prepaid points on the partner API."""

    path = "/v1/partner/point-packs"
    tags = ["partner"]

    @get(
        operation_id="get_own_point_packs",
        summary="Get the partner's own prepaid points",
        opt={"scope": "contracts:read"} | refusals(NotFound),
    )
    async def see(self, partner: NamedDependency[PartnerCaller]) -> PackBalance:
        """Points bought, granted and left. The event `point_pack.low` warns of a low balance."""
        return await get_packs(partner.partner_id)
