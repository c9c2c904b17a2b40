"""The HTTP server takes addresses as people type them, and leaves bodies alone."""

import asyncio
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar, Request, asgi, post
from litestar import get as get_route
from litestar.params import FromQuery
from litestar.response import Stream
from uvicorn import Server

from benefits.plugin import Benefits
from marketplace.app import create_app
from marketplace.platform.http.rate_limits import address_of
from marketplace.platform.runtime.worker_index import numbered_workers
from marketplace.platform.services import PlatformServices
from marketplace.serving.protocol import Connection
from marketplace.serving.server import PortTakenError, config, reserve, worker_number
from marketplace.settings import Settings
from tests.conftest import SECRET
from tests.support.processes import STOP_S, free_port, program


@get_route("/search")
async def search(q: FromQuery[str]) -> dict[str, str]:
    return {"q": q}


@post("/echo", status_code=200)
async def echo(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"body": (await request.body()).decode()}


@get_route("/pieces", status_code=200)
async def pieces() -> Stream:
    async def two() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    return Stream(two())


@get_route("/nothing", status_code=204)
async def nothing() -> None:
    return None


async def broken(scope: Any, receive: Any, send: Any) -> None:
    """Answer with a head, and fail."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
    raise RuntimeError(scope["path"])


@pytest.fixture
async def port() -> AsyncIterator[int]:
    listener = reserve("127.0.0.1", 0)
    server = Server(
        config(
            Litestar(
                [search, echo, pieces, nothing, asgi("/broken", copy_scope=True)(broken)],
                openapi_config=None,
                logging_config=None,
            )
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    await task


async def ask(port: int, *parts: bytes) -> bytes:
    """Send the parts with a pause between them, and return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.02)
    answer = await reader.read()
    writer.close()
    return answer


async def test_an_address_beyond_ascii(port: int) -> None:
    line = "GET /search?q=酒店 HTTP/1.1".encode()
    answer = await ask(port, line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith('{"q":"酒店"}'.encode())


async def test_a_body_is_left_alone_even_if_it_looks_like_a_request(port: int) -> None:
    body = "GET /酒店 \r\n汉".encode()
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    for parts in ([head + body], [head, body]):
        answer = await ask(port, *parts)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert "GET /酒店 \\r\\n汉".encode() in answer


@pytest.mark.parametrize(
    ("request_line", "end", "writes"),
    [
        (b"GET /search?q=x", b'{"q":"x"}', 1),
        (b"HEAD /nowhere", b"\r\n\r\n", 1),
        (b"GET /nothing", b"\r\n\r\n", 1),
        (b"GET /nowhere", b"}", 1),
        (b"GET /pieces", b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n", 3),
        (b"GET /broken", b"content-length: 3\r\nconnection: close\r\n\r\n", 1),
    ],
)
async def test_the_head_of_an_answer_is_sent_with_its_body(
    port: int, monkeypatch: pytest.MonkeyPatch, request_line: bytes, end: bytes, writes: int
) -> None:
    written: list[bytes] = []

    class Noted:
        def __init__(self, transport: asyncio.Transport) -> None:
            self.transport = transport

        def write(self, data: bytes) -> None:
            written.append(data)
            self.transport.write(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.transport, name)

    made = Connection.connection_made
    monkeypatch.setattr(Connection, "connection_made", lambda self, transport: made(self, Noted(transport)))  # type: ignore[arg-type]
    answer = await ask(port, request_line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 ")
    assert answer.endswith(end)
    assert b"".join(written) == answer
    assert len(written) == writes


async def test_who_asks_whether_to_go_on_is_told_at_once(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"ok")
    assert (await asyncio.wait_for(reader.read(), 5)).endswith(b'{"body":"ok"}')
    writer.close()


def test_workers_are_numbered_and_a_successor_gets_the_number() -> None:
    assert worker_number() == 0
    spawn = multiprocessing.get_context("spawn")
    numbers = spawn.Queue()
    with numbered_workers():
        workers = [spawn.Process(target=_tell_number, args=(numbers,)) for _ in range(3)]
        for worker in workers:
            worker.start()
        reported = dict(numbers.get(timeout=30) for _ in workers)
        assert sorted(reported.values()) == [0, 1, 2]
        dead = next(worker for worker in workers if reported[worker.pid] == 1)
        dead.kill()
        dead.join()
        workers.append(spawn.Process(target=_tell_number, args=(numbers,)))
        workers[-1].start()
        assert numbers.get(timeout=30) == (workers[-1].pid, 1)
    for worker in workers:
        worker.kill()
        worker.join()


def _tell_number(numbers: "multiprocessing.Queue[tuple[int, int]]") -> None:
    numbers.put((os.getpid(), worker_number()))
    time.sleep(600)


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortTakenError, match=r"^port [0-9]+ on 127.0.0.1 is not available .*--port$"):
            reserve("127.0.0.1", other.getsockname()[1])


async def test_the_port_opens_when_a_worker_is_ready_and_closes_after_it_says_that_it_is_not(tmp_path: Path) -> None:
    """The system took connections while the worker was starting; and the port closed while readiness still said 200."""
    port = free_port()
    settings = Settings(
        mode="test", data=tmp_path / "data", secret_key=SECRET, base_url=f"http://127.0.0.1:{port}", drain_s=3
    )
    answers: list[tuple[int, str]] = []
    with program(settings, tmp_path / "log", "serve", "--port", str(port), "--workers", "2") as running:
        async with httpx.AsyncClient(base_url=settings.base_url, trust_env=False, timeout=30) as client:

            async def ready() -> tuple[int, str] | None:
                try:
                    answer = await client.get("/health/ready", headers={"Connection": "close"})
                except httpx.TransportError:
                    return None
                return answer.status_code, answer.json()["status"]

            while not answers:
                assert running.process.poll() is None
                answers += [found] if (found := await ready()) else []
                await asyncio.sleep(0.05)
            assert answers == [(200, "ok")], "the first connection that was taken was taken by a worker that is ready"
            running.process.send_signal(signal.SIGTERM)
            while found := await ready():
                answers.append(found)
                if found[0] == 503 and answers[-2][0] == 200:
                    assert (await client.get("/health/live")).status_code == 200, "requests are still served"
                await asyncio.sleep(0.05)
            assert await asyncio.to_thread(running.process.wait, STOP_S) == 0
    assert answers[-1] == (503, "stopping"), "it said so before the port closed"
    assert {status for status, _ in answers} == {200, 503}


def test_the_first_workers_number_can_be_set(dsn: str, settings: Settings) -> None:
    second_machine = msgspec.structs.replace(settings, first_worker=4)
    packages = PlatformServices.of(create_app(second_machine, dsn)).packages
    assert [package.points_batch.number for package in packages if isinstance(package, Benefits)] == [4]


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7"),  # what the client wrote stands to the left
        ("203.0.113.9", "6.6.6.6", "203.0.113.9"),  # no proxy of ours
    ],
)
async def test_a_forwarded_address_is_believed_from_this_machine_only(peer: str, forwarded: str, counted: str) -> None:
    @get_route("/who")
    async def who(request: Request[Any, Any, Any]) -> str:
        return address_of(request)

    configured = config(Litestar([who], openapi_config=None, logging_config=None))
    configured.load()
    transport = httpx.ASGITransport(configured.loaded_app, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.get("/who", headers={"X-Forwarded-For": forwarded})).text == counted
