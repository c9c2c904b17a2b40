"""Ids for the hot paths: the driver's UUID class, a subclass that is written in C.

A redemption looks up by ids some forty times. This class is created in a sixth of the time, hashed in a third, printed in a
tenth, and two of them are compared in a quarter (docs/performance.md).
"""

from collections.abc import Iterable
from uuid import UUID

from asyncpg.pgproto import pgproto

_Quick = pgproto.UUID


def quick(identifier: UUID) -> UUID:
    """Return the same id as the driver's class."""
    return identifier if type(identifier) is _Quick else _made(identifier.int)


def quick_ids(values: Iterable[int]) -> list[UUID]:
    """Return the ids that have these 128 bits."""
    return [_made(value) for value in values]


def _made(value: int) -> UUID:
    made: UUID = _Quick(value.to_bytes(16))
    return made
