"""Facts that happened: the base of every module's `events.py`. The log that keeps them is `platform/eventlog/events.py`."""

from typing import ClassVar
from uuid import UUID

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="type"):
    """Base of all facts; a module's `events.py` gives each subclass its tag, such as `redemption.issued`.

    `aggregate` is the kind of thing that it is about, and `subject()` its id; order is kept per thing.
    """

    aggregate: ClassVar[str] = ""

    def subject(self) -> UUID:
        """Return the id of the thing that the fact is about."""
        raise NotImplementedError
