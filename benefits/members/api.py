"""Members over HTTP: themselves, and the OEM's system that keeps them up to date."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody

from benefits.members.resolve import MemberCaller, load_member, results_of, upsert
from benefits.members.schemas import Me, MemberResults, MembersInput, MemberView
from benefits.points.wallets import wallet_view
from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import NotFound
from marketplace.platform.http.idempotency import IdempotencyKey, key_for, once, operation_of
from marketplace.platform.http.problems import HttpRequest, language_of
from marketplace.platform.http.requests import unfit_items
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.settings import Settings
from partners.oauth.access.callers import OemCaller


class MeController(Controller):
    """The signed-in member."""

    path = "/v1/me"
    tags = ["members"]

    @get(operation_id="get_me", opt=refusals(NotFound), summary="Get the member and their points")
    async def me(
        self, member: NamedDependency[MemberCaller], clock: NamedDependency[Clock], settings: NamedDependency[Settings]
    ) -> Me:
        """Tier, balance, and what expires when. A member's first call makes them known."""
        found = await load_member(member.id)
        points = await wallet_view(member.id, settings.calendar.day_of(clock.now()))
        return Me(MemberView(found.id, found.tier, found.name, found.status, found.vehicle), points)


class OemMembers(Controller):
    """The OEM's member system."""

    path = "/v1/points/members"
    tags = ["points"]

    @post(
        operation_id="upsert_members",
        summary="Create or update up to 1,000 members",
        opt={"scope": "members:write", "items": "members"},
        responses={200: ResponseSpec(MemberResults, description="Our ids", generate_examples=False)},
        status_code=200,
    )
    async def upsert(
        self,
        data: JSONBody[MembersInput],
        request: HttpRequest,
        oem: NamedDependency[OemCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Give each member's ONE ID subject, name and tier; the answer has the id by which earnings name them.

        A member that is not as described is refused, and the others are not. 400 where none is as described.
        """
        now, unfit = clock.now(), unfit_items(request)

        async def work(transaction: UnitOfWork) -> MemberResults:
            return MemberResults(results_of(await upsert(transaction, data.members, now), unfit))

        whole = key_for(oem.actor, key, operation_of(request), [data, *(item.raw for item in unfit)])
        return (await once(whole, language_of(request), work, now=now)).response()


ROUTES: list[type[Controller]] = [MeController, OemMembers]
