"""The load generator: keep-alive HTTP/1.1 on bare protocols, in a process of its own. `python -m tests.bench.client PLAN`.

It reads a Plan (MessagePack), asks as the plan says, and writes a Measured (JSON) to standard output. A request costs it
some 20 µs of CPU at the top rate, which it reports, so that one sees that the client is not what is measured. What asks at a
given rate is in `paced.py`.
"""

import asyncio
import gc
import os
import sys
import time
from array import array
from collections import Counter, deque
from functools import partial
from pathlib import Path
from typing import Any, cast

import msgspec
import uvloop

from tests.bench.paced import paced
from tests.bench.plan import Measured, Plan, Requests, measured, whole_answer

_PATIENCE_S = 30.0


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, run: "Run", requests: Requests) -> None:
        """Belong to a run."""
        self.run = run
        self.requests = requests
        self.transport: asyncio.WriteTransport
        self.begun = False
        self.under_way = False
        self.since = 0.0
        self.body = b""
        self.got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to write."""
        self.transport = cast("asyncio.WriteTransport", transport)

    def ask(self, since: float) -> bool:
        """Send the next request, whose time counts from `since`; False when there is none left."""
        try:
            request = self.requests.send(self.body) if self.begun else next(self.requests)
        except StopIteration:
            return False
        self.begun = self.under_way = True
        self.since = since
        self.transport.write(request)
        return True

    def data_received(self, data: bytes) -> None:
        """Take what has come of the answer."""
        self.got += data
        answer = whole_answer(self.got)
        if answer is not None:
            status, self.body = answer
            self.got = b""
            self.under_way = False
            self.run.answered(self, status)

    def connection_lost(self, error: Exception | None) -> None:
        """Count a request that will not be answered any more."""
        if self.under_way:
            self.run.lost += 1
            self.run.gone()


class Run:
    """One run of a plan without a rate: each connection asks again as soon as it was answered."""

    def __init__(self, plan: Plan) -> None:
        """Prepare; nothing is sent yet."""
        self.plan = plan
        self.loop = asyncio.get_running_loop()
        self.statuses: Counter[bytes] = Counter()
        self.times = array("d")
        self.lost = 0
        self.sent = 0
        self.busy = 0
        self.free: deque[Connection] = deque()
        self.finished = asyncio.Event()
        self.stopping = False
        self.begin = self.end = 0.0
        self.last = 0.0

    def answered(self, connection: Connection, status: bytes) -> None:
        """Count an answer, and ask again."""
        now = time.perf_counter()
        self.statuses[status] += 1
        if self.begin <= now < self.end:
            self.times.append(now - connection.since)
            self.last = now
        if self.stopping or now >= self.end or not self.ask(connection, now):
            self.idle(connection)

    def ask(self, connection: Connection, since: float) -> bool:
        """Let the connection send its next request, unless all were sent."""
        if self.plan.total and self.sent >= self.plan.total:
            return False
        self.sent += 1
        return connection.ask(since)

    def idle(self, connection: Connection) -> None:
        """Take back a connection that has nothing to do; the last one ends the run."""
        self.busy -= 1
        self.free.append(connection)
        self._maybe_finish()

    def gone(self) -> None:
        """Do without a connection that was lost."""
        self.busy -= 1
        self._maybe_finish()

    def _maybe_finish(self) -> None:
        if self.busy == 0:
            self.finished.set()

    async def run(self) -> Measured:
        """Open the connections, ask as planned, wait for what is under way, and return what was measured."""
        plan = self.plan
        self.loop.set_exception_handler(_give_up)
        makers = plan.script.connections()
        for _ in range(plan.connections):
            requests = next(makers)
            _, connection = await self.loop.create_connection(
                partial(Connection, self, requests), "127.0.0.1", plan.port
            )
            self.free.append(connection)
        start = time.perf_counter()
        self.begin = start + plan.warmup
        self.end = self.begin + plan.seconds if plan.seconds else float("inf")
        marks: list[float] = []
        if plan.warmup:
            self.loop.call_later(plan.warmup, lambda: marks.append(time.process_time()))
        else:
            marks.append(time.process_time())
        await self._closed(start)
        used = time.process_time() - marks[0] if marks else 0.0
        seconds = (self.end if plan.seconds else self.last) - self.begin
        for connection in self.free:
            connection.transport.close()
        return measured(self.times, self.statuses, seconds=seconds, lost=self.lost, cpu=used / max(seconds, 1e-6))

    async def _closed(self, start: float) -> None:
        connections, self.free = self.free, deque()
        self.busy = len(connections)
        for connection in connections:
            if not self.ask(connection, start):
                self.idle(connection)
        if self.plan.seconds:
            await asyncio.sleep(self.end - time.perf_counter())
            self.stopping = True
            async with asyncio.timeout(_PATIENCE_S):
                await self.finished.wait()
        else:
            await self.finished.wait()


def _give_up(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # A failing callback would leave its connection silent, and the run would look slow instead of wrong.
    loop.default_exception_handler(context)
    os._exit(3)


async def _main(plan: Plan) -> Measured:
    return await Run(plan).run()


if __name__ == "__main__":
    wanted = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    gc.disable()  # a pause of ours must not pass for the server's
    found = paced(wanted) if wanted.rate else uvloop.run(_main(wanted))
    sys.stdout.buffer.write(msgspec.json.encode(found))
