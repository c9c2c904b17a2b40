"""A proxy between the program and PostgreSQL that loses a COMMIT, or the answer to it.

It speaks enough of PostgreSQL's protocol (https://www.postgresql.org/docs/current/protocol-message-formats.html) to know a COMMIT
when it passes: messages after the first are a letter and a length; `Q` carries a statement, `Z` ends an answer.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

_COMMITS = {b"Q" + (4 + len(statement)).to_bytes(4) + statement for statement in (b"COMMIT\0", b"COMMIT AND CHAIN\0")}
_SOCKET = ".s.PGSQL.5432"


class Cut(StrEnum):
    """Where the connection is cut."""

    BEFORE = "before COMMIT reaches the server"
    AFTER = "after COMMIT was carried out, before the program hears of it"


class Proxy:
    """Passes everything on, over a Unix socket at `dsn`, until it is told to cut."""

    def __init__(self, server: Path, here: Path) -> None:
        """Name the server's socket and ours."""
        self._server = server
        self._here = here
        self._waiting: list[Cut] = []
        self._served: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._listening: asyncio.Server | None = None
        self.dsn = ""
        self.cuts = 0

    async def open(self) -> None:
        """Listen."""
        self._listening = await asyncio.start_unix_server(self.serve, self._here)

    async def close(self) -> None:
        """Cut all that is open and be gone, as a PostgreSQL is that was killed."""
        if self._listening is not None:
            self._listening.close()
        self._here.unlink(missing_ok=True)
        for writer in self._served.values():
            writer.transport.abort()
        await asyncio.gather(*self._served)

    def cut(self, where: Cut, times: int = 1) -> None:
        """Cut the next COMMIT, on whatever connection, and as many after it as are said."""
        self._waiting += [where] * times

    def spare(self) -> None:
        """Cut no more."""
        self._waiting.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the program."""
        task = asyncio.current_task()
        assert task is not None
        self._served[task] = writer
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(str(self._server))
            try:
                await self._pass(reader, writer, server_reader, server_writer)
            finally:
                server_writer.transport.abort()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # either end has gone, and so goes the other
        finally:
            writer.transport.abort()
            del self._served[task]

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        first = await reader.readexactly(4)
        server_writer.write(first + await reader.readexactly(int.from_bytes(first) - 4))
        back = asyncio.create_task(_pump(server_reader, writer))
        ended = back
        try:
            while not ended.done():
                message = asyncio.create_task(_message(reader))
                await asyncio.wait((message, ended), return_when=asyncio.FIRST_COMPLETED)
                if not message.done():
                    message.cancel()
                    return
                statement = message.result()
                if statement in _COMMITS and self._waiting:
                    self.cuts += 1
                    if self._waiting.pop(0) is Cut.AFTER:
                        back.cancel()
                        await asyncio.wait((back,))
                        server_writer.write(statement)
                        await _carried_out(server_reader)
                    return
                server_writer.write(statement)
        finally:
            back.cancel()
            await asyncio.wait((back,))


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(int.from_bytes(head[1:]) - 4)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)


async def _carried_out(reader: asyncio.StreamReader) -> None:
    """Read the answer to COMMIT to its end. It is the whole of what comes: the program waits for each answer."""
    answers = []
    while not answers or answers[-1][:1] != b"Z":
        answers.append(await _message(reader))
    if not any(answer[:1] == b"C" and answer[5:] == b"COMMIT\0" for answer in answers):
        raise AssertionError(f"COMMIT was answered with {answers}")


@asynccontextmanager
async def proxied(dsn: str) -> AsyncIterator[Proxy]:
    """Give a proxy in front of the server at `dsn`, which is on a Unix socket."""
    parts = urlsplit(dsn)
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    with tempfile.TemporaryDirectory(prefix="marketplace-proxy-", dir="/tmp") as folder:
        proxy = Proxy(Path(options["host"]) / _SOCKET, Path(folder) / _SOCKET)
        proxy.dsn = urlunsplit(parts._replace(query=urlencode(options | {"host": folder})))
        await proxy.open()
        try:
            yield proxy
        finally:
            await proxy.close()
