"""The program as an operator runs it: `marketplace serve` and `marketplace work` in processes of their own."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psutil

from marketplace.settings import Settings
from marketplace.settings.fields import settings_of
from tests.support import today
from tests.support.tokens import Issuer

COMMAND = [sys.executable, "-c", "from marketplace.cli import main; main()"]
STOP_S = 30


def environment(settings: Settings | None = None) -> dict[str, str]:
    """Return this process's environment with these settings, and none besides."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MARKETPLACE_", "DATABASE_URL"))}
    structs = () if settings is None else (settings, *settings.of_packages)
    given = [(one, getattr(struct, one.field)) for struct in structs for one in settings_of(type(struct))]
    differs = {one.variable: str(value) for one, value in given if value != one.default}
    production = settings is not None and settings.mode == "production"
    # A test that ends a server waits for nobody who might still send requests, unless it says so.
    return clean | {"MARKETPLACE_DRAIN_S": "0"} | differs | ({} if production else today.variables())


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program:
    """A running `marketplace …`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def workers(self) -> list[psutil.Process]:
        """Return its living worker processes."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            try:
                if "spawn_main" in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
            except psutil.NoSuchProcess:
                continue
        return found


@contextmanager
def program(settings: Settings, log: Path, *arguments: str) -> Iterator[Program]:
    """Run `marketplace …` and stop it in the end by SIGTERM; it must end well, unless the test has killed it."""
    with log.open("ab") as written:
        process = subprocess.Popen(
            [*COMMAND, *arguments], env=environment(settings), stdout=written, stderr=written, start_new_session=True
        )
    try:
        yield Program(process, log)
    except BaseException:
        print(log.read_text()[-20_000:])  # noqa: T201 - pytest shows it with the failure
        raise
    finally:
        killed = process.poll() == -signal.SIGKILL
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert killed or status == 0, f"status {status}\n{log.read_text()}"


@contextmanager
def served(issuer: Issuer, port: int) -> Iterator[None]:
    """Answer for the issuer on a port of this machine: discovery and keys."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = issuer.answer(httpx.Request("GET", f"http://{self.headers['Host']}{self.path}"))
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def postmaster(folder: Path) -> int:
    """Return the process id of the embedded PostgreSQL in the data folder."""
    return int((folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
