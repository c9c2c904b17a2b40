"""PostgreSQL and the serving processes of a benchmark: what is measured, and nothing that is not."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import psutil
from joserfc.jwk import ECKey

from marketplace.platform.postgres.embedded import EmbeddedServer
from marketplace.platform.postgres.migrate import create_database, migrate
from marketplace.platform.runtime.database_server import table_rights, with_database
from marketplace.settings import Settings
from tests.bench.plan import HOST, Measured, Plan
from tests.support.tokens import Issuer

SETTINGS = Settings(
    mode="test",
    secret_key="a-secret-for-benchmarks-0123456789abcdef",
    base_url=f"http://{HOST}",
    rate_client=100_000_000,
    rate_address=100_000_000,
)
"""The program's own defaults; only what must be set is set: one counter, and one address, here ask like thousands."""

TEMPLATE = "template_for_benchmarks"

_DURABLE = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum")
_LOG_FILES = 1400 // 16  # of 16 MB: as many as `min_wal_size` keeps
_START_S = 60
_STOP_S = 20
_ROOT = Path(__file__).parents[2]


class HarnessError(RuntimeError):
    """The benchmark itself went wrong: what it measured does not count."""


class Child(msgspec.Struct):
    """What a serving process is told."""

    dsn: str
    workers: int
    key: dict[str, Any]


class Stage:
    """The folder, the database server and the identity provider's key of one run of the benchmarks."""

    def __init__(self, folder: Path, server_dsn: str, *, kept: bool = False) -> None:
        """Hold them; `open_stage` makes them."""
        self.folder = folder
        self.server_dsn = server_dsn
        self.kept = kept
        self.issuer = Issuer(SETTINGS)
        self._plans = 0

    def tokens(self, subjects: list[str]) -> list[str]:
        """Return a member's access token for each subject, good for the whole run."""
        return [self.issuer.token("members", subject, exp=4_000_000_000) for subject in subjects]

    def keeps(self, name: str) -> bool:
        """Tell whether the database was noted as complete in a folder that outlives the run."""
        return self.kept and self.note(name).exists()

    def note(self, name: str) -> Path:
        """Return the file that says what a kept database holds."""
        return self.folder / f"kept-{name}.json"

    async def databases(self) -> list[str]:
        """Return the databases that benchmarks made."""
        connection = await asyncpg.connect(self.server_dsn)
        try:
            rows = await connection.fetch(
                "SELECT datname FROM pg_database WHERE datname <> 'postgres' AND datallowconn"
            )
        finally:
            await connection.close()
        return [row["datname"] for row in rows if row["datname"] != "template1"]

    async def new_database(self, name: str) -> str:
        """Make a migrated, empty database and return its address."""
        connection = await asyncpg.connect(self.server_dsn)
        try:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        finally:
            await connection.close()
        return with_database(self.server_dsn, name)

    async def drop_database(self, name: str) -> None:
        """Remove a database that is not needed any more."""
        connection = await asyncpg.connect(self.server_dsn)
        try:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        finally:
            await connection.close()

    async def measure(self, plan: Plan) -> Measured:
        """Run the plan in a client process of its own. Raises HarnessError when the client fails or loses requests."""
        before, ticks = await self._written(), psutil.cpu_times()
        self._plans += 1
        path = self.folder / f"plan-{self._plans}"
        path.write_bytes(msgspec.msgpack.encode(plan))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.client", str(path), cwd=_ROOT, stdout=asyncio.subprocess.PIPE
        )
        try:
            out, _ = await process.communicate()
        finally:
            await _end(process)
            path.unlink()
        if process.returncode:
            raise HarnessError(f"the load generator ended with status {process.returncode}")
        measured = msgspec.json.decode(out, type=Measured)
        if measured.lost:
            raise HarnessError(f"{measured.lost} requests were never answered")
        answers = sum(measured.statuses.values()) or 1
        measured.wal = (await self._written() - before) / answers
        measured.stolen = _stolen(ticks, psutil.cpu_times())
        return measured

    async def _written(self) -> int:
        connection = await asyncpg.connect(self.server_dsn)
        try:
            return int(await connection.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))
        finally:
            await connection.close()

    @asynccontextmanager
    async def serving(self, dsn: str, workers: int = 1) -> AsyncIterator["Serving"]:
        """Serve the application with the yardsticks beside it, in processes of its own, on a free port."""
        plan = self.folder / f"serving-{id(object())}.json"
        plan.write_bytes(msgspec.json.encode(Child(dsn, workers, self.issuer.key.as_dict(private=True))))
        log = self.folder / "serving.log"
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.bench.serving", str(plan),
                cwd=_ROOT, stdout=asyncio.subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        try:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), _START_S)
            if not line:
                raise HarnessError(f"the server does not start:\n{_tail(log)}")
            serving = Serving(process.pid, int(line), workers, log)
            await serving.wait_until_ready()
            yield serving
        finally:
            await _end(process)


class Serving:
    """A running server."""

    def __init__(self, pid: int, port: int, workers: int, log: Path) -> None:
        """Know it by process id and port."""
        self.pid = pid
        self.port = port
        self.log = log
        self.url = f"http://127.0.0.1:{port}"
        self._workers = workers

    async def wait_until_ready(self) -> None:
        """Wait until every worker answers. Raises HarnessError."""
        async with asyncio.timeout(_START_S):
            while len(await self.worker_pids()) < self._workers:
                if not psutil.pid_exists(self.pid):
                    raise HarnessError(f"the server does not start:\n{_tail(self.log)}")
                await asyncio.sleep(0.1)

    async def worker_pids(self) -> set[int]:
        """Return the process ids of the workers that answer, each asked over connections of its own."""
        found = await asyncio.gather(*(self._ask_for_pid() for _ in range(16 * self._workers)))
        return {pid for pid in found if pid is not None}

    async def _ask_for_pid(self) -> int | None:
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.get(f"{self.url}/bench/worker")
                return int(answer.text) if answer.status_code == 200 else None
        except httpx.TransportError:
            return None

    def tail(self) -> str:
        """Return the last lines of the server's log that tell of trouble."""
        return _tail(self.log)


def _stolen(before: Any, after: Any) -> float:
    """Return the share of the processors' time that was not given to this machine; 0 where the system does not say so."""
    spent = sum(after) - sum(before)
    return (getattr(after, "steal", 0.0) - getattr(before, "steal", 0.0)) / spent if spent > 0 else 0.0


def _tail(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if '"level": "info"' not in line]
    return "\n".join(lines[-20:])


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()


@contextmanager
def scratch_folder(parent: Path | None = None, keep: Path | None = None) -> Iterator[Path]:
    """Give a folder on a real disk: /tmp is kept in memory on many machines, and then fsync would cost nothing.

    `keep` is used and stays; else a new folder, in `parent` if one is named, goes with the run.
    """
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    on_disk = Path("/var/tmp")  # noqa: S108 - the folder in it is ours alone
    place = parent or (on_disk if on_disk.is_dir() else None)
    with tempfile.TemporaryDirectory(prefix="marketplace-bench-", dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@asynccontextmanager
async def open_stage(folder: Path, *, kept: bool = False) -> AsyncIterator[Stage]:
    """Start the embedded PostgreSQL, durable as the product runs it, with a migrated template; stop it in the end."""
    server = EmbeddedServer(folder)
    dsn = server.start(own=True)
    try:
        await check_durable(dsn)
        await _use_log(dsn)
        stage = Stage(folder, dsn, kept=kept)
        for name in await stage.databases():
            if not stage.keeps(name):
                await stage.drop_database(name)
        await create_database(dsn, TEMPLATE)
        await migrate(with_database(dsn, TEMPLATE), SETTINGS.database_role, table_rights(SETTINGS))
        with server.kept_alive():  # as `serve` keeps it
            yield stage
    finally:
        server.stop()


async def _use_log(dsn: str) -> None:
    """Bring the log to where it is on a server that has been in use: its files are there to be used again.

    A new server fills each file with zeros before it writes to it, and commits wait for that; an old one renames those that it
    needs no more (`min_wal_size`). No checkpoint may come meanwhile: what was used first would be used again, and half as many
    be there in the end.
    """
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval("SELECT count(*) FROM pg_ls_waldir()") >= _LOG_FILES:
            return
        await _set(connection, f"ALTER SYSTEM SET max_wal_size = '{64 * _LOG_FILES}MB'")
        for _ in range(_LOG_FILES):
            await connection.execute("SELECT pg_logical_emit_message(false, 'bench', '')")
            await connection.execute("SELECT pg_switch_wal()")
        await _set(connection, "ALTER SYSTEM RESET max_wal_size")
        await connection.execute("CHECKPOINT")
        kept = await connection.fetchval("SELECT count(*) FROM pg_ls_waldir()")
        if kept < _LOG_FILES:
            raise HarnessError(f"the log has {kept} files to use again and not {_LOG_FILES}")
    finally:
        await connection.close()


async def _set(connection: asyncpg.Connection, statement: str) -> None:
    await connection.execute(statement)
    await connection.execute("SELECT pg_reload_conf()")


async def check_durable(dsn: str) -> None:
    """Raise HarnessError unless the server keeps what it commits, as the product runs it."""
    connection = await asyncpg.connect(dsn)
    try:
        for name in _DURABLE:
            if await connection.fetchval(f"SHOW {name}") != "on":
                raise HarnessError(f"{name} is off: what is measured would not be durable")
    finally:
        await connection.close()


def shared_key(key: dict[str, Any]) -> ECKey:
    """Return the identity provider's key as a serving process imports it."""
    return ECKey.import_key(key)
