"""What a package plugs into the platform: routes, event consumers, jobs, scopes, commands, seed.

One hook is outside the class: a package with settings of its own names their Struct `SETTINGS` in the `settings.py` beside its
`plugin.py` (marketplace/settings/loading.py). They are read before any package is imported.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import click
import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.openapi.spec import SecurityScheme
from litestar.types import ControllerRouterHandler

from marketplace.kernel.clock import Clock
from marketplace.kernel.keyring import Lasting, Purpose
from marketplace.platform.eventlog.events import Consumer
from marketplace.platform.eventlog.jobs import Job
from marketplace.platform.eventlog.webhook_events import WebhookEventType
from marketplace.platform.invariants.checks import Check, Invariant
from marketplace.settings import Settings, SettingsError

__all__ = ["Invariant", "Package", "Seed", "SeedContext", "Service", "load_packages", "package_classes"]

Seed = Callable[["SeedContext"], Awaitable[None]]
Service = Callable[[asyncio.Event], Awaitable[None]]
"""A background task that runs in a worker until the event is set."""


class SeedContext(msgspec.Struct):
    """The argument of a package's seed: the world to build, and what the packages below have built of it.

    `world` is the plain content of `marketplace/demo/world.py`; `made` collects ids by name, such as `made["partner:huazhu"]`;
    `progress` reports `(what, done, of)`.
    """

    settings: Settings
    clock: Clock
    world: Any
    made: dict[str, Any]
    progress: Callable[[str, int, int], None]


class SandboxContext(msgspec.Struct):
    """The argument of a package's `make_sandbox`; `made` collects the sample data, by kind, as JSON values."""

    partner_id: UUID
    settings: Settings
    clock: Clock
    made: dict[str, Any]


class Package:
    """Base of the packages; each overrides what it provides."""

    name: ClassVar[str] = ""
    security_schemes: ClassVar[Mapping[str, SecurityScheme]] = {}
    """How the package's callers authenticate, by the name that operations give in `security`."""
    rights: ClassVar[Mapping[str, str]] = {}
    """Table of the package -> the serving role's privileges on it (rights.py); an unlisted table may not be read."""
    sealed: ClassVar[Sequence[Purpose]] = ()
    """What is stored encrypted in the package's tables, and for the package in the platform's; key rotation re-encrypts it."""
    lasting: ClassVar[Sequence[Lasting]] = ()
    """Keys of the package that survive a rotation of the secret key."""
    invariants: ClassVar[Sequence[Check]] = ()
    """Invariants of the package's tables; the running checks verify them (checker.py)."""
    announced: ClassVar[Sequence[WebhookEventType]] = ()
    """The events of the package that partners are notified of, and what they receive of each."""
    commands: ClassVar[Sequence[click.Command]] = ()

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Store what the package's parts need; no I/O here."""
        self.settings = settings
        self.clock = clock

    def routes(self) -> Sequence[ControllerRouterHandler]:
        """Return controllers and handlers."""
        return ()

    def dependencies(self) -> Mapping[str, Provide]:
        """Return the named dependencies for handlers of this package and of those above."""
        return {}

    def templates(self) -> Path | None:
        """Return the folder of page templates, if there are pages."""
        return None

    def static(self) -> Path | None:
        """Return the folder of static files, served under /static/<name>/."""
        return None

    def consumers(self) -> Sequence[Consumer]:
        """Return the consumers of the event log."""
        return ()

    def jobs(self) -> Sequence[Job]:
        """Return the scheduled jobs."""
        return ()

    def services(self) -> Sequence[Service]:
        """Return background tasks that run all the time in a worker, where a schedule of minutes is too coarse."""
        return ()

    def lifespan(self, app: Litestar) -> AbstractAsyncContextManager[None] | None:  # noqa: ARG002 - for overriding
        """Return the context that is open while the application serves, such as the desk; the pool is open by then."""
        return None

    def describe(self, schema: dict[str, Any]) -> None:
        """Add to the API description what no route declares."""

    async def seed(self, context: SeedContext) -> None:
        """Build this package's part of the demo world."""

    async def make_sandbox(self, context: SandboxContext) -> None:
        """Create the initial content of a sandbox. Called again after an interruption: it must be idempotent."""

    async def has_work_soon(self) -> bool:
        """Return whether something is due within the hour: the sandbox stays open for it even without requests."""
        return False

    async def time_passed(self, before: datetime, after: datetime) -> None:
        """Do at once what jobs and people would have done meanwhile: a sandbox's clock was moved."""


def load_packages(settings: Settings, clock: Clock) -> list[Package]:
    """Return the configured packages, in their order. Raises SettingsError for a name that cannot be loaded."""
    return [_class_of(dotted)(settings, clock) for dotted in settings.packages]


def package_classes(names: Sequence[str]) -> list[type[Package]]:
    """Return the packages' classes, for what needs no settings (commands, scopes, migrations)."""
    return [_class_of(dotted) for dotted in names]


def _class_of(dotted: str) -> type[Package]:
    module_name, _, class_name = dotted.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise SettingsError("MARKETPLACE_PACKAGES", f"{dotted!r} cannot be loaded: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Package)):
        raise SettingsError("MARKETPLACE_PACKAGES", f"{dotted!r} is not a package of the marketplace")
    return found
