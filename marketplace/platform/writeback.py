"""The embedded PostgreSQL's files, handed to the disk as they grow."""

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import structlog

EVERY_S = 1.0
"""How often: at most as much is written at once as tables grow by in a second."""

_BESIDE = 128
"""How many files are looked at beside those that are being written to. A cluster has some 2,000, and a look at all of them is
20 ms of a processor that somebody waits for; so each has its turn within half a minute, when the kernel begins by itself."""

_WARM_FOR = 60
"""For how many looks without a change a file still counts as being written to."""

_WRITE_AND_WAIT = 1 | 2 | 4
"""linux/fs.h: SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE, _WAIT_AFTER. One file after the other: what a COMMIT writes to the log waits
behind a file's pages and not behind all of them."""

_LAST = 19
"""nice: behind everybody else. One request that waits for a processor makes the next ones wait."""

logger = structlog.get_logger()


class Writeback:
    """Has the kernel write what was written to PostgreSQL's tables and indexes: file by file, in the pauses of others.

    A page that a table is lengthened by goes to the kernel at once, which writes what is half a minute old to the disk, all
    together. On a member day that was 30 to 70 MB every 30 seconds, and each time a COMMIT waited 70 to 170 ms behind it
    (docs/performance.md). PostgreSQL has what checkpoints write handed over soon (`checkpoint_flush_after`), and no setting for
    this. Nothing depends on it: durable is what PostgreSQL syncs by itself.
    https://man7.org/linux/man-pages/man2/sync_file_range.2.html
    """

    def __init__(self, cluster: Path) -> None:
        """Take the folder of a cluster; what it holds now counts as written."""
        self._base = cluster / "base"
        self._write = _sync_file_range()
        self._seen = {path: _written_ns(path) for path in self._files()}
        self._warm: dict[str, int] = {}
        self._walk = self._files()
        self._met: set[str] = set()

    def keep_handing_over(self, done: threading.Event, ours: Callable[[], bool]) -> None:
        """Hand over every second until done, while the cluster is `ours` to keep. The thread goes behind all others for good."""
        if self._write is not None:  # Linux, which knows threads by numbers of their own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LAST)
        while not done.wait(EVERY_S):
            try:
                if ours():
                    self.hand_over()
            except Exception:
                logger.exception("writeback_failed")  # and goes on: there is nobody else to do it

    def hand_over(self) -> int:
        """Hand over the files that were written to since the last time, and return how many. Not on Linux: none.

        One that was not written to for long, or is new, may be found some looks later.
        """
        if self._write is None:
            return 0
        changed = [path for path in {*self._warm, *self._some()} if self._is_changed(path)]
        self._warm = {path: left - 1 for path, left in self._warm.items() if left > 1} | dict.fromkeys(
            changed, _WARM_FOR
        )
        try:
            return sum(_hand_over(path, self._write) for path in changed)
        except (
            OSError
        ) as error:  # a file system, or a kernel, that has no such call: it will not have it in a second either
            logger.warning("writeback_given_up", error=repr(error))
            self._write = None
            return 0

    def _is_changed(self, path: str) -> bool:
        """Look when a file was last written to."""
        written_ns = _written_ns(path)
        if written_ns is None:
            return False
        before, self._seen[path] = self._seen.get(path), written_ns
        return written_ns != before

    def _some(self) -> list[str]:
        """Return the next files of a walk through all of them, which begins again when it is through."""
        some = list(islice(self._walk, _BESIDE))
        self._met.update(some)
        if len(some) < _BESIDE:
            self._seen = {path: ns for path, ns in self._seen.items() if path in self._met}
            self._walk, self._met = self._files(), set()
        return some

    def _files(self) -> Iterator[str]:
        """Give the files of all databases."""
        for folder in _scan(self._base):
            if folder.is_dir():
                for file in _scan(Path(folder.path)):
                    yield file.path


def _written_ns(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - a thousand times a minute: no object for each
    except FileNotFoundError:  # a table that was dropped just now
        return None


def _hand_over(path: str, write: Callable[..., int]) -> bool:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # a table that was dropped just now
        return False
    try:
        if write(file, 0, 0, _WRITE_AND_WAIT) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    finally:
        os.close(file)
    return True


def _scan(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:  # a database that was dropped just now, or a cluster that is not there yet
        return []


def _sync_file_range() -> Callable[..., int] | None:
    """Return Linux's call, which Python's library does not have; None elsewhere."""
    call: Any = getattr(ctypes.CDLL(None, use_errno=True), "sync_file_range", None)
    if call is not None:
        call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    found: Callable[..., int] | None = call
    return found
