"""The workers of one server are numbered from 0; a replacement of a dead worker gets its number."""

import fcntl
import functools
import itertools
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_VARIABLE = "SERVE_WORKER_NUMBERS"
"""Names the file whose locks assign the numbers among the workers of one parent."""


@contextmanager
def numbered_workers() -> Iterator[None]:
    """While the block runs, processes started by this one number themselves."""
    with tempfile.NamedTemporaryFile(prefix="marketplace-workers-") as numbers:
        os.environ[_VARIABLE] = numbers.name
        try:
            yield
        finally:
            del os.environ[_VARIABLE]


@functools.cache
def worker_number() -> int:
    """Return this process's number among the workers of its server: the lowest, from 0, that no living one has.

    A process that is not a worker has number 0.
    """
    path = os.environ.get(_VARIABLE)
    if path is None or multiprocessing.parent_process() is None:
        return 0
    file = Path(path).open("r+b")  # noqa: SIM115 - it stays open, and so locked, until the process ends
    _HELD.append(file)
    for number in itertools.count():
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError:
            continue
        return number
    raise AssertionError("unreachable")


_HELD: list[IO[bytes]] = []
