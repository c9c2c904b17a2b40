"""Clients that keep a connection busy and do nothing with it are cut off, and nobody else is."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from litestar import Litestar, Request, get, post
from litestar.response import Stream
from uvicorn import Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from marketplace.serving import protocol
from marketplace.serving.server import config, reserve

_TIME_S = 0.6
_PATIENCE_S = 8.0
_BIG = b"x" * 30_000_000


@post("/echo", status_code=200)
async def echo(request: Request[Any, Any, Any]) -> str:
    return (await request.body()).decode()


@post("/deaf", status_code=200)
async def deaf() -> str:
    return "answered before the body came"


@get("/big", media_type="application/octet-stream")
async def big() -> bytes:
    return _BIG


@get("/late")
async def late() -> str:
    await asyncio.sleep(3 * _TIME_S)
    return "late"


@get("/stream")
async def stream() -> Stream:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"part"
            await asyncio.sleep(_TIME_S / 10)

    return Stream(parts())


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> AsyncIterator[int]:
    monkeypatch.setattr(protocol, "ARRIVE_S", _TIME_S)
    monkeypatch.setattr(protocol, "TAKE_S", _TIME_S)
    listener = reserve("127.0.0.1", 0)
    app = Litestar([echo, deaf, big, late, stream], openapi_config=None, logging_config=None)
    configured = config(app)
    if getattr(request, "param", None) == "uvicorn's own":
        configured.http = HttpToolsProtocol
    server = Server(configured)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = server.force_exit = True
    await task


async def drip(port: int, head: bytes, drop: bytes) -> bytes:
    """Send the head, then a drop again and again, until the server closes; return what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)

    async def go_on() -> None:
        while True:
            await asyncio.sleep(_TIME_S / 6)
            writer.write(drop)
            await writer.drain()

    dripping = asyncio.create_task(go_on())
    try:
        return await asyncio.wait_for(reader.read(), _PATIENCE_S)
    except ConnectionResetError:
        return b""
    finally:
        dripping.cancel()
        writer.close()


def problem(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in head
    found: dict[str, Any] = msgspec.json.decode(body)
    assert f"x-request-id: {found['request_id']}".encode() in head
    return found


HEAD = b"GET /late HTTP/1.1\r\nHost: x\r\n"
BODY = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"


@pytest.mark.parametrize(("head", "drop"), [(HEAD, b"X-A: b\r\n"), (BODY, b"a"), (b"GET /", b"e")])
async def test_a_request_that_comes_in_drops_ends_with_408(port: int, head: bytes, drop: bytes) -> None:
    assert problem(await drip(port, head, drop))["code"] == "request_timeout"


@pytest.mark.parametrize("port", ["uvicorn's own"], indirect=True)
@pytest.mark.parametrize(("head", "drop"), [(HEAD, b"X-A: b\r\n"), (BODY, b"a")])
async def test_the_stock_server_would_wait_for_ever(port: int, head: bytes, drop: bytes) -> None:
    with pytest.raises(TimeoutError):
        await drip(port, head, drop)


async def test_who_never_asks_is_left_without_a_word(port: int) -> None:
    assert await drip(port, b"", b"\r\n") == b""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await asyncio.wait_for(reader.read(), _PATIENCE_S) == b""
    writer.close()


async def test_a_body_that_nobody_waits_for_may_not_drip_either(port: int) -> None:
    answer = await drip(port, b"POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", b"a")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1


async def test_an_answer_that_is_not_taken_is_dropped(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(4 * _TIME_S)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(len(_BIG)), _PATIENCE_S)
    writer.close()


async def test_headers_without_end_are_refused(port: int) -> None:
    answer = await drip(port, HEAD, b"X-A: %b\r\n" % (b"b" * 16_000))
    assert problem(answer)["code"] == "head_too_large"


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"".join(b"X-%d: %b\r\n" % (number, b"b" * 6_000) for number in range(11)),
        HEAD + b"X-A: %b\r\n" % (b"b" * 66_000),
        BODY.removesuffix(b"\r\n") + b"".join(b"X-%d:\r\n" % number for number in range(7_500)),
        b"GET /late?%b HTTP/1.1\r\nHost: x\r\n" % (b"q" * 66_000),
    ],
)
async def test_a_large_head_is_refused_in_one_piece_too(port: int, head: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head + b"\r\n")
    assert problem(await reader.read())["code"] == "head_too_large"
    writer.close()


@pytest.mark.parametrize("first", [b"/late", b"/stream"])
@pytest.mark.parametrize(
    ("head", "drop"), [(HEAD, b"X-A: b\r\n"), (BODY, b"a"), (HEAD, b"X-A: %b\r\n" % (b"b" * 16_000))]
)
async def test_nothing_is_written_into_the_answer_to_an_earlier_request(
    port: int, first: bytes, head: bytes, drop: bytes
) -> None:
    """The refusal of a request would be taken for the answer, or a part of it, to the one before."""
    answer = await drip(port, b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % first + head, drop)
    before, refused, _ = answer.partition(b"HTTP/1.1 4")
    assert not refused or before.endswith((b"late", b"0\r\n\r\n")), answer


async def test_a_slow_handler_and_a_quiet_connection_are_no_slow_client(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"late")).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(2 * _TIME_S)
    writer.write(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
    await asyncio.sleep(_TIME_S / 2)
    writer.write(b"cd")
    assert (await asyncio.wait_for(reader.readuntil(b"abcd"), _PATIENCE_S)).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_pipelined_requests_are_all_answered(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n" * 2 + b"GET /la")
    await asyncio.sleep(_TIME_S / 2)
    writer.write(b"te HTTP/1.1\r\nHost: x\r\n\r\n")
    for _ in range(3):
        await asyncio.wait_for(reader.readuntil(b"late"), _PATIENCE_S)
    writer.close()


CHUNKED = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
EXPECTING = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"


@pytest.mark.parametrize(("head", "drop"), [(CHUNKED, b"1\r\na\r\n"), (CHUNKED + b"ffff;", b"x"), (EXPECTING, b"")])
async def test_chunks_and_announced_bodies_may_not_drip_either(port: int, head: bytes, drop: bytes) -> None:
    answer = (await drip(port, head, drop)).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert problem(answer)["code"] == "request_timeout"


@pytest.mark.parametrize("upgrade", [b"websocket", b"h2c"])
async def test_who_asks_for_another_protocol_gets_this_one_and_no_second_request(port: int, upgrade: bytes) -> None:
    """To the parser, what follows is not HTTP: a body would be lost without a word, or be taken for a request."""
    wanted = b"Host: x\r\nConnection: Upgrade\r\nUpgrade: " + upgrade + b"\r\n"
    inner = b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n"
    for head, answers in (
        (b"GET /late HTTP/1.1\r\n" + wanted + b"\r\n", b"HTTP/1.1 200"),
        (b"POST /echo HTTP/1.1\r\n" + wanted + b"Content-Length: %d\r\n\r\n" % len(inner), b"HTTP/1.1 400"),
        (b"POST /echo HTTP/1.1\r\n" + wanted + b"Transfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 400"),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        await asyncio.sleep(_TIME_S / 3)
        writer.write(inner)
        try:
            answer = await asyncio.wait_for(reader.read(), _PATIENCE_S)
        except ConnectionResetError:
            answer = answers  # it was closed before our second request came, which is as good
        assert answer.startswith(answers)
        assert answer.count(b"HTTP/1.1") == 1
        writer.close()


async def test_a_large_body_before_a_pipelined_head_is_no_large_head(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = b"a" * 150_000
    writer.write(b"POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body + b"GET /la")
    await asyncio.sleep(_TIME_S / 3)
    writer.write(b"te HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b"body came"), _PATIENCE_S)
    assert (await asyncio.wait_for(reader.readuntil(b"late"), _PATIENCE_S)).count(b" 200 ") == 1
    writer.close()


async def test_a_head_request_leaves_the_connection_usable(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HEAD /late HTTP/1.1\r\nHost: x\r\n\r\nGET /late HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\nlate"), _PATIENCE_S)).count(b"HTTP/1.1 ") == 2
    writer.close()
