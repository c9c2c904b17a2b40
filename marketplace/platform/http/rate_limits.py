"""Rate limits of callers, across all processes.

The count is in the database, one row per caller and minute, and only a statement that cannot pass the limit increases it. A
process does not query it for each request: it takes a sixteenth of the rest at a time, at least one, and counts that down in
memory. So never more requests are let in than the limit allows; a process wastes at most the sixteenth that it took and did not
use in that minute.
"""

import asyncio
import ipaddress
import time
from typing import Any, Literal

import msgspec
from litestar.connection import ASGIConnection

from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.postgres.database import DB
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings

WINDOW_S = 60
"""Length of a window in seconds. Windows begin with the minutes of the database's clock, the same for all callers."""

_MOST = 50_000
"""Number of callers that one process remembers; beyond it, those whose minute is over are dropped, and the older half."""

_SHARE = 16

# `greatest(…, 0)`: a limit that was lowered during the minute grants nothing more.
_TAKE = f"""
WITH clock AS (SELECT date_bin('{WINDOW_S} seconds', clock_timestamp(), 'epoch') AS starts_at)
INSERT INTO rate_window AS r (caller, starts_at, used, granted)
SELECT $1, starts_at, greatest($2 / {_SHARE}, 1), greatest($2 / {_SHARE}, 1) FROM clock
ON CONFLICT (caller) DO UPDATE SET
    starts_at = excluded.starts_at,
    granted = CASE WHEN r.starts_at < excluded.starts_at THEN excluded.granted
        ELSE least(greatest(($2 - r.used) / {_SHARE}, 1), greatest($2 - r.used, 0)) END,
    used = CASE WHEN r.starts_at < excluded.starts_at THEN excluded.granted
        ELSE r.used + least(greatest(($2 - r.used) / {_SHARE}, 1), greatest($2 - r.used, 0)) END
WHERE r.starts_at <= excluded.starts_at
RETURNING granted, used, extract(epoch FROM starts_at + interval '{WINDOW_S} seconds' - clock_timestamp())::float8 AS left_s
"""

By = Literal["client", "address"]


class RateLimited(Refusal):
    """The caller exceeded its requests in this minute."""

    kind = Kind.TOO_MANY
    code = "rate_limited"
    zh = "每分钟最多 {limit} 次请求，请在 {retry_after} 秒后重试。"
    en = "You may send {limit} requests per minute. Try again in {retry_after} seconds."
    explanation = Explanation(
        Text("调用过于频繁。", "The caller sends too many requests."),
        Text(
            "请在 Retry-After 之后重试，并参照 RateLimit 响应头控制频率。",
            "Try again after Retry-After, and pace requests by the RateLimit header.",
        ),
    )


class RateLimitStatus(msgspec.Struct, frozen=True):
    """A caller's status after a request: `remaining` of `limit` in the window that ends in `reset_s` seconds."""

    by: By
    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the fields `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10)."""
        return [
            (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (self.by.encode(), self.limit, WINDOW_S)),
            (b"ratelimit", b'"%b";r=%d;t=%d' % (self.by.encode(), self.remaining, self.reset_s)),
        ]


class _Lease:
    """What this process may still let in for a caller in this minute."""

    __slots__ = ("beyond", "ends_at", "left", "lock")

    def __init__(self) -> None:
        self.left = 0
        self.beyond = 1  # what others, or a further query, may still take; 0: nothing
        self.ends_at = 0.0
        self.lock = asyncio.Lock()

    def is_over(self) -> bool:
        return time.monotonic() >= self.ends_at


class RateLimits:
    """One process's share of the counts."""

    def __init__(self, settings: Settings) -> None:
        """Take the limits: requests per minute of an OAuth client, and of an address without one."""
        self._limits: dict[By, int] = {"client": settings.rate_client, "address": settings.rate_address}
        self._leases: dict[str, _Lease] = {}

    async def take(self, by: By, caller: str) -> RateLimitStatus:
        """Count a request of the caller and return its status. Raises RateLimited."""
        key = f"{by}:{caller}"
        lease = self._leases.get(key)
        if lease is None:
            lease = self._remember(key)
        limit = self._limits[by]
        while lease.left == 0 or lease.is_over():
            if lease.beyond == 0 and not lease.is_over():
                raise RateLimited(limit=limit, retry_after=self._seconds(lease))
            async with lease.lock:
                if lease.is_over() or (lease.left == 0 and lease.beyond > 0):  # else another task took a share
                    await self._take(lease, key, limit)
        lease.left -= 1
        return RateLimitStatus(by, limit, lease.left + lease.beyond, self._seconds(lease))

    def check(self, by: By, caller: str) -> None:
        """Raise RateLimited if this process knows that the caller may not send more in this minute. Counts nothing."""
        lease = self._leases.get(f"{by}:{caller}")
        if lease is not None and lease.left == lease.beyond == 0 and not lease.is_over():
            raise RateLimited(limit=self._limits[by], retry_after=self._seconds(lease))

    async def _take(self, lease: _Lease, key: str, limit: int) -> None:
        row = await DB.fetchrow(_TAKE, key, limit)
        if row is None:  # another process's clock_timestamp() came after ours, in the next minute: query again
            lease.left, lease.ends_at = 0, 0.0
            return
        lease.left, lease.beyond = row["granted"], max(limit - row["used"], 0)
        lease.ends_at = time.monotonic() + max(row["left_s"], 0.0)

    def _remember(self, key: str) -> _Lease:
        if len(self._leases) >= _MOST:
            # Drop the older half even if its minute is not over: the row knows how much was taken, so nobody gains by it,
            # and an attacker with ever new addresses does not make us scan all of them each time.
            kept = [(known, lease) for known, lease in self._leases.items() if not lease.is_over()]
            self._leases = dict(kept[-(_MOST // 2) :])
        lease = self._leases[key] = _Lease()
        return lease

    @staticmethod
    def _seconds(lease: _Lease) -> int:
        return max(int(lease.ends_at - time.monotonic()) + 1, 1)


async def count(connection: ASGIConnection[Any, Any, Any, Any], by: By, caller: str) -> None:
    """Count a request for its caller; the response will carry the caller's status. Raises RateLimited."""
    limits = PlatformServices.of(connection).limits
    state = connection.scope["state"]
    try:
        state["rate"] = await limits.take(by, caller)
    except RateLimited as refusal:
        state["rate"] = RateLimitStatus(by, refusal.details["limit"], 0, refusal.details["retry_after"])
        raise


async def count_bad_token(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Count a bad token for its address, apart from the address's other requests. Raises RateLimited."""
    await count(connection, "address", _bad_tokens_of(connection))


def check_bad_tokens(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Raise RateLimited if the address has sent as many bad tokens in this minute as it may send requests."""
    limits = PlatformServices.of(connection).limits
    limits.check("address", _bad_tokens_of(connection))


def _bad_tokens_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    return f"{address_of(connection)} bad tokens"


def address_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the network that a request without a client is counted for: an IPv4 address, or the /64 of an IPv6 one."""
    host = connection.client.host if connection.client else "-"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


async def delete_windows() -> None:
    """Delete counts of minutes that are over."""
    await DB.fetch("DELETE FROM rate_window WHERE starts_at < now() - interval '10 minutes'")
