"""The product's clock. Nothing else reads the machine's time (a lint rule and tests/support/check_sizes.py enforce it).

Decisions about points, stock or money use the database's time (one clock for all workers), moved by this clock's offset. The
offset exists for tests and sandboxes, which move time forward; the shift of the whole process exists for mode `test`. Production
sets neither.
"""

from datetime import UTC, datetime, timedelta

_shift = timedelta()


def shift_process(by: timedelta) -> None:
    """Move every clock of this process except fixed ones. MARKETPLACE_CLOCK does this in mode `test`."""
    global _shift  # noqa: PLW0603 - a process has one time, as the machine has one clock
    _shift = by


class Clock:
    """The wall clock, moved by an offset."""

    def __init__(self) -> None:
        """Start with no offset."""
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC) + _shift + self.offset  # noqa: TID251 - the only place that reads it

    def shifted(self, database_time: datetime) -> datetime:
        """Return the database's time, moved by this clock's offset."""
        return database_time + _shift + self.offset

    def unix_s(self) -> float:
        """Return the present instant in seconds since 1970, the unit of dates in tokens (RFC 7519 §2)."""
        return self.now().timestamp()

    def unix_ms(self) -> int:
        """Return the present instant in milliseconds since 1970, by which new ids sort."""
        return int(self.now().timestamp() * 1000)


WALL = Clock()
"""The process's time, which no sandbox moves: for tokens, deliveries, logs and everything that is not business."""


class FixedClock(Clock):
    """A clock that shows one instant: the demo's past happens at its world's instants, not when it is written."""

    def __init__(self, at: datetime) -> None:
        """Fix the clock at the instant."""
        super().__init__()
        self._at = at

    def now(self) -> datetime:
        """Return the fixed instant."""
        return self._at

    def shifted(self, database_time: datetime) -> datetime:  # noqa: ARG002 - a fixed clock ignores it
        """Return the fixed instant."""
        return self._at
