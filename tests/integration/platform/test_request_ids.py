"""Each answer has a request id, that of its line in the log: also the answers that no route gave."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from litestar import Litestar, get
from structlog.testing import capture_logs
from uvicorn import Server

from marketplace.platform import logs
from marketplace.platform.http.requests import REQUESTS
from marketplace.serving.server import config, reserve
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, good


@pytest.fixture
async def api(dsn: str, settings: Settings) -> AsyncIterator[Api]:
    async with running_app(settings, dsn) as running:
        yield running


@pytest.fixture
def straight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_straight", True)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/v1/nothing", {}, 404),
        ("DELETE", "/v1/me", {}, 405),
        ("GET", "/v1/me", {}, 401),
        ("GET", "/v1/me", {"Host": "a b"}, 400),
        ("GET", "/health/live", {}, 200),
    ],
)
async def test_every_answer_has_the_id_of_its_line(
    api: Api,
    straight: None,
    capsys: pytest.CaptureFixture[str],
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
) -> None:
    answer = await api.request(method, path, headers=headers | {"X-Request-Id": "asked-by-me-1"})
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (status, "asked-by-me-1")
    if status >= 400:
        assert answer.json()["request_id"] == "asked-by-me-1"
    (line,) = [msgspec.json.decode(text) for text in capsys.readouterr().err.splitlines()]
    reported = {"event": "request", "level": "info", "method": method, "path": path, "status": status}
    assert reported.items() <= line.items()
    assert line["request_id"] == "asked-by-me-1"


async def test_a_refused_redemption_has_the_id_of_each_request_that_is_told_of_it(settings: Settings, dsn: str) -> None:
    """A refusal that is kept for its key was told without a request id."""
    async with running_app(settings, dsn) as api:
        partner = await Partner(api).open()
        offer = await partner.offer(points=500)
        member = api.member("poor")
        good(await api.get("/v1/me", headers=member))
        key, body = fresh_key(), {"offer_id": offer["id"], "quantity": 1}
        for number in (1, 2):
            headers = member | key | {"X-Request-Id": f"asked-by-me-{number}"}
            refused = await api.post("/v1/redemptions", json=body, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (409, "insufficient_points")
            assert refused.json()["request_id"] == f"asked-by-me-{number}"
            assert (refused.headers.get("Idempotency-Replayed") == "true") is (number == 2)


@pytest.mark.parametrize("given", ["short", "with space in it", "x" * 65, "ärger-ärger"])
async def test_an_id_that_is_no_plain_one_is_replaced(api: Api, given: str) -> None:
    answer = await api.get("/v1/nothing", headers={"X-Request-Id": given.encode("latin-1")})
    assert len(answer.headers["X-Request-Id"]) == 32


async def test_answers_without_a_route_are_counted(api: Api) -> None:
    before = REQUESTS.labels("GET", "-", 404)._value.get()
    await api.get("/v1/nothing")
    assert REQUESTS.labels("GET", "-", 404)._value.get() == before + 1


def test_the_line_says_the_same_with_and_without_the_chain(
    straight: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = logs.Answered(method="GET", path="/", status=200, ms=1.5, request_id="x" * 8)
    logs.answered(line)
    short = msgspec.json.decode(capsys.readouterr().err)
    monkeypatch.setattr(logs, "_straight", False)
    with capture_logs() as chain:
        logs.answered(logs.Answered(method="GET", path="/", status=200, ms=1.5, request_id="x" * 8))
    (long,) = chain
    assert short == long | {"level": long.pop("log_level"), "timestamp": short["timestamp"]}


@get("/")
async def hello() -> str:
    return "hello"


async def test_what_is_no_request_is_told_so_with_an_id() -> None:
    listener = reserve("127.0.0.1", 0)
    server = Server(config(Litestar([hello], openapi_config=None, logging_config=None)))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
        writer.write(b"this is not HTTP\r\n\r\n")
        head, _, body = (await asyncio.wait_for(reader.read(), 8)).partition(b"\r\n\r\n")
        writer.close()
    finally:
        server.should_exit = True
        await task
    problem = msgspec.json.decode(body)
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json")
    assert problem["code"] == "malformed_request"
    assert f"x-request-id: {problem['request_id']}".encode() in head
