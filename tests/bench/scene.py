"""What the benchmarks share: the stage, the sizes, worlds made once, and the requests that members send."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from tests.bench.books import only
from tests.bench.plan import HOST, Measured, Plan, Product
from tests.bench.rounds import Sizes, terminal
from tests.bench.server import Serving, Stage
from tests.bench.worlds import Filled, fill

REDEEM, ROW_LOCKS, ECHO = "/v1/redemptions", "/v1/row-locks", "/v1/echo"


class Scene:
    """One run of the benchmarks."""

    def __init__(self, stage: Stage, sizes: Sizes) -> None:
        """Begin with no world."""
        self.stage = stage
        self.sizes = sizes
        self._worlds: dict[str, Filled] = {}

    async def world(self) -> Filled:
        """Return the usual world, made when it is first wanted."""
        return await self.filled("usual", self.sizes.members, self.sizes.offers)

    async def filled(self, name: str, members: int, offers: int, slices: int = 1) -> Filled:
        """Return a world of these sizes, made when it is first wanted."""
        if name not in self._worlds:
            with terminal.status(f"a world of {members:,} members and {offers:,} offers"):
                self._worlds[name] = await fill(self.stage, name, members=members, offers=offers, slices=slices)
        return self._worlds[name]

    async def forget(self, name: str) -> None:
        """Remove a world that no other benchmark will ask for."""
        del self._worlds[name]
        await self.stage.drop_database(name)

    @asynccontextmanager
    async def serving(self, world: Filled, workers: int = 1) -> AsyncIterator["Members"]:
        """Serve a world, and let each of its members be known to the server before anything is measured."""
        async with self.stage.serving(world.dsn, workers) as server:
            members = Members(self, world, server)
            await members.arrive(workers)
            yield members


class Members:
    """The members of a world, asking one server. Keeps all that was answered to redemptions."""

    def __init__(self, scene: Scene, world: Filled, server: Serving) -> None:
        """Belong to a scene."""
        self.scene = scene
        self.world = world
        self.server = server
        self.redeemed: list[Measured] = []

    async def arrive(self, workers: int) -> None:
        """Let every token be verified once; with several workers, by each of them (nearly)."""
        for _ in range(1 if workers == 1 else 3 * workers):
            await self.request(ECHO, self.world.offers, total=len(self.world.tokens), connections=64)

    async def request(
        self,
        path: str,
        offers: Sequence[UUID],
        *,
        seconds: float = 0.0,
        warmup: float = 0.0,
        total: int = 0,
        rate: float = 0.0,
        connections: int = 0,
    ) -> Measured:
        """Let the members ask for the offers. Raises HarnessError for any answer but 201."""
        head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nAuthorization: Bearer "
        tails = []
        for offer_id in offers:
            body = f'{{"offer_id":"{offer_id}","quantity":1}}'
            tails.append(f"\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        plan = Plan(
            port=self.server.port,
            script=Product(
                heads=[f"{head}{token}\r\nIdempotency-Key: ".encode() for token in self.world.tokens],
                tails=tails,
                key=secrets.token_hex(6),
                seed=secrets.randbits(32),
            ),
            connections=connections or self.scene.sizes.connections,
            seconds=seconds,
            warmup=warmup,
            total=total,
            rate=rate,
        )
        measured = only(await self.scene.stage.measure(plan), "201", log=self.server.tail())
        if path != ECHO:
            self.redeemed.append(measured)
        return measured

    async def request_for_a_round(self, path: str, offers: Sequence[UUID]) -> Measured:
        """Let the members ask as fast as they are answered, for a round of the usual length."""
        sizes = self.scene.sizes
        return await self.request(path, offers, seconds=sizes.seconds, warmup=sizes.warmup)
