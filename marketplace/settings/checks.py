"""Refuses settings that are wrong or unsafe together; the message names the variable and says what would be right."""

import re
from difflib import get_close_matches
from email.utils import parseaddr
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import available_timezones

from marketplace.kernel import database_urls
from marketplace.kernel.mail_addresses import mail_address
from marketplace.kernel.money import EXPONENTS
from marketplace.kernel.web_addresses import is_issuer, is_origin
from marketplace.settings.fields import SettingsError, check_choices
from marketplace.settings.structure import DEFAULT_PACKAGES, VARIABLES, Settings

_MIN_SECRET_LETTERS = 32
_MIN_SECRET_DIFFERENT = 10
"""A random key of 32 hexadecimal digits has fewer about once in ten million."""

_MIN_METRICS_LETTERS = 16
_NO_PLACES = {name for name in available_timezones() if name == "Factory" or name.startswith("local")}
"""Names of the zone database that depend on the machine's configuration."""

_PACKAGE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+:[A-Za-z_]\w*", re.ASCII)
_ROLE = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_NO_ROLES = frozenset({"public", "none", "user", "current_user", "current_role", "session_user", "all", "group"})
"""Names that SQL does not treat as a role: privileges granted to `public` are everybody's."""

_NOBODY = {"0.0.0.0", "::"}  # noqa: S104 - refused
_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


def check(settings: Settings) -> None:
    """Raise SettingsError, naming the variable."""
    check_choices(settings)
    if settings.zone not in available_timezones() - _NO_PLACES:
        near = get_close_matches(settings.zone, available_timezones() - _NO_PLACES, 1) or ["Asia/Shanghai"]
        raise SettingsError(VARIABLES["zone"], f"is not a time zone: {settings.zone!r}; try {near[0]}")
    _check_base_url(settings.base_url)
    if settings.oneid_issuer and not is_issuer(settings.oneid_issuer):
        raise SettingsError(
            VARIABLES["oneid_issuer"], "must be an address without query and fragment, such as https://id.example.com"
        )
    check_packages(settings.packages)
    if settings.database_url and (wrong := database_urls.complaint(settings.database_url)):
        raise SettingsError("DATABASE_URL", wrong)
    _check_owner(settings)
    if settings.currency not in EXPONENTS:
        raise SettingsError(VARIABLES["currency"], f"must be an ISO 4217 code such as CNY, not {settings.currency!r}")
    if not _ROLE.fullmatch(settings.database_role) or settings.database_role in _NO_ROLES:
        raise SettingsError(
            "DATABASE_URL" if settings.owner_url else VARIABLES["database_role"],
            "must name a role of small letters, digits and _, not a keyword of SQL, such as marketplace_app,"
            f" not {settings.database_role!r}",
        )
    _check_metrics(settings)
    _check_outbound(settings)
    _check_mail(settings)
    for part in settings.of_packages:
        check_choices(part)
        part.check()
    if settings.mode == "production":
        _check_production(settings)


def user_of(url: str) -> str:
    """Return the user in a database URL, or an empty text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return unquote(parts.username or "") or dict(parse_qsl(parts.query)).get("user", "")


def _database_of(url: str) -> str:
    return unquote(urlsplit(url).path.lstrip("/"))


def check_packages(packages: tuple[str, ...]) -> None:
    """Raise SettingsError unless these are names of classes, each once; whether they can be loaded shows at the start."""
    wrong = [name for name in packages if not _PACKAGE.fullmatch(name) or packages.count(name) > 1]
    if wrong or not packages:
        raise SettingsError(
            VARIABLES["packages"], f"must be names such as {DEFAULT_PACKAGES}, each once, not {', '.join(wrong)!r}"
        )


def _check_owner(settings: Settings) -> None:
    """Raise SettingsError if both database URLs are set and have the same user."""
    if not settings.owner_url:
        return
    variable = VARIABLES["owner_url"]
    if wrong := database_urls.complaint(settings.owner_url):
        raise SettingsError(variable, wrong)
    user = user_of(settings.database_url)
    if not user:
        raise SettingsError("DATABASE_URL", f"must name the serving user when {variable} names the owner")
    if _database_of(settings.database_url) != _database_of(settings.owner_url):
        raise SettingsError(variable, "must name the same database as DATABASE_URL")
    if user == user_of(settings.owner_url):
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
            VARIABLES["outbound_allow"], "must be empty in production: partners could reach your internal network"
        )


def _check_mail(settings: Settings) -> None:
    sender = parseaddr(settings.mail_from)[1]
    if settings.mail_from and (mail_address(sender) or "").lower() != sender.lower():
        raise SettingsError(
            VARIABLES["mail_from"], "must be a mail address, such as Marketplace <no-reply@example.com>"
        )
    if not settings.smtp_url:
        return
    parts = urlsplit(settings.smtp_url)
    try:
        good = parts.scheme in {"smtps", "smtp", "smtp+plain"} and parts.hostname and parts.port != 0
    except ValueError:  # not a number, or not a valid port
        good = False
    if not good or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise SettingsError(
            VARIABLES["smtp_url"], "must be an address such as smtps://user:password@mail.example.com:465"
        )
    if parts.scheme == "smtp+plain" and settings.mode == "production" and parts.hostname not in _THIS_MACHINE:
        raise SettingsError(
            VARIABLES["smtp_url"], "must be smtps: or smtp: (STARTTLS); links would be sent unencrypted"
        )
    if not settings.mail_from:
        raise SettingsError(VARIABLES["mail_from"], "must name the sender of messages when MARKETPLACE_SMTP_URL is set")


def _check_production(settings: Settings) -> None:
    _check_secret("secret_key", settings.secret_key)
    for key in settings.secret_keys_old:
        _check_secret("secret_keys_old", key)
    if not settings.base_url.startswith("https://") and urlsplit(settings.base_url).hostname not in _THIS_MACHINE:
        raise SettingsError(VARIABLES["base_url"], "must begin with https://: tokens would be sent unencrypted")
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
