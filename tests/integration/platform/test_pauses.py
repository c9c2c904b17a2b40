"""Waiting that ends by itself, in a task that was once cancelled and went on: as a task group leaves one whose child failed."""

import asyncio
from collections.abc import Sequence

import pytest

from marketplace.platform.outbound.guard import Outbound, OutboundError, Reason
from marketplace.platform.sleep import interruptible_sleep


async def _fail() -> None:
    raise LookupError


async def _meet_a_failure() -> None:
    with pytest.raises(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(_fail())


async def _rest() -> bool:
    """Come to rest after a failure and return whether what comes after it is reached."""
    await _meet_a_failure()
    await interruptible_sleep(asyncio.Event(), 0.01)
    return True


async def _send() -> Reason:
    async def silent(name: str, port: int, whose: str) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    await _meet_a_failure()
    with pytest.raises(OutboundError) as refused:
        await Outbound(resolver=silent, seconds=0.05).send("GET", "https://hook.example/")
    return refused.value.reason


async def test_a_failure_before_it_does_not_end_what_waits() -> None:
    assert await asyncio.create_task(_rest())
    assert await asyncio.create_task(_send()) == Reason.TOO_SLOW


async def test_a_pause_ends_early_when_it_is_to_stop_and_at_once_when_it_is_none() -> None:
    stop = asyncio.Event()
    resting = asyncio.create_task(interruptible_sleep(stop, 60))
    await interruptible_sleep(asyncio.Event(), 0)
    assert not resting.done()
    stop.set()
    await resting


async def test_a_pause_can_be_cancelled() -> None:
    resting = asyncio.create_task(interruptible_sleep(asyncio.Event(), 60))
    await asyncio.sleep(0)
    resting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await resting
