"""Who comes at once is looked up, and made, together; one that cannot be asked for fails alone."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import pytest

from benefits.members import directory
from benefits.members.directory import Directory
from marketplace.kernel.clock import Clock
from marketplace.platform.batching import batch_loader
from marketplace.platform.batching.batch_loader import BatchLoader
from marketplace.platform.postgres.database import DB, Busy


class Numbers:
    """A question whose answers are held back until the test lets them go; every one is counted."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, keys: Sequence[int]) -> Mapping[int, str]:
        self.asked.append(list(keys))
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        return {key: str(12 // key) for key in keys}


async def test_what_comes_meanwhile_goes_together() -> None:
    numbers = Numbers()
    asks = BatchLoader(numbers)
    first = asyncio.create_task(asks.get(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(asks.get(key)) for key in (2, 3, 2, 1)]
    await asyncio.sleep(0)
    numbers.go_on.set()
    assert [await first, *[await each for each in others]] == ["12", "6", "4", "6", "12"]
    assert numbers.asked == [[1], [2, 3, 1]], "the one under way has no news for who comes later"
    assert await asks.get(4) == "3"


async def test_no_question_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_loader, "MOST", 3)
    numbers = Numbers()
    numbers.go_on.set()
    asks = BatchLoader(numbers)
    assert await asyncio.gather(*(asks.get(key) for key in range(1, 8))) == ["12", "6", "4", "3", "2", "2", "1"]
    assert [len(keys) for keys in numbers.asked] == [3, 3, 1]


async def test_one_that_cannot_be_asked_fails_alone() -> None:
    numbers = Numbers()
    numbers.go_on.set()
    asks = BatchLoader(numbers)
    results = await asyncio.gather(*(asks.get(key) for key in (1, 0, 2)), return_exceptions=True)
    assert [results[0], results[2]] == ["12", "6"]
    assert isinstance(results[1], ZeroDivisionError)


@pytest.mark.parametrize("error", [asyncpg.ConnectionDoesNotExistError("gone"), Busy()])
async def test_a_database_that_is_away_is_not_asked_for_each(error: Exception) -> None:
    numbers = Numbers()
    numbers.error = error
    numbers.go_on.set()
    asks = BatchLoader(numbers)
    assert await asyncio.gather(*(asks.get(key) for key in (1, 2, 3)), return_exceptions=True) == [error] * 3
    assert numbers.asked == [[1, 2, 3]]
    numbers.error = None
    assert await asks.get(1) == "12", "and the next one is asked for again"


async def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    numbers = Numbers()
    asks = BatchLoader(numbers)
    staying = [asyncio.create_task(asks.get(1)) for _ in range(2)]
    leaving = asyncio.create_task(asks.get(1))
    await asyncio.sleep(0)
    leaving.cancel()
    numbers.go_on.set()
    assert await asyncio.gather(*staying) == ["12", "12"]
    assert numbers.asked == [[1]]


async def test_a_crowd_of_newcomers(database: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hundred people, each asking twice: few looks, few transactions, one member each, and nobody is another."""
    statements = transactions = 0
    fetch, upsert = type(DB).fetch, directory.upsert  # type: ignore[attr-defined]

    async def counted(self: Any, sql: str, *values: Any) -> Any:
        nonlocal statements
        statements += "member_subject" in sql
        return await fetch(self, sql, *values)

    async def made(*arguments: Any, **named: Any) -> Any:
        nonlocal transactions
        transactions += 1
        return await upsert(*arguments, **named)

    monkeypatch.setattr(type(DB), "fetch", counted)
    monkeypatch.setattr(directory, "upsert", made)
    people = Directory(clock)
    names = [f"m-{number}" for number in range(300)]
    found = await asyncio.gather(*(people.member_id(name, name) for name in names * 2))
    assert statements <= 6
    assert transactions <= 6
    assert found[:300] == found[300:]
    assert len(set(found)) == 300
    rows = await DB.fetch(
        "SELECT s.subject, s.member_id, m.name FROM member_subject s JOIN member m ON m.id = s.member_id"
    )
    assert {(row["subject"], row["name"]): row["member_id"] for row in rows} == {
        (name, name): member_id for name, member_id in zip(names, found[:300], strict=True)
    }
    assert await DB.fetchval("SELECT count(*) FROM wallet") == 300
    # Another process knows them too, under the same ids; and the broken variant, one by one, asks as often as people come.
    statements = 0
    assert await asyncio.gather(*(Directory(clock).member_id(name, name) for name in names)) == found[:300]
    assert statements == 300


async def test_the_same_newcomer_in_two_processes(database: str, clock: Clock) -> None:
    places = [Directory(clock) for _ in range(8)]
    found = await asyncio.gather(*(place.member_id("m-1", f"name {number}") for number, place in enumerate(places)))
    assert len(set(found)) == 1
    assert await DB.fetchval("SELECT count(*) FROM member") == 1
    one, other = await asyncio.gather(places[0].member_id("m-2", "now so"), places[0].member_id("m-2", "now otherwise"))
    assert one == other
    assert await DB.fetchval("SELECT count(*) FROM member") == 2


async def test_who_is_known_does_not_wait_for_who_is_made(
    database: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Directory(clock).member_id("known", "known")
    making = asyncio.Event()
    upsert = directory.upsert  # type: ignore[attr-defined]

    async def slow(*arguments: Any, **named: Any) -> Any:
        await making.wait()
        return await upsert(*arguments, **named)

    monkeypatch.setattr(directory, "upsert", slow)
    people = Directory(clock)
    new = asyncio.create_task(people.member_id("new", "new"))
    assert await people.member_id("known", "known")
    assert not new.done()
    making.set()
    await new
