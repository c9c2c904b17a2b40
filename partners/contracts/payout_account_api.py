"""A partner's payout account over HTTP."""

from litestar import Controller, Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import NotFound
from marketplace.platform.http.etags import IfMatchUnlessNew, editions_of
from marketplace.platform.http.identity import Caller
from marketplace.platform.http.problems import PathId, path_id
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import unit_of_work
from marketplace.settings import Settings
from partners.contracts.payout_account import (
    PayoutAccountInput,
    PayoutAccountView,
    get_payout_account,
    set_payout_account,
)
from partners.oauth.access.callers import PartnerCaller
from partners.roles import READERS


def _with_etag(view: PayoutAccountView) -> Response[PayoutAccountView]:
    return Response(view, headers={"ETag": f'"{view.version}"'})


class AdminPayoutAccount(Controller):
    """Finance manages it, from paper documents."""

    path = "/v1/admin/partners/{partner_id:str}/payout-account"
    tags = ["operations"]

    @put(operation_id="set_payout_account", summary="Set a partner's payout account", opt={"roles": ["finance"]})
    async def keep(
        self,
        partner_id: FromPath[PathId],
        data: JSONBody[PayoutAccountInput],
        staff: NamedDependency[Caller],
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
        if_match: IfMatchUnlessNew = None,
    ) -> Response[PayoutAccountView]:
        """Set the first one without If-Match, and each later one with the ETag that was read. The partner is notified."""
        identifier, editions = path_id(partner_id), editions_of(if_match) if if_match else None
        async with unit_of_work() as work:
            account = await set_payout_account(
                work, identifier, data, editions, settings.keys, staff.actor, clock.now()
            )
        return _with_etag(account)

    @get(operation_id="get_payout_account", summary="Get a partner's payout account, masked", opt=READERS)
    async def see(
        self,
        partner_id: FromPath[PathId],
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
    ) -> Response[PayoutAccountView]:
        """The response has its ETag."""
        return _with_etag(await get_payout_account(path_id(partner_id)))


class OwnPayoutAccount(Controller):
    """The partner sees its payout account, and cannot change it."""

    path = "/v1/partner/payout-account"
    tags = ["partner"]

    @get(
        operation_id="get_own_payout_account",
        summary="Get the partner's own payout account, masked",
        opt={"scope": "statements:read"} | refusals(NotFound),
    )
    async def see(self, partner: NamedDependency[PartnerCaller]) -> PayoutAccountView:
        """Only finance can change it, from a paper document."""
        return await get_payout_account(partner.partner_id)
