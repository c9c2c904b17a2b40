"""A PostgreSQL of the system's own packages, of an older version than ours: a private cluster in a temporary folder."""

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

VARIABLE = "TEST_POSTGRES"
"""Names the folder of the programs; without it the lowest version under /usr/lib/postgresql is taken."""

START_S = 60


def programs() -> Path | None:
    """Return the folder with `initdb` and `postgres`, or None where there is none."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[0].parent if found else None


def _start(folder: Path, home: str, user: str | None) -> "subprocess.Popen[bytes]":
    settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", f"unix_socket_directories={home}"]
    with Path(home, "log").open("wb") as log:
        return subprocess.Popen(
            [folder / "postgres", "-D", f"{home}/data", *settings], user=user, cwd=home, stdout=log, stderr=log
        )


@asynccontextmanager
async def cluster(folder: Path, locale: str = "C.UTF-8") -> AsyncIterator[str]:
    """Start a cluster with the programs in the folder, give the address of its `postgres` database, and stop it."""
    user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL does not run as root
    with tempfile.TemporaryDirectory(prefix="marketplace-pg-", dir="/tmp", ignore_cleanup_errors=True) as home:
        if user:
            os.chown(home, pwd.getpwnam(user).pw_uid, -1)
        data = f"{home}/data"
        make = [
            folder / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            f"--locale={locale}",
            "-N",
        ]
        await asyncio.to_thread(subprocess.run, make, check=True, capture_output=True, user=user, cwd=home)
        server = _start(folder, home, user)
        address = f"postgresql://postgres@/postgres?host={home}"
        try:
            for _ in range(START_S * 10):
                with contextlib.suppress(OSError, asyncpg.CannotConnectNowError):
                    await (await asyncpg.connect(address)).close()
                    break
                await asyncio.sleep(0.1)
            yield address
        finally:
            server.send_signal(signal.SIGINT)
            await asyncio.to_thread(server.wait)
