"""A partner's sandbox: the same API and rules, on data of its own; the live database never learns of it."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import Context
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest

from benefits.sandbox import simulated_fulfilment
from marketplace.kernel.keyring import KeyRing
from marketplace.platform.batching import executor
from marketplace.sandbox import instances, middleware
from marketplace.sandbox.instances import SandboxServices
from marketplace.sandbox.tokens import member_token
from marketplace.settings import Settings
from tests.support import today
from tests.support.app import Api, fresh_key
from tests.support.authorizing import integrator, tokens_for
from tests.support.oauth import GRANT, basic
from tests.support.partners import active_partner, bearer, oem_client, partner_client, token
from tests.support.people import People
from tests.support.receiver import receiving
from tests.support.sandboxes import SCOPES, InSandbox, app_with_sandboxes, sandboxed
from tests.support.today import sql_now


@pytest.fixture
async def api(dsn: str, settings: Settings, postgres: str) -> AsyncIterator[Api]:
    async with app_with_sandboxes(settings, dsn, postgres) as running:
        yield running


async def contents(dsn: str) -> dict[str, int]:
    """Return how many rows each table has, but for those that credentials and their use leave."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '^(oauth_|rate_|pgqueuer)'"
        )
        return {
            row["tablename"]: await connection.fetchval(f'SELECT count(*) FROM "{row["tablename"]}"') for row in tables
        }
    finally:
        await connection.close()


async def test_everything_happens_there_and_nothing_here(api: Api, dsn: str) -> None:
    partner_id = await active_partner(api)
    engineer = await sandboxed(api, partner_id)
    before = await contents(dsn)

    offer_id = await engineer.offer(stock=5)
    member = await engineer.member()
    found = await api.get("/v1/offers", params={"q": "汉庭"}, headers=member)
    assert [one["id"] for one in found.json()["data"]] == [offer_id]
    redemption = await engineer.post("/v1/redemptions", {"offer_id": offer_id, "quantity": 1}, member)
    code = redemption["voucher"]["code"]
    balance = (await api.get("/v1/me", headers=member)).json()["points"]["balance"]
    assert balance == 100_000 - 100
    verified = await engineer.post("/v1/partner/vouchers/verify", {"code": code, "location_id": "SANDBOX-1"})
    assert verified["status"] == "issued"
    wanted = {"code": code, "location_id": "SANDBOX-1", "reference": "R-1"}
    assert (await engineer.post("/v1/partner/vouchers/use", wanted))["status"] == "used"
    moved = await engineer.post("/v1/partner/sandbox/clock", {"days": 40})
    assert moved["ahead_seconds"] == 40 * 86400
    (statement,) = [one for one in (await engineer.get("/v1/partner/statements"))["data"] if one["lines"]]
    assert statement["lines"] > 0

    assert await contents(dsn) == before
    live = bearer(await token(api, await partner_client(api, partner_id, scopes=SCOPES)))
    for path in ("/v1/partner/offers", "/v1/partner/statements", "/v1/partner/redemptions"):
        assert (await api.get(path, headers=live)).json()["data"] == []


async def test_credentials_of_one_side_are_nothing_on_the_other(api: Api, settings: Settings) -> None:
    partner_id = await active_partner(api)
    engineer = await sandboxed(api, partner_id)
    live = bearer(await token(api, await partner_client(api, partner_id, scopes=SCOPES)))
    for path in ("", "/clock", "/member-tokens"):
        body = {"days": 1} if path == "/clock" else {"member_id": partner_id}
        url = f"/v1/partner/sandbox{path}"
        answer = await (api.post(url, json=body, headers=live | fresh_key()) if path else api.get(url, headers=live))
        assert (answer.status_code, answer.json()["code"]) == (403, "sandbox_only")
    member = await engineer.member()
    assert (await api.get("/v1/partner/offers", headers=member)).status_code == 401
    assert (await api.get("/v1/me", headers=engineer.headers)).status_code == 401
    assert (await api.get("/v1/admin/partners", headers=engineer.headers)).status_code == 401
    for forged in ("sbx_nonsense", member_token(KeyRing("another" * 8), UUID(partner_id), "s", "n")):
        assert (await api.get("/v1/me", headers=bearer(forged))).status_code == 401
    person = api.member("one-1")
    points = (await api.get("/v1/me", headers=person)).json()["points"]["balance"]
    assert points == 0


async def test_two_partners_sandboxes_do_not_meet(api: Api) -> None:
    first = await sandboxed(api, await active_partner(api))
    second = await sandboxed(api, await active_partner(api, registration_number="91310000MA1FL0001X"))
    offer_id = await first.offer()
    assert (await api.get(f"/v1/partner/offers/{offer_id}", headers=second.headers)).status_code == 404
    await first.post("/v1/partner/sandbox/clock", {"days": 3})
    assert (await second.get("/v1/partner/sandbox"))["ahead_seconds"] == 0
    member = await second.member()
    assert offer_id not in (await api.get("/v1/offers", headers=member)).text


async def test_magic_offers_always_end_as_they_say(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_fulfilment, "SLOW_S", 0.3)
    engineer = await sandboxed(api, await active_partner(api))
    offers = {one["answers"]: one["id"] for one in (await engineer.get("/v1/partner/sandbox"))["offers"]}
    assert set(offers) == {"sold_out", "insufficient_points", "slow_fulfilment", "fulfilment_failed"}
    member = await engineer.member()
    for answers in ("sold_out", "insufficient_points", "fulfilment_failed"):
        wanted = {"offer_id": offers[answers], "quantity": 1}
        answer = await api.post("/v1/redemptions", json=wanted, headers=member | fresh_key())
        assert (answer.status_code, answer.json()["code"]) == (409, answers), answer.text
    assert (await api.get("/v1/me", headers=member)).json()["points"]["balance"] == 100_000
    slow = await engineer.post("/v1/redemptions", {"offer_id": offers["slow_fulfilment"], "quantity": 1}, member)
    assert slow["status"] == "issued"


async def test_time_goes_forward_only_and_things_expire(api: Api) -> None:
    engineer = await sandboxed(api, await active_partner(api))
    offer_id = await engineer.offer(voucher_days=30)
    member = await engineer.member()
    issued = await engineer.post("/v1/redemptions", {"offer_id": offer_id, "quantity": 1}, member)
    now = datetime.fromisoformat((await engineer.get("/v1/partner/sandbox"))["now"])
    there = "/v1/partner/sandbox/clock"
    key = fresh_key()
    to = {"to": (now + timedelta(days=31)).isoformat()}
    first = await api.post(there, json=to, headers=engineer.headers | key)
    again = await api.post(there, json=to, headers=engineer.headers | key)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    voucher = (await api.get(f"/v1/vouchers/{issued['voucher']['id']}", headers=member)).json()
    assert voucher["status"] == "expired"
    for body in ({"to": now.isoformat()}, {"days": 0}, {"days": 3661}, {}, {"days": 1, "to": now.isoformat()}):
        answer = await api.post(there, json=body, headers=engineer.headers | fresh_key())
        assert answer.status_code == 400, body
    far = await api.post(there, json={"days": 3650}, headers=engineer.headers | fresh_key())
    assert (far.status_code, far.json()["code"]) == (400, "invalid_request")


async def test_revoked_sandbox_credentials_end_at_once(api: Api) -> None:
    partner_id = await active_partner(api)
    client = await partner_client(api, partner_id, scopes=SCOPES, livemode=False)
    headers = bearer(await token(api, client))
    assert (await api.get("/v1/partner/sandbox", headers=headers)).status_code == 200
    path = f"/v1/admin/clients/{client['client_id']}/revoke"
    await api.post(path, json={"reason": "lost"}, headers=api.staff("operations") | fresh_key())
    assert (await api.get("/v1/partner/sandbox", headers=headers)).status_code == 401


async def test_the_oems_systems_have_no_sandbox(api: Api) -> None:
    answer = await api.post(
        "/v1/admin/oem-clients",
        json={"name": "DMS", "scopes": ["points:write"], "livemode": False},
        headers=api.staff("operations") | fresh_key(),
    )
    assert answer.status_code == 400
    assert await oem_client(api)


async def test_not_led_there_they_are_nothing_here(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken on purpose: the middleware leads nobody; sandbox credentials must not do anything on the live side then."""
    engineer = await sandboxed(api, await active_partner(api))
    monkeypatch.setattr(middleware, "_is_sandboxed", lambda *_: False)
    for path in ("/v1/partner/offers", "/v1/partner/sandbox"):
        answer = await api.get(path, headers=engineer.headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_desk_that_forgot_where_it_is_would_be_noticed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken on purpose: the desk's task begins with an empty context, on the live database."""
    engineer = await sandboxed(api, await active_partner(api))
    offer_id = await engineer.offer()
    member = await engineer.member()
    monkeypatch.setattr(executor, "fresh_context", Context)
    wanted = {"offer_id": offer_id, "quantity": 1}
    answer = await api.post("/v1/redemptions", json=wanted, headers=member | fresh_key())
    assert answer.status_code != 201


async def test_one_that_nobody_asks_is_closed_and_opened_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "_LOOK_S", 0.1)
    monkeypatch.setattr(instances, "IDLE_S", 0.3)
    engineer = await sandboxed(api, await active_partner(api))
    offer_id = await engineer.offer()
    async with asyncio.timeout(20):
        while SandboxServices.of(api.app).sandboxes._open:
            await asyncio.sleep(0.1)
    assert (await engineer.get(f"/v1/partner/offers/{offer_id}"))["status"] == "live"


async def test_one_that_owes_messages_stays_open_for_them(
    dsn: str, settings: Settings, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asks it, and its receiver wants the next try within the hour, or later: then it closes, and sends when asked."""
    monkeypatch.setattr(instances, "_LOOK_S", 0.1)
    monkeypatch.setattr(instances, "IDLE_S", 0.3)
    open_way = msgspec.structs.replace(settings, outbound_allow="127.0.0.0/8")
    async with app_with_sandboxes(open_way, dsn, postgres) as api, receiving() as receiver:
        scopes = [*SCOPES, "webhooks:manage"]
        client = await partner_client(api, await active_partner(api), scopes=scopes, livemode=False)
        engineer = InSandbox(api, bearer(await token(api, client)))
        receiver.answers = [(503, {"retry-after": "1200"}, b""), (503, {"retry-after": "7200"}, b""), (204, {}, b"")]
        wanted = {"url": receiver.url, "event_types": ["webhook.endpoint_disabled"]}
        at = f"/v1/partner/webhook-endpoints/{(await engineer.post('/v1/partner/webhook-endpoints', wanted))['id']}"
        made = await engineer.post(f"{at}/simulate", {"event_type": "voucher.used"})

        async def tried(times: int) -> None:
            async with asyncio.timeout(20):
                while len(receiver.got) < times:
                    await asyncio.sleep(0.05)

        await tried(1)
        await asyncio.sleep(1.5)
        assert SandboxServices.of(api.app).sandboxes._open, "the next try is due within the hour"
        await engineer.post(f"/v1/partner/webhook-deliveries/{made['id']}/resend")
        await tried(2)
        async with asyncio.timeout(20):
            while SandboxServices.of(api.app).sandboxes._open:
                await asyncio.sleep(0.1)
        assert (await engineer.get(f"/v1/partner/webhook-deliveries/{made['id']}"))["status"] == "pending", (
            "and not lost"
        )
        await engineer.post(f"/v1/partner/webhook-deliveries/{made['id']}/resend")
        await tried(3)


async def test_with_its_partner_a_sandbox_is_stopped(api: Api) -> None:
    partner_id = await active_partner(api)
    engineer = await sandboxed(api, partner_id)
    member = await engineer.member()
    assert (await api.get("/v1/me", headers=member)).status_code == 200
    operations = api.staff("operations")

    async def step(name: str) -> None:
        at = f"/v1/admin/partners/{partner_id}/{name}"
        assert (await api.post(at, json={"reason": "x"}, headers=operations | fresh_key())).status_code == 200

    await step("suspend")
    body = {"code": "x", "location_id": "SANDBOX-1"}
    for answer in (
        await api.get("/v1/me", headers=member),
        await api.get("/v1/partner/sandbox", headers=engineer.headers),
        await api.post("/v1/partner/vouchers/verify", json=body, headers=engineer.headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "partner_stopped"), answer.text
    await step("resume")
    assert (await api.get("/v1/me", headers=member)).status_code == 200
    await step("terminate")
    assert (await api.get("/v1/me", headers=member)).status_code == 403


async def test_its_credentials_get_a_new_secret_over_the_api(api: Api) -> None:
    client = await partner_client(api, await active_partner(api), scopes=SCOPES, livemode=False)
    headers = bearer(await token(api, client)) | fresh_key()
    answer = await api.post("/v1/partner/client/rotate-secret", json={"grace_hours": 1}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["client_secret"] != client["client_secret"]
    for secret in (client["client_secret"], answer.json()["client_secret"]):
        assert await token(api, client | {"client_secret": secret})


async def test_grants_of_a_sandbox_are_seen_and_ended_from_there(api: Api, dsn: str) -> None:
    partner_id = await active_partner(api)
    await People(api, dsn).join(partner_id)
    managers, given = {}, {}
    for livemode in (True, False):
        client = await partner_client(api, partner_id, scopes=["staff:manage"], livemode=livemode)
        managers[livemode] = bearer(await token(api, client))
        application = await integrator(api, livemode=livemode)
        given[livemode] = bearer((await tokens_for(api, application, scope="offers:read"))["access_token"])
    grants = {}
    for livemode, manager in managers.items():
        (grant,) = (await api.get("/v1/partner/grants", headers=manager)).json()["data"]
        grants[livemode] = f"/v1/partner/grants/{grant['id']}/revoke"
    assert grants[True] != grants[False]
    for livemode, manager in managers.items():
        other = await api.post(grants[not livemode], json={"reason": "x"}, headers=manager | fresh_key())
        assert (other.status_code, other.json()["code"]) == (404, "not_found")
    before = await ahead(dsn)
    for livemode, manager in managers.items():
        assert (await api.get("/v1/partner/offers", headers=given[livemode])).status_code == 200
        ended = await api.post(grants[livemode], json={"reason": "ended"}, headers=manager | fresh_key())
        assert (ended.status_code, ended.json()["revoked_for"]) == (200, "withdrawn")
        assert (await api.get("/v1/partner/offers", headers=given[livemode])).status_code == 401
    assert await ahead(dsn) == before


async def ahead(dsn: str) -> dict[str, int]:
    """Return how many rows lie more than three weeks ahead, by table and column."""
    connection = await asyncpg.connect(dsn)
    try:
        columns = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND data_type = 'timestamp with time zone'"
        )
        return {
            f"{table}.{column}": await connection.fetchval(
                f'SELECT count(*) FROM "{table}" WHERE "{column}" > {sql_now()} + interval \'3 weeks\''
            )
            for table, column in columns
        }
    finally:
        await connection.close()


async def test_a_moved_clock_dates_nothing_on_the_live_side(api: Api, dsn: str) -> None:
    client = await partner_client(api, await active_partner(api), scopes=SCOPES, livemode=False)
    headers = bearer(await token(api, client))
    engineer = InSandbox(api, headers)
    await engineer.post("/v1/partner/sandbox/clock", {"days": 40})
    before = await ahead(dsn)
    answer = await api.post("/v1/partner/client/rotate-secret", json={"grace_hours": 0}, headers=headers | fresh_key())
    assert answer.status_code == 200, answer.text
    assert await ahead(dsn) == before
    old = await api.post(
        "/oauth/token", data=GRANT, headers={"Authorization": basic(client["client_id"], client["client_secret"])}
    )
    assert old.status_code == 401
    assert await token(api, client | {"client_secret": answer.json()["client_secret"]})


async def test_webhooks_keep_the_receivers_time_where_the_sandboxs_is_ahead(
    dsn: str, settings: Settings, postgres: str
) -> None:
    """Receivers refuse what was signed more than five minutes from their own time, and a retry is due by theirs."""
    open_way = msgspec.structs.replace(settings, outbound_allow="127.0.0.0/8")
    async with app_with_sandboxes(open_way, dsn, postgres) as api, receiving() as receiver:
        scopes = [*SCOPES, "webhooks:manage"]
        client = await partner_client(api, await active_partner(api), scopes=scopes, livemode=False)
        engineer = InSandbox(api, bearer(await token(api, client)))
        await engineer.post("/v1/partner/sandbox/clock", {"days": 40})
        async with asyncio.timeout(20):  # the location that the sandbox begins with is old news by then
            while "partner.location_added" not in (await api.get("/v1/partner/events", headers=engineer.headers)).text:
                await asyncio.sleep(0.05)
        receiver.answers = [(500, {"retry-after": "3600"}, b""), (204, {}, b"")]
        wanted = {"url": receiver.url, "event_types": ["partner.location_added"]}
        endpoint = await engineer.post("/v1/partner/webhook-endpoints", wanted)
        there = f"/v1/partner/webhook-endpoints/{endpoint['id']}"
        for place in range(2):
            shop = {"id": f"SH-{place}", "name": {"zh-CN": "店", "en": "Shop"}, "city": "上海", "address": "路 1"}
            await engineer.post("/v1/partner/locations", shop)
            async with asyncio.timeout(20):
                while len(receiver.got) <= place:
                    await asyncio.sleep(0.05)
        assert len(receiver.got) == 2
        for got in receiver.got:
            assert got.is_signed(endpoint["secret"])
            assert got.is_fresh()
            assert datetime.fromisoformat(got.message["timestamp"]) > today.now() + timedelta(days=39)
        await engineer.post("/v1/partner/sandbox/clock", {"days": 40})
        (waiting,) = (await engineer.get(f"{there}/deliveries?status=pending"))["data"]
        due_in = datetime.fromisoformat(waiting["due_at"]) - today.now()
        assert timedelta(minutes=50) < due_in <= timedelta(minutes=61)
        assert len(receiver.got) == 2
        again = await engineer.post(f"/v1/partner/webhook-deliveries/{waiting['id']}/resend")
        assert datetime.fromisoformat(again["due_at"]) <= today.now() + timedelta(minutes=1)
        assert (await engineer.get(there))["status"] == "enabled"


async def test_a_head_is_answered_in_a_sandbox_as_a_get(api: Api) -> None:
    engineer = await sandboxed(api, await active_partner(api))
    offer_id = await engineer.offer(stock=5)
    member = await engineer.member()
    of_each, statuses = {"x-request-id", "ratelimit", "date"}, []
    for path, headers in [
        (f"/v1/partner/offers/{offer_id}", engineer.headers),
        ("/v1/partner/sandbox", engineer.headers),
        ("/v1/partner/offers?status=king", engineer.headers),
        (f"/v1/offers/{offer_id}", member),
        ("/v1/nothing", member),
    ]:
        got, headed = await api.get(path, headers=headers), await api.head(path, headers=headers)
        statuses.append(got.status_code)
        assert (headed.status_code, headed.content) == (got.status_code, b""), path
        kept = {name: value for name, value in got.headers.items() if name not in of_each}
        assert {name: value for name, value in headed.headers.items() if name not in of_each} == kept, path
    assert statuses == [200, 200, 400, 200, 404]
