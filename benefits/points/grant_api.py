"""Grants over HTTP: the OEM's systems credit points in a partner's name."""

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody

from benefits.points.domain import AlreadyExpired, OccurredInFuture, ReferenceReused, UnknownMember
from benefits.points.grant import GrantedBefore, PointsGrantInput, PointsGrantView, grant
from benefits.services import BenefitsServices
from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import NotFound
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.problems import HttpRequest, language_of
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork
from partners.contracts.packs import GrantsNotAgreed, PackExhausted
from partners.oauth.access.callers import OemCaller


class Grants(Controller):
    """Points that partners grant, out of prepaid packs or postpaid."""

    path = "/v1/points/grants"
    tags = ["points"]

    @post(
        operation_id="grant_points",
        summary="Grant points for a partner",
        opt={"scope": "points:write"}
        | refusals(
            AlreadyExpired,
            GrantedBefore,
            GrantsNotAgreed,
            OccurredInFuture,
            PackExhausted,
            ReferenceReused,
            UnknownMember,
            NotFound,
        ),
        responses={201: ResponseSpec(PointsGrantView, description="What was granted", generate_examples=False)},
    )
    async def credit(
        self,
        data: JSONBody[PointsGrantInput],
        request: HttpRequest,
        oem: NamedDependency[OemCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Its contract must grant points. 409 `grants_not_agreed`, `pack_exhausted`, `granted_before`, `unknown_member`."""
        now, desk = clock.now(), BenefitsServices.of(request).points_batch

        async def credit(work: UnitOfWork) -> PointsGrantView:
            return await grant(work, desk, data, oem.actor, now)

        whole = request_key(request, oem.actor, key, data)
        return (await once(whole, language_of(request), credit, status=201, now=now)).response()


ROUTES: list[type[Controller]] = [Grants]
