"""One read for all who ask the same at the same time; each gets what was read after it had asked.

A cache would be cheaper still, and sometimes stale. Here nothing is kept: a request that comes while a read is under way
waits for the next one, so that half a million members who look at the same page cost one read after the other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from marketplace.platform.database import fresh_context

Answer = TypeVar("Answer")

Read = Callable[[], Awaitable[Answer]]


class SharedReads(Generic[Answer]):
    """The reads under way in this process, by what they read."""

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: dict[Hashable, list[asyncio.Future[Answer]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, key: Hashable, read: Read[Answer]) -> Answer:
        """Return what `read` gives, called after this was; whoever asks for the same key then gets the same."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        line = self._waiting.get(key)
        if line is not None:
            line.append(answer)
            return await answer
        self._waiting[key] = [answer]
        # A context of its own: the read is not the first asker's alone, and a unit of work of theirs is not ours.
        task = loop.create_task(self._serve(key, read), context=fresh_context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await answer

    async def _serve(self, key: Hashable, read: Read[Answer]) -> None:
        """Read once for all who wait, again for those who came meanwhile, until nobody waits."""
        while asked := self._waiting[key]:
            self._waiting[key] = []
            try:
                found = await read()
            except Exception as error:  # noqa: BLE001 - it is raised again where it was asked for
                for one in asked:
                    if not one.done():
                        one.set_exception(error)
                continue
            for one in asked:
                if not one.done():  # else its request was given up
                    one.set_result(found)
        del self._waiting[key]
