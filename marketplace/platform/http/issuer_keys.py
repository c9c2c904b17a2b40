"""The published public keys of an OpenID Connect issuer."""

import asyncio
import time
from typing import Any

import httpx
import structlog
from joserfc.jwk import KeySet

from marketplace.platform.http.identity import IdentityUnavailable
from marketplace.platform.validation.foreign import UnreadableError, import_jwks, reading

logger = structlog.get_logger()

_REFETCH_S = 5.0
_FRESH_S = 300.0
_KEPT_S = 24 * 3600.0


class RemoteKeys:
    """The public keys of an OpenID Connect issuer, found by its discovery document and cached for a limited time: a withdrawn key
    stays valid for at most _FRESH_S seconds, or _KEPT_S while the issuer does not respond.
    """

    def __init__(self, issuer: str, client: httpx.AsyncClient) -> None:
        """Name the issuer; nothing is fetched before the first token arrives."""
        self._issuer = issuer
        self._client = client
        self._published: Any = None
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def __call__(self, fresh: bool) -> KeySet:
        """Return the keys; a token of an unknown key causes a refetch, at most every few seconds.

        Raises IdentityUnavailable if there are none, or if the issuer has not responded for too long.
        """
        if self._is_due(fresh):
            async with self._lock:
                if self._is_due(fresh):  # otherwise another task refetched while we waited
                    await self._refetch()
        if self._keys is None or time.monotonic() - self._fetched_at > _KEPT_S:
            raise IdentityUnavailable
        return self._keys

    def _is_due(self, fresh: bool) -> bool:
        hurry = fresh or self._keys is None
        return time.monotonic() - self._tried_at > (_REFETCH_S if hurry else _FRESH_S)

    async def _refetch(self) -> None:
        # A failure counts as an attempt: otherwise every request would wait for an issuer that does not respond.
        self._tried_at = started = time.monotonic()
        try:
            discovery = await self._client.get(f"{self._issuer}/.well-known/openid-configuration")
            discovery.raise_for_status()
            with reading("the discovery document"):
                where = httpx.URL(discovery.json()["jwks_uri"])
                if where.scheme != httpx.URL(self._issuer).scheme or not where.host:
                    raise ValueError("jwks_uri is not an address like the issuer's")
            answer = await self._client.get(where)
            answer.raise_for_status()
            with reading("the key set"):
                published = answer.json()
            if published != self._published:
                self._keys, self._published = import_jwks(published), published
        except (httpx.HTTPError, UnreadableError) as error:
            logger.warning("issuer_keys_not_fetched", issuer=self._issuer, error=repr(error.__cause__ or error))
            return
        self._fetched_at = started
