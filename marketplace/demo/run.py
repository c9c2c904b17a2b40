"""The demo: everything in one process, on a data folder of the user's choice."""

import asyncio
import contextlib
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import msgspec
from rich.console import Console
from rich.table import Table
from uvicorn import Server

from marketplace.app import create_app
from marketplace.demo import oneid_pages
from marketplace.demo.manifest import Demo, demo_settings, read_demo, write_demo
from marketplace.kernel.clock import Clock
from marketplace.platform import logs
from marketplace.platform.packages import load_packages
from marketplace.platform.postgres.database import DB
from marketplace.platform.postgres.embedded import EmbeddedServerError, check_folder
from marketplace.platform.runtime.commands import DEMO_FILE
from marketplace.platform.runtime.database_server import DATABASE_NAME, Addresses, database_server, prepare, stoppable
from marketplace.platform.runtime.workers import beside_the_server
from marketplace.serving import server
from marketplace.settings import Settings

LOCK_FILE = "demo.lock"

out = Console()


def run_demo(host: str, port: int, data: Path, seed: int) -> None:
    """Serve the demo until Ctrl-C. Raises SettingsError, EmbeddedServerError, PortTakenError, each one line."""
    data = data.expanduser().resolve()
    check_folder(data)
    listener = server.reserve(host, port)
    with _only_one(data), contextlib.suppress(KeyboardInterrupt), stoppable():
        settings = demo_settings(data, f"http://{host}:{port}")
        logs.configure(settings)
        out.print(f"[bold]Partner-benefits marketplace[/] — demo in {data}")
        with database_server(settings, own=True, keep=True) as address:
            dsn, owner = asyncio.run(_prepare(settings, address, seed))
            settings = msgspec.structs.replace(settings, owner_url=owner)
            demo = msgspec.structs.replace(read_demo(data), base_url=settings.base_url)
            write_demo(data, demo)
            app = create_app(
                settings,
                dsn,
                extra_routes=oneid_pages.routes(settings),
                extra_lifespans=[beside_the_server(settings, dsn)],
            )
            _print_summary(demo, data)
            Server(server.config(app)).run(sockets=[listener])
    out.print("Stopped. The data stays where it is.")


@contextmanager
def _only_one(data: Path) -> Iterator[None]:
    with (data / LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EmbeddedServerError(
                f"a demo already runs on the data folder {data}; stop it or choose another with --data"
            ) from error
        yield


async def _prepare(settings: Settings, address: str, seed: int) -> Addresses:
    # Imported late: the world is some hundred KB of text that a second start does not need.
    from marketplace.demo.seed import make_world

    finished = (settings.data / DEMO_FILE).exists()
    if not finished and not settings.database_url:
        await _drop_unfinished(address)
    addresses, _ = await prepare(settings, address)
    if finished:
        return addresses
    # As the owner: the world's past is written with its own dates, which the serving role may not do.
    await DB.open(addresses.owner, pool_size=settings.pool_size)
    try:
        clock = Clock()
        write_demo(settings.data, await make_world(settings, clock, load_packages(settings, clock), seed))
    finally:
        await DB.close()
    return addresses


async def _drop_unfinished(address: str) -> None:
    # demo.json is written last: without it, a first start was interrupted, and a partial world is inconsistent.
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{DATABASE_NAME}" WITH (FORCE)')
    finally:
        await connection.close()


def _print_summary(demo: Demo, data: Path) -> None:
    table = Table("sign in as", "who", "may", title="ONE ID (demo)", title_justify="left")
    members = [person for person in demo.people if person.kind == "member"]
    for person in [*members[:5], *(person for person in demo.people if person.kind != "member")]:
        table.add_row(person.login, person.name, ", ".join(person.roles) or "member")
    out.print(table)
    out.print(f"Storefront   [link]{demo.base_url}/[/]")
    for entry in demo.portal[:1]:
        out.print(
            f"Partners     [link]{demo.base_url}/partner[/]   ({entry.email}, {entry.password!r}, `marketplace portal-code`)"
        )
    out.print(f"API          [link]{demo.base_url}/docs[/]")
    out.print(
        f"Credentials  {data / DEMO_FILE}   (curl: marketplace token --as {members[0].login} --data {data})",
        soft_wrap=True,
    )
    out.print("Ctrl-C stops everything.")
