"""Browsing: each of the ten scenarios in its turn, and after each a search for 酒店, every other one among the lodgings."""

import secrets

from partners.fields import SCENARIOS
from tests.bench.books import only
from tests.bench.plan import HOST, Measured, Plan, Product
from tests.bench.rounds import Result, alternate, busiest, compare, rates
from tests.bench.scene import Members, Scene

_HOTEL = "%E9%85%92%E5%BA%97"
_SEARCHES = (f"q={_HOTEL}", f"scenario=lodging&q={_HOTEL}")
_QUERIES = [query for place, code in enumerate(SCENARIOS) for query in (f"scenario={code}", _SEARCHES[place % 2])]
_MEMBERS = 1_000


async def browse(scene: Scene) -> list[Result]:
    """Browse a scenario and search 酒店, 50,000 offers: ours / echo; p99 against 500 offers."""
    sizes = scene.sizes
    members = min(sizes.members, _MEMBERS)
    many = await scene.filled("many_offers", members, sizes.many_offers)
    few = await scene.filled("few_offers", members, sizes.few_offers)
    async with scene.serving(many) as at_many, scene.serving(few) as at_few:
        found = await alternate(
            {
                "echo": lambda: _browse(scene, at_many, "/v1/echo/offers"),
                "ours": lambda: _browse(scene, at_many, "/v1/offers"),
            },
            sizes.rounds,
        )
        rate = sorted(rates(found["ours"]))[len(found["ours"]) // 2] / 2
        paced = await alternate(
            {
                f"p99, {sizes.few_offers:,} offers": lambda: _browse(scene, at_few, "/v1/offers", rate),
                f"p99, {sizes.many_offers:,} offers": lambda: _browse(scene, at_many, "/v1/offers", rate),
            },
            sizes.rounds,
            lambda one: one.p99,
        )
    await scene.forget("many_offers")
    await scene.forget("few_offers")
    small, big = paced.values()
    return [
        compare(
            f"browse and search, {sizes.many_offers:,} offers: ours / echo", "requests/s", rates(found["ours"]),
            rates(found["echo"]), must=0.5, stretch=0.8, client_cpu=busiest(*found.values()),
        ),
        compare(
            f"browse and search: p99 with {sizes.many_offers:,} offers / {sizes.few_offers:,}", "ms",
            [one.p99 for one in big], [one.p99 for one in small], must=2, at_most=True,
            client_cpu=busiest(small, big), note=f"at {rate:,.0f} requests/s, half of the top rate",
        ),
    ]  # fmt: skip


async def _browse(scene: Scene, members: Members, path: str, rate: float = 0.0) -> Measured:
    sizes = scene.sizes
    plan = Plan(
        port=members.server.port,
        script=Product(
            heads=[
                f"GET {path}?{query} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer ".encode() for query in _QUERIES
            ],
            tails=[f"{token}\r\n\r\n".encode() for token in members.world.tokens],
            seed=secrets.randbits(32),
        ),
        connections=max(sizes.connections // 4, 4),
        seconds=sizes.seconds,
        warmup=sizes.warmup,
        rate=rate,
    )
    return only(await scene.stage.measure(plan), "200", log=members.server.tail())
