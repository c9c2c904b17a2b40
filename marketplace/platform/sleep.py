"""Waiting that ends by itself."""

import asyncio
import contextlib


async def interruptible_sleep(stop: asyncio.Event, seconds: float) -> None:
    """Wait until `stop` is set, `seconds` at the most.

    Not by `asyncio.timeout`, which the program does not use at all: up to Python 3.11.3 it ends with CancelledError in a task
    that was once cancelled and went on, and a task group whose child fails leaves its parent so. What was to be tried again
    would have ended without a word. https://docs.python.org/3/whatsnew/changelog.html, gh-102780
    """
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
