"""The HTTP server: uvicorn with uvloop and httptools, in this process or in several (docs/decisions/0005-server.md)."""

import os
import re
import socket

import uvicorn
from litestar import Litestar
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from marketplace.app import create_app
from marketplace.kernel.errors import OperatorError
from marketplace.platform import logs
from marketplace.settings import load

GRACE_S = 8
"""How long open requests may take to end after Ctrl-C or SIGTERM."""

DSN_VARIABLE = "DATABASE_URL"


class PortTakenError(OperatorError):
    """Somebody listens there already; the message says where, and what to do."""


class LiberalProtocol(HttpToolsProtocol):
    """HTTP as people type it: letters beyond ASCII in the address are percent-encoded before the parser sees them.

    RFC 3986 wants them encoded by the client, and browsers do; `curl ".../v1/offers?q=酒店"` does not, and would be
    answered with a bare 400 that helps nobody.
    """

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket; only the first line of a request is ever touched."""
        if not data.isascii() and (self.cycle is None or not self.cycle.more_body) and _REQUEST_LINE.match(data):
            line, end, rest = data.partition(b"\r\n")
            data = _BEYOND_ASCII.sub(lambda found: b"%%%02X" % found[0][0], line) + end + rest
        super().data_received(data)


_REQUEST_LINE = re.compile(rb"[A-Z]{3,7} /")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")


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
        http=LiberalProtocol,
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
