"""Transition tables: a thing's states and, for each, what may be done in it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

StateT = TypeVar("StateT", bound=StrEnum)


class TransitionRefusedError(Exception):
    """The thing is in a state in which this cannot be done."""

    def __init__(self, action: str, state: str, allowed: list[str]) -> None:
        """Keep what was wanted, the state found, and the states in which it can be done."""
        super().__init__(f"{action!r} is not possible in state {state!r}")
        self.action = action
        self.state = state
        self.allowed = allowed


class Transitions(Generic[StateT]):
    """One table for each kind of thing: (state, action) -> next state."""

    def __init__(self, table: Mapping[tuple[StateT, str], StateT]) -> None:
        """Keep the table as the one truth; nothing else decides about states."""
        self._table = dict(table)

    def after(self, state: StateT, action: str) -> StateT:
        """Return the state after the action. Raises TransitionRefusedError."""
        target = self._table.get((state, action))
        if target is None:
            allowed = sorted({str(start) for start, name in self._table if name == action})
            raise TransitionRefusedError(action, str(state), allowed)
        return target

    def actions(self, state: StateT) -> list[str]:
        """Return what can be done in the state, in alphabetical order."""
        return sorted(name for start, name in self._table if start == state)

    @property
    def table(self) -> Mapping[tuple[StateT, str], StateT]:
        """The whole table, for docs and tests."""
        return self._table
