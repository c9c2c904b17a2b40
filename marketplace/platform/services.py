"""The services of an application for its requests, one frozen struct per package: `PlatformServices.of(request).clock`.

A typed accessor, not a dependency of the framework: guards, middleware and what wraps the application need the same services, and
the framework resolves several dependencies of one handler in a task group (docs/performance.md).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from litestar import Litestar
from litestar.connection import ASGIConnection

from marketplace.kernel.clock import Clock
from marketplace.settings import Settings

if TYPE_CHECKING:  # these modules use the services themselves
    from collections.abc import Sequence

    from marketplace.platform.http.identity import Identity
    from marketplace.platform.http.rate_limits import RateLimits
    from marketplace.platform.packages import Package
    from marketplace.platform.runtime.health import Lifecycle
    from marketplace.platform.spreadsheets.reader import SpreadsheetReader


class Services:
    """Base of the structs. A package's plugin provides its own while the application starts."""

    def provide(self, app: Litestar) -> None:
        """Give the application these services, in place of earlier ones of the same class."""
        provided: dict[type[Services], Services] = app.state.setdefault("services", {})
        provided[type(self)] = self

    @classmethod
    def of(cls, holder: Litestar | ASGIConnection[Any, Any, Any, Any]) -> Self:
        """Return the services of an application, or of the one that serves the request. Raises KeyError before `provide`."""
        app = holder if isinstance(holder, Litestar) else holder.app
        found: Self = app.state.services[cls]
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformServices(Services):
    """The platform's own. `host` is the live application of a sandbox's, None for the live one itself."""

    settings: Settings
    clock: Clock
    identity: "Identity"
    limits: "RateLimits"
    spreadsheets: "SpreadsheetReader"
    packages: "Sequence[Package]"
    lifecycle: "Lifecycle"
    host: Litestar | None

    @property
    def live_clock(self) -> Clock:
        """The live side's clock: a sandbox's own may have been moved; nothing stored on the live side may be in the future."""
        return self.clock if self.host is None else PlatformServices.of(self.host).clock
