"""What the bytes of a request mean is read once, and in one way: nothing slips in behind what was checked."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Litestar, Request, post
from uvicorn import Server

from marketplace.serving.protocol import MAX_HEAD
from marketplace.serving.server import config, reserve

_FIELDS = b"Host: here.example\r\nConnection: close\r\n"
_CHUNKED = b"POST /fields HTTP/1.1\r\n" + _FIELDS + b"Transfer-Encoding: chunked\r\n\r\n"


@post("/fields", status_code=200)
async def fields(request: Request[Any, Any, Any]) -> list[str]:
    """Return the names of the header fields, when the whole body is here."""
    await request.body()
    return [name.decode() for name, _ in request.scope["headers"]]


@pytest.fixture
async def port() -> AsyncIterator[int]:
    listener = reserve("127.0.0.1", 0)
    server = Server(config(Litestar([fields], openapi_config=None, logging_config=None)))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = server.force_exit = True
    await task


async def ask(port: int, *pieces: bytes) -> bytes:
    """Send the pieces, each when the one before has left, and return the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("name", [b"authorization", b"host", b"x-forwarded-for", b"cookie", b"content-type"])
async def test_a_field_behind_the_body_is_no_field_of_the_head(port: int, name: bytes) -> None:
    """What stands in front of us looks at the head, and may have stripped the same field from it."""
    trailer = b"0\r\n" + name + b": evil.example\r\n\r\n"
    for pieces in ((_CHUNKED + trailer,), (_CHUNKED + b"1\r\na\r\n" + trailer,), (_CHUNKED, trailer)):
        answer = await ask(port, *pieces)
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b'["host","connection","transfer-encoding"]'), (pieces, answer)


async def test_fields_behind_the_body_have_the_limit_of_the_head(port: int) -> None:
    many = [b"x-%d: %b\r\n" % (number, b"b" * 8000) for number in range(MAX_HEAD // 8000 + 1)]
    for pieces in (many, [b"x: " + b"b" * 8000, *[b"b" * 8000] * 9]):
        assert (await ask(port, _CHUNKED, b"0\r\n", *pieces)).startswith(b"HTTP/1.1 431")


async def test_a_body_may_be_larger_than_a_head(port: int) -> None:
    piece = b"2000\r\n" + b"a" * 0x2000 + b"\r\n"
    assert (await ask(port, _CHUNKED, *[piece] * 12, b"0\r\n\r\n")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "target", [b"http://other.example/fields", b"https://other.example/fields", b"HTTP://here.example:81/fields"]
)
async def test_an_address_with_another_host_than_the_host_field_is_refused(port: int, target: bytes) -> None:
    """RFC 9112 §3.2.2: the address would count, and a proxy in front of us may have used the Host field."""
    head = b"POST " + target + b" HTTP/1.1\r\n" + _FIELDS + b"Content-Length: 0\r\n\r\n"
    assert (await ask(port, head)).startswith(b"HTTP/1.1 400")


async def test_an_address_with_the_same_host_is_taken(port: int) -> None:
    head = b"POST http://here.example/fields HTTP/1.1\r\n" + _FIELDS + b"Content-Length: 0\r\n\r\n"
    assert (await ask(port, head)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "body", [b"zz\r\n\r\n", b"-1\r\n", b"1\r\nabc\r\n", b"ffffffffffffffffff\r\n", b"1\r\na\r\n\x00"]
)
async def test_a_body_that_cannot_be_read_is_told_so(port: int, body: bytes) -> None:
    for pieces in ((_CHUNKED + body,), (_CHUNKED, body)):
        answer = await ask(port, *pieces)
        assert answer.startswith(b"HTTP/1.1 400"), (pieces, answer)
        assert b"malformed_request" in answer


async def test_an_encoding_of_the_transfer_that_nobody_knows_is_told_so(port: int) -> None:
    head = b"POST /fields HTTP/1.1\r\n" + _FIELDS + b"Transfer-Encoding: gzip\r\n\r\n"
    assert (await ask(port, head + b"0\r\n\r\n")).startswith(b"HTTP/1.1 400")
