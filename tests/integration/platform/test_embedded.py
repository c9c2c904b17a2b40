"""The embedded PostgreSQL survives what the wheel alone trips over, and is stopped by its owner."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from marketplace.platform.postgres.embedded import EmbeddedServer, EmbeddedServerError, check_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="marketplace-embedded-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


async def answers(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        return bool(await connection.fetchval("SELECT 1") == 1)
    finally:
        await connection.close()


async def test_killed_joined_copied_and_owned(folder: Path) -> None:
    first = EmbeddedServer(folder)
    assert await answers(first.start())
    pid = first.pid()
    assert pid is not None

    # Killed: the pid file and the socket's lock stay behind, and the process may be a zombie for a while.
    os.kill(pid, signal.SIGKILL)
    while first.is_running():
        os.sched_yield()
    assert await answers(first.start())
    assert first.pid() != pid

    # Joined: a second program on the folder does not stop what the first one started.
    second = EmbeddedServer(folder)
    assert await answers(second.start())
    second.stop()
    assert first.is_running()

    # Owned: the process that has the folder to itself stops what a killed program left running.
    heir = EmbeddedServer(folder)
    heir.start(own=True)
    heir.stop()
    assert not first.is_running()

    # Copied: a backup of the folder carries the lock files of a server that is not there.
    (folder / "postgres" / "postmaster.pid").write_text("1\n/nowhere\n0\n5432\n\n\n0\nready\n")
    copy = folder / "copy"
    copy.mkdir()
    subprocess.run(["cp", "-a", str(folder / "postgres"), str(copy / "postgres")], check=True)
    restored = EmbeddedServer(copy)
    assert await answers(restored.start())
    restored.stop()


def test_a_folder_that_cannot_be_written_is_one_line() -> None:
    with pytest.raises(EmbeddedServerError, match="cannot be written") as refused:
        check_folder(Path("/proc/no-such-folder"))
    assert "\n" not in str(refused.value)
