"""Whether a client that has a good token may still call: revoked clients and suspended partners stop within half a minute.

A verified token is remembered until it expires, so its client's state must be asked apart from it, and cheaply: all
clients (a few hundred) are read in one statement at most every FRESH_S seconds, and each request is one look into a
dictionary.
"""

import asyncio
import time
from typing import Any

from litestar import Litestar

from marketplace.platform.database import DB
from marketplace.platform.problems import HttpRequest
from partners.oauth.domain import Client, is_known

FRESH_S = 15.0
"""How old the picture may be; what this process itself changes is seen at once."""

_COLUMNS = (
    "c.client_id, c.audience, c.partner_id, c.auth_method, c.secret_hash, c.jwks, c.scopes, c.status, c.demo,"
    " p.status AS partner_status"
)
SELECT = f"SELECT {_COLUMNS} FROM oauth_client c LEFT JOIN partner p ON p.id = c.partner_id"
"""A client with its partner's status, as `client_of` reads it."""


def client_of(row: Any) -> Client:
    """Return a row of SELECT as a client."""
    return Client(**{**row, "scopes": frozenset(row["scopes"])})


class Gate:
    """The picture of all clients."""

    def __init__(self, mode: str) -> None:
        """Begin with no picture; the first request brings it. `mode` decides over demo clients."""
        self._mode = mode
        self._clients: dict[str, Client] = {}
        self._read_at = float("-inf")
        self._changes = 0
        self._lock = asyncio.Lock()

    def forget(self) -> None:
        """Look anew at the next request: something was changed here."""
        self._changes += 1
        self._read_at = float("-inf")

    async def known(self, client_id: str) -> Client | None:
        """Return the client with its partner's status, or None if it is not known here or was revoked."""
        if time.monotonic() - self._read_at > FRESH_S:
            await self._read(self._read_at)
        client = self._clients.get(client_id)
        if client is None:
            # Issued since the picture was taken; only verified tokens come this far, so strangers cannot cause reads.
            await self._read(self._read_at)
            client = self._clients.get(client_id)
        return client if client is not None and is_known(client, self._mode) else None

    async def _read(self, seen: float) -> None:
        async with self._lock:
            if self._read_at != seen:  # somebody read while we waited
                return
            # Dated before the read: a change that commits while we read is seen FRESH_S later at the latest.
            started, changes = time.monotonic(), self._changes
            self._clients = {row["client_id"]: client_of(row) for row in await DB.fetch(SELECT)}
            if self._changes == changes:  # else something was changed here meanwhile: look again at the next request
                self._read_at = started


def install(app: Litestar, mode: str) -> None:
    """Give the application its gate."""
    app.state.oauth_gate = Gate(mode)


def gate_of(request: HttpRequest) -> Gate:
    """Return the application's gate."""
    gate: Gate = request.app.state.oauth_gate
    return gate
