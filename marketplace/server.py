"""The HTTP server: uvicorn with uvloop and httptools, in this process or in several (docs/decisions/0005-server.md)."""

import os
import socket

import uvicorn
from litestar import Litestar

from marketplace.app import create_app
from marketplace.kernel.errors import OperatorError
from marketplace.platform import logs
from marketplace.settings import load

GRACE_S = 8
"""How long open requests may take to end after Ctrl-C or SIGTERM."""

DSN_VARIABLE = "DATABASE_URL"


class PortTakenError(OperatorError):
    """Somebody listens there already; the message says where, and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises PortTakenError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"port {port} on {host} cannot be had ({error.strerror}); choose another with --port"
        ) from error
    listener.listen(2048)
    listener.set_inheritable(True)
    return listener


def config(app: Litestar | str, *, workers: int = 1, factory: bool = False) -> uvicorn.Config:
    """Return uvicorn's configuration."""
    return uvicorn.Config(
        app,
        factory=factory,
        workers=workers,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=75,
    )


def application() -> Litestar:
    """Return the application of a worker process: its parent prepared the database and put its address there."""
    settings = load()
    logs.configure(settings)
    return create_app(settings, os.environ[DSN_VARIABLE])
