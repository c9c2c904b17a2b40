"""The second turn: the next batch is loaded and decided while the previous one is written and committed.

A decided batch holds all its locks. So what both batches want goes to the first in order of arrival, and what they do not share
need not wait for the disk. This halves the 99th percentile at half of the top rate (docs/performance.md). There is no timer, and
at most two turns run at a time.
"""

from collections.abc import Callable, Iterator
from itertools import accumulate

from marketplace.platform.postgres.database import ChainedTransactions, chained_transactions

_ENOUGH = 16
"""The weight at which a second turn begins. For less, a batch, however small, costs more than the wait for the commit: the
machine would be busy with batches of two.
"""


class Turn:
    """One task's turn at taking batches, and the state of its batch."""

    __slots__ = ("transactions", "whole", "writing")

    def __init__(self, transactions: ChainedTransactions) -> None:
        self.transactions = transactions
        self.whole = True  # the batch has not been split
        self.writing = False  # all that its batch may change is locked and decided


class Turns:
    """The turns of one executor: one that takes batches, and one that may still be finishing its last batch."""

    def __init__(self, start: Callable[[Turn], None], weights: Callable[[], Iterator[int]]) -> None:
        """`start` runs a turn in a task. `weights` gives the weights of the commands that wait, in order of arrival."""
        self._start = start
        self._weights = weights
        self._taking: Turn | None = None
        self._finishing: Turn | None = None
        self._idle = [chained_transactions(self._has_next) for _ in range(2)]

    def is_taking(self, turn: Turn) -> bool:
        """Return whether the turn takes the next batch; if not, another one has taken over."""
        return self._taking is turn

    def arrived(self) -> None:
        """Start a turn if none takes batches."""
        if self._taking is None:
            self._begin()

    def taken(self, turn: Turn) -> None:
        """Note that the turn has taken a batch."""
        turn.whole, turn.writing = True, False

    def decided(self, turn: Turn) -> None:
        """Note that the turn's batch is decided, and start a second turn if enough commands wait."""
        turn.writing = turn.whole
        self._begin_second()

    def split(self, turn: Turn) -> None:
        """Note that the turn's batch is split: a second turn must not overtake its second half."""
        turn.whole = turn.writing = False

    def ended(self, turn: Turn) -> None:
        """Note that the turn's task ends."""
        self._idle.append(turn.transactions)
        if self._taking is turn:
            self._taking = None
        else:
            self._finishing = None
            self._begin_second()
        if self._taking is None and self._finishing is None:
            for transactions in self._idle:
                transactions.end()

    def _begin(self) -> None:
        turn = self._taking = Turn(self._idle.pop())
        self._start(turn)

    def _begin_second(self) -> None:
        turn = self._taking
        if turn is not None and turn.writing and self._finishing is None and self._enough_waits():
            self._finishing = turn
            self._begin()

    def _enough_waits(self) -> bool:
        return any(weight >= _ENOUGH for weight in accumulate(self._weights()))

    def _has_next(self) -> bool:
        """Return whether the next transaction begins with this COMMIT: something waits, or was taken beside this batch."""
        return self._finishing is not None or next(self._weights(), None) is not None
