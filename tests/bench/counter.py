"""The partner's counter: verify a voucher, then use it with the token that the verification gave."""

import secrets
from itertools import islice

import asyncpg
import httpx

from tests.bench.books import audit, count, only
from tests.bench.plan import HOST, Counters, Measured, Plan
from tests.bench.rounds import Result, alternate, busiest, compare, rates
from tests.bench.scene import REDEEM, Members, Scene
from tests.bench.server import HarnessError, Serving
from tests.bench.worlds import Client, Filled

_USED = "SELECT count(*) FROM voucher WHERE status = 'used'"
_ISSUED = "SELECT code FROM voucher WHERE status = 'issued' ORDER BY redemption_id DESC LIMIT $1"
_TRIAL = 400


async def counter(scene: Scene) -> list[Result]:
    """Verify + use at the counter: ours / echo."""
    world, sizes = await scene.world(), scene.sizes
    trial = min(_TRIAL, sizes.members)
    async with scene.serving(world) as members:
        before = await count(world.dsn, _USED)
        await members.request(REDEEM, world.offers, total=trial)
        slow = await _at_counter(scene, members, "", await _codes(world, trial))
        fast = await _at_counter(scene, members, "/echo", _made_up(trial))
        each = max(int(slow.rate * sizes.seconds / 2), 10)
        await members.request(REDEEM, world.offers, total=each * sizes.rounds)
        codes = iter(await _codes(world, each * sizes.rounds))
        found = await alternate(
            {
                "echo": lambda: _at_counter(scene, members, "/echo", _made_up(int(fast.rate * sizes.seconds / 2))),
                "ours": lambda: _at_counter(scene, members, "", list(islice(codes, each))),
            },
            sizes.rounds,
        )
    asked = sum(one.requests for one in [slow, *found["ours"]])
    used = await count(world.dsn, _USED) - before
    if used * 2 != asked:
        raise HarnessError(f"{asked} verifications and uses were answered, {used} vouchers are used in the books")
    await audit(world.dsn)
    return [
        compare(
            "counter, verify + use: ours / echo", "requests/s", rates(found["ours"]), rates(found["echo"]),
            must=0.4, stretch=0.6, client_cpu=busiest(*found.values()),
        )
    ]  # fmt: skip


async def _at_counter(scene: Scene, members: Members, below: str, codes: list[str]) -> Measured:
    token = await access_token(members.server, members.world.counter)
    head = f"HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n"
    plan = Plan(
        port=members.server.port,
        script=Counters(
            verify_head=f"POST /v1/partner{below}/vouchers/verify {head}".encode(),
            use_head=f"POST /v1/partner{below}/vouchers/use {head}".encode(),
            codes=codes,
            key=secrets.token_hex(6),
        ),
        connections=max(scene.sizes.connections // 4, 4),
    )
    return only(await scene.stage.measure(plan), "200", log=members.server.tail())


async def access_token(server: Serving, client: Client) -> str:
    """Return a fresh token of our own OAuth server; they live ten minutes, so each round asks for its own."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"{server.url}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(client.client_id, client.secret),
        )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def _made_up(count: int) -> list[str]:
    return [f"{number:04d}-{number % 9973:04d}-ECHO" for number in range(max(count, 10))]


async def _codes(world: Filled, most: int) -> list[str]:
    connection = await asyncpg.connect(world.dsn)
    try:
        return [row["code"] for row in await connection.fetch(_ISSUED, most)]
    finally:
        await connection.close()
