"""What a sandbox is to the rest of the program: a database of one partner's own, a clock that can be moved, test members.

Sandboxes have the same code, tables and rules; nothing in them is ever read together with the live database
(docs/decisions/0017-sandbox.md). `marketplace/sandbox.py` opens them.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar.connection import ASGIConnection

from marketplace.kernel.clock import WALL, Clock
from marketplace.kernel.keyring import KeyRing, Purpose, WrongSecretError
from marketplace.kernel.refusals import Explanation, InvalidField, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.database import DB, UnitOfWork
from marketplace.platform.identity import Caller
from marketplace.settings import Settings

TOKEN_PREFIX = "sbx_"  # noqa: S105 - how a test member's token begins
TOKEN_LIFETIME_S = 3600
MOST_AHEAD = timedelta(days=3660)
"""How far a sandbox's clock may be moved in all."""

_PURPOSE = Purpose("sandbox-member")
_MOST_OF_NAME = 26
"""PostgreSQL's names have 63 letters at the most."""


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


class SandboxContext(msgspec.Struct):
    """What a package's `make_sandbox` gets; `made` collects what there is to try, by kind, as JSON values."""

    partner_id: UUID
    settings: Settings
    clock: Clock
    made: dict[str, Any]


class SandboxState(msgspec.Struct, frozen=True):
    """How far the clock is ahead, and what the packages made for trying things."""

    ahead: timedelta
    made: dict[str, Any]
    made_at: datetime


PartnerOf = Callable[[ASGIConnection[Any, Any, Any, Any]], Awaitable[tuple[Caller, UUID]]]
"""Verifies the token of a partner's system and tells whose it is. Raises the refusal."""


Admits = Callable[[UUID], Awaitable[None]]
"""Raises the refusal of a partner's test members: with the partner, its sandbox is stopped."""


async def state() -> SandboxState:
    """Return the state of the sandbox on whose database this task works. Raises SandboxOnly on the live one."""
    row = await DB.fetchrow("SELECT ahead, made, made_at FROM sandbox_state")
    if row is None:
        raise SandboxOnly
    return SandboxState(row["ahead"], row["made"], row["made_at"])


async def ahead() -> timedelta | None:
    """Return how far the sandbox's clock is ahead; None where no sandbox was made."""
    found: timedelta | None = await DB.fetchval("SELECT ahead FROM sandbox_state")
    return found


async def ahead_now(work: UnitOfWork) -> timedelta:
    """Return how far the clock is ahead; nobody else moves it in the meantime."""
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


def database_name(live: str, partner_id: UUID) -> str:
    """Return the name of the database of a partner's sandbox, next to the live one of that name."""
    return f"{live[:_MOST_OF_NAME]}_sbx_{partner_id.hex}"


def database_pattern(live: str) -> str:
    """Return the regular expression that the names of all its sandboxes' databases match."""
    return f"^{re.escape(live[:_MOST_OF_NAME])}_sbx_[0-9a-f]{{32}}$"


class _Member(msgspec.Struct, frozen=True):
    partner_id: UUID
    subject: str
    name: str
    expires_at: float


def member_token(ring: KeyRing, partner_id: UUID, subject: str, name: str) -> str:
    """Return a token of one of the sandbox's test members, good for TOKEN_LIFETIME_S and nowhere but there."""
    plain = msgspec.json.encode(_Member(partner_id, subject, name, WALL.unix_s() + TOKEN_LIFETIME_S))
    return TOKEN_PREFIX + ring.encrypt(_PURPOSE, plain).decode()


def read_member_token(ring: KeyRing, token: str) -> tuple[Caller, UUID] | None:
    """Return the test member whose token it is, with the partner whose sandbox it is; None for one that is not good."""
    try:
        plain = ring.decrypt(_PURPOSE, token.removeprefix(TOKEN_PREFIX).encode())
        member = msgspec.json.decode(plain, type=_Member)
    except (WrongSecretError, msgspec.MsgspecError):
        return None
    if member.expires_at <= WALL.unix_s():
        return None
    claims = {"name": member.name, "livemode": False}
    caller = Caller("members", member.subject, "sandbox", frozenset(), frozenset(), claims, member.expires_at)
    return caller, member.partner_id
