"""The frame of all pages: templates, static files, sign-in."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.config.app import AppConfig
from litestar.connection import ASGIConnection
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig
from litestar.types import Guard

from marketplace.kernel.calendar import Calendar
from marketplace.kernel.ends import said_day, said_end
from marketplace.kernel.money import format_amount
from marketplace.platform.http.identity import KeySource
from marketplace.platform.packages import Package
from marketplace.settings import Settings
from marketplace.web import sign_in
from marketplace.web.answer_page import answer
from marketplace.web.oidc import OneIdClient
from marketplace.web.pages import human_errors, page_router
from marketplace.web.problem_pages import problem, problems
from marketplace.web.sessions import signed_in

HERE = Path(__file__).parent

_YEAR_S = 365 * 86400
_SYMBOLS = {"CNY": "¥", "USD": "$", "EUR": "€", "HKD": "HK$", "JPY": "JP¥"}


def install(
    config: AppConfig,
    settings: Settings,
    packages: Sequence[Package],
    client: httpx.AsyncClient,
    keys: KeySource,
    transport: httpx.AsyncBaseTransport | None,
) -> None:
    """Add to the application: the frame's templates, static files and sign-in, and each package's templates and files."""
    folders = [HERE / "templates", *(folder for package in packages if (folder := package.templates()))]
    statics = {"web": HERE / "static"} | {package.name: folder for package in packages if (folder := package.static())}
    jinja = environment(folders, static_addresses(statics), settings.calendar)
    config.template_config = TemplateConfig(instance=JinjaTemplateEngine.from_environment(jinja))
    # Every address of a static file has the hash of its content, so browsers may cache it for good.
    kept = CacheControlHeader(max_age=_YEAR_S, public=True, immutable=True)
    for name, folder in statics.items():
        config.route_handlers.append(
            create_static_files_router(
                path=f"/static/{name}",
                directories=[folder],
                guards=[_only(files_in(folder))],
                include_in_schema=False,
                name=f"static-{name}",
                cache_control=kept,
            )
        )
    oneid = OneIdClient(settings, keys, client, transport)
    config.dependencies["oneid"] = Provide(lambda: oneid, sync_to_thread=False)
    config.dependencies["person"] = Provide(signed_in)
    config.exception_handlers = human_errors(config.exception_handlers)
    handlers = [sign_in.begin, sign_in.callback, sign_in.sign_out, sign_in.choose_language, answer, problems, problem]
    config.route_handlers.append(page_router("/", *handlers))


def files_in(folder: Path) -> frozenset[str]:
    """Return the paths of the folder's files, relative to the folder, with `/` between their parts."""
    return frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _only(files: frozenset[str]) -> Guard:
    """Return a guard that responds 404 for any other path: a stranger's text never reaches the file system.

    The file system raises on a NUL, on names that are too long, on halves of surrogate pairs.
    """

    def known(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        if str(connection.path_params.get("file_path", "")).lstrip("/") not in files:
            raise NotFoundException

    return known


def static_addresses(folders: Mapping[str, Path]) -> Callable[[str], str]:
    """Return a function `static("web/site.css")` -> `/static/web/site.css?v=…`, which raises KeyError for a missing file."""
    addresses = {}
    for name, folder in folders.items():
        for inside in files_in(folder):
            digest = hashlib.sha256((folder / inside).read_bytes()).hexdigest()[:12]
            addresses[f"{name}/{inside}"] = f"/static/{name}/{inside}?v={digest}"
    return addresses.__getitem__


def environment(folders: Sequence[Path], static: Callable[[str], str], calendar: Calendar) -> Environment:
    """Return the template environment of the folders, with the shared functions; an unknown name in a template is an error."""
    jinja = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.globals["static"] = static

    def day(value: date | datetime, language: str) -> str:
        """Return the business day as a person reads it: 2026年11月30日, 30 Nov 2026."""
        return said_day(calendar.day_of(value) if isinstance(value, datetime) else value, language)

    def instant(value: datetime, language: str) -> str:
        """Return the instant in the business zone, to the minute."""
        local = calendar.local(value)
        return f"{day(local, language)} {local:%H:%M}"

    def until(value: date | datetime, language: str) -> str:
        """Return the last valid day before the end, with the time if the end is within a day."""
        return said_end(value, language, calendar.zone)

    def until_in_zone(value: date | datetime, language: str) -> str:
        """Return the same with the zone's name, for readers who may be in another one."""
        return said_end(value, language, calendar.zone, named=True)

    jinja.filters |= {"points": _points, "money": _money, "price_tag": _price_tag, "day": day, "instant": instant}
    jinja.filters |= {"until": until, "until_in_zone": until_in_zone}
    return jinja


def _points(points: int) -> str:
    return f"{points:,}"


def _money(amount_minor: int, currency: str) -> str:
    """Return an amount with all its digits, as ledgers and statements show it: ¥37,584.00."""
    whole, _, decimals = format_amount(abs(amount_minor), currency).partition(".")
    shown = f"{int(whole):,}" + (f".{decimals}" if decimals else "")
    return f"{'−' if amount_minor < 0 else ''}{_SYMBOLS.get(currency, currency + ' ')}{shown}"


def _price_tag(amount_minor: int, currency: str) -> str:
    """Return an amount as a shop shows it, without zero decimals: ¥429."""
    shown = _money(amount_minor, currency)
    return shown.rstrip("0").removesuffix(".") if shown.partition(".")[2].strip("0") == "" and "." in shown else shown
