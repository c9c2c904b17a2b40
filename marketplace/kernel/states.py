"""Transition tables: the states of an object and the actions that each allows."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

StateT = TypeVar("StateT", bound=StrEnum)


class TransitionRefusedError(Exception):
    """The action is not possible in the current state."""

    def __init__(self, action: str, state: str, allowed: list[str]) -> None:
        """Store the action, the current state, and the states that allow it."""
        super().__init__(f"{action!r} is not possible in state {state!r}")
        self.action = action
        self.state = state
        self.allowed = allowed


class Transitions(Generic[StateT]):
    """The transition table of one kind of object: (state, action) -> next state."""

    def __init__(self, table: Mapping[tuple[StateT, str], StateT]) -> None:
        """Store the table. Nothing else decides about states."""
        self._table = dict(table)

    def after(self, state: StateT, action: str) -> StateT:
        """Return the state after the action. Raises TransitionRefusedError."""
        target = self._table.get((state, action))
        if target is None:
            allowed = sorted({str(start) for start, name in self._table if name == action})
            raise TransitionRefusedError(action, str(state), allowed)
        return target

    def actions(self, state: StateT) -> list[str]:
        """Return the actions that the state allows, in alphabetical order."""
        return sorted(name for start, name in self._table if start == state)

    @property
    def table(self) -> Mapping[tuple[StateT, str], StateT]:
        """The whole table, for docs and tests."""
        return self._table
