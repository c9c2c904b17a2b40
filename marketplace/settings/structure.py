"""The settings of the platform; each package has its own settings module."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from marketplace.kernel.addresses import Network, networks
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.keyring import KeyRing, key_ring
from marketplace.settings.fields import PackageSettings, settings_of

DEFAULT_PACKAGES = "partners.plugin:Partners,benefits.plugin:Benefits,settlement.plugin:Settlement"
"""The configured packages, lowest first. No other place names them."""

Part = TypeVar("Part", bound=PackageSettings)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the platform, and those of the packages (`of`). docs/operating.md has a row for each."""

    mode: Annotated[
        Literal["production", "demo", "test"],
        Meta(description="`demo`: its own ONE ID and demo credentials; `test`: for tests"),
    ] = "production"
    packages: Annotated[
        tuple[str, ...],
        Meta(description="the plugged-in packages as `module:Class`, comma-separated, lowest floor first"),
    ] = tuple(DEFAULT_PACKAGES.split(","))
    data: Annotated[Path, Meta(description="folder of the embedded PostgreSQL and of the demo")] = Path("data")
    database_url: Annotated[
        str,
        Meta(
            description=(
                "PostgreSQL 15 or newer, as the user for serving; empty: an embedded server in `MARKETPLACE_DATA`, which "
                "has both users"
            )
        ),
    ] = ""
    owner_url: Annotated[
        str,
        Meta(
            description=(
                "the same database as the owner of its tables, who needs CREATEDB; without it the user of `DATABASE_URL` "
                "is both"
            )
        ),
    ] = ""
    database_role: Annotated[
        str,
        Meta(
            description=(
                "the role that the program acts as, with the rights that its work needs; with two users the user of "
                "`DATABASE_URL`"
            )
        ),
    ] = "marketplace_app"
    pool_size: Annotated[
        int,
        Meta(ge=2, le=200, description="connections of one process; its desks have up to 4 more"),
    ] = 10
    base_url: Annotated[
        str,
        Meta(
            description=(
                "the public address: scheme, host and port only; required in production; the issuer of our OAuth server, "
                "and the only `Host` that is answered"
            )
        ),
    ] = "http://127.0.0.1:8000"
    secret_key: Annotated[
        str,
        Meta(
            description=(
                "at least 32 characters; encrypts and signs what only this program reads; required in production. The "
                "database remembers it, and nothing starts with another one. A backup is of no use without it"
            )
        ),
    ] = ""
    secret_keys_old: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "earlier secret keys, separated by commas or one on each line, by the same rules: they still decrypt and "
                "verify, the present one encrypts ([how to replace a key](security.md#replacing-the-secret-key))"
            )
        ),
    ] = ()
    oneid_issuer: Annotated[str, Meta(description="the OEM's OpenID Connect issuer; required in production")] = ""
    oneid_client_id: Annotated[
        str,
        Meta(description="our client there, for the sign-in of the pages"),
    ] = "marketplace"
    oneid_client_secret: Annotated[str, Meta(description="the secret of that client; required in production")] = ""
    zone: Annotated[
        str,
        Meta(description="time zone of business days and months, by its name in the IANA database"),
    ] = "Asia/Shanghai"
    currency: Annotated[
        str,
        Meta(description="the one currency of settlement: an ISO 4217 code with a minor unit"),
    ] = "CNY"
    first_worker: Annotated[
        int,
        Meta(
            ge=0,
            le=1023,
            description=(
                "number of this machine's first worker: with two machines of 4 workers, 0 on one and 4 on the other, so "
                "that each sells from its own slice of the stock"
            ),
        ),
    ] = 0
    drain_s: Annotated[
        int,
        Meta(
            ge=0,
            le=300,
            description=(
                "seconds in which a worker still serves after SIGTERM and answers `/health/ready` with 503, so that a "
                "load balancer has noticed before the port closes"
            ),
        ),
    ] = 5
    idempotency_days: Annotated[
        int,
        Meta(ge=1, le=90, description="days for which answers are kept for their `Idempotency-Key`"),
    ] = 7
    rate_client: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000_000,
            description="requests a minute of one OAuth client, over all workers; more are answered with 429",
        ),
    ] = 6000
    rate_address: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000_000,
            description="requests a minute from one address where no client is known: tokens, sign-in, applications",
        ),
    ] = 120
    metrics_token: Annotated[
        str,
        Meta(
            description=(
                "the bearer token of `/metrics`, at least 16 characters; without it `/metrics` answers only on this "
                "machine, and no request that a proxy passed on"
            )
        ),
    ] = ""
    outbound_ports: Annotated[
        str,
        Meta(description="ports that addresses of partners (webhooks and the like) may name"),
    ] = "443,8443"
    outbound_allow: Annotated[
        str,
        Meta(
            description=(
                "networks such as `127.0.0.0/8` that those addresses may lead to although they are not public, also "
                "without TLS; `demo` and `test` only"
            )
        ),
    ] = ""
    smtp_url: Annotated[
        str,
        Meta(
            description=(
                "the mail server: `smtps://user:password@host:465`, or `smtp://…:587` for STARTTLS; `smtp+plain://` "
                "without TLS on this machine only. Empty: messages wait in the database (`demo` and `test` write them "
                "into `MARKETPLACE_DATA`/mail)"
            )
        ),
    ] = ""
    mail_from: Annotated[
        str,
        Meta(
            description=(
                "the sender of messages, such as `Marketplace <no-reply@example.com>`; required with "
                "`MARKETPLACE_SMTP_URL`"
            )
        ),
    ] = ""
    clock: Annotated[
        timedelta,
        Meta(
            description=(
                "moves the time of the program by an ISO 8601 duration such as `P30DT6H` or `-PT90M`; `demo` and `test` "
                "only"
            )
        ),
    ] = timedelta()
    log_format: Annotated[Literal["json", "console"], Meta(description="format of the log")] = "json"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="least level that is logged"),
    ] = "info"
    of_packages: tuple[PackageSettings, ...] = ()

    def of(self, kind: type[Part]) -> Part:
        """Return a package's own settings; its defaults if none were loaded."""
        return next((part for part in self.of_packages if type(part) is kind), None) or kind()

    def having(self, part: PackageSettings) -> "Settings":
        """Return the settings with a package's own ones replaced."""
        others = (one for one in self.of_packages if type(one) is not type(part))
        return msgspec.structs.replace(self, of_packages=(*others, part))

    @property
    def calendar(self) -> Calendar:
        """The business calendar of the configured zone."""
        return Calendar(ZoneInfo(self.zone))

    @property
    def keys(self) -> KeyRing:
        """The secret key and the old ones: everything that is encrypted, signed or derived uses them."""
        return key_ring(self.secret_key, self.secret_keys_old)

    @property
    def outbound_port_list(self) -> tuple[int, ...]:
        """The ports that addresses of partners may name."""
        return tuple(int(part) for part in self.outbound_ports.split(","))

    @property
    def outbound_allowed_networks(self) -> tuple[Network, ...]:
        """Networks that partners' addresses may reach although they are not public: a demo's own machine."""
        return networks(part.strip() for part in self.outbound_allow.split(",") if part.strip())

    def audience(self, name: str) -> str:
        """Return the resource indicator (RFC 8707) of an audience: members, partner, points or admin."""
        return f"{self.base_url}/v1/{name}"

    @property
    def issuer(self) -> str:
        """The issuer of our own OAuth server."""
        return self.base_url

    @property
    def oneid(self) -> str:
        """The issuer of ONE ID: the configured one, or the demo's own."""
        return self.oneid_issuer or f"{self.base_url}/oneid"


VARIABLES: dict[str, str] = {one.field: one.variable for one in settings_of(Settings)}
"""Field of Settings -> the variable that sets it."""
