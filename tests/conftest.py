"""A real PostgreSQL for each test process, a fresh database for each test, sockets closed but for loopback."""

import gc
import ipaddress
import random
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.platform.postgres.embedded import EmbeddedServer
from marketplace.platform.postgres.migrate import create_database, migrate
from marketplace.platform.runtime.database_server import table_rights, with_database
from marketplace.settings import Settings
from tests.support import today
from tests.support.anyio_runner_guard import pytest_runtest_makereport  # noqa: F401 - a hook of pytest

UNLIMITED = 100_000_000
"""For tests that ask faster than any caller should; those of the limits set their own."""

SECRET = "a-secret-for-tests-only-0123456789abcdef"


_SHM = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
_ROOMY = "/dev/shm" if _SHM.is_dir() and shutil.disk_usage(_SHM).free > 4 * 2**30 else "/tmp"  # noqa: S108
"""Where databases that forget may lie: in memory, if there is enough of it. A short path: it holds a socket."""


def pytest_configure() -> None:
    """Begin the day of the tests. Let Python's cycle collector look less often: each test makes some hundred thousand objects."""
    today.begin()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make soak` uses."""
    parser.addoption("--soak", action="store_true", help="the long form of the tests that know one")
    parser.addoption("--seed", type=int, default=None, help="repeat a run: the seed that it printed")


@pytest.fixture(autouse=True)
def _day() -> None:
    """Begin each test on the day of the tests: a command that a test runs here sets the time by its own environment."""
    today.begin()


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether the long form is wanted."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Randomness of a test; its seed is printed with a failure, and `--seed` repeats it."""
    seed = request.config.getoption("--seed")
    if seed is None:
        seed = secrets.randbelow(2**32)
    print(f"seed: {seed} (repeat with --seed {seed})")  # noqa: T201 - pytest shows it with a failure, -s always
    return random.Random(seed)


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Refuse any connection that would leave this machine."""
    patch = pytest.MonkeyPatch()
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not ipaddress.ip_address(address[0]).is_loopback:
            raise AssertionError(f"a test tried to reach {address}")
        return connect(self, address)

    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """All asynchronous tests run on asyncio with uvloop, as the program does."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def settings() -> Settings:
    """The settings of in-process tests."""
    return Settings(
        mode="test",
        secret_key=SECRET,
        base_url="http://127.0.0.1:1",
        pool_size=20,
        rate_client=UNLIMITED,
        rate_address=UNLIMITED,
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL of this test process; it forgets on a crash, since no test of this fixture outlives one."""
    with tempfile.TemporaryDirectory(prefix="marketplace-test-", dir=_ROOMY, ignore_cleanup_errors=True) as folder:
        server = EmbeddedServer(Path(folder))
        dsn = server.start()
        yield dsn
        server.stop()


@pytest.fixture(scope="session")
async def template(postgres: str, settings: Settings, anyio_backend: Any) -> str:
    """The name of a migrated database that tests are cloned from."""
    await create_database(postgres, "template_for_tests")
    connection = await asyncpg.connect(postgres)
    try:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
            await connection.execute(f"ALTER SYSTEM SET {setting} = off")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
    await migrate(with_database(postgres, "template_for_tests"), settings.database_role, table_rights(settings))
    return "template_for_tests"


@pytest.fixture
async def dsn(postgres: str, template: str) -> AsyncIterator[str]:
    """The address of a fresh, migrated database."""
    name = f"t{uuid4().hex[:12]}"
    connection = await asyncpg.connect(postgres)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        yield with_database(postgres, name)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
async def database(dsn: str, settings: Settings) -> AsyncIterator[str]:
    """The same, with the program's pool open on it as the application's role."""
    await DB.open(dsn, settings.database_role, settings.pool_size)
    yield dsn
    await DB.close()


@pytest.fixture
def clock() -> Clock:
    """A clock that a test may move."""
    return Clock()
