"""A partner's own OAuth client, and the grants of its people, over HTTP."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.identity import InsufficientScope
from marketplace.platform.http.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import LIVE, UnitOfWork, using_database
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from partners.oauth.access.callers import PartnerCaller
from partners.oauth.access.client_cache import client_cache_of
from partners.oauth.clients.admin_api import ROTATED, answer_rotation
from partners.oauth.clients.credentials import ClientRevoked, NoSecret
from partners.oauth.clients.grants_service import list_grants, withdraw
from partners.oauth.clients.schemas import GrantView, Revocation, SecretRotation
from partners.one_time_secrets import TooManySecrets

_GRANTS = {"scope": "staff:manage"}


class NotTheClient(Refusal):
    """An application that acts for a person cannot change the credentials of a client."""

    kind = Kind.FORBIDDEN
    code = "not_the_client"
    zh = "须使用该客户端自己的令牌（client_credentials）。"
    en = "This takes a token of the client's own (client_credentials)."
    explanation = Explanation(
        Text("该操作须使用客户端自己的令牌。", "The operation takes a token of the client itself."),
        Text("请以 client_credentials 获取令牌。", "Request a token with the client_credentials grant."),
    )


class OwnClients(Controller):
    """A partner's own client, and the grants that its people gave to applications."""

    path = "/v1/partner"
    tags = ["partner"]

    @post(
        "/client/rotate-secret",
        operation_id="rotate_own_secret",
        opt=refusals(NotTheClient, ClientRevoked, NoSecret, TooManySecrets),
        summary="Rotate the calling client's secret",
        status_code=200,
        responses=ROTATED,
    )
    async def rotate(
        self,
        data: JSONBody[SecretRotation],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """Needs a token with all scopes of its client. The old secret stays valid for `grace_hours`.

        Secrets replaced before keep their promised expiry; `grace_hours` 0 ends all old secrets at once.
        """
        await _need_whole(request, partner)
        now = _live_clock(request).now()
        with using_database(LIVE):  # credentials of a sandbox are stored on the live side, too
            return await answer_rotation(request, settings, partner.client_id, data, partner.actor, key, now)

    @get(
        "/grants", operation_id="list_grants", summary="List the applications that may act for the partner", opt=_GRANTS
    )
    async def grants(
        self,
        partner: NamedDependency[PartnerCaller],
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[GrantView]:
        """The latest first, revoked ones included."""
        with using_database(LIVE):
            return await list_grants(partner.partner_id, cursors, cursor, limit, livemode=partner.livemode)

    @post(
        "/grants/{grant_id:str}/revoke",
        operation_id="revoke_grant",
        summary="Revoke an application's grant",
        opt=_GRANTS,
        status_code=200,
        responses={200: ResponseSpec(GrantView, description="The grant", generate_examples=False)},
    )
    async def end(
        self,
        grant_id: FromPath[PathId],
        data: JSONBody[Revocation],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
    ) -> Response[bytes]:
        """Its tokens stop working at once in this process, and within 15 seconds in others."""
        now, identifier, mode = _live_clock(request).now(), path_id(grant_id), partner.livemode

        async def end(work: UnitOfWork) -> GrantView:
            return await withdraw(work, partner.partner_id, identifier, partner.actor, data.reason, now, livemode=mode)

        with using_database(LIVE):
            outcome = await once(request_key(request, partner.actor, key, data), language_of(request), end, now=now)
        client_cache_of(request).invalidate()
        return outcome.response()


async def _need_whole(request: HttpRequest, partner: PartnerCaller) -> None:
    """Raise NotTheClient or InsufficientScope unless the token can do all that its client may.

    A secret gives every scope of the client, so a leaked token with fewer scopes must not be able to replace it.
    """
    if partner.grant_id is not None:
        raise NotTheClient
    client = await client_cache_of(request).known(partner.client_id)
    lacking = frozenset[str]() if client is None else client.allowed - partner.scopes
    if lacking:
        raise InsufficientScope(needed=" ".join(sorted(lacking)))


def _live_clock(request: HttpRequest) -> Clock:
    """Return the live side's clock. A sandbox's clock may have been moved, and live rows must not lie in the future."""
    return PlatformServices.of(request).live_clock
