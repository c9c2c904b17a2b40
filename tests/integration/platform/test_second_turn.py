"""A batch is begun while the last one is posted where enough waits for it: by weight, since one call may carry a thousand."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from marketplace.platform.batching.executor import BatchExecutor, Decided
from marketplace.platform.http.idempotency import Outcome
from marketplace.platform.postgres.database import UnitOfWork


class Load(msgspec.Struct, frozen=True):
    weight: int


@pytest.mark.parametrize(
    ("waiting", "beside"),
    [([1] * 15, False), ([1] * 16, True), ([15], False), ([16], True), ([1000], True), ([8, 8], True), ([8, 7], False)],
    ids=str,
)
@pytest.mark.usefixtures("database")
async def test_enough_is_a_weight(waiting: list[int], *, beside: bool) -> None:
    decided: list[int] = []
    posting, go_on = asyncio.Event(), asyncio.Event()

    async def decide(work: UnitOfWork, commands: Sequence[Load]) -> Decided:
        await work.fetchval("SELECT 1")
        first = not decided
        decided.append(len(commands))

        async def write() -> None:
            if first:
                posting.set()
                await go_on.wait()

        return Decided([Outcome(200, b"{}")] * len(commands), write)

    # What waits has come before the first batch is posted: the desk looks when that begins, and when another turn has ended.
    desk = BatchExecutor("loads", decide, batch=2000, queue=100)
    first = asyncio.create_task(desk.submit(Load(1)))
    await asyncio.sleep(0)
    others = [asyncio.create_task(desk.submit(Load(weight))) for weight in waiting]
    await posting.wait()
    async with asyncio.timeout(5):
        if beside:
            await asyncio.gather(*others)
        else:
            await asyncio.sleep(0.2)
        assert decided == ([1, len(waiting)] if beside else [1])
        go_on.set()
        await asyncio.gather(first, *others)
    assert decided == [1, len(waiting)]
    await desk.close()
