"""Tokens of a sandbox's test members: requested by the partner, encrypted by us, valid in that sandbox only."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from litestar.connection import ASGIConnection

from marketplace.kernel.clock import WALL
from marketplace.kernel.keyring import KeyRing, Purpose, WrongSecretError
from marketplace.platform.http.identity import Caller
from marketplace.platform.services import Services

TOKEN_PREFIX = "sbx_"  # noqa: S105 - the prefix of a test member's token
TOKEN_LIFETIME_S = 3600

_PURPOSE = Purpose("sandbox-member")

PartnerOf = Callable[[ASGIConnection[Any, Any, Any, Any]], Awaitable[tuple[Caller, UUID]]]
"""Verifies the token of a partner's system and returns its partner. Raises the refusal."""


Admits = Callable[[UUID], Awaitable[None]]
"""Raises the refusal of a suspended partner's test members: its sandbox is suspended with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxAccess(Services):
    """Who may enter a sandbox; provided by the package that knows partners and their clients."""

    partner_of: PartnerOf
    admits: Admits


class _Member(msgspec.Struct, frozen=True):
    partner_id: UUID
    subject: str
    name: str
    expires_at: float


def member_token(ring: KeyRing, partner_id: UUID, subject: str, name: str) -> str:
    """Return a token of one of the sandbox's test members, valid for TOKEN_LIFETIME_S in that sandbox only."""
    plain = msgspec.json.encode(_Member(partner_id, subject, name, WALL.unix_s() + TOKEN_LIFETIME_S))
    return TOKEN_PREFIX + ring.encrypt(_PURPOSE, plain).decode()


def read_member_token(ring: KeyRing, token: str) -> tuple[Caller, UUID] | None:
    """Return the test member of the token, and the partner of the sandbox; None for an invalid token."""
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
