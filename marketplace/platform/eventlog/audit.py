"""The audit chain: who did what to which object. Each entry's hash covers the previous one."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from marketplace.kernel.clock import WALL
from marketplace.platform.postgres.database import DB, UnitOfWork

_GENESIS = b"\0" * 32

_STRIDE = 5000
"""Entries verified per call: a few tens of milliseconds."""

_AGAIN = timedelta(days=1)
"""How long a verification from the first entry is valid; later entries are verified as they come."""


async def record(work: UnitOfWork, actor: str, action: str, target: str, now: datetime, **details: Any) -> None:
    """Append an entry in the transaction of the action. Entries queue for the head of the chain: keep them off hot paths."""
    # The head's row is the lock: otherwise two concurrent actions would both follow the same entry.
    previous = await work.fetchval("SELECT hash FROM audit_head FOR UPDATE")
    body = msgspec.json.encode([now, actor, action, target, details], order="deterministic")
    digest = hashlib.sha256((previous or _GENESIS) + body).digest()
    await work.execute(
        "INSERT INTO audit_entry (at, actor, action, target, details, hash) VALUES ($1, $2, $3, $4, $5, $6)",
        now,
        actor,
        action,
        target,
        msgspec.json.encode([now, actor, action, target, details], order="deterministic").decode(),
        digest,
    )
    await work.execute("UPDATE audit_head SET hash = $1", digest)


class Followed(msgspec.Struct, frozen=True):
    """Progress of a verification: the last entry's number and hash, how many entries there were, and when it began.

    `broken` is the number of the first entry that does not follow; the entry after the last if that one is missing.
    """

    seq: int = 0
    hash: bytes = _GENESIS
    entries: int = 0
    since: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    finished: bool = False
    broken: int | None = None


async def follow(fetch: Callable[..., Awaitable[Sequence[asyncpg.Record]]], begun: Followed) -> Followed:
    """Verify some thousand entries from there on; start with the first entry if that was verified too long ago.

    The entries and the head must be of one snapshot: pass the `fetch` of a REPEATABLE READ transaction.
    """
    (head,) = await fetch("SELECT hash FROM audit_head")
    now = WALL.now()
    if begun.since + _AGAIN < now:
        begun = Followed(since=now)
    last, count = begun, begun.entries
    rows = await fetch(
        "SELECT seq, at, actor, action, target, details, hash FROM audit_entry WHERE seq > $1 ORDER BY seq LIMIT $2",
        begun.seq, _STRIDE,
    )  # fmt: skip
    previous, seq = last.hash, last.seq
    for row in rows:
        count += 1
        if not _follows(row, previous):
            return Followed(seq, previous, count, begun.since, broken=row["seq"])
        previous, seq = row["hash"], row["seq"]
    finished = len(rows) < _STRIDE
    # A truncated chain is consistent too, but does not reach the head.
    cut_off = finished and previous != (head["hash"] or _GENESIS)
    return Followed(seq, previous, count, begun.since, finished, seq + 1 if cut_off else None)


def _follows(row: asyncpg.Record, previous: bytes) -> bool:
    body = msgspec.json.encode(row["details"], order="deterministic")
    hashed = [datetime.fromisoformat(row["details"][0]), *row["details"][1:4]]
    columns = [row["at"], row["actor"], row["action"], row["target"]]
    return columns == hashed and hashlib.sha256(previous + body).digest() == row["hash"]


async def first_break() -> int | None:
    """Return the number of the first entry that does not follow from the one before, or None if the chain is intact."""
    found = Followed()
    while not found.finished and found.broken is None:
        found = await follow(DB.fetch, found)
    return found.broken
