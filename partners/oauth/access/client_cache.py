"""Whether a good token may still be used: revoked clients, grants, tokens, and people who left, stop within half a minute.

A verified token is remembered until it expires, so the state behind it must be asked apart from it, and cheaply. All clients (a
few hundred), the grants that are in use and the tokens that were revoked are read in a few statements at most every
FRESH_S seconds; each request is a look into dictionaries.
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
"""How old the picture may be; what this process itself changes is seen at once."""

MOST_GRANTS = 20_000
"""How many grants are kept in the picture; those that were not asked for since it was taken leave it."""

ACCEPTS_POINTS = (
    "coalesce((SELECT bool_or(coalesce(k.content::json ->> 'role', '') <> 'grants_points') FROM contract k"
    " WHERE k.partner_id = p.id AND k.status = 'signed'), true) AS accepts_points"
)
"""Whether any contract that the partner signed lets it accept points; without one yet, nothing stands against it."""

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
"""A grant with what its partner and its person are at present, as `grant_of` reads it."""

_GRANTS = f"SELECT {GRANT_COLUMNS} FROM {GRANT_FROM} WHERE g.id = ANY($1::uuid[])"
_REVOKED = "SELECT jti FROM oauth_revoked_token WHERE expires_at > $1::timestamptz - interval '1 minute'"

_SETS = ("scopes", "grant_types", "locations")


def client_of(row: Any) -> Client:
    """Return a row of SELECT as a client."""
    sets = {name: frozenset(row[name]) for name in _SETS}
    secrets = tuple(Secret(*secret) for secret in row["secrets"])
    return Client(**{**row, **sets, "secrets": secrets, "redirect_uris": tuple(row["redirect_uris"])})


def person_scopes(status: str | None, roles: list[str] | None) -> frozenset[str]:
    """Return what a person may pass on at present; nothing for one who is not active, or is gone."""
    if status != StaffStatus.ACTIVE:
        return frozenset()
    known = frozenset(StaffRole)
    return scopes_of(frozenset(StaffRole(role) for role in roles or () if role in known))


def grant_of(row: Any) -> Grant:
    """Return a row of GRANT_COLUMNS as a grant as it is at present."""
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
    """The picture of clients, grants in use, and revoked tokens."""

    def __init__(self, mode: str) -> None:
        """Begin with no picture; the first request brings it. `mode` decides over demo clients."""
        self._mode = mode
        self._clients: dict[str, Client] = {}
        self._grants: dict[UUID, Grant] = {}
        self._used: set[UUID] = set()
        self._revoked: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._changes = 0
        self._lock = asyncio.Lock()

    def invalidate(self) -> None:
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

    async def peek(self, client_id: str) -> Client | None:
        """Return the client as `known` does, but never look again for one that is not in the picture: strangers may ask."""
        if time.monotonic() - self._read_at > FRESH_S:
            await self._read(self._read_at)
        client = self._clients.get(client_id)
        return client if client is not None and is_known(client, self._mode) else None

    async def grant(self, grant_id: UUID) -> Grant | None:
        """Return the grant of a verified token as it is now, or None if it is gone."""
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
        """Return whether the token was revoked by itself; `known` has seen to it that the picture is fresh."""
        return jti in self._revoked

    async def _read(self, seen: float) -> None:
        async with self._lock:
            if self._read_at != seen:  # somebody read while we waited
                return
            # Dated before the read: a change that commits while we read is seen FRESH_S later at the latest.
            started, changes, used = time.monotonic(), self._changes, self._used
            self._used = set()
            clients = {row["client_id"]: client_of(row) for row in await DB.fetch(SELECT)}
            revoked = frozenset(row["jti"] for row in await DB.fetch(_REVOKED, WALL.now()))
            grants: dict[UUID, Grant] = {}
            if used:
                grants = {row["id"]: grant_of(row) for row in await DB.fetch(_GRANTS, sorted(used)[:MOST_GRANTS])}
            self._clients, self._revoked, self._grants = clients, revoked, grants
            if self._changes == changes:  # else something was changed here meanwhile: look again at the next request
                self._read_at = started


class LiveClientCache(ClientCache):
    """The gate of a sandbox: credentials are all kept on the live side, so it asks the live application's."""

    def __init__(self, mode: str, live: ClientCache) -> None:
        """Stand before the live one."""
        super().__init__(mode)
        self._live = live

    def invalidate(self) -> None:
        """Let the live one look anew."""
        self._live.invalidate()

    async def known(self, client_id: str) -> Client | None:
        """Return the client as the live gate knows it."""
        with using_database(LIVE):
            return await self._live.known(client_id)

    async def peek(self, client_id: str) -> Client | None:
        """Return the client as the live gate knows it."""
        with using_database(LIVE):
            return await self._live.peek(client_id)

    async def grant(self, grant_id: UUID) -> Grant | None:
        """Return the grant as the live gate knows it."""
        with using_database(LIVE):
            return await self._live.grant(grant_id)

    def is_revoked(self, jti: str) -> bool:
        """Return what the live gate says."""
        return self._live.is_revoked(jti)


def new_client_cache(app: Litestar, mode: str) -> ClientCache:
    """Return a cache for the application: a sandbox's asks that of the live one about clients."""
    host = PlatformServices.of(app).host
    return ClientCache(mode) if host is None else LiveClientCache(mode, PartnersServices.of(host).client_cache)


def client_cache_of(request: ASGIConnection[Any, Any, Any, Any]) -> ClientCache:
    """Return the application's cache of clients."""
    return PartnersServices.of(request).client_cache
