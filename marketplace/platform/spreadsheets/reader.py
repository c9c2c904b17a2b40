"""The entry point: from a file's bytes to its table; workbooks in a child process, one at a time."""

import asyncio
import signal
import sys
from typing import Any, Final

import msgspec
import structlog
from litestar.connection import ASGIConnection

from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.services import PlatformServices
from marketplace.platform.spreadsheets.child import MOST_CPU_S, ChildReply, FileFault
from marketplace.platform.spreadsheets.csv_text import read_csv
from marketplace.platform.spreadsheets.table import (
    CSV,
    MEDIA_TYPES,
    TOO_MANY_COLUMNS,
    TOO_MANY_ROWS,
    FileUnreadable,
    Table,
)

WAIT_S = 10.0
"""How long a file waits while another is read."""

_MOST_S = 3 * MOST_CPU_S
"""Wall-clock limit, for a child that waits instead of working."""

_LARGE = ("内容过多，无法读取。", "it is too large when unpacked.")
_WORDS: Final[dict[FileFault, tuple[str, str]]] = {
    "invalid": ("不是有效的 XLSX、XLS 或 ODS。", "it is not a valid XLSX, XLS or ODS file."),
    "password": ("文件已加密，请去除密码后重试。", "it is protected by a password: remove the password first."),
    "large": _LARGE,
    "rows": TOO_MANY_ROWS,
    "columns": TOO_MANY_COLUMNS,
    "xml": ("含有不允许的 XML。", "it has unsupported XML."),
    "no_sheet": ("没有可见的工作表。", "it has no visible sheet."),
}

_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""The first bytes of workbooks. Media types are not reliable: browsers use their system's names."""

logger = structlog.get_logger()


class ReaderBusy(Refusal):
    """Another file is being read, and the wait for it has timed out."""

    kind = Kind.UNAVAILABLE
    code = "reader_busy"
    zh = "正在处理其他文件，请稍后重试。"
    en = "Other files are being read; try again shortly."
    explanation = Explanation(
        Text("正在读取其他文件。", "Other files are being read."),
        Text("请在 Retry-After 之后重试。", "Try again after Retry-After."),
    )

    def __init__(self) -> None:
        """Set the seconds after which to retry."""
        super().__init__(retry_after=int(WAIT_S))


class SpreadsheetReader:
    """Reads the files of one worker: one workbook at a time, since each may take a processor and much memory."""

    def __init__(self) -> None:
        """Start with no file being read."""
        self._turn = asyncio.Semaphore(1)

    async def read(self, media_type: str, body: bytes, charset: str = "") -> Table:
        """Return the table of a file. Raises FileUnreadable, EncodingUnclear, ReaderBusy."""
        if media_type not in MEDIA_TYPES:
            known = ", ".join(MEDIA_TYPES)
            raise FileUnreadable(f"请以 {known} 之一发送。", f"send it as one of {known}.")
        if media_type != CSV or body.startswith(_STARTS):
            return await self._workbook(body)
        # In a thread: a full file would block the event loop for too long.
        return await asyncio.to_thread(read_csv, body, charset)

    async def _workbook(self, body: bytes) -> Table:
        await self._wait_for_turn()
        try:
            found = await _in_child(body)
        finally:
            self._turn.release()
        if found.table is None:
            raise FileUnreadable(*_WORDS[found.refusal or "invalid"])
        return found.table

    async def _wait_for_turn(self) -> None:
        waiting = asyncio.ensure_future(self._turn.acquire())
        try:
            await asyncio.wait({waiting}, timeout=WAIT_S)
        except asyncio.CancelledError:
            await self._give_up(waiting)
            raise
        if not waiting.done():
            await self._give_up(waiting)
            raise ReaderBusy

    async def _give_up(self, waiting: "asyncio.Task[Any]") -> None:
        waiting.cancel()
        await asyncio.wait({waiting})
        if not waiting.cancelled():  # the turn came at the same moment
            self._turn.release()


async def _in_child(body: bytes) -> ChildReply:
    """Return the child process's reply about the workbook; a child that the system killed exceeded its limits."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "marketplace.platform.spreadsheets.child",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    talk = asyncio.ensure_future(child.communicate(body))
    try:
        await asyncio.wait({talk}, timeout=_MOST_S)
    finally:
        if not talk.done():
            child.kill()
        said, complaint = await talk
    if child.returncode == 0:
        return msgspec.json.decode(said, type=ChildReply)
    stopped = child.returncode is not None and child.returncode < 0
    name = signal.Signals(-child.returncode).name if stopped and child.returncode else str(child.returncode)
    logger.warning("spreadsheet_child_ended", how=name, said=complaint[-300:].decode("utf-8", "replace"))
    return ChildReply(refusal="large" if stopped else "invalid")


def reader_of(request: ASGIConnection[Any, Any, Any, Any]) -> SpreadsheetReader:
    """Return the application's reader."""
    return PlatformServices.of(request).spreadsheets
