"""One effect for each key, whatever comes of the first request."""

import asyncio
from typing import Any

import pytest

from marketplace.kernel.refusals import InvalidField, NotFound
from marketplace.platform.http.idempotency import InProgress, KeyReused, Outcome, key_for, once
from marketplace.platform.postgres.database import DB, UnitOfWork


def key(name: str = "k", body: Any = None, caller: str = "admin:ops") -> Any:
    return key_for(caller, name, "POST /things", body)


async def stored() -> int:
    return int(await DB.fetchval("SELECT count(*) FROM idempotency"))


async def test_a_second_request_gets_the_first_answer(database: str) -> None:
    calls = 0

    async def work(_: UnitOfWork) -> dict[str, int]:
        nonlocal calls
        calls += 1
        return {"calls": calls}

    first = await once(key(), "en", work, status=201)
    again = await once(key(), "en", work, status=201)
    assert (first, again) == (Outcome(201, b'{"calls":1}'), Outcome(201, b'{"calls":1}', replayed=True))
    with pytest.raises(KeyReused):
        await once(key(body={"other": 1}), "en", work)
    assert (await once(key(caller="admin:other"), "en", work)).body == b'{"calls":2}'


async def test_a_refusal_of_state_is_kept_and_its_writes_are_undone(database: str) -> None:
    async def work(transaction: UnitOfWork) -> None:
        await transaction.execute("INSERT INTO member_subject (subject, member_id) VALUES ('half', gen_random_uuid())")
        raise NotFound

    first = await once(key(), "en", work)
    assert first.status == 404
    assert (await once(key(), "en", work)).replayed
    assert await DB.fetchval("SELECT count(*) FROM member_subject") == 0


async def test_a_request_that_is_not_valid_is_not_kept(database: str) -> None:
    async def work(_: UnitOfWork) -> None:
        raise InvalidField("stock", "错误", "is wrong")

    with pytest.raises(InvalidField):
        await once(key(), "en", work)
    assert await stored() == 0


async def test_a_fault_of_ours_is_not_kept(database: str) -> None:
    async def work(_: UnitOfWork) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await once(key(), "en", work)
    assert await stored() == 0


async def test_copies_wait_for_the_first_and_a_long_one_is_said_to_be_running(database: str) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(_: UnitOfWork) -> str:
        entered.set()
        await leave.wait()
        return "done"

    async def never(_: UnitOfWork) -> str:
        raise AssertionError("a copy must not work")

    first = asyncio.create_task(once(key(), "en", slow))
    await entered.wait()
    with pytest.raises(InProgress):  # after the lock timeout of two seconds
        await once(key(), "en", never)
    waiting = asyncio.create_task(once(key(), "en", never))
    await asyncio.sleep(0.05)
    leave.set()
    assert (await first).body == (await waiting).body == b'"done"'
