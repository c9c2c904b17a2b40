"""The audit chain: who did what to what, each entry's hash covering the one before."""

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from marketplace.platform.database import DB, UnitOfWork

_GENESIS = b"\0" * 32


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


async def first_break() -> int | None:
    """Return the number of the first entry whose hash does not follow from the one before, or None if the chain holds."""
    previous = _GENESIS
    for row in await DB.fetch("SELECT seq, details, hash FROM audit_entry ORDER BY seq"):
        body = msgspec.json.encode(row["details"], order="deterministic")
        previous = hashlib.sha256(previous + body).digest()
        if previous != row["hash"]:
            return int(row["seq"])
    return None
