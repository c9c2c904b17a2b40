"""A cache of clients, grants and revoked tokens. It decides whether a verified token may still be used.

Revoked clients, grants and tokens, and disabled people, are refused within half a minute. A verified token is cached until it
expires, so the state behind it is checked separately, on each request. All clients (a few hundred), the grants in use and the
revoked tokens are read in three statements, at most every FRESH_S seconds; a request only looks into dictionaries.
"""

import asyncio
import time
from typing import Any
from uuid import UUID

from litestar import Litestar
from litestar.connection import ASGIConnection

from marketplace.kernel.clock import WALL
from marketplace.platform.postgres.database import DB, LIVE, using_database
from marketplace.platform.services import PlatformServices
from partners.oauth.domain import Client, Grant, Secret, is_known
from partners.roles import StaffRole, StaffStatus, scopes_of
from partners.services import PartnersServices

FRESH_S = 15.0
"""The maximum age of the snapshot. Changes made by this process are visible at once."""

MOST_GRANTS = 20_000
"""The maximum number of grants in the snapshot. The next read drops grants that were not used since the last one."""

ACCEPTS_POINTS = (
    "coalesce((SELECT bool_or(coalesce(k.content::json ->> 'role', '') <> 'grants_points') FROM contract k"
    " WHERE k.partner_id = p.id AND k.status = 'signed'), true) AS accepts_points"
)
"""Whether any signed contract lets the partner accept points. True for a partner without a signed contract."""

_COLUMNS = (
    "c.client_id, c.name, c.publisher, c.kind, c.audience, c.partner_id, c.auth_method, c.jwks, c.jwks_uri, c.scopes,"
    " c.grant_types, c.redirect_uris, c.application_type, c.dpop_bound, c.livemode, c.status, c.demo,"
    " p.status AS partner_status, ARRAY(SELECT ROW(s.id, s.digest, s.expires_at, s.revoked_at) FROM oauth_secret s"
    f" WHERE s.client_id = c.client_id ORDER BY s.id) AS secrets, {ACCEPTS_POINTS},"
    " ARRAY(SELECT location_id FROM oauth_client_location l WHERE l.client_id = c.client_id) AS locations"
)
SELECT = f"SELECT {_COLUMNS} FROM oauth_client c LEFT JOIN partner p ON p.id = c.partner_id"
"""A client with its secrets and its partner's status, as `client_of` reads it."""

GRANT_COLUMNS = (
    "g.id, g.client_id, g.partner_id, g.staff_id, g.scopes, g.jkt,"
    " g.revoked_at AS grant_revoked_at, g.expires_at AS grant_expires_at,"
    f" p.status AS partner_status, s.status AS staff_status, s.roles AS staff_roles, {ACCEPTS_POINTS},"
    " ARRAY(SELECT location_id FROM partner_staff_location l WHERE l.staff_id = g.staff_id"
    " AND l.partner_id = g.partner_id) AS locations"
)
GRANT_FROM = (
    "oauth_grant g JOIN partner p ON p.id = g.partner_id"
    " LEFT JOIN partner_staff s ON s.id = g.staff_id AND s.partner_id = g.partner_id"
)
"""A grant with the current state of its partner and its person, as `grant_of` reads it."""

_GRANTS = f"SELECT {GRANT_COLUMNS} FROM {GRANT_FROM} WHERE g.id = ANY($1::uuid[])"
_REVOKED = "SELECT jti FROM oauth_revoked_token WHERE expires_at > $1::timestamptz - interval '1 minute'"

_SETS = ("scopes", "grant_types", "locations")


def client_of(row: Any) -> Client:
    """Return a row of SELECT as a client."""
    sets = {name: frozenset(row[name]) for name in _SETS}
    secrets = tuple(Secret(*secret) for secret in row["secrets"])
    return Client(**{**row, **sets, "secrets": secrets, "redirect_uris": tuple(row["redirect_uris"])})


def person_scopes(status: str | None, roles: list[str] | None) -> frozenset[str]:
    """Return the scopes that a person can pass on now: none if the person is not active or no longer exists."""
    if status != StaffStatus.ACTIVE:
        return frozenset()
    known = frozenset(StaffRole)
    return scopes_of(frozenset(StaffRole(role) for role in roles or () if role in known))


def grant_of(row: Any) -> Grant:
    """Return a row of GRANT_COLUMNS as a grant."""
    return Grant(
        id=row["id"],
        client_id=row["client_id"],
        partner_id=row["partner_id"],
        staff_id=row["staff_id"],
        scopes=frozenset(row["scopes"]),
        person_scopes=person_scopes(row["staff_status"], row["staff_roles"]),
        partner_status=row["partner_status"],
        jkt=row["jkt"],
        revoked=row["grant_revoked_at"] is not None or row["grant_expires_at"] <= WALL.now(),
        accepts_points=row["accepts_points"],
        locations=frozenset(row["locations"]),
    )


class ClientCache:
    """A snapshot of clients, grants in use, and revoked tokens."""

    def __init__(self, mode: str) -> None:
        """Start without a snapshot; the first request reads it. `mode` decides whether demo clients are accepted."""
        self._mode = mode
        self._clients: dict[str, Client] = {}
        self._grants: dict[UUID, Grant] = {}
        self._used: set[UUID] = set()
        self._revoked: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._changes = 0
        self._lock = asyncio.Lock()

    def invalidate(self) -> None:
        """Read again on the next request: this process changed something."""
        self._changes += 1
        self._read_at = float("-inf")

    async def known(self, client_id: str) -> Client | None:
        """Return the client with its partner's status, or None if it is unknown or revoked."""
        if time.monotonic() - self._read_at > FRESH_S:
            await self._read(self._read_at)
        client = self._clients.get(client_id)
        if client is None:
            # Issued after the snapshot. Only verified tokens reach this line, so unauthenticated callers cannot cause reads.
            await self._read(self._read_at)
            client = self._clients.get(client_id)
        return client if client is not None and is_known(client, self._mode) else None

    async def peek(self, client_id: str) -> Client | None:
        """Return the client as `known` does, without a read for one that is missing: the caller is not authenticated yet."""
        if time.monotonic() - self._read_at > FRESH_S:
            await self._read(self._read_at)
        client = self._clients.get(client_id)
        return client if client is not None and is_known(client, self._mode) else None

    async def grant(self, grant_id: UUID) -> Grant | None:
        """Return the current grant of a verified token, or None if it no longer exists."""
        if time.monotonic() - self._read_at > FRESH_S:
            await self._read(self._read_at)
        grant = self._grants.get(grant_id)
        if grant is None:
            changes = self._changes
            rows = await DB.fetch(_GRANTS, [grant_id])
            grant = grant_of(rows[0]) if rows else None
            if grant is not None and changes == self._changes and len(self._grants) < MOST_GRANTS:
                self._grants[grant_id] = grant
        self._used.add(grant_id)
        return grant

    def is_revoked(self, jti: str) -> bool:
        """Return whether the token itself was revoked. Call `known` first: it refreshes the snapshot."""
        return jti in self._revoked

    async def _read(self, seen: float) -> None:
        async with self._lock:
            if self._read_at != seen:  # another task read while this one waited
                return
            # Dated before the read: a change that commits during the read is visible FRESH_S later at the latest.
            started, changes, used = time.monotonic(), self._changes, self._used
            self._used = set()
            clients = {row["client_id"]: client_of(row) for row in await DB.fetch(SELECT)}
            revoked = frozenset(row["jti"] for row in await DB.fetch(_REVOKED, WALL.now()))
            grants: dict[UUID, Grant] = {}
            if used:
                grants = {row["id"]: grant_of(row) for row in await DB.fetch(_GRANTS, sorted(used)[:MOST_GRANTS])}
            self._clients, self._revoked, self._grants = clients, revoked, grants
            if (
                self._changes == changes
            ):  # otherwise this process changed something during the read: the next request reads again
                self._read_at = started


class SandboxClientCache(ClientCache):
    """The cache of a sandbox's application. Credentials live on the live side only, so it delegates to the live cache."""

    def __init__(self, mode: str, live: ClientCache) -> None:
        """Delegate to `live`."""
        super().__init__(mode)
        self._live = live

    def invalidate(self) -> None:
        """Invalidate the live cache."""
        self._live.invalidate()

    async def known(self, client_id: str) -> Client | None:
        """Return the client from the live cache."""
        with using_database(LIVE):
            return await self._live.known(client_id)

    async def peek(self, client_id: str) -> Client | None:
        """Return the client from the live cache."""
        with using_database(LIVE):
            return await self._live.peek(client_id)

    async def grant(self, grant_id: UUID) -> Grant | None:
        """Return the grant from the live cache."""
        with using_database(LIVE):
            return await self._live.grant(grant_id)

    def is_revoked(self, jti: str) -> bool:
        """Return what the live cache says."""
        return self._live.is_revoked(jti)


def new_client_cache(app: Litestar, mode: str) -> ClientCache:
    """Return a cache for the application. A sandbox's cache delegates to the live application's."""
    host = PlatformServices.of(app).host
    return ClientCache(mode) if host is None else SandboxClientCache(mode, PartnersServices.of(host).client_cache)


def client_cache_of(request: ASGIConnection[Any, Any, Any, Any]) -> ClientCache:
    """Return the application's cache of clients."""
    return PartnersServices.of(request).client_cache
