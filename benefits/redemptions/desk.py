"""The desk: requests that arrive while a commit is under way are decided together, in order of arrival.

Row locks one request at a time cap a hot offer at the speed of its row; a batch locks the row once for all of them
(docs/decisions/0002-desk.md).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import structlog
from prometheus_client import Gauge, Histogram

from benefits.redemptions.batch import Request
from marketplace.kernel.facts import Fact, Kind
from marketplace.platform.database import Busy, UnitOfWork, unit_of_work
from marketplace.platform.idempotency import Outcome

BATCH_SIZE = Histogram(
    "marketplace_desk_batch", "Requests decided together.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
WAITING = Gauge("marketplace_desk_waiting", "Requests waiting at the desk.")

_ATTEMPTS = 4
_BACKOFF_S = 0.05

# Nothing of these was committed, or whether it was will be seen by its key when it is tried again.
_PASSING = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    Busy,
    OSError,
)

Deciding = Callable[[UnitOfWork, Sequence[Request]], Awaitable[list[Outcome | Fact]]]

logger = structlog.get_logger()


class DeskFull(Fact):
    """More requests wait than the desk takes."""

    kind = Kind.UNAVAILABLE
    code = "desk_full"
    zh = "兑换人数过多，请稍后重试（使用同一 Idempotency-Key）。"
    en = "Too many redemptions at once; try again shortly with the same Idempotency-Key."


class _Waiting:
    """A request and the answer that its caller waits for."""

    __slots__ = ("answer", "request")

    def __init__(self, request: Request, answer: "asyncio.Future[Outcome]") -> None:
        self.request = request
        self.answer = answer

    def give(self, result: Outcome | BaseException) -> None:
        # A caller that has gone leaves a cancelled future: the books have its redemption, and its retry finds it.
        if self.answer.done():
            return
        if isinstance(result, Outcome):
            self.answer.set_result(result)
        else:
            self.answer.set_exception(result)


class Desk:
    """One worker's desk. `decide` turns a batch into answers inside the unit of work that it is given."""

    def __init__(self, decide: Deciding, *, batch: int, queue: int) -> None:
        """Set the sizes; `run` makes it work."""
        self._decide = decide
        self._batch = batch
        self._queue_limit = queue
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()

    async def ask(self, request: Request) -> Outcome:
        """Lay a request on the desk and wait for its answer. Raises DeskFull, or the fact that refuses the request."""
        if len(self._waiting) >= self._queue_limit:
            raise DeskFull
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        return await waiting.answer

    async def run(self) -> None:
        """Take what has arrived whenever the last commit has ended, until cancelled. No timer: an idle desk is at once."""
        while True:
            await self._arrived.wait()
            taken = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            if not self._waiting:
                self._arrived.clear()
            WAITING.set(len(self._waiting))
            BATCH_SIZE.observe(len(taken))
            await self._serve(taken)

    async def _serve(self, taken: Sequence[_Waiting]) -> None:
        """Answer the batch. One that fails is split, so that a request that the database refuses fails alone."""
        try:
            results = await self._attempt([waiting.request for waiting in taken])
        except asyncio.CancelledError:
            for waiting in taken:
                waiting.give(DeskFull())
            raise
        except Exception as error:  # noqa: BLE001 - it is answered to its caller, who has it logged
            if len(taken) == 1:
                taken[0].give(error)
                return
            logger.warning("desk_batch_split", size=len(taken), error=repr(error))
            middle = len(taken) // 2
            await self._serve(taken[:middle])
            await self._serve(taken[middle:])
            return
        for waiting, result in zip(taken, results, strict=True):
            waiting.give(result)

    async def _attempt(self, requests: Sequence[Request]) -> list[Outcome | Fact]:
        """Decide and commit; what passes by itself is tried again.

        A connection lost at COMMIT leaves it open whether it was committed: trying again begins with the look-up of each
        key, so what was committed is answered from the books and never done twice.
        """
        for attempt in range(_ATTEMPTS):
            try:
                async with unit_of_work() as work:
                    return await self._decide(work, requests)
            except _PASSING as error:
                if attempt == _ATTEMPTS - 1:
                    raise
                logger.warning("desk_retry", attempt=attempt, error=repr(error))
                await asyncio.sleep(_BACKOFF_S * 2**attempt)
        raise AssertionError("unreachable")
