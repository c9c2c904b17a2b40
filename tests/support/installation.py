"""The program as it is run for real: `serve` with two workers, `work` beside it, an embedded PostgreSQL, members and offers."""

import asyncio
import contextlib
import os
import random
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.conftest import SECRET
from tests.support.processes import Program, free_port, postmaster, program, served
from tests.support.tokens import Issuer
from tests.support.world import World

BACK_WITHIN_S = 10
"""What the program promises (docs/decisions/0008-supervision.md); a longer wait is a fault."""

WORKERS, MEMBERS = 2, 40


class Installation:
    """Where it is, who may redeem what, and how to kill parts of it."""

    settings: Settings
    port: int
    server: Program
    tokens: dict[UUID, str]
    offers: list[UUID]

    async def ready(self) -> bool:
        """Tell whether it says that it can serve; no answer is a no. Quick, since a killed PostgreSQL is back in a moment."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            with contextlib.closing(writer):
                async with asyncio.timeout(3):
                    writer.write(b"GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    return (await reader.readline()).startswith(b"HTTP/1.1 200")
        except OSError:  # TimeoutError is one
            return False

    async def until(self, condition: Callable[[], bool], ready: bool = True) -> None:
        """Wait until the service is ready, or not, and the condition holds. Raises TimeoutError."""
        async with asyncio.timeout(BACK_WITHIN_S):
            while not (condition() and await self.ready() is ready):
                await asyncio.sleep(0.02)

    async def survive(self, death: str, dice: random.Random) -> float:
        """Kill, wait until the service is back, complete, and return after how many seconds it was."""
        began = time.monotonic()
        workers = self.server.workers()
        if death in {"postgres", "everything"}:
            os.kill(postmaster(self.settings.data), signal.SIGKILL)
        for worker in workers if death == "everything" else [dice.choice(workers)] if death == "worker" else []:
            worker.kill()
        if death != "worker":
            await self.until(lambda: True, ready=False)
        await self.until(lambda: len(self.server.workers()) == WORKERS)
        return time.monotonic() - began


@asynccontextmanager
async def installation() -> AsyncIterator[Installation]:
    """Start everything, make the world, and stop everything in the end."""
    here = Installation()
    here.port, oneid_port = free_port(), free_port()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="marketplace-kill-", dir="/tmp")))
        here.settings = settings = Settings(
            mode="test",
            data=folder / "data",
            secret_key=SECRET,
            base_url=f"http://127.0.0.1:{here.port}",
            oneid_issuer=f"http://127.0.0.1:{oneid_port}",
            rate_client=100_000_000,
            rate_address=100_000_000,
        )
        issuer = Issuer(settings)
        stack.enter_context(served(issuer, oneid_port))
        arguments = ("serve", "--port", str(here.port), "--workers", str(WORKERS))
        here.server = stack.enter_context(program(settings, folder / "serve.log", *arguments))
        async with asyncio.timeout(60):
            while not await here.ready():
                await asyncio.sleep(0.1)
        stack.enter_context(program(settings, folder / "work.log", "work"))
        dsn = f"postgresql://postgres@/marketplace?host={folder}/data/postgres"
        await DB.open(dsn, settings.database_role, 4)
        stack.push_async_callback(DB.close)
        world = await World(settings, Clock()).open(settlement_basis="on_issue")
        await world.members(MEMBERS, points=1_000_000)
        here.offers = [await world.offer(stock=stock, per_member=None) for stock in (1_000_000, 1_000_000, 200, None)]
        rows = await DB.fetch("SELECT member_id AS id, subject FROM member_subject")
        here.tokens = {row["id"]: issuer.token("members", row["subject"], exp=4_000_000_000) for row in rows}
        async with asyncio.timeout(60):  # `work` has begun
            while not await DB.fetchval("SELECT count(*) FROM consumer_position"):
                await asyncio.sleep(0.1)
        yield here
