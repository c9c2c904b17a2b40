"""Questions about many keys, asked together: what is asked while the database answers goes along with the next question.

Five hundred who come at the same moment cost a few statements instead of five hundred, and hold one connection instead of
queueing for all of the pool's. Who comes alone is asked for at once: there is no timer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from marketplace.platform.away import is_away
from marketplace.platform.database import Busy, fresh_context

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

Ask = Callable[[Sequence[Key]], Awaitable[Mapping[Key, Value]]]
"""Give an answer for each of the keys, of which none comes twice."""

MOST = 100
"""Keys in one question: whoever is answered goes on at once, and five hundred who do so together hold up all others."""


class Together(Generic[Key, Value]):
    """The keys that wait in this process for one kind of question."""

    def __init__(self, ask: Ask[Key, Value]) -> None:
        """Begin with none."""
        self._ask = ask
        self._waiting: dict[Key, list[asyncio.Future[Value]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: Key) -> Value:
        """Return what the question says of this key, asked after this was called. Raises what it raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Value] = loop.create_future()
        self._waiting.setdefault(key, []).append(answer)
        if self._task is None:
            # A context of its own: it is not the first asker's alone, and a unit of work of theirs is not ours.
            self._task = loop.create_task(self._serve(), context=fresh_context())
        return await answer

    async def _serve(self) -> None:
        """Ask until nobody waits."""
        try:
            while self._waiting:
                keys = list(self._waiting)[:MOST]
                await self._answer({key: self._waiting.pop(key) for key in keys})
        finally:
            self._task = None

    async def _answer(self, asked: Mapping[Key, Sequence["asyncio.Future[Value]"]]) -> None:
        """Answer these. A question that fails is asked again key by key, so that one which cannot be asked fails alone."""
        try:
            found = await self._ask(list(asked))
            values = [found[key] for key in asked]
        except Exception as error:  # noqa: BLE001 - it is raised again where it was asked for
            if len(asked) > 1 and not (is_away(error) or isinstance(error, Busy)):
                for key, answers in asked.items():
                    await self._answer({key: answers})
                return
            for answers in asked.values():
                for answer in _open(answers):
                    answer.set_exception(error)
            return
        for value, answers in zip(values, asked.values(), strict=True):
            for answer in _open(answers):
                answer.set_result(value)


def _open(answers: Sequence["asyncio.Future[Value]"]) -> list["asyncio.Future[Value]"]:
    """Return those that are still waited for: that of a request which was given up is not."""
    return [answer for answer in answers if not answer.done()]
