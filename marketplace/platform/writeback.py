"""The embedded PostgreSQL's files, handed to the disk as they grow."""

import ctypes
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import structlog

EVERY_S = 1.0
"""How often: at most as much is written at once as tables grow by in a second."""

_SYNC_FILE_RANGE_WRITE = 2  # linux/fs.h

logger = structlog.get_logger()


class Writeback:
    """Asks the kernel to begin to write what was written to PostgreSQL's tables and indexes, and waits for nothing.

    A page that a table is lengthened by goes to the kernel at once, which writes what is half a minute old to the disk, all
    together. On a member day that was 30 to 70 MB every 30 seconds, and each time a COMMIT waited 70 to 170 ms behind it
    (docs/performance.md). PostgreSQL has what checkpoints write handed over soon (`checkpoint_flush_after`), and no setting for
    this. Nothing depends on it: durable is what PostgreSQL syncs by itself.
    https://man7.org/linux/man-pages/man2/sync_file_range.2.html
    """

    def __init__(self, cluster: Path) -> None:
        """Take the folder of a cluster; what it holds now counts as written."""
        self._base = cluster / "base"
        self._begin = _sync_file_range()
        self._seen = dict(self._files())

    def hand_over(self) -> int:
        """Hand over the files that were written to since the last time, and return how many. Not on Linux: none."""
        if self._begin is None:
            return 0
        found = dict(self._files())
        changed = [path for path, written_ns in found.items() if self._seen.get(path) != written_ns]
        self._seen = found
        try:
            return sum(_hand_over(path, self._begin) for path in changed)
        except (
            OSError
        ) as error:  # a file system, or a kernel, that has no such call: it will not have it in a second either
            logger.warning("writeback_given_up", error=repr(error))
            self._begin = None
            return 0

    def _files(self) -> Iterator[tuple[str, int]]:
        """Return the files of all databases with when they were last written to."""
        for folder in _scan(self._base):
            if folder.is_dir():
                for file in _scan(Path(folder.path)):
                    try:
                        yield file.path, file.stat().st_mtime_ns
                    except FileNotFoundError:
                        continue


def _hand_over(path: str, begin: Callable[..., int]) -> bool:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # a table that was dropped just now
        return False
    try:
        if begin(file, 0, 0, _SYNC_FILE_RANGE_WRITE) != 0:
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
