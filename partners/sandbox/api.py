"""A partner's sandbox over HTTP: its contents, its clock, and tokens of test members."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import InvalidField, NotFound
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.problems import HttpRequest, language_of
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.services import PlatformServices
from marketplace.sandbox import context, tokens
from marketplace.settings import Settings
from partners.oauth.access.callers import PartnerCaller
from partners.sandbox.schemas import (
    ClockView,
    MagicOffer,
    MemberToken,
    MemberTokenInput,
    SandboxClockInput,
    SandboxMember,
    SandboxView,
)


class SandboxApi(Controller):
    """Needs sandbox credentials; live ones get 403 `sandbox_only`."""

    path = "/v1/partner/sandbox"
    tags = ["sandbox"]

    @get(operation_id="get_sandbox", summary="Get the sandbox")
    async def get_sandbox(
        self,
        partner: NamedDependency[PartnerCaller],  # noqa: ARG002 - the guard
        clock: NamedDependency[Clock],
    ) -> SandboxView:
        """The clock, the test members and the test offers."""
        found = await context.state()
        return SandboxView(
            now=clock.now(),
            ahead_seconds=int(found.ahead.total_seconds()),
            made_at=found.made_at,
            members=msgspec.convert(found.made.get("members", []), list[SandboxMember]),
            offers=msgspec.convert(found.made.get("offers", []), list[MagicOffer]),
        )

    @post(
        "/clock",
        operation_id="move_sandbox_clock",
        summary="Move the sandbox's clock forward",
        status_code=200,
        responses={200: ResponseSpec(ClockView, description="Where it is now", generate_examples=False)},
    )
    async def move(
        self,
        data: JSONBody[SandboxClockInput],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Vouchers and points expire, offers end, and past months are closed before the response."""
        made_at = (await context.state()).made_at  # refused on the live database
        whole = request_key(request, partner.actor, key, data)
        outcome = await once(whole, language_of(request), lambda work: _move(work, data, clock), now=clock.now())
        clock.offset = max(clock.offset, await context.ahead() or clock.offset)
        packages = PlatformServices.of(request).packages
        for package in packages:
            # From the beginning: this may be the replay of a request that was interrupted after it moved the clock.
            await package.time_passed(made_at, clock.now())
        return outcome.response()

    @post(
        "/member-tokens",
        operation_id="create_sandbox_member_token",
        opt=refusals(NotFound),
        summary="Create an access token for a test member",
        status_code=200,
    )
    async def member_token(
        self,
        data: JSONBody[MemberTokenInput],
        partner: NamedDependency[PartnerCaller],
        settings: NamedDependency[Settings],
    ) -> MemberToken:
        """A token like the one that the OEM's app gets from ONE ID, valid in this sandbox only."""
        found = await context.state()
        subject, name = _member(found.made, data.member_id)
        token = tokens.member_token(settings.keys, partner.partner_id, subject, name)
        return MemberToken(access_token=token, expires_in=tokens.TOKEN_LIFETIME_S)


async def _move(work: UnitOfWork, wanted: SandboxClockInput, clock: Clock) -> ClockView:
    """Move the clock from its value in the database, since another request may have moved it meanwhile."""
    ahead = await context.ahead_now(work)
    # Read after the wait for the lock: with an earlier time, an instant set by another request would seem to be in the future.
    now = clock.now() - clock.offset + ahead
    by = _forward(wanted, now)
    moved = await context.move_ahead(work, by)
    return ClockView(now=now + by, ahead_seconds=int(moved.total_seconds()))


def _forward(wanted: SandboxClockInput, now: datetime) -> timedelta:
    if wanted.days is not None:
        return timedelta(days=wanted.days)
    by = (wanted.to or now) - now
    if by <= timedelta():
        raise InvalidField("to", "沙箱时钟只能向前。", "the clock only goes forward.")
    return by


def _member(made: dict[str, list[dict[str, str]]], member_id: UUID) -> tuple[str, str]:
    for member in made.get("members", []):
        if member["id"] == str(member_id):
            return member["subject"], member["name"]
    raise NotFound
