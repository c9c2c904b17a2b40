"""A partner's sandbox: a database of its own, a clock that can be moved, test members.

Sandboxes have the same code, tables and rules; nothing in them is ever read together with the live database
(docs/decisions/0017-sandbox.md). `marketplace/sandbox/instances.py` opens them.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from marketplace.kernel.refusals import Explanation, InvalidField, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.postgres.database import DB, UnitOfWork

MOST_AHEAD = timedelta(days=3660)
"""The maximum total by which a sandbox's clock may be moved."""


class SandboxOnly(Refusal):
    """The operation exists in sandboxes only, and the credentials are live ones."""

    kind = Kind.FORBIDDEN
    code = "sandbox_only"
    zh = "此接口只用于沙箱，请使用沙箱凭证（livemode: false）。"
    en = "This works in a sandbox only: use sandbox credentials (livemode: false)."
    explanation = Explanation(
        Text("该接口只用于沙箱。", "The operation works in a sandbox only."),
        Text("请使用沙箱凭证（livemode: false）。", "Use sandbox credentials (livemode: false)."),
    )


class SandboxState(msgspec.Struct, frozen=True):
    """How far the clock is ahead, and the packages' sample data."""

    ahead: timedelta
    made: dict[str, Any]
    made_at: datetime


async def state() -> SandboxState:
    """Return the state of the sandbox on whose database this task works. Raises SandboxOnly on the live one."""
    row = await DB.fetchrow("SELECT ahead, made, made_at FROM sandbox_state")
    if row is None:
        raise SandboxOnly
    return SandboxState(row["ahead"], row["made"], row["made_at"])


async def ahead() -> timedelta | None:
    """Return how far the sandbox's clock is ahead; None if no sandbox was created."""
    found: timedelta | None = await DB.fetchval("SELECT ahead FROM sandbox_state")
    return found


async def ahead_now(work: UnitOfWork) -> timedelta:
    """Return how far the clock is ahead, and lock it until the transaction ends."""
    found: timedelta = await work.fetchval("SELECT ahead FROM sandbox_state FOR UPDATE")
    return found


async def move_ahead(work: UnitOfWork, by: timedelta) -> timedelta:
    """Move the clock forward and return how far it is ahead now. Raises InvalidField beyond MOST_AHEAD."""
    moved: timedelta | None = await work.fetchval(
        "UPDATE sandbox_state SET ahead = ahead + $1 WHERE ahead + $1 <= $2 RETURNING ahead", by, MOST_AHEAD
    )
    if moved is None:
        days = MOST_AHEAD.days
        raise InvalidField("to", f"沙箱时钟最多向前 {days} 天。", f"the clock can be at most {days} days ahead.")
    return moved
