"""Environment -> one frozen Struct. A wrong value stops the program with the variable's name and the way out."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from marketplace.kernel import database_urls
from marketplace.kernel.addresses import Network, networks
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.clock import shift_process
from marketplace.kernel.errors import OperatorError
from marketplace.kernel.keyring import KeyRing, key_ring
from marketplace.kernel.mail_addresses import mail_address
from marketplace.kernel.money import EXPONENTS
from marketplace.kernel.web_addresses import is_issuer, is_origin

DEFAULT_PACKAGES = "partners.plugin:Partners,benefits.plugin:Benefits,settlement.plugin:Settlement"
"""The packages plugged into the frame, in the order of the floors. This is the one place that names them."""

_MIN_SECRET_LETTERS = 32
_MOST_SHIFT = timedelta(days=36_525)
_MIN_SECRET_DIFFERENT = 10
"""A random key of 32 hexadecimal digits has fewer about once in ten million."""

_MIN_METRICS_LETTERS = 16
_NO_PLACES = {name for name in available_timezones() if name == "Factory" or name.startswith("local")}
"""Names of the zone database that mean whatever the machine was set to."""

_PACKAGE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+:[A-Za-z_]\w*", re.ASCII)
_ROLE = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_NO_ROLES = frozenset({"public", "none", "user", "current_user", "current_role", "session_user", "all", "group"})
"""What SQL takes for something else where it wants a role: rights that are granted to `public` are everybody's."""

_NOBODY = {"0.0.0.0", "::"}  # noqa: S104 - refused
_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


class SettingsError(OperatorError):
    """A variable is missing or wrong; the message names it and says what would be right."""

    def __init__(self, variable: str, what: str) -> None:
        """Name the variable first: it is what the operator has to look for."""
        super().__init__(f"{variable}: {what}")
        self.variable = variable


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a user may set. The README's table has one row for each field."""

    mode: Literal["production", "demo", "test"] = "production"
    packages: tuple[str, ...] = tuple(DEFAULT_PACKAGES.split(","))
    data: Path = Path("data")
    database_url: str = ""
    owner_url: str = ""
    database_role: str = "marketplace_app"
    pool_size: int = 10
    base_url: str = "http://127.0.0.1:8000"
    secret_key: str = ""
    secret_keys_old: tuple[str, ...] = ()
    oneid_issuer: str = ""
    oneid_client_id: str = "marketplace"
    oneid_client_secret: str = ""
    zone: str = "Asia/Shanghai"
    currency: str = "CNY"
    oem_name: str = "权益平台 Benefits Marketplace"
    points_lifetime_months: int = 24
    cancel_expired_rule: Literal["restore", "forfeit"] = "restore"
    cancel_window_days: int = 30
    gift_most: int = 10_000
    stock_slices: int = 1
    desk_queue: int = 4096
    desk_batch: int = 128
    first_worker: int = 0
    drain_s: int = 5
    idempotency_days: int = 7
    rate_client: int = 6000
    rate_address: int = 120
    metrics_token: str = ""
    outbound_ports: str = "443,8443"
    outbound_allow: str = ""
    smtp_url: str = ""
    mail_from: str = ""
    clock: timedelta = timedelta()
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def calendar(self) -> Calendar:
        """The business calendar of the configured zone."""
        return Calendar(ZoneInfo(self.zone))

    @property
    def keys(self) -> KeyRing:
        """The secret key and the old ones: whatever is encrypted, signed or derived comes from here."""
        return key_ring(self.secret_key, self.secret_keys_old)

    @property
    def outbound_port_list(self) -> tuple[int, ...]:
        """The ports that addresses of partners may name."""
        return tuple(int(part) for part in self.outbound_ports.split(","))

    @property
    def outbound_allowed_networks(self) -> tuple[Network, ...]:
        """Networks that addresses of partners may lead to although they are not public: a demo's own machine."""
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


# Field of Settings -> the variable that sets it. DATABASE_URL keeps the name that every host of databases uses.
VARIABLES: dict[str, str] = {
    name: "DATABASE_URL" if name == "database_url" else f"MARKETPLACE_{name.upper()}"
    for name in Settings.__struct_fields__
}

_BOUNDS: dict[str, tuple[int, int]] = {
    "pool_size": (2, 200),
    "points_lifetime_months": (1, 48),
    "cancel_window_days": (0, 366),
    "gift_most": (0, 10_000_000),
    "stock_slices": (1, 64),
    "desk_queue": (1, 100_000),
    "desk_batch": (1, 256),
    "first_worker": (0, 1023),
    "drain_s": (0, 300),
    "idempotency_days": (1, 90),
    "rate_client": (1, 100_000_000),
    "rate_address": (1, 100_000_000),
}


def load(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Return the settings of the environment, with what the command line overrides.

    Raises SettingsError, naming the variable, for an unknown MARKETPLACE_ variable, a value out of bounds, or a
    combination that is not safe in production.
    """
    variables = dict(os.environ if environment is None else environment)
    known = set(VARIABLES.values())
    for variable in sorted(variables):
        if variable.startswith("MARKETPLACE_") and variable not in known:
            raise SettingsError(variable, f"is not a setting; the settings are {', '.join(sorted(known))}")
    values: dict[str, Any] = {}
    for field, variable in VARIABLES.items():
        text = variables.get(variable, "")
        if text:
            values[field] = _parse(field, variable, text)
    values.update(overrides)
    if values.get("owner_url") and "database_role" not in values:
        values["database_role"] = _user_of(values.get("database_url", ""))
    settings = Settings(**values)
    _check(settings)
    if settings.mode == "production" and "base_url" not in values:
        raise SettingsError(
            VARIABLES["base_url"], "must be set: the address at which people and systems reach this server"
        )
    return settings


def load_process(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Return the settings as `load` does, and move the time of this process as they say."""
    settings = load(environment, **overrides)
    shift_process(settings.clock)
    return settings


def package_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the dotted names of the packages, for what needs no other setting. Raises SettingsError."""
    variable = VARIABLES["packages"]
    names: tuple[str, ...] = _parse("packages", variable, environment.get(variable) or DEFAULT_PACKAGES)
    _check_packages(names)
    return names


def _parse(field: str, variable: str, text: str) -> Any:
    if field in _BOUNDS:
        low, high = _BOUNDS[field]
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise SettingsError(variable, f"must be a whole number from {low} to {high}, not {text!r}")
        return int(text)
    if field in {"packages", "secret_keys_old"}:
        # One a line, a key may have a comma.
        apart = "\n" if field == "secret_keys_old" and "\n" in text else ","
        return tuple(part.strip() for part in text.split(apart) if part.strip())
    if field == "data":
        return Path(text).expanduser()
    if field == "base_url":
        return text.rstrip("/")
    if field == "clock":
        return _shift(variable, text)
    return text


def _shift(variable: str, text: str) -> timedelta:
    try:
        by = msgspec.convert(text, timedelta)
    except msgspec.ValidationError as error:
        raise SettingsError(
            variable, f"must be a duration by ISO 8601 such as P30DT6H or -PT90M, not {text!r}"
        ) from error
    if abs(by) > _MOST_SHIFT:
        raise SettingsError(variable, f"must be {_MOST_SHIFT.days} days at most, not {text!r}")
    return by


def _check(settings: Settings) -> None:
    choices = {
        "mode": ("production", "demo", "test"),
        "cancel_expired_rule": ("restore", "forfeit"),
        "log_format": ("json", "console"),
        "log_level": ("debug", "info", "warning", "error"),
    }
    for field, allowed in choices.items():
        value = getattr(settings, field)
        if value not in allowed:
            raise SettingsError(VARIABLES[field], f"must be one of {', '.join(allowed)}, not {value!r}")
    if settings.zone not in available_timezones() - _NO_PLACES:
        near = get_close_matches(settings.zone, available_timezones() - _NO_PLACES, 1) or ["Asia/Shanghai"]
        raise SettingsError(VARIABLES["zone"], f"is no time zone: {settings.zone!r}; try {near[0]}")
    _check_base_url(settings.base_url)
    if settings.oneid_issuer and not is_issuer(settings.oneid_issuer):
        raise SettingsError(
            VARIABLES["oneid_issuer"], "must be an address without query and fragment, such as https://id.example.com"
        )
    _check_packages(settings.packages)
    if settings.database_url and (wrong := database_urls.complaint(settings.database_url)):
        raise SettingsError("DATABASE_URL", wrong)
    _check_owner(settings)
    if not 1 <= len(settings.oem_name) <= 200 or not settings.oem_name.isprintable():
        raise SettingsError(VARIABLES["oem_name"], "must be one line of 1 to 200 letters")
    if settings.currency not in EXPONENTS:
        raise SettingsError(VARIABLES["currency"], f"must be an ISO 4217 code such as CNY, not {settings.currency!r}")
    if not _ROLE.fullmatch(settings.database_role) or settings.database_role in _NO_ROLES:
        raise SettingsError(
            "DATABASE_URL" if settings.owner_url else VARIABLES["database_role"],
            "must name a role of small letters, digits and _, which is no word of SQL, such as marketplace_app,"
            f" not {settings.database_role!r}",
        )
    _check_metrics(settings)
    _check_outbound(settings)
    _check_mail(settings)
    if settings.mode == "production":
        _check_production(settings)


def _user_of(url: str) -> str:
    """Return the user that an address of a database names, or nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return unquote(parts.username or "") or dict(parse_qsl(parts.query)).get("user", "")


def _database_of(url: str) -> str:
    return unquote(urlsplit(url).path.lstrip("/"))


def _check_packages(packages: tuple[str, ...]) -> None:
    """Raise SettingsError unless these are names of classes, each once; whether they can be loaded is seen at the start."""
    wrong = [name for name in packages if not _PACKAGE.fullmatch(name) or packages.count(name) > 1]
    if wrong or not packages:
        raise SettingsError(
            VARIABLES["packages"], f"must be names such as {DEFAULT_PACKAGES}, each once, not {', '.join(wrong)!r}"
        )


def _check_owner(settings: Settings) -> None:
    """Raise SettingsError unless the two users of the database, if there are two, are two."""
    if not settings.owner_url:
        return
    variable = VARIABLES["owner_url"]
    if wrong := database_urls.complaint(settings.owner_url):
        raise SettingsError(variable, wrong)
    user = _user_of(settings.database_url)
    if not user:
        raise SettingsError("DATABASE_URL", f"must name the user for serving when {variable} names the owner")
    if _database_of(settings.database_url) != _database_of(settings.owner_url):
        raise SettingsError(variable, "must name the same database as DATABASE_URL")
    if user == _user_of(settings.owner_url):
        raise SettingsError(variable, "must name another user than DATABASE_URL: serving must not own the tables")
    if settings.database_role != user:
        raise SettingsError(VARIABLES["database_role"], f"must be {user!r}, the user of DATABASE_URL, or not be set")


def _check_base_url(text: str) -> None:
    """Raise SettingsError unless the text is scheme, host and port: paths, tokens and cookies are built upon it."""
    variable = VARIABLES["base_url"]
    if not text.startswith(("http://", "https://")):
        raise SettingsError(variable, "must begin with https:// (or http:// on this machine)")
    if not is_origin(text):
        raise SettingsError(
            variable, "must be scheme, host and port only, in small letters, such as https://benefits.example.com"
        )


def _check_metrics(settings: Settings) -> None:
    token = settings.metrics_token
    if token and not (len(token) >= _MIN_METRICS_LETTERS and re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", token)):
        raise SettingsError(
            VARIABLES["metrics_token"],
            f"must have at least {_MIN_METRICS_LETTERS} letters, digits or -._~+/; make one with: openssl rand -hex 32",
        )


def _check_outbound(settings: Settings) -> None:
    ports = settings.outbound_ports.split(",")
    if not all(part.isascii() and part.isdigit() and 0 < int(part) < 2**16 for part in ports):
        raise SettingsError(VARIABLES["outbound_ports"], "must be ports with commas between them, such as 443,8443")
    try:
        allowed = settings.outbound_allowed_networks
    except ValueError as error:
        raise SettingsError(VARIABLES["outbound_allow"], f"must be networks such as 127.0.0.0/8: {error}") from error
    if allowed and settings.mode == "production":
        raise SettingsError(
            VARIABLES["outbound_allow"], "must be empty in production: partners would reach your own house"
        )


def _check_mail(settings: Settings) -> None:
    sender = parseaddr(settings.mail_from)[1]
    if settings.mail_from and (mail_address(sender) or "").lower() != sender.lower():
        raise SettingsError(
            VARIABLES["mail_from"], "must be an address that takes mail, such as Marketplace <no-reply@example.com>"
        )
    if not settings.smtp_url:
        return
    parts = urlsplit(settings.smtp_url)
    try:
        good = parts.scheme in {"smtps", "smtp", "smtp+plain"} and parts.hostname and parts.port != 0
    except ValueError:  # no number, or none that a port can have
        good = False
    if not good or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise SettingsError(
            VARIABLES["smtp_url"], "must be an address such as smtps://user:password@mail.example.com:465"
        )
    if parts.scheme == "smtp+plain" and settings.mode == "production" and parts.hostname not in _THIS_MACHINE:
        raise SettingsError(
            VARIABLES["smtp_url"], "must be smtps: or smtp: (STARTTLS); links would travel in the clear"
        )
    if not settings.mail_from:
        raise SettingsError(
            VARIABLES["mail_from"], "must say whom the messages come from when MARKETPLACE_SMTP_URL is set"
        )


def _check_production(settings: Settings) -> None:
    _check_secret("secret_key", settings.secret_key)
    for key in settings.secret_keys_old:
        _check_secret("secret_keys_old", key)
    if not settings.base_url.startswith("https://") and urlsplit(settings.base_url).hostname not in _THIS_MACHINE:
        raise SettingsError(VARIABLES["base_url"], "must begin with https://: tokens would travel in the clear")
    if urlsplit(settings.base_url).hostname in _NOBODY:
        raise SettingsError(VARIABLES["base_url"], "must be an address that others can reach")
    if not settings.oneid_issuer:
        raise SettingsError(VARIABLES["oneid_issuer"], "must name the OEM's OpenID Connect issuer")
    if not settings.oneid_issuer.startswith("https://"):
        raise SettingsError(VARIABLES["oneid_issuer"], "must begin with https:// in production")
    if f"{settings.oneid_issuer}/".startswith(f"{settings.base_url}/"):
        raise SettingsError(VARIABLES["oneid_issuer"], "the demo provider cannot be used in production")
    if not settings.oneid_client_secret:
        raise SettingsError(VARIABLES["oneid_client_secret"], "must be the secret that ONE ID gave this program")
    if settings.clock:
        raise SettingsError(VARIABLES["clock"], "must be empty in production: it moves the time")


def _check_secret(field: str, key: str) -> None:
    what = "must" if field == "secret_key" else "each key must"
    if len(key) < _MIN_SECRET_LETTERS:
        raise SettingsError(
            VARIABLES[field],
            f"{what} have at least {_MIN_SECRET_LETTERS} characters; make one with: openssl rand -hex 32",
        )
    if len(set(key)) < _MIN_SECRET_DIFFERENT:
        raise SettingsError(
            VARIABLES[field],
            f"{what} have at least {_MIN_SECRET_DIFFERENT} different characters; make one with: openssl rand -hex 32",
        )
