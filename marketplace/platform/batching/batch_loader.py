"""Loads by key in batches (the DataLoader pattern): keys that arrive during a query go into the next batch.

Five hundred simultaneous callers cost a few statements instead of five hundred, and use one connection instead of queueing for
all of the pool's. A single caller's key is loaded at once: there is no timer. https://github.com/graphql/dataloader
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from marketplace.platform.postgres.connection_errors import is_connection_lost
from marketplace.platform.postgres.database import Busy, fresh_context

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

Load = Callable[[Sequence[KeyT]], Awaitable[Mapping[KeyT, ValueT]]]
"""Returns a value for each of the distinct keys."""

MOST = 100
"""Keys in one batch: callers resume as soon as they have their value, and five hundred at once delay all others."""


class BatchLoader(Generic[KeyT, ValueT]):
    """The keys of this process that wait to be loaded."""

    def __init__(self, load: Load[KeyT, ValueT]) -> None:
        self._load = load
        self._waiting: dict[KeyT, list[asyncio.Future[ValueT]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: KeyT) -> ValueT:
        """Return the key's value, loaded after this call. Raises what `load` raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[ValueT] = loop.create_future()
        self._waiting.setdefault(key, []).append(answer)
        if self._task is None:
            # Own context: several callers share the load, and it must not run in the first caller's unit of work.
            self._task = loop.create_task(self._serve(), context=fresh_context())
        return await answer

    async def _serve(self) -> None:
        """Load batches until no caller waits."""
        try:
            while self._waiting:
                keys = list(self._waiting)[:MOST]
                await self._batch({key: self._waiting.pop(key) for key in keys})
        finally:
            self._task = None

    async def _batch(self, waiting: Mapping[KeyT, Sequence["asyncio.Future[ValueT]"]]) -> None:
        """Load a batch. If it fails, load key by key, so that only the failing keys fail."""
        try:
            found = await self._load(list(waiting))
            values = [found[key] for key in waiting]
        except Exception as error:  # noqa: BLE001 - it is raised to the callers
            if len(waiting) > 1 and not (is_connection_lost(error) or isinstance(error, Busy)):
                for key, answers in waiting.items():
                    await self._batch({key: answers})
                return
            for answers in waiting.values():
                for answer in _open(answers):
                    answer.set_exception(error)
            return
        for value, answers in zip(values, waiting.values(), strict=True):
            for answer in _open(answers):
                answer.set_result(value)


def _open(answers: Sequence["asyncio.Future[ValueT]"]) -> list["asyncio.Future[ValueT]"]:
    """Return the futures that a caller still waits for."""
    return [answer for answer in answers if not answer.done()]
