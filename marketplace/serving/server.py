"""The HTTP server: uvicorn with uvloop and httptools, in this process or in several (docs/decisions/0005-server.md).

`serve` runs workers under uvicorn's supervisor, which starts another when one dies (docs/decisions/0008-supervision.md).
Only the workers import the application, and late: the supervisor checks during the start that each worker responds.
"""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import FrameType
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn
from uvicorn.supervisors import Multiprocess

from marketplace.kernel.errors import OperatorError
from marketplace.platform.runtime.worker_index import numbered_workers, worker_number
from marketplace.serving.protocol import Connection
from marketplace.settings import VARIABLES, load_process

if TYPE_CHECKING:
    from litestar import Litestar

    from marketplace.platform.runtime.database_server import Addresses

__all__ = ["application", "config", "reserve", "serve", "supervise", "worker_number"]

GRACE_S = 8
"""How long open requests may take to finish after Ctrl-C or SIGTERM."""

DSN_VARIABLE = "DATABASE_URL"
OWNER_VARIABLE = VARIABLES["owner_url"]

_LOOK_AGAIN_S = 0.2

logger = structlog.get_logger()


class PortTakenError(OperatorError):
    """The port is in use; the message says where, and what to do."""


def reserve(host: str, port: int) -> socket.socket:
    """Return a socket that holds the port and refuses connections; the first ready worker starts listening on it.

    Raises PortTakenError.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"port {port} on {host} is not available ({error.strerror}); choose another with --port"
        ) from error
    listener.set_inheritable(True)
    return listener


def config(app: "Litestar | str", *, workers: int = 1, factory: bool = False) -> uvicorn.Config:
    """Return uvicorn's configuration."""
    return uvicorn.Config(
        app,
        factory=factory,
        workers=workers,
        loop="uvloop",
        http=Connection,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=75,
        backlog=2048,
    )


def supervise(settings: uvicorn.Config, listener: socket.socket) -> None:
    """Serve on the socket with the configured workers until SIGTERM or Ctrl-C; a worker that dies or hangs is replaced."""
    with numbered_workers():
        Multiprocess(settings, sockets=[listener]).run()


def serve(listener: socket.socket, addresses: "Addresses", workers: int) -> None:
    """Serve the application on the prepared database. The owner's address is only used to create sandboxes."""
    os.environ[DSN_VARIABLE] = addresses.serving
    if addresses.owner != addresses.serving:
        os.environ[OWNER_VARIABLE] = addresses.owner
    supervise(config("marketplace.serving.server:application", workers=workers, factory=True), listener)


def application() -> "Worker":
    """Return the application of a worker process; its parent prepared the database and set its address."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)}
    settings = load_process()

    from marketplace.app import create_app
    from marketplace.platform import logs

    logs.configure(settings)
    _end_with_parent()

    def started(app: "Litestar") -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        _drain_first(app, settings.drain_s)

    def make() -> "Litestar":
        app = create_app(settings, dsn)
        collect_rarely()
        return app

    dsn = os.environ[DSN_VARIABLE]
    return Worker(make, dsn, started)


def _drain_first(app: "Litestar", seconds: int) -> None:
    """On SIGTERM, make the worker report not ready, and end it after so many seconds; a second SIGTERM ends it at once.

    A load balancer polls `/health/ready`. A port that closes before the next poll loses the requests in between.
    """
    from marketplace.platform.services import PlatformServices

    end = signal.getsignal(signal.SIGTERM)
    if not seconds or not callable(end):
        return
    loop, lifecycle = asyncio.get_running_loop(), PlatformServices.of(app).lifecycle

    def drain(number: int, _frame: FrameType | None) -> None:
        if lifecycle.stopping:
            end(number, None)
            return
        lifecycle.stopping = True
        loop.call_soon_threadsafe(loop.call_later, seconds, end, number, None)

    signal.signal(signal.SIGTERM, drain)


def collect_rarely() -> None:
    """Exclude what was built at the start from Python's cycle collector, and run it less often.

    At its defaults it traverses a batch of a few hundred waiting requests again and again, which took a quarter of a worker's
    time (docs/performance.md). What requests leave behind is freed by reference counts, not by the collector.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 20)


class Worker:
    """The ASGI application of a worker, which waits for a database that is unavailable when the worker starts.

    If a worker cannot start, the supervisor assumes that none can, and gives up; a worker and PostgreSQL may die together,
    though. While it waits, SIGTERM and SIGINT end the process at once: uvicorn handles them after the start only.
    """

    def __init__(self, make: "Callable[[], Litestar]", dsn: str, started: "Callable[[Litestar], None]") -> None:
        """Take the factory of the application on the database, and a function to call when the application has started."""
        self._make = make
        self._dsn = dsn
        self._started = started
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle a request, or start and stop with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            self._app = await self._start(stack)
            self._started(self._app)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self, stack: AsyncExitStack) -> "Litestar":
        from marketplace.platform.postgres.connection_errors import is_connection_lost

        while True:
            app = self._make()  # a new one for each attempt: an application whose start failed cannot be started again
            try:
                await stack.enter_async_context(app.lifespan())
            except Exception as error:
                if not is_connection_lost(error):
                    raise
                logger.warning("worker_waits_for_database", error=repr(error))
                await self._until_database_answers()
            else:
                return app

    async def _until_database_answers(self) -> None:
        import asyncpg

        while True:
            await asyncio.sleep(_LOOK_AGAIN_S)
            with contextlib.suppress(asyncpg.PostgresError, OSError):  # the next start reports any other error
                connection = await asyncpg.connect(self._dsn, timeout=5)
                connection.terminate()
                return


def _end_with_parent() -> None:
    """Stop this worker gracefully if its parent is killed: it would hold the port, and nobody would replace it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
