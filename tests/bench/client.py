"""The load generator: keep-alive HTTP/1.1 on bare protocols, in a process of its own. `python -m tests.bench.client PLAN`.

It reads a Plan (MessagePack), asks as the plan says, and writes a Measured (JSON) to standard output. A request costs it
some 20 µs of CPU, which it reports, so that one sees that the client is not what is measured.
"""

import asyncio
import gc
import os
import random
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Generator, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, cast

import msgspec
import uvloop

_TICK_S = 0.001
_PATIENCE_S = 30.0

Requests = Generator[bytes, bytes, None]
"""Gives a connection's requests; each but the first is asked for with the body of the last answer."""


class Product(msgspec.Struct, tag=True):
    """Heads in their order, tails at random, and between them a key that no other request has (where there is to be one)."""

    heads: list[bytes]
    tails: list[bytes]
    key: str = ""
    seed: int = 1

    def connections(self) -> Iterator[Requests]:
        """Give the requests of one connection after the other; all draw from the same row of heads and keys."""
        order = random.Random(self.seed).choices(range(len(self.tails)), k=65_536)
        numbers = count()

        def requests() -> Requests:
            heads, tails, key = self.heads, self.tails, self.key.encode()
            several = len(heads)
            for number in numbers:
                middle = b"%s%09d" % (key, number) if key else b""
                yield heads[number % several] + middle + tails[order[number & 65_535]]

        while True:
            yield requests()


class Counters(msgspec.Struct, tag=True):
    """Partners' counters: each code is verified, then used with the token that the verification gave."""

    verify_head: bytes
    use_head: bytes
    codes: list[str]
    key: str

    def connections(self) -> Iterator[Requests]:
        """Give the requests of one connection after the other; each code is taken once."""
        codes = iter(enumerate(self.codes))

        def requests() -> Requests:
            for number, code in codes:
                body = b'{"code":"%s"}' % code.encode()
                answer = yield self.verify_head + b"Content-Length: %d\r\n\r\n" % len(body) + body
                token = answer.partition(b'"use_token":"')[2].partition(b'"')[0]
                body = b'{"code":"%s","reference":"bench-%d","use_token":"%s"}' % (code.encode(), number, token)
                key = b"Idempotency-Key: %s%09d\r\n" % (self.key.encode(), number)
                yield self.use_head + key + b"Content-Length: %d\r\n\r\n" % len(body) + body

        while True:
            yield requests()


class Earnings(msgspec.Struct, tag=True):
    """The OEM's systems: calls of many earnings, members at random, each under a reference of its own."""

    head: bytes
    members: list[str]
    per_call: int
    key: str
    occurred_at: str
    seed: int = 1

    def connections(self) -> Iterator[Requests]:
        """Give the requests of one connection after the other."""
        numbers = count()
        dice = random.Random(self.seed)

        def requests() -> Requests:
            for number in numbers:
                earnings = ",".join(
                    f'{{"reference":"{self.key}{number}-{place}","member_id":"{member}","points":10,"kind":"service",'
                    f'"occurred_at":"{self.occurred_at}"}}'
                    for place, member in enumerate(dice.choices(self.members, k=self.per_call))
                )
                body = f'{{"earnings":[{earnings}]}}'.encode()
                yield self.head + b"Content-Length: %d\r\n\r\n" % len(body) + body

        while True:
            yield requests()


class Plan(msgspec.Struct, kw_only=True):
    """What to ask, over how many connections, and for how long.

    `seconds` are measured after `warmup` seconds; or `total` requests, all measured. With `rate` the requests are due
    at even intervals, whoever is ready, and their time counts from when they were due; without it each connection asks
    again as soon as it was answered.
    """

    port: int
    script: Product | Counters | Earnings
    connections: int
    seconds: float = 0.0
    warmup: float = 0.0
    total: int = 0
    rate: float = 0.0


class Measured(msgspec.Struct, kw_only=True):
    """What came back. `statuses` counts every answer, `requests` those within the measured `seconds`; times in ms.

    `cpu` is the client's own share of a core, `lost` how many requests were never answered. `wal` is what PostgreSQL wrote to
    its log for each answer, in bytes; `stolen` the share of the processors' time that the host of a virtual machine gave to
    others meanwhile.
    """

    requests: int
    seconds: float
    statuses: dict[str, int]
    lost: int
    cpu: float
    p50: float
    p95: float
    p99: float
    most: float
    wal: float = 0.0
    stolen: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


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
        """Take the answer: status line, length, body; nothing else is looked at."""
        if self.got:
            data = self.got + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self.got = data
            return
        at = data.find(b"\r\ncontent-length:", 0, end)
        if at < 0:
            at = data.lower().find(b"\r\ncontent-length:", 0, end)
        length = int(data[at + 17 : data.find(b"\r", at + 17)]) if at >= 0 else 0
        if len(data) - end - 4 < length:
            self.got = data
            return
        self.got = b""
        self.body = data[end + 4 :]
        self.under_way = False
        self.run.answered(self, data[9:12])

    def connection_lost(self, error: Exception | None) -> None:
        """Count a request that will not be answered any more."""
        if self.under_way:
            self.run.lost += 1
            self.run.gone()


class Run:
    """One run of a plan."""

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
        self.late: deque[float] = deque()
        self.finished = asyncio.Event()
        self.stopping = False
        self.begin = self.end = 0.0
        self.last = 0.0

    def answered(self, connection: Connection, status: bytes) -> None:
        """Count an answer, and ask again."""
        now = time.perf_counter()
        self.statuses[status] += 1
        counts_at = connection.since if self.plan.rate else now
        if self.begin <= counts_at < self.end:
            self.times.append(now - connection.since)
            self.last = now
        if self.plan.rate:
            if self.late:
                connection.ask(self.late.popleft())
            else:
                self.idle(connection)
        elif self.stopping or now >= self.end or not self.ask(connection, now):
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
        if self.stopping or not self.plan.rate:
            self._maybe_finish()

    def gone(self) -> None:
        """Do without a connection that was lost."""
        self.busy -= 1
        self._maybe_finish()

    def _maybe_finish(self) -> None:
        if self.busy == 0 and not self.late:
            self.finished.set()

    async def go(self) -> Measured:
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
        if plan.rate:
            await self._paced(start)
        else:
            await self._closed(start)
        used = time.process_time() - marks[0] if marks else 0.0
        seconds = (self.end if plan.seconds else self.last) - self.begin
        for connection in self.free:
            connection.transport.close()
        self.times = array("d", sorted(self.times))
        return Measured(
            requests=len(self.times),
            seconds=seconds,
            statuses={status.decode(): number for status, number in sorted(self.statuses.items())},
            lost=self.lost,
            cpu=used / max(seconds, 1e-6),
            p50=self._within(0.50),
            p95=self._within(0.95),
            p99=self._within(0.99),
            most=self._within(1.0),
        )

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

    async def _paced(self, start: float) -> None:
        step = 1 / self.plan.rate
        due = start
        while (now := time.perf_counter()) < self.end:
            while due <= now:
                if self.free:
                    self.busy += 1
                    self.free.popleft().ask(due)  # all take turns: the server cuts off who never asks
                else:
                    self.late.append(due)
                due += step
            await asyncio.sleep(_TICK_S)
        self.stopping = True
        self._maybe_finish()
        async with asyncio.timeout(_PATIENCE_S):
            await self.finished.wait()

    def _within(self, share: float) -> float:
        if not self.times:
            return 0.0
        return self.times[min(int(len(self.times) * share), len(self.times) - 1)] * 1000


def _give_up(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # A failing callback would leave its connection silent, and the run would look slow instead of wrong.
    loop.default_exception_handler(context)
    os._exit(3)


async def _main(plan: Plan) -> Measured:
    return await Run(plan).go()


if __name__ == "__main__":
    wanted = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    gc.disable()  # a pause of ours must not pass for the server's
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_main(wanted))))
