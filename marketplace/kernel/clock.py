"""Time as the product sees it.

What decides over points, stock or money uses the database's time (one clock for all workers). The offset exists for
tests and sandboxes, which move time forward; production never sets it.
"""

from datetime import UTC, datetime, timedelta


class Clock:
    """The wall clock, or one that was moved."""

    def __init__(self) -> None:
        """Begin with no offset."""
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC) + self.offset

    def shifted(self, database_time: datetime) -> datetime:
        """Return the database's time, moved as this clock is."""
        return database_time + self.offset

    def unix_ms(self) -> int:
        """Return the present millisecond: the one that new ids sort by."""
        return int(self.now().timestamp() * 1000)


class Standing(Clock):
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
