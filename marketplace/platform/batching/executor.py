"""Executes commands in batches: those that arrive during a commit are decided together, in order of arrival.

One transaction per request would queue at the contended row; a batch locks it once for all of them (docs/decisions/0002-desk.md).
There is no timer: the next batch is what has arrived when the last one is committed, and an idle executor begins at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import asyncpg
import structlog
from prometheus_client import Gauge, Histogram

from marketplace.kernel.errors import TryAgainError
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.batching.second_turn import Turn, Turns
from marketplace.platform.http.idempotency import Outcome
from marketplace.platform.postgres.connection_errors import is_connection_lost
from marketplace.platform.postgres.database import Busy, UnitOfWork, fresh_context, is_live

BATCH_SIZE = Histogram(
    "marketplace_desk_batch", "Requests decided together.", ["desk"], buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
WAITING = Gauge("marketplace_desk_waiting", "Requests waiting at the desk.", ["desk"])

_ATTEMPTS = 14
_BACKOFF_S, _LONGEST_PAUSE_S = 0.05, 1.0
"""Pauses of 0.05, 0.1 … 1 s, ten seconds in all: a PostgreSQL that was killed has restarted by then."""

_FEW = 4
"""How often a batch that met another's locks is retried before it is split."""

_ROUNDS = 8
"""Number of event-loop rounds over which a large batch's results are delivered; a smaller one takes fewer."""

_AT_ONCE = 8
"""Minimum number of results per round: a small batch's all at once. Another round is a wait behind others."""

# After these errors nothing is committed.
_PASSING = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.UniqueViolationError,  # a copy of the request, or of its reference, was committed while this one was decided
    asyncpg.InvalidCachedStatementError,
    TryAgainError,
    Busy,
)


class DeskFull(Refusal):
    """The queue of the desk is full."""

    kind = Kind.UNAVAILABLE
    code = "overloaded"
    zh = "同时到达的请求过多，请稍后重试（使用同一 Idempotency-Key）。"
    en = "Too many requests at once. Try again shortly with the same Idempotency-Key."
    explanation = Explanation(
        Text("同时到达的请求过多，未处理。", "Too many requests arrived at once. This one was not processed."),
        Text(
            "请在 Retry-After 之后以同一 Idempotency-Key 重试。",
            "Try again after Retry-After with the same Idempotency-Key.",
        ),
    )


class Weighted(Protocol):
    """What the executor knows of a command: `weight`, its share of a batch; 1 for an ordinary command."""

    @property
    def weight(self) -> int:
        """How many ordinary commands it counts as."""


class Decided(NamedTuple):
    """A decided batch: a result for each command, in order, and the function that writes them in the same unit of work."""

    results: Sequence[Outcome | Refusal]
    write: Callable[[], Awaitable[None]]


CommandT = TypeVar("CommandT", bound=Weighted)
Decide = Callable[[UnitOfWork, Sequence[CommandT]], Awaitable[Decided]]
"""Loads what the commands need, locks all that they may change, and decides them in order."""

logger = structlog.get_logger()


class _Waiting(Generic[CommandT]):
    """A command and its caller's future."""

    __slots__ = ("answer", "command")

    def __init__(self, command: CommandT, answer: "asyncio.Future[Outcome]") -> None:
        self.command = command
        self.answer = answer

    def give(self, result: Outcome | BaseException) -> None:
        # A caller that has left leaves a cancelled future. Its command is committed, and its retry gets the outcome.
        if self.answer.done():
            return
        if isinstance(result, Outcome):
            self.answer.set_result(result)
        else:
            self.answer.set_exception(result)


class BatchExecutor(Generic[CommandT]):
    """One process's queue of commands. `decide` turns a batch into results and writes, in the given unit of work.

    It runs while commands wait, in its own tasks, and needs no start; `close` lets it finish.
    """

    def __init__(self, name: str, decide: Decide[CommandT], *, batch: int, queue: int) -> None:
        """Set the sizes: `batch` in weight, `queue` in commands. The name labels its metrics."""
        self._decide = decide
        self._batch = batch
        self._queue_limit = queue
        self._waiting: deque[_Waiting[CommandT]] = deque()
        self._turns = Turns(self._start, lambda: (waiting.command.weight for waiting in self._waiting))
        self._tasks: set[asyncio.Task[None]] = set()
        label = name if is_live() else f"sandbox {name}"  # a gauge has one value: a sandbox's is not the live desk's
        self._sizes = BATCH_SIZE.labels(label)
        self._gauge = WAITING.labels(label)

    async def submit(self, command: CommandT) -> Outcome:
        """Queue the command and return its outcome once it is committed. Raises DeskFull, or the command's refusal."""
        if len(self._waiting) >= self._queue_limit:
            raise DeskFull
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(command, answer))
        self._turns.arrived()
        return await answer

    async def close(self) -> None:
        """Wait until every command has its result."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, turn: Turn) -> None:
        # Own context: the batch must not run in a caller's unit of work.
        self._keep(asyncio.get_running_loop().create_task(self._work(turn), context=fresh_context()))

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, turn: Turn) -> None:
        """Take batches until no command waits or another turn takes over."""
        try:
            while self._turns.is_taking(turn) and self._waiting:
                taken = self._take()
                self._gauge.set(len(self._waiting))
                self._sizes.observe(len(taken))
                self._turns.taken(turn)
                await self._answer(taken, turn)
        finally:
            self._turns.ended(turn)

    def _take(self) -> list[_Waiting[CommandT]]:
        """Return the next commands in order of arrival: as many as fit into a batch, but at least one."""
        taken = [self._waiting.popleft()]
        weight = taken[0].command.weight
        while self._waiting and weight + self._waiting[0].command.weight <= self._batch:
            taken.append(self._waiting.popleft())
            weight += taken[-1].command.weight
        return taken

    async def _answer(self, taken: Sequence[_Waiting[CommandT]], turn: Turn) -> None:
        """Execute the batch. Split it if it fails, so that a command that the database refuses fails alone."""
        try:
            await self._attempt(taken, turn)
        except asyncio.CancelledError:
            for waiting in (*taken, *self._waiting):
                waiting.give(DeskFull())
            raise
        except Exception as error:  # noqa: BLE001 - it is delivered to its caller, who has it logged
            if is_connection_lost(error):  # no command is to blame, and a retry would fail as well: fail all at once
                for waiting in (*taken, *self._waiting):
                    waiting.give(error)
                self._waiting.clear()
            elif len(taken) == 1:
                taken[0].give(error)
            else:
                logger.warning("desk_batch_split", size=len(taken), error=repr(error))
                self._turns.split(turn)
                middle = len(taken) // 2
                await self._answer(taken[:middle], turn)
                await self._answer(taken[middle:], turn)

    async def _attempt(self, taken: Sequence[_Waiting[CommandT]], turn: Turn) -> None:
        """Decide, write, commit, and deliver the results. Retries transient errors.

        After a connection was lost at COMMIT, it is unknown whether the batch was committed: the retry begins with the look-up of
        each key, so what was committed is answered from the stored outcomes and never done twice.
        """
        commands = [waiting.command for waiting in taken]
        for attempt in range(_ATTEMPTS):
            try:
                async with turn.transactions.next() as work:
                    decided = await self._decide(work, commands)
                    self._turns.decided(turn)
                    await decided.write()
                    work.committed = partial(self._give, taken, decided.results)
            except Exception as error:
                passing = isinstance(error, _PASSING)
                if (
                    not (passing or is_connection_lost(error))
                    or attempt == _ATTEMPTS - 1
                    or (passing and attempt == _FEW)
                ):
                    raise
                logger.warning("desk_retry", attempt=attempt, error=repr(error))
                if not isinstance(error, TryAgainError):
                    await asyncio.sleep(min(_BACKOFF_S * 2**attempt, _LONGEST_PAUSE_S))
            else:
                return
        raise AssertionError("unreachable")

    def _give(self, taken: Sequence[_Waiting[CommandT]], results: Sequence[Outcome | Refusal]) -> None:
        """Deliver the results, those of a large batch over several rounds of the event loop. Callers resume after this round, in
        which the next batch sends its statement.

        Hundreds at once would be written, answered by hundreds of new requests, and these read, before the loop reads from the
        database again: the next batch, which is already running, would stall meanwhile, and then the loop.
        """
        answers = list(zip(taken, results, strict=True))
        at_once = max(_AT_ONCE, len(answers) // _ROUNDS)
        for waiting, result in answers[:at_once]:
            waiting.give(result)
        if len(answers) > at_once:
            self._keep(asyncio.get_running_loop().create_task(_hand_out(answers[at_once:], at_once)))


async def _hand_out(answers: Sequence[tuple[_Waiting[Any], Outcome | Refusal]], at_once: int) -> None:
    for index, (waiting, result) in enumerate(answers):
        if index % at_once == 0:
            await asyncio.sleep(0)
        waiting.give(result)
