"""Resolves host names of partners' addresses in threads, of which no partner can occupy all.

`getaddrinfo` blocks, and a thread in it cannot be cancelled: a caller that stops waiting leaves it there until the system's
resolver has tried everything, some tens of seconds later. So a thread counts as occupied until it returns, and one partner gets
two of them at most, however many names it gives whose servers never respond.
"""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from weakref import WeakValueDictionary

THREADS = 32
OF_ONE = 2


class Lookups:
    """The system's resolver, in threads of its own."""

    def __init__(self) -> None:
        """Start without threads; they are created on demand."""
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="outbound-lookup")
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def __call__(self, name: str, port: int, whose: str) -> Sequence[str]:
        """Return the addresses of the name in the system's order. Raises OSError.

        `whose` is on whose behalf; further look-ups on the same behalf wait for their turn, as long as their caller has time.
        """
        turn = self._turns.setdefault(whose, asyncio.Semaphore(OF_ONE))
        await turn.acquire()
        loop = asyncio.get_running_loop()

        def come_back(_: Future[list[str]]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile, and nobody waits for a turn
                loop.call_soon_threadsafe(turn.release)

        looking = self._threads.submit(_resolve, name, port)
        looking.add_done_callback(come_back)
        return await asyncio.wrap_future(looking)


def site_of(host: str) -> str:
    """Return on whose behalf a name without a known owner is looked up: its last two labels."""
    return ".".join(host.split(".")[-2:])


def _resolve(name: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]
