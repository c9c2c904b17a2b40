"""A partner's own receiver of webhooks: a real server on loopback that checks signatures with code of its own."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.support import today


class Received:
    """One request."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers = headers
        self.body = body

    @property
    def message(self) -> Any:
        return json.loads(self.body)

    def is_signed(self, secret: str) -> bool:
        """Whether one of the signatures is made with the shared secret."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        wanted = base64.b64encode(hmac.digest(key, self._content(), hashlib.sha256)).decode()
        return any(hmac.compare_digest(each, wanted) for each in self._signatures("v1"))

    def is_signed_with(self, public_key: str) -> bool:
        """Whether one of the signatures is of the key pair."""
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
        for each in self._signatures("v1a"):
            try:
                key.verify(base64.b64decode(each), self._content())
            except InvalidSignature:
                continue
            return True
        return False

    def is_fresh(self) -> bool:
        """Whether its time is ours, as near as the libraries of Standard Webhooks want it: five minutes."""
        return abs(today.now().timestamp() - int(self.headers["webhook-timestamp"])) <= 300

    def _content(self) -> bytes:
        return f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body

    def _signatures(self, version: str) -> list[str]:
        listed = [each.partition(",") for each in self.headers["webhook-signature"].split(" ")]
        return [signature for found, _, signature in listed if found == version]


class Receiver:
    """Keeps what came and answers what the test wants: `answers` in turn, the last for ever."""

    def __init__(self) -> None:
        self.got: list[Received] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = [(204, {}, b"")]
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """From now on answer so."""
        self.answers = [(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        self.got.append(Received(headers, await reader.readexactly(int(headers.get("content-length", "0")))))
        status, more, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *(f"{name}: {more[name]}" for name in more)]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Give a receiver that listens."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
