"""Ids that contain their bucket.

Every id given to the outside is a UUIDv7 (RFC 9562 §5.7). Its last ten bits are the bucket of the member it belongs to, so that a
look-up by id alone reaches one shard.
"""

import secrets
from uuid import UUID

from marketplace.kernel.clock import WALL

BUCKETS = 1024
"""Number of buckets of the member-side tables; never changed (an ordinary column, 0 to 1023)."""

_BUCKET_MASK = BUCKETS - 1

ID_BITS = 74
"""Random bits of an id."""


def bucket_of(identifier: UUID) -> int:
    """Return the bucket, 0 to 1023: the last ten bits of the id."""
    return identifier.int & _BUCKET_MASK


def uuid7(bucket: int | None = None, unix_ms: int | None = None) -> UUID:
    """Return a UUIDv7; with `bucket` its last ten bits are that bucket, else random.

    `unix_ms` is the millisecond that the id sorts by; the wall clock's by default.
    """
    return uuid7s(1, bucket, unix_ms)[0]


def uuid7s(count: int, bucket: int | None = None, unix_ms: int | None = None) -> list[UUID]:
    """Return several ids. The randomness of all is drawn in one call, which is most of an id's cost."""
    return [UUID(int=value) for value in uuid7_values(count, bucket, unix_ms)]


def uuid7_values(
    count: int, bucket: int | None = None, unix_ms: int | None = None, drawn: int | None = None
) -> list[int]:
    """Return the 128 bits of each of several ids.

    `drawn` is 74 random bits per id, if they were drawn together with others.
    """
    milliseconds = WALL.unix_ms() if unix_ms is None else unix_ms
    stamp = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | 0b10 << 62
    drawn = secrets.randbits(ID_BITS * count) if drawn is None else drawn
    made = []
    for _ in range(count):
        value = stamp | (drawn >> 62 & 0xFFF) << 64 | drawn & (2**62 - 1)
        drawn >>= ID_BITS
        if bucket is not None:
            value = value & ~_BUCKET_MASK | bucket & _BUCKET_MASK
        made.append(value)
    return made
