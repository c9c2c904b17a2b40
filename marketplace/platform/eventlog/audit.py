"""The audit chain: who did what to what, each entry's hash covering the one before."""

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
"""Entries in one look: a few tens of milliseconds."""

_AGAIN = timedelta(days=1)
"""How long a look from the first entry on is good for; what came later is verified as it comes."""


async def record(work: UnitOfWork, actor: str, action: str, target: str, now: datetime, **details: Any) -> None:
    """Append an entry in the transaction of the deed. Entries queue for the head of the chain: keep them off hot paths."""
    # The head's row is the lock: two deeds at once would otherwise both follow the same entry.
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
    """How far the chain was followed: the last entry's number and hash, how many there were, and when that began.

    `broken` is the number of the first entry that does not follow; the entry after the last if that one is missing.
    """

    seq: int = 0
    hash: bytes = _GENESIS
    entries: int = 0
    since: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    finished: bool = False
    broken: int | None = None


async def follow(fetch: Callable[..., Awaitable[Sequence[asyncpg.Record]]], begun: Followed) -> Followed:
    """Follow the chain from there on for some thousand entries, or from the first one if that is too long ago.

    The entries and the head must be of one snapshot: hand in the `fetch` of a REPEATABLE READ transaction.
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
    # A chain that was cut off at its end follows too, but not up to the head.
    cut_off = finished and previous != (head["hash"] or _GENESIS)
    return Followed(seq, previous, count, begun.since, finished, seq + 1 if cut_off else None)


def _follows(row: asyncpg.Record, previous: bytes) -> bool:
    body = msgspec.json.encode(row["details"], order="deterministic")
    told = [datetime.fromisoformat(row["details"][0]), *row["details"][1:4]]
    columns = [row["at"], row["actor"], row["action"], row["target"]]
    return columns == told and hashlib.sha256(previous + body).digest() == row["hash"]


async def first_break() -> int | None:
    """Return the number of the first entry that does not follow from the one before, or None if the chain holds."""
    found = Followed()
    while not found.finished and found.broken is None:
        found = await follow(DB.fetch, found)
    return found.broken
