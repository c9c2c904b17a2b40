"""The desk: requests that arrive while a commit is under way are decided together, in order of arrival.

One transaction for each request queues at the row that everybody wants; a batch locks it once for all of them
(docs/decisions/0002-desk.md). There is no timer: a desk takes what has arrived when the last commit ends, and an idle one
begins at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import asyncpg
import structlog
from prometheus_client import Gauge, Histogram

from marketplace.kernel.errors import TryAgainError
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.database import Busy, Chain, UnitOfWork, chain, fresh_context, is_live
from marketplace.platform.idempotency import Outcome

BATCH_SIZE = Histogram(
    "marketplace_desk_batch", "Requests decided together.", ["desk"], buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
WAITING = Gauge("marketplace_desk_waiting", "Requests waiting at the desk.", ["desk"])

_ATTEMPTS = 14
_BACKOFF_S, _LONGEST_PAUSE_S = 0.05, 1.0
"""Pauses of 0.05, 0.1 … 1 s, ten seconds in all: a PostgreSQL that was killed is back within them."""


_FEW = 4
"""How often a batch that met another's locks is tried again before it is split."""


_ENOUGH = 16
"""Weight for which a batch is begun while the last one is posted. For less of it, what a batch costs however small it is would
cost more than the wait for the commit: the machine would be busy with batches of two."""


_ROUNDS = 8
"""In about how many rounds of the event loop the answers of a large batch are given; a smaller one has fewer."""

_AT_ONCE = 8
"""How many answers are given in a round at the least: a small batch's all at once. Another round is a wait behind others."""


class DeskFull(Refusal):
    """More requests wait than the desk takes."""

    kind = Kind.UNAVAILABLE
    code = "overloaded"
    zh = "兑换人数过多，请稍后重试（使用同一 Idempotency-Key）。"
    en = "Too many requests at once; try again shortly with the same Idempotency-Key."
    explanation = Explanation(
        Text("同时到达的请求过多，未处理。", "Too many requests arrived at once. This one was not processed."),
        Text(
            "请在 Retry-After 之后以同一 Idempotency-Key 重试。",
            "Try again after Retry-After with the same Idempotency-Key.",
        ),
    )


# Nothing of these was committed.
_PASSING = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.UniqueViolationError,  # a copy of the request, or of its reference, was committed while this was decided
    asyncpg.InvalidCachedStatementError,
    TryAgainError,
    Busy,
)

# The connection is gone. Whether a COMMIT under way was carried out will be seen by the keys when it is tried again.
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)


class Errand(Protocol):
    """What is laid on a desk: `weight` is its share of a batch, 1 for one thing."""

    @property
    def weight(self) -> int:
        """How many ordinary errands it is worth."""


class Decided(NamedTuple):
    """What a batch came to: an answer for each errand, and how to write it down, in the same unit of work."""

    results: Sequence[Outcome | Refusal]
    post: Callable[[], Awaitable[None]]


Wanted = TypeVar("Wanted", bound=Errand)
Deciding = Callable[[UnitOfWork, Sequence[Wanted]], Awaitable[Decided]]
"""Loads what the errands need, under the locks of all that they may change, and decides them in their order."""

logger = structlog.get_logger()


class _Waiting(Generic[Wanted]):
    """An errand and the answer that its caller waits for."""

    __slots__ = ("answer", "errand")

    def __init__(self, errand: Wanted, answer: "asyncio.Future[Outcome]") -> None:
        self.errand = errand
        self.answer = answer

    def give(self, result: Outcome | BaseException) -> None:
        # A caller that has gone leaves a cancelled future: the books have what it wanted, and its retry finds it.
        if self.answer.done():
            return
        if isinstance(result, Outcome):
            self.answer.set_result(result)
        else:
            self.answer.set_exception(result)


class _Turn:
    """One task's turn at taking errands, and how far it is with its batch."""

    __slots__ = ("chain", "posting", "whole")

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.whole = True  # the batch has not been split
        self.posting = False  # all that its batch may change is locked and decided


class Desk(Generic[Wanted]):
    """One process's desk. `decide` turns a batch into what is to be answered and posted in the unit of work that it is given.

    It works while errands wait, in a task of its own, and needs no starting; `close` lets it finish.
    """

    def __init__(self, name: str, decide: Deciding[Wanted], *, batch: int, queue: int) -> None:
        """Set the sizes: `batch` in weight, `queue` in errands. The name labels its metrics."""
        self._decide = decide
        self._batch = batch
        self._queue_limit = queue
        self._waiting: deque[_Waiting[Wanted]] = deque()
        self._taking: _Turn | None = None
        self._finishing: _Turn | None = None
        self._chains = [chain(self._goes_on) for _ in range(2)]
        self._tasks: set[asyncio.Task[None]] = set()
        label = name if is_live() else f"sandbox {name}"  # a gauge has one value: a sandbox's is not the live desk's
        self._sizes = BATCH_SIZE.labels(label)
        self._gauge = WAITING.labels(label)

    async def ask(self, errand: Wanted) -> Outcome:
        """Lay an errand on the desk and wait for its answer. Raises DeskFull, or the refusal of the errand."""
        if len(self._waiting) >= self._queue_limit:
            raise DeskFull
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append(_Waiting(errand, answer))
        if self._taking is None:
            self._begin()
        return await answer

    async def close(self) -> None:
        """Wait until everything that was asked is answered."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self) -> None:
        """Begin to take."""
        turn = self._taking = _Turn(self._chains.pop())
        # A context of its own: the asker's unit of work, should there be one, is not the desk's.
        self._keep(asyncio.get_running_loop().create_task(self._work(turn), context=fresh_context()))

    def _goes_on(self) -> bool:
        """Tell whether there will be a next batch at once: one waits, or is taken beside this one."""
        return bool(self._waiting) or self._finishing is not None

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, turn: _Turn) -> None:
        """Take what has arrived, again and again, until nothing waits or another turn has begun beside this one."""
        try:
            while self._taking is turn and self._waiting:
                taken = self._take()
                self._gauge.set(len(self._waiting))
                self._sizes.observe(len(taken))
                turn.posting, turn.whole = False, True
                await self._answer(taken, turn)
        finally:
            self._chains.append(turn.chain)
            if self._taking is turn:
                self._taking = None
            else:
                self._finishing = None
                self._begin_beside()
            if self._taking is None and self._finishing is None:
                for idle in self._chains:
                    idle.end()

    def _begin_beside(self) -> None:
        """Begin with the next batch, if enough wait for that. Two at a time are enough.

        The one under way has all its locks, so what both want goes to them in order of arrival; what they do not share is not
        waited for. There is no timer.
        """
        turn = self._taking
        if turn is not None and turn.posting and self._finishing is None and self._enough_wait():
            self._finishing = turn
            self._begin()

    def _enough_wait(self) -> bool:
        weights = accumulate(waiting.errand.weight for waiting in self._waiting)
        return any(weight >= _ENOUGH for weight in weights)

    def _take(self) -> list[_Waiting[Wanted]]:
        """Return the next errands in order of arrival: as many as fit into a batch, but one at least."""
        taken = [self._waiting.popleft()]
        weight = taken[0].errand.weight
        while self._waiting and weight + self._waiting[0].errand.weight <= self._batch:
            taken.append(self._waiting.popleft())
            weight += taken[-1].errand.weight
        return taken

    async def _answer(self, taken: Sequence[_Waiting[Wanted]], turn: _Turn) -> None:
        """Answer the batch. One that fails is split, so that an errand that the database refuses fails alone."""
        try:
            await self._attempt(taken, turn)
        except asyncio.CancelledError:
            for waiting in (*taken, *self._waiting):
                waiting.give(DeskFull())
            raise
        except _AWAY as error:
            # No errand is to blame, and none will fare better: nobody is kept waiting for a database that is away.
            for waiting in (*taken, *self._waiting):
                waiting.give(error)
            self._waiting.clear()
            return
        except Exception as error:  # noqa: BLE001 - it is answered to its caller, who has it logged
            if len(taken) == 1:
                taken[0].give(error)
                return
            logger.warning("desk_batch_split", size=len(taken), error=repr(error))
            turn.posting, turn.whole = False, False  # what comes next must not overtake the second half
            middle = len(taken) // 2
            await self._answer(taken[:middle], turn)
            await self._answer(taken[middle:], turn)

    async def _attempt(self, taken: Sequence[_Waiting[Wanted]], turn: _Turn) -> None:
        """Decide, commit, and give the answers as soon as that is done; what passes by itself is tried again.

        A connection lost at COMMIT leaves it open whether it was committed: trying again begins with the look-up of each
        key, so what was committed is answered from the books and never done twice.
        """
        errands = [waiting.errand for waiting in taken]
        for attempt in range(_ATTEMPTS):
            try:
                async with turn.chain.next() as work:
                    found = await self._decide(work, errands)
                    turn.posting = turn.whole
                    self._begin_beside()
                    await found.post()
                    work.committed = partial(self._give, taken, found.results)
            except (*_PASSING, *_AWAY) as error:
                if attempt == _ATTEMPTS - 1 or (attempt == _FEW and isinstance(error, _PASSING)):
                    raise
                logger.warning("desk_retry", attempt=attempt, error=repr(error))
                if not isinstance(error, TryAgainError):
                    await asyncio.sleep(min(_BACKOFF_S * 2**attempt, _LONGEST_PAUSE_S))
            else:
                return
        raise AssertionError("unreachable")

    def _give(self, taken: Sequence[_Waiting[Wanted]], results: Sequence[Outcome | Refusal]) -> None:
        """Give the answers, those of a large batch in several rounds of the event loop. Their callers go on after this round, in
        which the next batch asks the database.

        Hundreds at once would be written, answered by hundreds of new requests, and these read, before the loop looks at the
        database again: the next batch, which is under way already, would stand still meanwhile, and then the loop.
        """
        answers = list(zip(taken, results, strict=True))
        at_once = max(_AT_ONCE, len(answers) // _ROUNDS)
        for waiting, result in answers[:at_once]:
            waiting.give(result)
        if len(answers) > at_once:
            self._keep(asyncio.get_running_loop().create_task(_hand_out(answers[at_once:], at_once)))


async def _hand_out(answers: Sequence[tuple[_Waiting[Any], Outcome | Refusal]], at_once: int) -> None:
    for place, (waiting, result) in enumerate(answers):
        if place % at_once == 0:
            await asyncio.sleep(0)
        waiting.give(result)
