"""One read at a time per key, shared by all waiting callers; each gets what was read after its call.

A cache would be cheaper still, and sometimes stale. Here nothing is stored: a call that comes during a read waits for the next
one, so that half a million members who open the same page cost one read after the other.

It is not a `BatchLoader`: that one loads different keys with one statement, this one reads the same key once for many callers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from marketplace.platform.postgres.database import fresh_context

ValueT = TypeVar("ValueT")


class SingleFlight(Generic[ValueT]):
    """The reads in progress in this process, by key."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[asyncio.Future[ValueT]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, key: Hashable, read: Callable[[], Awaitable[ValueT]]) -> ValueT:
        """Return the result of `read`, started after this call; callers that wait for the same key share it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[ValueT] = loop.create_future()
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.append(answer)
            return await answer
        self._waiting[key] = [answer]
        # Own context: several callers share the read, and it must not run in the first caller's unit of work.
        task = loop.create_task(self._serve(key, read), context=fresh_context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await answer

    async def _serve(self, key: Hashable, read: Callable[[], Awaitable[ValueT]]) -> None:
        """Read once for all callers, and again for those that came meanwhile, until none waits."""
        while waiting := self._waiting[key]:
            self._waiting[key] = []
            try:
                found = await read()
            except Exception as error:  # noqa: BLE001 - it is raised to the callers
                for one in waiting:
                    if not one.done():
                        one.set_exception(error)
                continue
            for one in waiting:
                if not one.done():  # otherwise its caller has left
                    one.set_result(found)
        del self._waiting[key]
