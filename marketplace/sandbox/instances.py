"""The open sandboxes of this process: a second application for each, on a database of its own."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import msgspec
import structlog
from litestar import Litestar
from litestar.types import Receive, Scope, Send

from marketplace.kernel.clock import WALL, Clock
from marketplace.kernel.errors import OperatorError
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.encryption.secret_keys import settle
from marketplace.platform.http.identity import Caller
from marketplace.platform.http.requests import SANDBOXED
from marketplace.platform.packages import SandboxContext
from marketplace.platform.postgres.database import DB, DatabaseHandle, fresh_context, using_database
from marketplace.platform.postgres.database_names import database_name
from marketplace.platform.postgres.migrate import create_database, migrate
from marketplace.platform.runtime.database_server import table_rights, with_database
from marketplace.platform.services import PlatformServices, Services
from marketplace.platform.sleep import interruptible_sleep
from marketplace.sandbox import context
from marketplace.settings import Settings

MOST = 4
"""Open sandboxes per process; the one that was idle longest is closed to make room."""

POOL = 3
"""Connections of one sandbox: its pool; its jobs have one more. By default PostgreSQL has a hundred for all."""

IDLE_S = 600.0
"""How long a sandbox stays open without requests or due work: its consumers poll all the time."""

_LOOK_S = 30.0

_LOCK = 0x53425831  # SBX1: two workers that open a new sandbox at once
_ASGI = (
    "type", "asgi", "http_version", "server", "client", "scheme", "root_path", "headers", "method", "path", "raw_path",
    "query_string",
)  # fmt: skip

logger = structlog.get_logger()

Make = Callable[[Settings, str, Clock], Litestar]
"""Builds a sandbox's application on a database, with a clock."""


class SandboxUnavailable(Refusal):
    """The sandbox cannot be opened now."""

    kind = Kind.UNAVAILABLE
    code = "sandbox_unavailable"
    zh = "沙箱暂时不可用，请稍后再试。"
    en = "The sandbox cannot be opened now; try again shortly."
    explanation = Explanation(
        Text("沙箱暂时无法打开。", "The sandbox cannot be opened now."),
        Text("请稍后重试。", "Try again shortly."),
    )


class Sandbox:
    """An open sandbox."""

    def __init__(self, partner_id: UUID) -> None:
        """Prepare; `live` opens it."""
        self.partner_id = partner_id
        self.place = DatabaseHandle(live=False)
        self.clock = Clock()
        self.app: Litestar
        self.opened = asyncio.get_running_loop().create_future()
        self.stop = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.inside = 0
        self.used_at = time.monotonic()

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request of a verified caller."""
        # mypy does not treat names from a loop as literals.
        inner: Any = {name: scope[name] for name in _ASGI if name in scope}  # type: ignore[literal-required]
        inner["state"] = {"introduced": caller, "request_id": scope["state"]["request_id"]}
        if "rate" in scope["state"]:
            inner["state"]["rate"] = scope["state"]["rate"]
        scope["state"][SANDBOXED] = inner
        self.inside += 1
        try:
            with using_database(self.place):
                await self._look_at_the_clock()
                await self.app(inner, receive, send)
        finally:
            self.inside -= 1
            self.used_at = time.monotonic()

    async def until_idle(self) -> None:
        """Wait until it is stopped, or until it had no request for IDLE_S and nothing is due soon; then it accepts no more."""
        while not self.stop.is_set():
            await interruptible_sleep(self.stop, _LOOK_S)
            if self._is_left() and not await self._has_work_soon() and self._is_left():
                self.stop.set()

    def _is_left(self) -> bool:
        return self.is_idle() and time.monotonic() - self.used_at > IDLE_S

    async def _has_work_soon(self) -> bool:
        packages = PlatformServices.of(self.app).packages
        return any([await package.has_work_soon() for package in packages])

    def is_idle(self) -> bool:
        """Return whether it is open and handles no request."""
        return self.inside == 0 and self.opened.done()

    async def _look_at_the_clock(self) -> None:
        """Follow the clock, which another process may have moved; never backwards, since reads may overtake each other."""
        try:
            self.clock.offset = max(self.clock.offset, await context.ahead() or timedelta())
        except asyncpg.InvalidCatalogNameError as error:
            self.stop.set()  # its database was dropped: the next request creates another
            raise SandboxUnavailable from error


class Sandboxes:
    """The open sandboxes of this process."""

    def __init__(self, settings: Settings, dsn: str, make: Make) -> None:
        """Start with none. `dsn` is the live database's; sandboxes are databases on the same server."""
        self._settings = msgspec.structs.replace(settings, pool_size=POOL)
        self._dsn = dsn
        self._make = make
        self._open: dict[UUID, Sandbox] = {}
        self._closed = False
        self._making = asyncio.Lock()

    async def of(self, partner_id: UUID) -> Sandbox:
        """Return the partner's sandbox, created and opened if necessary. Raises SandboxUnavailable.

        The caller must enter it before anything else is awaited: from then on it is not closed to make room.
        """
        while not self._closed:
            found = self._open.get(partner_id)
            if found is None:
                if len(self._open) >= MOST:
                    await self._make_room()
                    continue
                found = self._open[partner_id] = Sandbox(partner_id)
                found.task = asyncio.create_task(self._live(found), context=fresh_context())
            if not found.stop.is_set():
                await asyncio.shield(found.opened)
            if not found.stop.is_set():
                return found
            await self._end(found)  # make room for another; or it has lost its database: then a new one is opened
        raise SandboxUnavailable

    async def close(self) -> None:
        """Close all sandboxes, and open none from now on."""
        self._closed = True
        open_now = list(self._open.values())
        for one in open_now:
            if one.task is not None and not one.opened.done():
                one.task.cancel()  # a partly provisioned sandbox is completed on next open
        await asyncio.gather(*(self._end(one) for one in open_now))

    async def _end(self, one: Sandbox) -> None:
        one.stop.set()
        if one.task is not None:
            await asyncio.wait({one.task})  # not `await one.task`: a cancelled request would cancel it

    async def _make_room(self) -> None:
        closing = [one for one in self._open.values() if one.stop.is_set()]
        idle = sorted((one for one in self._open.values() if one.is_idle()), key=lambda one: one.used_at)
        if not closing and not idle:
            raise SandboxUnavailable
        await self._end((closing or idle)[0])

    async def _live(self, one: Sandbox) -> None:
        """Open the sandbox and keep it open until it is stopped. Runs in its own task, which keeps the database context."""
        try:
            with using_database(one.place):
                async with self._making:  # Piccolo's migrations redirect standard output while they run
                    dsn = await self._database(one)
                # In a thread: building an application takes some tenths of a second.
                one.app = await asyncio.to_thread(self._make, self._settings, dsn, one.clock)
                async with one.app.lifespan():
                    await self._have_things_to_try(one, dsn)
                    one.used_at = time.monotonic()
                    one.opened.set_result(None)
                    await one.until_idle()
        except Exception:
            logger.exception("sandbox_failed", partner=str(one.partner_id))
        finally:
            if self._open.get(one.partner_id) is one:
                del self._open[one.partner_id]
            if not one.opened.done():
                one.opened.set_exception(SandboxUnavailable())
                one.opened.exception()  # mark the error as retrieved: the waiting request may have left, and others got it

    async def _database(self, one: Sandbox) -> str:
        # The owner creates it, as it migrates the live one; the sandbox itself is served by the serving user.
        owner = self._settings.owner_url or self._dsn
        name = database_name(urlsplit(self._dsn).path.lstrip("/"), one.partner_id)
        try:
            await create_database(owner, name)
        except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            pass  # another worker created it a moment ago, or at the same time
        except asyncpg.InsufficientPrivilegeError as error:
            logger.exception("sandbox_needs_createdb", hint="ALTER ROLE … CREATEDB for the owner of the tables")
            raise SandboxUnavailable from error
        try:
            await migrate(
                with_database(owner, name),
                self._settings.database_role,
                table_rights(self._settings),
                with_role=not self._settings.owner_url,
            )
            await settle(with_database(owner, name), self._settings)
        except OperatorError as error:
            logger.exception("sandbox_not_migrated", error=str(error))
            raise SandboxUnavailable from error
        return with_database(self._dsn, name)

    async def _have_things_to_try(self, one: Sandbox, dsn: str) -> None:
        guard = await asyncpg.connect(dsn)
        try:
            await guard.execute("SELECT pg_advisory_lock($1)", _LOCK)
            ahead = await context.ahead()
            if ahead is not None:
                one.clock.offset = ahead
                return
            made = SandboxContext(one.partner_id, self._settings, one.clock, {})
            packages = PlatformServices.of(one.app).packages
            for package in packages:
                await package.make_sandbox(made)
            # Written last: a partly provisioned sandbox is completed by steps that are idempotent.
            await DB.fetch("INSERT INTO sandbox_state (made, made_at) VALUES ($1, $2)", made.made, WALL.now())
        finally:
            await guard.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxServices(Services):
    """The sandboxes of a live application; a sandbox's own has none."""

    sandboxes: Sandboxes
