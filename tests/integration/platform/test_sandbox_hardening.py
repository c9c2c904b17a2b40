"""Sandboxes under people who want to break them, or who come at the wrong time."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from prometheus_client import REGISTRY

from marketplace.platform.http.rate_limits import WINDOW_S
from marketplace.platform.outbound import mail
from marketplace.platform.postgres.database import DB, fresh_context, using_database
from marketplace.platform.postgres.migrate import create_database
from marketplace.platform.postgres.transactions import UnitOfWork
from marketplace.platform.runtime import workers
from marketplace.sandbox import context as sandbox_state
from marketplace.sandbox import instances
from marketplace.sandbox.instances import SandboxServices
from marketplace.settings import Settings
from settlement import plugin as settlement
from tests.support.app import Api, fresh_key, running_app
from tests.support.dpop import BASE, Holder
from tests.support.minutes import whole_minute
from tests.support.oauth import ask, basic
from tests.support.partners import active_partner, bearer, partner_client, token
from tests.support.sandboxes import SCOPES, InSandbox, app_with_sandboxes, drop_sandboxes, sandboxed


@pytest.fixture
async def api(dsn: str, settings: Settings, postgres: str) -> AsyncIterator[Api]:
    async with app_with_sandboxes(settings, dsn, postgres) as running:
        yield running


async def engineers(api: Api, how_many: int) -> list[InSandbox]:
    numbers = [f"91310000MA1FL{place:04d}X" for place in range(how_many)]
    return [await sandboxed(api, await active_partner(api, registration_number=number)) for number in numbers]


def deep(depth: int) -> str:
    return base64.urlsafe_b64encode(b'{"a":' + b"[" * depth).decode().rstrip("=")


@pytest.mark.parametrize("path", ["/v1/partner/offers", "/v1/me", "/v1/admin/partners"])
async def test_tokens_made_to_hurt_are_refused_like_others(api: Api, path: str) -> None:
    header = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"at+jwt"}').decode().rstrip("=")
    for sent in (f"{header}.{deep(5000)}.x", f"{deep(5000)}.{deep(100)}.x", "a." + deep(40_000), "sbx_" + "a" * 60_000):
        answer = await api.get(path, headers=bearer(sent))
        assert answer.status_code == 401, answer.text


async def test_a_refusal_before_the_sandbox_has_its_request_id(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    engineer = await sandboxed(api, await active_partner(api))

    async def cannot(*_: Any) -> None:
        raise asyncpg.InsufficientPrivilegeError

    monkeypatch.setattr(instances, "create_database", cannot)
    answer = await api.get("/v1/partner/offers", headers=engineer.headers | {"X-Request-Id": "asked-by-me-1"})
    assert (answer.status_code, answer.json()["code"]) == (503, "sandbox_unavailable")
    assert (answer.headers["X-Request-Id"], answer.json()["request_id"]) == ("asked-by-me-1", "asked-by-me-1")


async def test_who_comes_while_a_sandbox_makes_room_gets_it_anew(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four partners in turns, at once, where two sandboxes may be open: each is answered, or told to come again."""
    monkeypatch.setattr(instances, "MOST", 2)
    people = await engineers(api, 4)
    answers = await asyncio.gather(
        *(api.get("/v1/partner/sandbox", headers=people[place % 4].headers) for place in range(24))
    )
    found = [one.status_code for one in answers]
    assert set(found) <= {200, 503}, found
    assert {one.json()["code"] for one in answers if one.status_code == 503} <= {"sandbox_unavailable"}
    for engineer in (*people, *people):
        assert (await engineer.get("/v1/partner/sandbox"))["ahead_seconds"] == 0
    assert len(SandboxServices.of(api.app).sandboxes._open) <= 2


async def test_a_request_to_a_sandbox_that_is_being_closed_waits_for_the_next(api: Api) -> None:
    partner_id = await active_partner(api)
    engineer = await sandboxed(api, partner_id)
    await engineer.get("/v1/partner/sandbox")
    first = SandboxServices.of(api.app).sandboxes._open[UUID(partner_id)]
    first.stop.set()  # as when room is made
    assert (await engineer.get("/v1/partner/sandbox"))["ahead_seconds"] == 0
    assert SandboxServices.of(api.app).sandboxes._open[UUID(partner_id)] is not first


async def test_a_sandbox_whose_database_was_dropped_is_made_anew(api: Api, postgres: str) -> None:
    engineer = await sandboxed(api, await active_partner(api))
    await engineer.post("/v1/partner/sandbox/clock", {"days": 3})
    assert await drop_sandboxes(postgres) == 1
    for _ in range(100):
        answer = await api.get("/v1/partner/sandbox", headers=engineer.headers)
        if answer.status_code == 200:
            break
        assert answer.status_code == 503, answer.text
        await asyncio.sleep(0.05)
    assert answer.json()["ahead_seconds"] == 0


async def test_what_was_broken_off_is_made_on(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    engineer = await sandboxed(api, await active_partner(api))
    whole = settlement.Settlement.make_sandbox
    monkeypatch.setattr(settlement.Settlement, "make_sandbox", lambda *_: fail())
    assert (await api.get("/v1/partner/sandbox", headers=engineer.headers)).status_code == 503
    monkeypatch.setattr(settlement.Settlement, "make_sandbox", whole)
    made = await engineer.get("/v1/partner/sandbox")
    assert (len(made["members"]), len(made["offers"])) == (3, 4)
    member = await engineer.member()
    assert (await api.get("/v1/me", headers=member)).json()["points"]["balance"] == 100_000


async def fail() -> None:
    raise RuntimeError("broken on purpose")


async def test_a_database_that_many_make_at_once_is_made_once(postgres: str, settings: Settings) -> None:
    name = "at_once_sbx_test"

    async def make() -> None:
        # What Sandboxes expects of one that came second.
        with contextlib.suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            await create_database(postgres, name)

    try:
        await asyncio.gather(*(make() for _ in range(6)))
    finally:
        assert await drop_sandboxes(postgres) == 1


async def test_two_processes_open_one_new_sandbox_at_once(api: Api, dsn: str, settings: Settings) -> None:
    """The other process is a second application, with sandboxes of its own, on the same live database."""
    engineer = await sandboxed(api, await active_partner(api))
    other = instances.Sandboxes(settings, dsn, SandboxServices.of(api.app).sandboxes._make)
    partner_id = (await DB.fetch("SELECT id FROM partner"))[0]["id"]
    try:
        here, there = await asyncio.gather(
            api.get("/v1/partner/sandbox", headers=engineer.headers), other.of(partner_id)
        )
        assert here.status_code == 200
        with using_database(there.place):
            assert await DB.fetchval("SELECT count(*) FROM sandbox_state") == 1
            assert await DB.fetchval("SELECT count(*) FROM member") == 4
            assert await DB.fetchval("SELECT count(*) FROM offer") == 4
        # The clock that is moved here is seen there with the next request, and never goes back.
        await engineer.post("/v1/partner/sandbox/clock", {"days": 2})
        with using_database(there.place):
            await there._look_at_the_clock()
        assert there.clock.offset == timedelta(days=2)
        there.clock.offset = timedelta(days=5)
        with using_database(there.place):
            await there._look_at_the_clock()
        assert there.clock.offset == timedelta(days=5)
    finally:
        await other.close()
    with pytest.raises(instances.SandboxUnavailable):
        await other.of(partner_id)


async def test_the_clock_goes_to_one_instant_once(api: Api) -> None:
    """Ten requests at once for the same instant: one moves the clock there, the others see that it is there already."""
    engineer = await sandboxed(api, await active_partner(api))
    now = (await engineer.get("/v1/partner/sandbox"))["now"]
    to = {"to": (datetime.fromisoformat(now) + timedelta(days=10)).isoformat()}
    answers = await asyncio.gather(
        *(api.post("/v1/partner/sandbox/clock", json=to, headers=engineer.headers | fresh_key()) for _ in range(10))
    )
    assert sorted(one.status_code for one in answers) == [200] + [400] * 9
    assert (await engineer.get("/v1/partner/sandbox"))["ahead_seconds"] <= 10 * 86400


async def test_a_move_that_waited_for_another_to_the_same_instant_finds_it_passed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The move that waited began before the other's: what it knew of the time then must not make the instant seem ahead."""
    engineer = await sandboxed(api, await active_partner(api))
    now = (await engineer.get("/v1/partner/sandbox"))["now"]
    to = {"to": (datetime.fromisoformat(now) + timedelta(days=10)).isoformat()}
    ahead_now = sandbox_state.ahead_now

    async def overtaken(work: UnitOfWork) -> timedelta:
        monkeypatch.setattr(sandbox_state, "ahead_now", ahead_now)
        other = engineer.post("/v1/partner/sandbox/clock", to)
        await asyncio.create_task(other, context=fresh_context())  # as a request of its own, not within our transaction
        return await ahead_now(work)

    monkeypatch.setattr(sandbox_state, "ahead_now", overtaken)
    answer = await api.post("/v1/partner/sandbox/clock", json=to, headers=engineer.headers | fresh_key())
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "to"


async def test_the_replay_of_a_move_that_was_broken_off_does_what_it_left(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    engineer = await sandboxed(api, await active_partner(api))
    offer_id = await engineer.offer(stock=5)
    member = await engineer.member()
    issued = await engineer.post("/v1/redemptions", {"offer_id": offer_id, "quantity": 1}, member)
    use = {"code": issued["voucher"]["code"], "location_id": "SANDBOX-1", "reference": "R-1"}
    await engineer.post("/v1/partner/vouchers/use", use)
    whole = settlement.Settlement.time_passed
    monkeypatch.setattr(settlement.Settlement, "time_passed", lambda *_: fail())
    key = fresh_key()

    async def move() -> int:
        headers = engineer.headers | key
        return (await api.post("/v1/partner/sandbox/clock", json={"days": 40}, headers=headers)).status_code

    assert await move() == 500
    monkeypatch.setattr(settlement.Settlement, "time_passed", whole)
    assert await move() == 200
    assert [one for one in (await engineer.get("/v1/partner/statements"))["data"] if one["lines"]]


async def test_a_sandbox_sends_no_mail(api: Api, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """With a way to send: invitations of a sandbox stay in it."""
    begun: list[bool] = []
    whole = mail.MailSender.run

    async def run(self: mail.MailSender, stop: asyncio.Event) -> None:
        begun.append(True)
        await whole(self, stop)

    monkeypatch.setattr(workers.MailSender, "run", run)  # type: ignore[attr-defined]
    partner_id = await active_partner(api)
    client = await partner_client(api, partner_id, scopes=[*SCOPES, "staff:manage"], livemode=False)
    engineer = InSandbox(api, bearer(await token(api, client)))
    await engineer.get("/v1/partner/sandbox")
    invited = {"email": "victim@example.com", "name": "V", "roles": ["developer"]}
    await engineer.post("/v1/partner/staff", invited)
    opened = SandboxServices.of(api.app).sandboxes._open[UUID(partner_id)]
    for _ in range(100):
        with using_database(opened.place):
            waiting = await DB.fetch("SELECT status, tries FROM outgoing_mail")
        if waiting:
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.5)
    with using_database(opened.place):
        waiting = await DB.fetch("SELECT status, tries FROM outgoing_mail")
    assert [tuple(row) for row in waiting] == [("waiting", 0)]
    assert begun == []


async def test_test_members_are_counted_together(dsn: str, settings: Settings, postgres: str) -> None:
    few = msgspec.structs.replace(settings, rate_client=20)
    async with app_with_sandboxes(few, dsn, postgres) as api:
        engineer = await sandboxed(api, await active_partner(api))
        members = [await engineer.member(place) for place in (0, 1)]
        answers = [await api.get("/v1/me", headers=members[place % 2]) for place in range(30)]
        assert answers[0].headers["RateLimit-Policy"] == f'"client";q=20;w={WINDOW_S}'
        assert 429 in {one.status_code for one in answers}


async def test_test_members_at_other_doors_are_counted_as_well(dsn: str, settings: Settings, postgres: str) -> None:
    few = msgspec.structs.replace(settings, rate_client=5)
    async with app_with_sandboxes(few, dsn, postgres) as api:
        engineer = await sandboxed(api, await active_partner(api))
        member = await engineer.member(0)
        doors = ["/v1/partner/profile", "/v1/admin/partners", "/v1/finance/payouts"] * 4
        await whole_minute()
        answers = [await api.get(path, headers=member) for path in doors]
        assert [one.status_code for one in answers] == [401] * 5 + [429] * 7


async def test_a_sandboxs_numbers_are_not_the_live_ones(api: Api) -> None:
    def counted() -> float:
        labels = {"method": "GET", "route": "/v1/partner/sandbox", "status": "200"}
        return REGISTRY.get_sample_value("marketplace_requests_total", labels) or 0

    engineer = await sandboxed(api, await active_partner(api))
    before = counted()
    await engineer.get("/v1/partner/sandbox")
    assert counted() == before


async def test_the_application_ends_with_sandboxes_open_and_opening(
    dsn: str, settings: Settings, postgres: str
) -> None:
    try:
        async with running_app(settings, dsn) as api:
            people = await engineers(api, 4)
            for engineer in people[:3]:
                await engineer.get("/v1/partner/sandbox")
            opening = asyncio.create_task(api.get("/v1/partner/sandbox", headers=people[3].headers))
            await asyncio.sleep(0.3)
            started = asyncio.get_running_loop().time()
        took_s = asyncio.get_running_loop().time() - started
        assert (await opening).status_code == 503
        assert took_s < 5, took_s
    finally:
        await drop_sandboxes(postgres)


async def test_a_token_bound_to_a_key_is_led_there_once_with_its_proof(api: Api) -> None:
    partner_id = await active_partner(api)
    client = await partner_client(api, partner_id, scopes=SCOPES, livemode=False, dpop_bound=True)
    holder, basics = Holder(), basic(client["client_id"], client["client_secret"])
    given = await ask(api, {"grant_type": "client_credentials"}, Authorization=basics, DPoP=holder.proof())
    access, path = given.json()["access_token"], "/v1/partner/sandbox"
    proven = holder.headers(access, "GET", f"{BASE}{path}")
    assert (await api.get(path, headers=proven)).status_code == 200
    refusals = {
        "used before": proven,
        "no proof": bearer(access),
        "another key": Holder().headers(access, "GET", f"{BASE}{path}"),
    }
    for name, headers in refusals.items():
        answer = await api.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_dpop_proof"), name
    # What refuses the client is said, and not that its proof, which was seen on the way, was used before.
    path = f"/v1/admin/clients/{client['client_id']}/revoke"
    await api.post(path, json={"reason": "lost"}, headers=api.staff("operations") | fresh_key())
    path = "/v1/partner/sandbox"
    answer = await api.get(path, headers=holder.headers(access, "GET", f"{BASE}{path}"))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/points/earnings"), ("GET", "/v1/admin/partners"), ("GET", "/v1/finance/statements")],
)
async def test_neither_a_partners_nor_a_members_sandbox_token_is_anything_elsewhere(
    api: Api, method: str, path: str
) -> None:
    engineer = await sandboxed(api, await active_partner(api))
    for headers in (engineer.headers, await engineer.member()):
        answer = await api.request(method, path, headers=headers | fresh_key(), json={} if method == "POST" else None)
        assert answer.status_code == 401, answer.text


async def test_a_sandbox_whose_connections_were_killed_comes_back(api: Api, postgres: str) -> None:
    engineer = await sandboxed(api, await active_partner(api))
    offer_id, member = await engineer.offer(stock=5), await engineer.member()
    admin = await asyncpg.connect(postgres)
    for _ in range(3):
        killed = await admin.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE '%_sbx_%'"
        )
        assert killed
        for _ in range(100):
            wanted = {"offer_id": offer_id, "quantity": 1}
            answer = await api.post("/v1/redemptions", json=wanted, headers=member | fresh_key())
            if answer.status_code == 201:
                break
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.05)
        assert answer.status_code == 201
    await admin.close()
    assert (await engineer.get("/v1/partner/sandbox"))["ahead_seconds"] == 0
