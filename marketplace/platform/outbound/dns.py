"""Names of partners' addresses, looked up in threads: nobody can take all of them.

`getaddrinfo` blocks, and a thread in it cannot be given up: whoever stopped waiting leaves it there until the system's
resolver has tried everything, some tens of seconds later. So a thread counts as taken until it comes back, and one partner
has two of them at the most, however many names it gives whose servers never answer.
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
        """Begin with no threads; they come as they are needed."""
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="outbound-lookup")
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def __call__(self, name: str, port: int, whose: str) -> Sequence[str]:
        """Return the addresses of the name, as the system knows them, in its order. Raises OSError.

        `whose` is on whose behalf; the others of the same wait for their turn, as long as their caller has time.
        """
        turn = self._turns.setdefault(whose, asyncio.Semaphore(OF_ONE))
        await turn.acquire()
        loop = asyncio.get_running_loop()

        def come_back(_: Future[list[str]]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile, and nobody waits for a turn
                loop.call_soon_threadsafe(turn.release)

        looking = self._threads.submit(_look, name, port)
        looking.add_done_callback(come_back)
        return await asyncio.wrap_future(looking)


def site_of(host: str) -> str:
    """Return on whose behalf a name is looked up that nobody in particular gave: its last two labels."""
    return ".".join(host.split(".")[-2:])


def _look(name: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]
