"""Domain events: the base class of every module's `events.py`. `platform/eventlog/events.py` stores them."""

from typing import ClassVar
from uuid import UUID

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="type"):
    """Base of all events; a module's `events.py` gives each subclass its tag, such as `redemption.issued`.

    `aggregate` is the kind of aggregate that the event belongs to, and `subject()` its id. Events of one aggregate are ordered.
    """

    aggregate: ClassVar[str] = ""

    def subject(self) -> UUID:
        """Return the id of the aggregate."""
        raise NotImplementedError
