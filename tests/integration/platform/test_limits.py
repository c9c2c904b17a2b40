"""Callers are counted over all processes, never one too many is let in, and each answer says where its caller stands."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
from joserfc import jwt
from litestar.routes import HTTPRoute

from marketplace.app import create_app
from marketplace.platform.http import rate_limits
from marketplace.platform.http.rate_limits import RateLimited, RateLimits, address_of, delete_windows
from marketplace.platform.postgres.database import DB
from marketplace.platform.postgres.database_time import PRESENT
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.authorizing import credentials
from tests.support.dpop import BASE, Holder
from tests.support.minutes import whole_minute
from tests.support.oauth import GRANT
from tests.support.partners import active_partner, approved_partner, bearer, partner_client, token
from tests.support.sandboxes import app_with_sandboxes


def limited(settings: Settings, *, client: int = 100, address: int = 100) -> Settings:
    return msgspec.structs.replace(settings, rate_client=client, rate_address=address)


async def ask(process: RateLimits, times: int, caller: str = "c") -> int:
    """Return how many of so many requests, as many at a time as they come, were let in."""
    found = await asyncio.gather(*(process.take("client", caller) for _ in range(times)), return_exceptions=True)
    unexpected = [one for one in found if isinstance(one, BaseException) and not isinstance(one, RateLimited)]
    assert not unexpected
    return sum(not isinstance(one, BaseException) for one in found)


async def test_processes_together_let_in_what_the_limit_says(database: str, settings: Settings) -> None:
    await whole_minute()
    processes = [RateLimits(limited(settings)) for _ in range(4)]
    assert sum(await asyncio.gather(*(ask(process, 200) for process in processes))) == 100
    assert await ask(RateLimits(limited(settings)), 20) == 0
    assert await ask(processes[0], 20, "another") == 20


class LocalLimits(RateLimits):
    """Broken on purpose: each process counts for itself, as the framework's own limiter does."""

    async def _take(self, lease: rate_limits._Lease, key: str, limit: int) -> None:
        await super()._take(lease, f"{key}:{id(self)}", limit)


async def test_counting_in_each_process_alone_would_let_in_too_many(database: str, settings: Settings) -> None:
    await whole_minute()
    processes = [LocalLimits(limited(settings)) for _ in range(4)]
    assert sum([await ask(process, 200) for process in processes]) == 400


async def test_a_new_minute_begins_anew(database: str, settings: Settings) -> None:
    await whole_minute()
    process = RateLimits(limited(settings, client=5))
    assert await ask(process, 9) == 5
    with pytest.raises(RateLimited) as refused:
        await process.take("client", "c")
    assert 0 < refused.value.details["retry_after"] <= rate_limits.WINDOW_S
    # The minute passes: for the row, and for the process that remembers it.
    await DB.fetch("UPDATE rate_window SET starts_at = starts_at - interval '1 minute'")
    for lease in process._leases.values():
        lease.ends_at = 0.0
    assert await ask(process, 9) == 5


async def test_a_lowered_limit_grants_nothing_more(database: str, settings: Settings) -> None:
    await whole_minute()
    assert await ask(RateLimits(limited(settings, client=50)), 30) == 30
    assert await ask(RateLimits(limited(settings, client=10)), 5) == 0


async def test_old_minutes_are_forgotten_and_so_are_old_callers(
    database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "_MOST", 3)
    process = RateLimits(limited(settings))
    for caller in "abc":
        await process.take("client", caller)
        process._leases[f"client:{caller}"].ends_at = 0.0
    await process.take("client", "d")
    assert set(process._leases) == {"client:d"}
    await DB.fetch("UPDATE rate_window SET starts_at = $1", await DB.fetchval(PRESENT) - timedelta(hours=1))
    await delete_windows()
    assert await DB.fetchval("SELECT count(*) FROM rate_window") == 0


async def test_answers_say_where_a_client_stands(dsn: str, settings: Settings) -> None:
    async with running_app(limited(settings, client=6, address=1000), dsn) as api:
        await whole_minute()
        headers = bearer(await token(api, await partner_client(api, await approved_partner(api))))
        answers = [await api.get("/v1/partner/profile", headers=headers) for _ in range(8)]
        assert [one.status_code for one in answers] == [200] * 6 + [429] * 2
        assert answers[0].headers["RateLimit-Policy"] == '"client";q=6;w=60'
        left = [re.fullmatch(r'"client";r=(\d+);t=\d+', one.headers["RateLimit"]) for one in answers[:6]]
        assert [int(match[1]) for match in left if match] == [5, 4, 3, 2, 1, 0]
        last = answers[-1]
        assert last.headers["content-type"] == "application/problem+json"
        assert last.json()["code"] == "rate_limited"
        assert int(last.headers["Retry-After"]) == last.json()["retry_after"]
        assert last.headers["RateLimit"].startswith('"client";r=0;t=')


NOT_COUNTED = {
    "/.well-known/oauth-authorization-server": "from memory", "/oauth/jwks.json": "from memory",
}  # fmt: skip
"""What strangers may ask as often as they like, and why."""


def strangers_doors() -> list[tuple[str, str]]:
    """Return what the OAuth server and the applications answer without a token, and the portal's ways to other houses."""
    app = create_app(Settings(mode="test", secret_key="x" * 32), "")
    wanted = ("/oauth", "/.well-known/oauth", "/v1/partner/applications", "/partner/sign-in/company")
    found = {
        (method, route.path)
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith(wanted) and route.path not in NOT_COUNTED
        for handler in route.route_handlers
        for method in handler.http_methods - {"HEAD", "OPTIONS"}
    }
    return sorted(found)


async def test_who_has_no_client_is_counted_by_address_at_every_door(dsn: str, settings: Settings) -> None:
    doors = strangers_doors()
    assert len(doors) > 12
    async with running_app(limited(settings, address=2), dsn) as api:
        for method, path in doors:
            await whole_minute()
            await DB.fetch("DELETE FROM rate_window")
            fresh = RateLimits(limited(settings, address=2))
            replace(PlatformServices.of(api.app), limits=fresh).provide(api.app)
            url = re.sub(r"{[^}]*}", str(uuid4()), path)
            found = [await api.request(method, url, headers=fresh_key()) for _ in range(3)]
            statuses = [one.status_code for one in found]
            assert statuses[2] == 429 != statuses[1], f"{method} {path}: {statuses}"
            assert found[2].headers["RateLimit-Policy"] == '"address";q=2;w=60'


@pytest.mark.parametrize("livemode", [True, False])
async def test_who_is_over_the_limit_has_no_proof_looked_at(
    dsn: str, settings: Settings, postgres: str, livemode: bool
) -> None:
    async with app_with_sandboxes(limited(settings, client=3, address=1000), dsn, postgres) as api:
        client = await partner_client(api, await active_partner(api), dpop_bound=True, livemode=livemode)
        holder = Holder()
        given = await api.post("/oauth/token", data=GRANT, headers=credentials(client) | {"DPoP": holder.proof()})
        access, path = given.json()["access_token"], "/v1/partner/profile"
        await whole_minute()
        proven = [holder.headers(access, "GET", f"{BASE}{path}") for _ in range(6)]
        answers = [await api.get(path, headers=headers) for headers in proven]
        assert [one.status_code for one in answers] == [200] * 3 + [429] * 3
        assert answers[0].headers["RateLimit-Policy"] == '"client";q=3;w=60'
        assert await DB.fetchval("SELECT count(*) FROM oauth_dpop_proof") == 1 + 3


async def test_an_address_that_sends_bad_tokens_is_looked_at_no_more(
    dsn: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(limited(settings, client=1000, address=30), dsn) as api:
        client = await partner_client(api, await approved_partner(api))
        known, other = [bearer(await token(api, client, scope=scope)) for scope in ("offers:read", "codes:write")]
        path, forged = "/v1/partner/profile", bearer(api.oneid.token("admin", "s"))
        await whole_minute()
        assert (await api.get(path, headers=known)).status_code == 200
        looked, decode = [], jwt.decode  # noqa: TID251 - what is counted is the library's own work

        def inspect(*arguments: Any, **named: Any) -> Any:
            looked.append(arguments)
            return decode(*arguments, **named)

        monkeypatch.setattr(jwt, "decode", inspect)
        answers = [await api.get(path, headers=forged) for _ in range(35)]
        assert [one.status_code for one in answers] == [401] * 30 + [429] * 5
        assert len(looked) == 30
        # One that was good before continues; one that was not seen yet waits until the minute is over.
        assert (await api.get(path, headers=known)).status_code == 200
        assert (await api.get(path, headers=other)).status_code == 429
        # What else the address does is counted apart.
        assert (await api.post("/oauth/token", data=GRANT, headers=credentials(client))).status_code == 200


async def test_members_are_not_counted(dsn: str, settings: Settings) -> None:
    async with running_app(limited(settings, client=1, address=1), dsn) as api:
        for _ in range(3):
            answer = await api.get("/v1/offers", headers=api.member("one-1"))
            assert answer.status_code == 200
            assert "RateLimit" not in answer.headers


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", "-"),
        ("unix", "unix"),
    ],
)
def test_an_ipv6_network_is_one_address(host: str, counted: str) -> None:
    class Asked:
        client = type("Client", (), {"host": host})() if host else None

    assert address_of(Asked()) == counted  # type: ignore[arg-type]


async def test_a_body_nested_deep_is_refused_in_words(dsn: str, settings: Settings) -> None:
    async with running_app(settings, dsn) as api:
        for depth, said in ((31, "unknown field"), (33, "nested deeper"), (100_000, "nested deeper")):
            body = b'{"x":' + b"[" * depth + b'"]]\\"}}"' + b"]" * depth + b"}"
            answer = await post(api, body)
            assert answer.status_code == 400
            assert said in answer.json()["errors"][0]["message"], answer.text
        flat = b'{"x":[' + b"{}," * 5000 + b"{}]}"
        assert "unknown field" in (await post(api, flat)).json()["errors"][0]["message"]


async def post(api: Api, body: bytes) -> httpx.Response:
    headers = fresh_key() | {"Content-Type": "application/json", "Accept-Language": "en"}
    return await api.post("/v1/partner/applications", content=body, headers=headers)


async def test_ever_new_addresses_cost_little_memory_and_little_time(
    database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All within one minute: nothing is over, and still no more are remembered than _MOST; nobody gains a request by it."""
    await whole_minute()
    monkeypatch.setattr(rate_limits, "_MOST", 10)
    process = RateLimits(limited(settings, client=3))
    assert await ask(process, 5, "early") == 3
    for number in range(40):
        await process.take("client", f"new-{number}")
        assert len(process._leases) <= 10
    assert "client:early" not in process._leases
    assert await ask(process, 5, "early") == 0
