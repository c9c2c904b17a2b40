"""Time as the product sees it. Nothing else asks the machine for the time (a lint rule and tests/support/check_sizes.py hold it).

What decides over points, stock or money uses the database's time (one clock for all workers), moved as this clock is. The
offset exists for tests and sandboxes, which move time forward; the shift of the whole process for mode `test`. Production
sets neither.
"""

from datetime import UTC, datetime, timedelta

_shift = timedelta()


def shift_process(by: timedelta) -> None:
    """Move every clock of this process, those that stand excepted; MARKETPLACE_CLOCK does it in mode `test`."""
    global _shift  # noqa: PLW0603 - the time of a process is one thing, as the machine's clock is
    _shift = by


class Clock:
    """The wall clock, or one that was moved."""

    def __init__(self) -> None:
        """Begin with no offset."""
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC) + _shift + self.offset  # noqa: TID251 - the one place

    def shifted(self, database_time: datetime) -> datetime:
        """Return the database's time, moved as this clock is."""
        return database_time + _shift + self.offset

    def unix_s(self) -> float:
        """Return the present instant in seconds since 1970, as the dates of tokens are (RFC 7519 §2)."""
        return self.now().timestamp()

    def unix_ms(self) -> int:
        """Return the present millisecond: the one that new ids sort by."""
        return int(self.now().timestamp() * 1000)


WALL = Clock()
"""The time of the process, which no sandbox moves: for tokens, deliveries, logs and everything that is not business."""


class FixedClock(Clock):
    """A clock that shows one instant: the demo's past happens when its world says, not when it is written down."""

    def __init__(self, at: datetime) -> None:
        """Stand at the instant."""
        super().__init__()
        self._at = at

    def now(self) -> datetime:
        """Return the instant."""
        return self._at

    def shifted(self, database_time: datetime) -> datetime:  # noqa: ARG002 - that is the point
        """Return the instant."""
        return self._at
