"""A serving process of the benchmarks: the application as `marketplace serve` runs it, with the yardsticks beside it.

`python -m tests.bench.serving PLAN` prints the port and serves until it is told to stop.
"""

import os
import sys
from pathlib import Path

import msgspec
from litestar import Litestar
from uvicorn import Server

from marketplace.app import create_app
from marketplace.platform import logs
from marketplace.serving import server
from tests.bench.server import SETTINGS, Child, shared_key
from tests.bench.yardsticks import ROUTES
from tests.support.tokens import Issuer

_PLAN = "BENCH_SERVING_PLAN"


def application() -> Litestar:
    """Return the application of this process, or of one worker of several."""
    child = msgspec.json.decode(Path(os.environ[_PLAN]).read_bytes(), type=Child)
    logs.configure(SETTINGS)
    issuer = Issuer(SETTINGS)
    issuer.key = shared_key(child.key)
    app = create_app(SETTINGS, child.dsn, extra_routes=ROUTES, transport=issuer.transport)
    server.collect_rarely()
    return app


def main(path: Path) -> None:
    """Serve."""
    os.environ[_PLAN] = str(path)
    child = msgspec.json.decode(path.read_bytes(), type=Child)
    listener = server.reserve("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - the parent waits for it
    if child.workers == 1:
        Server(server.config(application())).run(sockets=[listener])
    else:
        config = server.config("tests.bench.serving:application", workers=child.workers, factory=True)
        server.supervise(config, listener)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
