"""Earnings over HTTP against COPY of the same rows into a table of the same kind."""

import random
import secrets
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.kernel.ids import bucket_of, uuid7
from tests.bench.books import audit, count, only
from tests.bench.counter import access_token
from tests.bench.plan import HOST, Earnings, Measured, Plan
from tests.bench.rounds import Result, Sizes, alternate, busiest, compare
from tests.bench.scene import Members, Scene
from tests.bench.server import HarnessError
from tests.support import today

_EARNED = "SELECT count(*) FROM points_posting WHERE code = 'earning'"
_AT_ONCE = (1, 2, 4)

_WRITTEN = {
    "points_posting": "code = 'earning'",
    "earning": "true",
    "event": "type = 'points.credited'",
}
"""What a call writes for each earning: table -> which of its rows. The first is the yardstick."""


async def earnings(scene: Scene) -> list[Result]:
    """Earnings, 1,000 a call: postings/s over HTTP / COPY of the same rows."""
    world, sizes = await scene.world(), scene.sizes
    before = await count(world.dsn, _EARNED)
    asked: list[Measured] = []

    async def ours(connections: int) -> Measured:
        asked.append(await _credit(scene, members, connections))
        return asked[-1]

    async with scene.serving(world) as members:
        trials = {connections: (await ours(connections)).rate for connections in _AT_ONCE}
        best = max(trials, key=lambda connections: trials[connections])
        connection = await asyncpg.connect(world.dsn)
        try:
            postings = await _Copy(connection, world.members, sizes).open(["points_posting"])
            everything = await _Copy(connection, world.members, sizes).open(list(_WRITTEN))
            found = await alternate(
                {"COPY": postings.round, "ours": lambda: ours(best), "COPY of all": everything.round},
                sizes.narrow_rounds,
                lambda one: one.rate * sizes.calls,
            )
            await postings.close()
            await everything.close()
        finally:
            await connection.close()
    answered = sum(one.statuses["200"] for one in asked) * sizes.calls
    credited = await count(world.dsn, _EARNED) - before
    if credited != answered:
        raise HarnessError(f"{answered} earnings were answered, {credited} are in the books")
    await audit(world.dsn)
    rates = {name: [one.rate * sizes.calls for one in rounds] for name, rounds in found.items()}
    tried = ", ".join(f"{number}: {rate * sizes.calls:,.0f}/s" for number, rate in trials.items())
    return [
        compare(
            f"earnings, {sizes.calls:,} a call: ours / COPY", "postings/s", rates["ours"], rates["COPY"],
            must=0.15, stretch=0.4, client_cpu=busiest(found["ours"]),
            note=f"{best} calls at once ({tried}); COPY of all rows that a call writes: "
            f"{sorted(rates['COPY of all'])[len(rates['COPY of all']) // 2]:,.0f} earnings/s",
        )
    ]  # fmt: skip


async def _credit(scene: Scene, members: Members, connections: int) -> Measured:
    token = await access_token(members.server, members.world.oem)
    sizes = scene.sizes
    plan = Plan(
        port=members.server.port,
        script=Earnings(
            head=(
                f"POST /v1/points/earnings HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {token}\r\n"
            ).encode(),
            members=[str(member_id) for member_id in members.world.members],
            per_call=sizes.calls,
            key=secrets.token_hex(6),
            occurred_at=today.now().isoformat(),
            seed=secrets.randbits(32),
        ),
        connections=connections,
        seconds=sizes.seconds,
        warmup=sizes.warmup,
    )
    return only(await scene.stage.measure(plan), "200", log=members.server.tail())


class _Copy:
    """COPY of such rows as earnings write into tables of the same kind: a call's worth a transaction, committed."""

    def __init__(self, connection: asyncpg.Connection, members: Sequence[UUID], sizes: Sizes) -> None:
        self.connection = connection
        self.members = members
        self.sizes = sizes
        self.samples: dict[str, dict[str, Any]] = {}

    async def open(self, tables: Sequence[str]) -> "_Copy":
        """Make the tables, and look at a row of each that an earning wrote."""
        for table in tables:
            await self.connection.execute(f"CREATE TABLE {self._name(table)} (LIKE {table} INCLUDING ALL)")
            names = await self.connection.fetch(
                "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped"
                " AND attidentity = '' AND atttypid <> 'xid8'::regtype ORDER BY attnum",
                table,
            )
            wanted = ", ".join(f'"{row["attname"]}"' for row in names)
            row = await self.connection.fetchrow(f"SELECT {wanted} FROM {table} WHERE {_WRITTEN[table]} LIMIT 1")
            self.samples[table] = dict(row)
        return self

    def _name(self, table: str) -> str:
        return f"copy{id(self)}_{table}"

    async def round(self) -> Measured:
        """Copy for a round's time; making the rows does not count. Returns the calls' worths as a measurement."""
        calls, seconds = 0, 0.0
        while seconds < self.sizes.seconds:
            records = self._records()
            started = time.perf_counter()
            async with self.connection.transaction():
                for table, rows in records.items():
                    await self.connection.copy_records_to_table(
                        self._name(table), records=rows, columns=list(self.samples[table])
                    )
            seconds += time.perf_counter() - started
            calls += 1
        return Measured(
            requests=calls, seconds=seconds, statuses={}, lost=0, cpu=0.0, p50=0.0, p95=0.0, p99=0.0, most=0.0
        )

    def _records(self) -> dict[str, list[tuple[Any, ...]]]:
        rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in self.samples}
        for member_id in random.choices(self.members, k=self.sizes.calls):
            bucket = bucket_of(member_id)
            transaction_id = uuid7(bucket)
            own = {
                "bucket": bucket,
                "member_id": member_id,
                "transaction_id": transaction_id,
                "reference": str(transaction_id),
                "aggregate_id": member_id,
            }
            for table, sample in self.samples.items():
                rows[table].append(tuple(own.get(name, value) for name, value in sample.items()))
        return rows

    async def close(self) -> None:
        """Remove the tables."""
        for table in self.samples:
            await self.connection.execute(f"DROP TABLE {self._name(table)}")
