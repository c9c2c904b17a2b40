"""Command kinds. Each defines what a batch needs for it: reads, a handler, writes. The batch itself knows none of them.

The reads of a batch's commands are one statement, the commands are handled in order of arrival, and the writes are one statement.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from marketplace.kernel.event import Event
from marketplace.kernel.refusals import Refusal
from marketplace.platform.eventlog.events import WRITE as EVENTS
from marketplace.platform.eventlog.events import event_row
from marketplace.platform.http.idempotency import WRITE as OUTCOMES
from marketplace.platform.http.idempotency import Answers, Key, Outcome, is_stored, outcome_row, refused
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.reads import NOW, Read, read_all
from marketplace.platform.postgres.writes import Write, Writes

RowValues = Sequence[Any]
Found = TypeVar("Found")


class Command(Protocol):
    """What a caller wants done: a value that contains its ids and codes, since a handler generates none."""

    @property
    def weight(self) -> int:
        """How many ordinary commands it counts as, in a batch."""

    @property
    def key(self) -> Key | None:
        """The key under which its outcome is stored and found; None if something else makes it idempotent."""

    @property
    def language(self) -> str:
        """The language of a refusal."""


CommandT = TypeVar("CommandT", bound=Command)
ContextT = TypeVar("ContextT", bound="BatchContext")


class Source(Generic[Found]):
    """Data that is loaded for a batch. A handler gets it by `context.found(source)`."""


class CommandRead(Source[Found], Generic[CommandT, Found]):
    """A read that a command kind defines."""

    def __init__(
        self,
        read: Read,
        keys: Callable[[Sequence[CommandT]], Sequence[RowValues]],
        collect: Callable[[Sequence[Any]], Found],
    ) -> None:
        """`keys` gives the keys of all the kind's commands in the batch; `collect` turns the rows into what handlers get."""
        self.read = read
        self.keys = keys
        self.collect = collect


class CommandKind(Generic[CommandT, ContextT]):
    """A command kind: how it is handled, what it reads, which rows it writes.

    `handle` decides one command: it updates the context's state, records the rows to write and the events to publish, and returns
    the outcome. A refusal for a state reason is an outcome too, stored with what was recorded; any other refusal must be raised
    before anything is recorded.
    """

    def __init__(
        self,
        command: type[CommandT],
        handle: Callable[[CommandT, ContextT], Outcome],
        *,
        reads: Sequence[CommandRead[CommandT, Any]] = (),
        writes: Sequence[Write] = (),
    ) -> None:
        self.command = command
        self.handle = handle
        self.reads = reads
        self.writes = writes


KindT = TypeVar("KindT", bound="CommandKind[Any, Any]")


class Registry(Generic[KindT]):
    """The command kinds that a batch takes, and the order in which it locks shared rows."""

    def __init__(self, lock_order: Sequence[str], *kinds: KindT) -> None:
        """Raises ValueError for a command or a read of two kinds, and for a lock that is not in the order."""
        self.lock_order = tuple(lock_order)
        self.kinds = kinds
        self.writes = tuple(dict.fromkeys(write for kind in kinds for write in kind.writes))
        self._kinds = {kind.command: kind for kind in kinds}
        if len(self._kinds) < len(kinds):
            raise ValueError("a command has two kinds")
        reads = [own.read for kind in kinds for own in kind.reads]
        if len(set(reads)) < len(reads):
            raise ValueError("a read has two kinds")
        foreign = {read.locks for read in reads} - {"", *lock_order}
        if foreign:
            raise ValueError(f"without a place in the lock order: {foreign}")

    def kind_of(self, command: Command) -> KindT:
        """Return the command's kind."""
        return self._kinds[type(command)]

    def grouped(self, commands: Sequence[Command]) -> list[tuple[KindT, list[Any]]]:
        """Return the kinds that occur, in the order of the registry, each with its commands."""
        groups: dict[type, list[Any]] = {}
        for command in commands:
            groups.setdefault(type(command), []).append(command)
        return [(kind, groups[kind.command]) for kind in self.kinds if kind.command in groups]

    async def read(
        self, work: UnitOfWork, wanted: Iterable[tuple[Read, Sequence[RowValues]]]
    ) -> tuple[dict[Read, list[Any]], datetime]:
        """Return each read's result, all from one statement that locks in the lock order; and the database's time after it."""
        order = self.lock_order
        ordered = sorted(wanted, key=lambda one: order.index(one[0].locks) if one[0].locks else len(order))
        *found, (at,) = await read_all(work, [*ordered, NOW])
        return {read: rows for (read, _), rows in zip(ordered, found, strict=True)}, at


class BatchContext:
    """A batch as its handlers see it: the instant, the loaded data, and the effects of earlier commands."""

    def __init__(self, registry: Registry[Any], now: datetime, found: Mapping[Source[Any], Any]) -> None:
        self.now = now
        self._found = found
        self._rows: dict[Write, list[RowValues]] = {write: [] for write in registry.writes}
        self._events: list[Event] = []
        self._outcomes: list[tuple[Key, Outcome]] = []

    def found(self, source: Source[Found]) -> Found:
        """Return the loaded data. A handler's changes to it are visible to the commands that follow."""
        found: Found = self._found[source]
        return found

    def record(self, write: Write, row: RowValues) -> None:
        """Add a row to write. The registered kind must name the write."""
        self._rows[write].append(row)

    def publish(self, event: Event) -> None:
        """Add an event to write."""
        self._events.append(event)

    def store(self, key: Key, outcome: Outcome) -> None:
        """Add the outcome to store under its key."""
        self._outcomes.append((key, outcome))

    def add_to(self, writes: Writes) -> None:
        """Add all recorded rows, published events and stored outcomes to the writes of the batch."""
        for write, rows in self._rows.items():
            writes.add(write, rows)
        writes.add(EVENTS, [event_row(event) for event in self._events])
        writes.add(OUTCOMES, [outcome_row(key, outcome) for key, outcome in self._outcomes])


def ok(view: object, status: int = 200) -> Outcome:
    """Return a successful outcome."""
    return Outcome(status, msgspec.json.encode(view))


def handle_all(
    registry: Registry[Any], commands: Sequence[Command], context: BatchContext, answers: Answers
) -> list[Outcome | Refusal]:
    """Handle the commands in order; return an outcome for each, or a refusal that is not stored.

    A command with a known key gets the earlier outcome, whether stored before or in this batch.
    """
    return [_handle(registry.kind_of(command), command, context, answers) for command in commands]


def _handle(
    kind: CommandKind[Any, Any], command: Command, context: BatchContext, answers: Answers
) -> Outcome | Refusal:
    key = command.key
    if key is not None:
        earlier = answers.known(key)
        if earlier is not None:
            return earlier
    try:
        outcome: Outcome = kind.handle(command, context)
    except Refusal as refusal:
        if not is_stored(refusal):  # it recorded nothing
            return refusal
        outcome = refused(refusal, command.language)
    if key is not None:
        answers.add(key, outcome)
        context.store(key, outcome)
    return outcome
