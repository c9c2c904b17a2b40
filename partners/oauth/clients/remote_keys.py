"""The keys that a client publishes at its `jwks_uri`: fetched through the outbound guard, and cached.

Nothing is fetched inside a transaction. Only the registered address of a known client is fetched, and for an unknown key at most
once in AGAIN_S.
"""

import asyncio
import time
from typing import Any

import msgspec
import structlog
from authlib.oauth2.rfc6749 import InvalidClientError

from marketplace.kernel.refusals import InvalidField
from marketplace.platform.outbound.guard import Outbound, OutboundError
from marketplace.platform.validation.foreign import UnreadableError, reading
from partners.oauth.clients.jwks import check_jwks
from partners.oauth.domain import Client
from partners.oauth.server.assertions import named_key

logger = structlog.get_logger()

KEPT_S = 3600.0
AGAIN_S = 30.0
MOST = 2000
"""The maximum number of clients whose keys a process caches."""


class _NotHadError(Exception):
    """The address gave no readable answer."""


class _Kept(msgspec.Struct, frozen=True):
    uri: str
    jwks: dict[str, Any] | None
    """None if they could not be fetched or were invalid."""
    had_at: float
    asked_at: float


class RemoteKeySets:
    """The published keys of clients, as this process caches them."""

    def __init__(self, outbound: Outbound) -> None:
        """Begin with nothing."""
        self._outbound = outbound
        self._kept: dict[str, _Kept] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def of(self, client: Client, assertion: str) -> dict[str, Any]:
        """Return the client's keys. Fetch them again if they are old or lack the key that the assertion names.

        Raises InvalidClientError if there are none.
        """
        uri = client.jwks_uri
        if uri is None:
            raise InvalidClientError(description="The assertion is not good.")
        kept = self._usable(client, assertion)
        if kept is None:
            lock = self._locks.setdefault(client.client_id, asyncio.Lock())
            async with lock:
                kept = self._usable(client, assertion) or await self._fetch(client.client_id, uri)
        if kept.jwks is None:
            raise InvalidClientError(description="The keys at jwks_uri cannot be had just now.")
        return kept.jwks

    def _usable(self, client: Client, assertion: str) -> _Kept | None:
        kept = self._kept.get(client.client_id)
        if kept is None or kept.uri != client.jwks_uri:
            return None
        now = time.monotonic()
        if now - kept.asked_at < AGAIN_S:
            return kept
        named = named_key(assertion)
        known = kept.jwks is not None and (named is None or named in {key.get("kid") for key in kept.jwks["keys"]})
        return kept if known and now - kept.had_at < KEPT_S else None

    async def _fetch(self, client_id: str, uri: str) -> _Kept:
        earlier = self._kept.get(client_id)
        if len(self._kept) >= MOST:
            self._kept.clear()
            self._locks.clear()
        now = time.monotonic()
        try:
            kept = _Kept(uri, await self._asked(uri), now, now)
        except _NotHadError as error:
            logger.warning("client_keys_not_fetched", client_id=client_id, error=repr(error.__cause__ or error))
            # While the address does not answer, keys fetched within the last hour stay valid.
            still = earlier is not None and earlier.uri == uri and now - earlier.had_at < KEPT_S
            kept = msgspec.structs.replace(earlier, asked_at=now) if still and earlier else _Kept(uri, None, now, now)
        self._kept[client_id] = kept
        return kept

    async def _asked(self, uri: str) -> dict[str, Any] | None:
        """Return the key set at the address, or None if it is invalid. Raises _NotHadError."""
        try:
            answer = await self._outbound.send("GET", uri, headers={"Accept": "application/json"})
            if answer.status != 200 or not answer.whole:
                raise _NotHadError(answer.status)
            with reading("the key set"):
                found = msgspec.json.decode(answer.body)
        except (OutboundError, UnreadableError) as error:
            raise _NotHadError from error
        try:
            return check_jwks(found) if isinstance(found, dict) else None
        except InvalidField:
            return None
